// The end of what holds until it is disposed of: a value of a thread, for example, is again what it was before.

namespace Brushfire.Kernels;

/// <summary>Runs an action when it is disposed of; where that is on another thread, a value of that thread changes.</summary>
public sealed class Restore(Action restore) : IDisposable
{
    public void Dispose() => restore();
}
