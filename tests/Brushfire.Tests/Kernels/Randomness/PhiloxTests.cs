// Philox noise against the reference file: philox-drawK is the draw number K of a generator.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed class PhiloxTests
{
    [Fact]
    public void Every_draw_agrees()
    {
        const string Function = "philox-draw";
        Golden golden = RandomReference.Open();
        foreach (var (name, function, seed, count) in RandomReference.Entries(golden, name => name.StartsWith(Function, StringComparison.Ordinal)))
        {
            var philox = new Philox(seed);
            float[] actual = new float[count];
            for (int draw = int.Parse(function[Function.Length..]); draw >= 0; draw--) philox.Normal(actual);
            Close.Absolute(golden.Floats(name), actual, 1e-6, name);
        }
    }
}
