// Measures stages of work that follow each other.

using System.Diagnostics;

namespace Brushfire.Compiler.Diagnostics;

/// <summary>What a stage of a compile took.</summary>
public readonly record struct StageTime(string Stage, TimeSpan Time);

internal sealed class StageClock
{
    private readonly List<StageTime> _times = [];
    private long _last = Stopwatch.GetTimestamp();

    public IReadOnlyList<StageTime> Times => _times;

    /// <summary>Ends a stage, which began where the one before ended.</summary>
    public void End(string stage)
    {
        long now = Stopwatch.GetTimestamp();
        _times.Add(new StageTime(stage, Stopwatch.GetElapsedTime(_last, now)));
        _last = now;
    }
}
