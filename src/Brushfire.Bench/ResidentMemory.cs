// The process's peak of resident memory without file-backed pages, sampled by a thread of its own while the object lives.
// Mapped weight files are not counted: the system drops their pages whenever it needs the room.

using System.Diagnostics;
using System.Globalization;

namespace Brushfire.Bench;

public sealed class ResidentMemory : IDisposable
{
    private const int PauseMilliseconds = 20;
    private const string Status = "/proc/self/status";

    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _sampler;
    private long _peak;

    public ResidentMemory()
    {
        _sampler = new Thread(Sample) { IsBackground = true, Name = "brushfire memory" };
        _sampler.Start();
    }

    /// <summary>How it is measured here, in a sentence.</summary>
    public static string How { get; } = OperatingSystem.IsLinux()
        ? $"largest RssAnon + RssShmem of {Status}, read every {PauseMilliseconds} ms"
        : $"largest working set, read every {PauseMilliseconds} ms; it includes file-backed pages on this system";

    public long PeakBytes
    {
        get
        {
            Note();
            return Volatile.Read(ref _peak);
        }
    }

    public void Dispose()
    {
        _stop.Set();
        _sampler.Join();
        _stop.Dispose();
    }

    private void Sample()
    {
        do Note();
        while (!_stop.Wait(PauseMilliseconds));
    }

    private void Note()
    {
        long bytes = Current(), peak;
        while (bytes > (peak = Volatile.Read(ref _peak)) && Interlocked.CompareExchange(ref _peak, bytes, peak) != peak) { }
    }

    private static long Current()
    {
        if (!OperatingSystem.IsLinux())
        {
            using Process process = Process.GetCurrentProcess();
            return process.WorkingSet64;
        }

        // RssAnon:     12345 kB
        long kilobytes = 0;
        foreach (string line in File.ReadLines(Status))
        {
            if (line.StartsWith("RssAnon:", StringComparison.Ordinal) || line.StartsWith("RssShmem:", StringComparison.Ordinal))
                kilobytes += long.Parse(line.AsSpan(line.IndexOf(':', StringComparison.Ordinal) + 1).Trim().TrimEnd("kB ").Trim(), CultureInfo.InvariantCulture);
        }

        return kilobytes << 10;
    }
}
