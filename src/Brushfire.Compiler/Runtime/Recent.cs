// A small cache with a bound: what was not used for longest goes first.

namespace Brushfire.Compiler.Runtime;

/// <summary>At most <paramref name="capacity"/> values by key. Calls may come from several threads.</summary>
internal sealed class Recent<TKey, TValue>(int capacity) where TKey : notnull where TValue : class
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TKey, (TValue Value, long Used)> _entries = [];
    private long _uses;

    public TKey[] Keys
    {
        get { lock (_gate) return [.. _entries.Keys]; }
    }

    public TValue? Find(TKey key)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out (TValue Value, long Used) entry)) return null;
            _entries[key] = (entry.Value, ++_uses);
            return entry.Value;
        }
    }

    public void Add(TKey key, TValue value)
    {
        lock (_gate)
        {
            if (_entries.Count >= capacity && !_entries.ContainsKey(key)) _entries.Remove(_entries.MinBy(entry => entry.Value.Used).Key);
            _entries[key] = (value, ++_uses);
        }
    }
}
