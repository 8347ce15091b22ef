// Ten cheap pointwise ops on 64 MB and the sums of the rows: what fusion is for. Compiled, it is one kernel that should read
// its input as fast as memory is copied; eager, every op reads and writes all of it.

using System.Diagnostics;
using Brushfire.Compiler;
using Brushfire.Kernels;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Bench;

/// <param name="CopySeconds">Of a copy of as many bytes, half read and half written.</param>
/// <param name="Kernels">Kernels of the compiled chain.</param>
public sealed record PointwiseChain(double CompiledSeconds, double EagerSeconds, double CopySeconds, int Kernels)
{
    private const int Rows = 4096, Columns = 4096, Repeats = 11;

    /// <summary>Of the bandwidth of a copy.</summary>
    public double CopyFraction => CopySeconds / CompiledSeconds;

    /// <summary>How many times as fast as eager.</summary>
    public double Speedup => EagerSeconds / CompiledSeconds;

    /// <summary>Medians of runs in turn.</summary>
    public static PointwiseChain Measure()
    {
        using var scope = new TensorScope();
        Tensor x = Tensor.Full([Rows, Columns], 0.5f), row = Tensor.Full([Columns], 0.25f);
        CompiledFunction<Func<Tensor, Tensor, Tensor>> compiled = Compile<Tensor, Tensor, Tensor>(Run, fullGraph: true);
        using var copy = new CopyRotation((long)Rows * Columns * sizeof(float) / 2, 2 * Machine.Current.LastLevelCacheBytes);
        double[] compiledSeconds = new double[Repeats], eagerSeconds = new double[Repeats], copySeconds = new double[Repeats];
        for (int i = -1; i < Repeats; i++)
        {
            (double one, double other, double bytes) = (Seconds(compiled.Call, x, row), Seconds(Run, x, row), copy.Seconds(1));
            if (i >= 0) (compiledSeconds[i], eagerSeconds[i], copySeconds[i]) = (one, other, bytes);
        }

        return new PointwiseChain(compiledSeconds.Median(), eagerSeconds.Median(), copySeconds.Median(), compiled.Reports[0].Programs[0].Groups);
    }

    private static Tensor Run(Tensor x, Tensor row)
    {
        Tensor y = (x * row + 1).Apply(UnaryOperator.Relu) - 0.5f;
        Tensor z = (y * y - row) * 2 + x;
        return ((-z) * 0.5f).Sum(-1);
    }

    private static double Seconds(Func<Tensor, Tensor, Tensor> function, Tensor x, Tensor row)
    {
        using var scope = new TensorScope();
        long start = Stopwatch.GetTimestamp();
        function(x, row);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
