// Settings of a thread that change what ops do or which are made, such as the attention kernels that it may use. Tasks that it
// starts have them too. A captured function remembers those that it read: under another value it is captured again.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Execution;

/// <summary>A setting whatever its type.</summary>
public abstract class Setting(string name)
{
    [ThreadStatic] private static ISet<Setting>? t_reads;

    /// <summary>For messages, for example "attention backends".</summary>
    public string Name => name;

    /// <summary>The value on this thread, compared with Equals; looking at it here is not noted.</summary>
    public abstract object Peek { get; }

    /// <summary>Notes the settings that this thread reads until the result is disposed of.</summary>
    public static IDisposable NoteReads(ISet<Setting> reads)
    {
        ISet<Setting>? previous = t_reads;
        t_reads = reads;
        return new Restore(() => t_reads = previous);
    }

    protected void NoteRead() => t_reads?.Add(this);
}

/// <summary>A setting; <paramref name="initial"/> holds on every thread until another value is used there, or where the thread was started.</summary>
public sealed class Setting<T>(string name, T initial) : Setting(name) where T : notnull
{
    private readonly AsyncLocal<Box?> _value = new();

    public override object Peek => Current;

    public T Value
    {
        get
        {
            NoteRead();
            return Current;
        }
    }

    private T Current => _value.Value is { } box ? box.Value : initial;

    /// <summary>Sets the value on this thread until the result is disposed of.</summary>
    public IDisposable Use(T value)
    {
        Box? previous = _value.Value;
        _value.Value = new Box(value);
        return new Restore(() => _value.Value = previous);
    }

    private sealed record Box(T Value);
}
