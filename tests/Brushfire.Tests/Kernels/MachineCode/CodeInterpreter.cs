// Runs machine code without the processor that it is for: decodes the bytes and carries out the few instructions that our
// kernels are made of, on memory that the test names. An access outside of it, an instruction that is not known here and a
// register that System V code must preserve all fail the test.

using Iced.Intel;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class CodeInterpreter
{
    private const int Lanes = 16;

    private readonly Dictionary<ulong, Instruction> _instructions = [];
    private readonly byte[] _code;
    private readonly ulong[] _registers = new ulong[16];
    private readonly uint[][] _vectors = [.. Enumerable.Range(0, 32).Select(_ => new uint[Lanes])];
    private readonly List<(ulong Start, ulong Bytes, bool Writable)> _memory = [];
    private long _compared; // the last result that flags were set by: zero and sign flag are all that is used

    public CodeInterpreter(byte[] code)
    {
        _code = code;
        var decoder = Decoder.Create(64, code);
        while (decoder.IP < (ulong)code.Length)
        {
            Instruction instruction = decoder.Decode();
            _instructions.Add(instruction.IP, instruction);
            if (instruction.Mnemonic == Mnemonic.Ret) break; // data follows
        }
    }

    /// <summary>Memory that the code may read, or write.</summary>
    public void Allow(void* start, nint bytes, bool writable = false) => _memory.Add(((ulong)start, (ulong)bytes, writable));

    /// <summary>Calls the code with whole or pointer arguments: six in registers, the others on the stack.</summary>
    public void Call(params ReadOnlySpan<long> arguments)
    {
        Register[] order = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];
        for (int i = 0; i < _registers.Length; i++) _registers[i] = 0xBAD0_0000_0000_0000 + (ulong)i;
        foreach (uint[] vector in _vectors) Array.Fill(vector, 0x7FC0BADu);
        ulong* stack = stackalloc ulong[1 + arguments.Length];
        Allow(stack, (1 + arguments.Length) * sizeof(ulong));
        _registers[Number(Register.RSP)] = (ulong)stack;
        for (int i = 0; i < arguments.Length; i++)
        {
            if (i < order.Length) _registers[Number(order[i])] = (ulong)arguments[i];
            else stack[1 + i - order.Length] = (ulong)arguments[i];
        }

        bool cleared = false;
        for (ulong ip = 0; ;)
        {
            Instruction instruction = _instructions[ip];
            ip = instruction.NextIP;
            switch (instruction.Mnemonic)
            {
                case Mnemonic.Ret:
                    Assert.True(cleared, "the code returns with upper halves of vectors in use");
                    foreach (Register kept in (Register[])[Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15])
                        Assert.Equal(0xBAD0_0000_0000_0000 + (ulong)Number(kept), _registers[Number(kept)]);
                    Assert.Equal((ulong)stack, _registers[Number(Register.RSP)]);
                    return;
                case Mnemonic.Vzeroupper: cleared = true; break;
                case Mnemonic.Je: if (_compared == 0) ip = instruction.NearBranchTarget; break;
                case Mnemonic.Jne: if (_compared != 0) ip = instruction.NearBranchTarget; break;
                case Mnemonic.Jle: if (_compared <= 0) ip = instruction.NearBranchTarget; break;
                default: Execute(instruction); break;
            }
        }
    }

    private void Execute(in Instruction instruction)
    {
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Test:
                Assert.Equal(instruction.Op0Register, instruction.Op1Register);
                ulong tested = _registers[Number(instruction.Op0Register)];
                _compared = instruction.Op0Register.IsGPR32() ? (int)tested : (long)tested;
                break;
            case Mnemonic.Add: Set(instruction, General(instruction, 0) + General(instruction, 1)); break;
            case Mnemonic.Dec: Set(instruction, General(instruction, 0) - 1); break;
            case Mnemonic.Mov: _registers[Number(instruction.Op0Register)] = General(instruction, 1); break;
            case Mnemonic.Prefetcht1: break; // a hint, which may name any address
            case Mnemonic.Vpxord: Lanewise(instruction, (a, b) => a ^ b); break;
            case Mnemonic.Vaddps: Lanewise(instruction, (a, b) => Bits(Value(a) + Value(b))); break;
            case Mnemonic.Vmovups:
                if (instruction.Op0Kind == OpKind.Memory) Write(Address(instruction), _vectors[Vector(instruction.Op1Register)]);
                else Read(Address(instruction), _vectors[Vector(instruction.Op0Register)]);
                break;
            case Mnemonic.Vpbroadcastd:
                uint[] one = new uint[1];
                Read(Address(instruction), one);
                Array.Fill(_vectors[Vector(instruction.Op0Register)], one[0]);
                break;
            case Mnemonic.Vdpbf16ps: MultiplyPairs(instruction); break;
            case Mnemonic.Vcvtne2ps2bf16: Narrow(instruction); break;
            case Mnemonic.Vpermw: Permute(instruction); break;
            default: Assert.Fail($"There is no meaning here for {instruction}."); break;
        }
    }

    // Subnormal operands count as zero and subnormal sums become zero; both products are exact in float32, so each sum is one rounding.
    private void MultiplyPairs(in Instruction instruction)
    {
        uint[] sum = _vectors[Vector(instruction.Op0Register)], a = _vectors[Vector(instruction.Op1Register)], b = Operand(instruction, 2);
        for (int i = 0; i < Lanes; i++)
        {
            float value = Flush(Value(sum[i]));
            value = Flush(MathF.FusedMultiplyAdd(Flush(Value(a[i] & 0xFFFF0000)), Flush(Value(b[i] & 0xFFFF0000)), value));
            value = Flush(MathF.FusedMultiplyAdd(Flush(Value(a[i] << 16)), Flush(Value(b[i] << 16)), value));
            sum[i] = Bits(value);
        }
    }

    // The last operand gives the lower half of the result's words, the one before it the upper half.
    private void Narrow(in Instruction instruction)
    {
        uint[] upper = [.. _vectors[Vector(instruction.Op1Register)]], lower = Operand(instruction, 2), result = _vectors[Vector(instruction.Op0Register)];
        for (int i = 0; i < Lanes; i++)
        {
            uint[] source = i < Lanes / 2 ? lower : upper;
            result[i] = Rounded(source[2 * i % Lanes]) | Rounded(source[2 * i % Lanes + 1]) << 16;
        }
    }

    private static uint Rounded(uint bits)
    {
        float value = Flush(Value(bits));
        if (float.IsNaN(value)) return (bits >> 16) | 0x40;
        return Bits(float.IsInfinity(value) || value == 0 ? value : KernelRuns.BFloat16(value)) >> 16;
    }

    private void Permute(in Instruction instruction)
    {
        uint[] order = [.. _vectors[Vector(instruction.Op1Register)]], source = [.. Operand(instruction, 2)], result = _vectors[Vector(instruction.Op0Register)];
        for (int i = 0; i < Lanes; i++) result[i] = Word(source, order[i] & 31) | Word(source, (order[i] >> 16) & 31) << 16;

        static uint Word(uint[] source, uint index) => (source[index / 2] >> (int)(index % 2 * 16)) & 0xFFFF;
    }

    private void Lanewise(in Instruction instruction, Func<uint, uint, uint> meaning)
    {
        uint[] a = _vectors[Vector(instruction.Op1Register)], b = Operand(instruction, 2), result = _vectors[Vector(instruction.Op0Register)];
        for (int i = 0; i < Lanes; i++) result[i] = meaning(a[i], b[i]);
    }

    private uint[] Operand(in Instruction instruction, int operand)
    {
        Assert.False(instruction.IsBroadcast || instruction.HasOpMask, $"{instruction} uses a broadcast or a mask.");
        if (instruction.GetOpKind(operand) == OpKind.Register) return _vectors[Vector(instruction.GetOpRegister(operand))];
        uint[] lanes = new uint[Lanes];
        Read(Address(instruction), lanes);
        return lanes;
    }

    private ulong General(in Instruction instruction, int operand) => instruction.GetOpKind(operand) switch
    {
        OpKind.Register => _registers[Number(instruction.GetOpRegister(operand))],
        OpKind.Immediate8to64 or OpKind.Immediate32to64 => instruction.GetImmediate(operand),
        OpKind.Memory => Whole(Address(instruction)),
        var kind => throw new NotSupportedException($"{instruction}: {kind}"),
    };

    private ulong Whole(ulong address)
    {
        uint[] halves = new uint[2];
        Read(address, halves);
        return halves[0] | (ulong)halves[1] << 32;
    }

    private void Set(in Instruction instruction, ulong value)
    {
        _registers[Number(instruction.Op0Register)] = value;
        _compared = (long)value;
    }

    // Beyond the code's own bytes, which are at address 0, only memory that was allowed.
    private ulong Address(in Instruction instruction) =>
        instruction.IsIPRelativeMemoryOperand ? instruction.IPRelativeMemoryAddress : _registers[Number(instruction.MemoryBase)] + instruction.MemoryDisplacement64;

    private void Read(ulong address, uint[] lanes)
    {
        ulong bytes = (ulong)lanes.Length * sizeof(uint);
        if (address < (ulong)_code.Length)
        {
            Buffer.BlockCopy(_code, (int)address, lanes, 0, (int)bytes);
            return;
        }

        Assert.True(_memory.Exists(block => address >= block.Start && address + bytes <= block.Start + block.Bytes), $"{bytes} bytes are read at {address:X}, outside of what was allowed.");
        new ReadOnlySpan<uint>((void*)address, lanes.Length).CopyTo(lanes);
    }

    private void Write(ulong address, uint[] lanes)
    {
        ulong bytes = (ulong)lanes.Length * sizeof(uint);
        Assert.True(_memory.Exists(block => block.Writable && address >= block.Start && address + bytes <= block.Start + block.Bytes), $"{bytes} bytes are written at {address:X}, outside of what was allowed.");
        lanes.CopyTo(new Span<uint>((void*)address, lanes.Length));
    }

    private static int Number(Register register) => register.GetFullRegister() - Register.RAX;
    private static int Vector(Register register) => register - Register.ZMM0;
    private static float Value(uint bits) => BitConverter.UInt32BitsToSingle(bits);
    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
    private static float Flush(float value) => float.IsSubnormal(value) ? 0 : value;
}
