// A restricted reader of Python pickles: a stack machine that makes dictionaries, lists, tuples, numbers, texts and what
// TorchPickle knows, and refuses everything else. Nothing is executed, ever: a global is a name looked up in a fixed list.
// A pickle has no loops, so time grows with its length; the number of values bounds its memory. Nothing recurses.

using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

/// <summary>A Python dictionary: pairs in order. Keys need not be texts; a later pair wins.</summary>
internal sealed class PickleDictionary
{
    public List<KeyValuePair<object?, object?>> Items { get; } = [];
}

internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

internal sealed class PickleTuple(object?[] items)
{
    public object?[] Items => items;
}

/// <summary>Reads one pickle; numbers come as long, BigInteger or double, bytes as byte[], and None as null.</summary>
internal ref struct Pickle(ReadOnlySpan<byte> bytes, string file, TorchPickle torch)
{
    private const int MaxValues = 2_000_000;
    private const int MaxIntegerBytes = 32;
    private const int HighestProtocol = 5;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _values;

    /// <summary>Bytes read so far; after <see cref="Read"/> where the next pickle begins.</summary>
    public int Position { get; private set; }

    public object? Read()
    {
        for (; ; )
        {
            byte opcode = Take(1)[0];
            if (opcode == '.') return Pop();
            if (++_values > MaxValues) throw Error($"it makes more than {MaxValues} values, which no checkpoint needs");
            if (!Scalar(opcode) && !Container(opcode) && !Memo(opcode)) Object(opcode);
        }
    }

    private bool Scalar(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: // PROTO
                int protocol = Take(1)[0];
                if (protocol > HighestProtocol) throw Error($"it is of protocol {protocol}; {HighestProtocol} is the highest known");
                return true;
            case 0x95: Take(8); return true; // FRAME
            case (byte)'N': return Push(null);
            case 0x88: return Push(true);
            case 0x89: return Push(false);
            case (byte)'J': return Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
            case (byte)'K': return Push((long)Take(1)[0]);
            case (byte)'M': return Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
            case (byte)'G': return Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
            case (byte)'I' or (byte)'L': return PushTextInteger();
            case 0x8A: return PushInteger(Take(1)[0]);
            case 0x8B: return PushInteger(Length(4));
            case (byte)'U': return Push(Text(Take(1)[0])); // SHORT_BINSTRING, BINSTRING: Python 2's texts
            case (byte)'T': return Push(Text(Length(4)));
            case 0x8C: return Push(Text(Take(1)[0]));
            case (byte)'X': return Push(Text(Length(4)));
            case 0x8D: return Push(Text(Length(8)));
            case (byte)'C': return Push(Take(Take(1)[0]).ToArray());
            case (byte)'B': return Push(Take(Length(4)).ToArray());
            case 0x8E: return Push(Take(Length(8)).ToArray());
            default: return false;
        }
    }

    private bool Container(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(': _marks.Add(_stack.Count); return true;
            case (byte)'0': Pop(); return true;
            case (byte)'1': PopToMark(); return true;
            case (byte)'2': return Push(Peek());
            case (byte)']': return Push(new PickleList());
            case (byte)'}': return Push(new PickleDictionary());
            case (byte)')': return Push(new PickleTuple([]));
            case (byte)'t': return Push(new PickleTuple(PopToMark()));
            case 0x85: return Push(new PickleTuple(Pop(1)));
            case 0x86: return Push(new PickleTuple(Pop(2)));
            case 0x87: return Push(new PickleTuple(Pop(3)));
            case (byte)'l':
                var list = new PickleList();
                list.Items.AddRange(PopToMark());
                return Push(list);
            case (byte)'d':
                var dictionary = new PickleDictionary();
                SetItems(dictionary, PopToMark());
                return Push(dictionary);
            case (byte)'a': return Append(Pop(1));
            case (byte)'e': return Append(PopToMark());
            case (byte)'s': return SetItems(Pop(2));
            case (byte)'u': return SetItems(PopToMark());
            default: return false;
        }
    }

    private bool Memo(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'q': _memo[Take(1)[0]] = Peek(); return true;
            case (byte)'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(); return true;
            case 0x94: _memo[_memo.Count] = Peek(); return true;
            case (byte)'h': return Push(Remembered(Take(1)[0]));
            case (byte)'j': return Push(Remembered(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
            default: return false;
        }
    }

    private void Object(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'c':
                string module = Line();
                Push(torch.Global(module, Line()));
                break;
            case 0x93: // STACK_GLOBAL
                object?[] names = Pop(2);
                if (names is not [string stackModule, string stackName]) throw Error("it names a global by something else than two texts");
                Push(torch.Global(stackModule, stackName));
                break;
            case (byte)'Q': Push(torch.Persistent(Pop())); break;
            case (byte)'R':
                object?[] call = Pop(2);
                Push(torch.Call(call[0], call[1] as PickleTuple ?? throw Error("it calls something with arguments that are no tuple")));
                break;
            case (byte)'b': // BUILD: attributes of a dictionary (versions of modules) are of no use here
                object?[] build = Pop(2);
                if (build[0] is not PickleDictionary) throw Error("it sets attributes of something else than a dictionary");
                Push(build[0]);
                break;
            default:
                throw Error($"it has the instruction 0x{opcode:X2} at byte {Position - 1}, which checkpoints of tensors do not use");
        }
    }

    private bool Append(object?[] items)
    {
        if (Peek() is not PickleList list) throw Error("it appends to something else than a list");
        list.Items.AddRange(items);
        return true;
    }

    private bool SetItems(object?[] items)
    {
        SetItems(Peek() as PickleDictionary ?? throw Error("it sets items of something else than a dictionary"), items);
        return true;
    }

    private readonly void SetItems(PickleDictionary dictionary, object?[] items)
    {
        if (items.Length % 2 != 0) throw Error("it has a key without a value");
        for (int i = 0; i < items.Length; i += 2) dictionary.Items.Add(new(items[i], items[i + 1]));
    }

    private readonly bool Push(object? value)
    {
        _stack.Add(value);
        return true;
    }

    // The lowest entry that the current mark leaves to pops.
    private readonly int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    private readonly object? Peek() => _stack.Count > Floor ? _stack[^1] : throw Error("its stack is empty where it takes a value");
    private readonly object? Pop() => Pop(1)[0];

    private readonly object?[] Pop(int count)
    {
        if (_stack.Count - count < Floor) throw Error("its stack is empty where it takes a value");
        return Cut(_stack.Count - count);
    }

    private readonly object?[] PopToMark()
    {
        if (_marks.Count == 0) throw Error("it lacks a mark");
        int from = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return Cut(from);
    }

    private readonly object?[] Cut(int from)
    {
        object?[] items = [.. _stack.GetRange(from, _stack.Count - from)];
        _stack.RemoveRange(from, _stack.Count - from);
        return items;
    }

    private readonly object? Remembered(long index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw Error($"it recalls value {index}, which it never remembered");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - Position) throw Error($"it ends within an instruction at byte {Position} of {_bytes.Length}; it is cut short");
        ReadOnlySpan<byte> taken = _bytes.Slice(Position, count);
        Position += count;
        return taken;
    }

    private int Length(int size)
    {
        ReadOnlySpan<byte> stored = Take(size);
        ulong length = size == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(stored) : BinaryPrimitives.ReadUInt64LittleEndian(stored);
        return length <= (ulong)(_bytes.Length - Position) ? (int)length : throw Error($"it has a value of {length} bytes at byte {Position}, beyond its end");
    }

    private string Text(int length)
    {
        ReadOnlySpan<byte> text = Take(length);
        return System.Text.Unicode.Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Error($"the text that ends at byte {Position} is not valid UTF-8");
    }

    private string Line()
    {
        int length = _bytes[Position..].IndexOf((byte)'\n');
        if (length < 0) throw Error("it ends within a line of text");
        string line = Text(length);
        Position++;
        return line;
    }

    // Numbers that fit come as long, whatever their stored length.
    private bool PushInteger(int length)
    {
        if (length > MaxIntegerBytes) throw Error($"it has a number of {length} bytes");
        var number = new BigInteger(Take(length));
        return number >= long.MinValue && number <= long.MaxValue ? Push((long)number) : Push(number);
    }

    // Protocol 1: digits in a line; 00 and 01 are the truth values.
    private bool PushTextInteger()
    {
        string line = Line();
        if (line is "00" or "01") return Push(line == "01");
        return long.TryParse(line.TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? Push(number) : throw Error("it has a line that should be a number and is not");
    }

    private readonly BrushfireException Error(string problem) => new($"{file}: the pickle cannot be read: {problem}.");
}
