// The torch stream against torch itself, entry by entry of the reference file.

using System.Runtime.InteropServices;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed class TorchGeneratorTests
{
    // torch computes logarithm, sine and cosine of larger draws by float32 polynomials.
    private const double NormalTolerance = 4e-6;

    [Fact]
    public void Every_kind_of_entry_is_tested()
    {
        string[] known = ["rand", "randint1000", "randperm", "randn", "randn64", "randn-again", "randn-after-rand"];
        Assert.All(RandomReference.Open().Names, name => Assert.True(known.Contains(name.Split('/')[0]) || name.StartsWith("philox-draw", StringComparison.Ordinal), name));
    }

    [Fact]
    public void Uniforms_are_exact() => Check("rand", (seed, count) => Uniform(new TorchGenerator(seed), count), 0);

    [Fact]
    public void Integers_are_exact() => Check("randint1000", (seed, count) => Integers(new TorchGenerator(seed), count), 0);

    [Fact]
    public void Permutations_are_exact()
    {
        Golden golden = RandomReference.Open();
        ILookup<ulong, int> integers = RandomReference.Entries(golden, name => name == "randint1000").ToLookup(entry => entry.Seed, entry => entry.Count);
        Check("randperm", (seed, count) =>
        {
            // Drawn after all the integers of the same seed.
            if (integers[seed].Count() != 1) Assert.Skip($"The reference file does not tell how many integers were drawn before the permutation of seed {seed}.");
            var generator = new TorchGenerator(seed);
            Integers(generator, integers[seed].Single());
            long[] values = new long[count];
            generator.Permutation(values);
            return [.. values.Select(value => (float)value)];
        }, 0);
    }

    [Fact]
    public void Normals_agree() => Check("randn", (seed, count) => Normal(new TorchGenerator(seed), count), NormalTolerance);

    [Fact]
    public void The_next_draw_agrees() => Check("randn-again", (seed, count) =>
    {
        var generator = new TorchGenerator(seed);
        Normal(generator, count);
        return Normal(generator, count)[..Math.Min(count, 32)];
    }, NormalTolerance);

    [Fact]
    public void Normals_after_uniforms_agree() => Check("randn-after-rand", (seed, count) =>
    {
        var generator = new TorchGenerator(seed);
        Uniform(generator, 40);
        return Normal(generator, count);
    }, NormalTolerance);

    [Fact]
    public void Doubles_agree_to_the_last_place()
    {
        Golden golden = RandomReference.Open();
        foreach (var (name, _, seed, count) in RandomReference.Entries(golden, name => name == "randn64"))
        {
            double[] actual = new double[count];
            new TorchGenerator(seed).Normal(actual);
            ReadOnlySpan<double> expected = MemoryMarshal.Cast<byte, double>(golden.Bytes(name));
            for (int i = 0; i < count; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= Math.BitIncrement(Math.Abs(expected[i])) - Math.Abs(expected[i]), $"{name}[{i}]: {actual[i]:R} instead of {expected[i]:R}");
        }
    }

    // Fewer than 16 normals are drawn in double, and agree to 1 ulp of float32.
    private static void Check(string function, Func<ulong, int, float[]> draw, double tolerance)
    {
        Golden golden = RandomReference.Open();
        foreach (var (name, _, seed, count) in RandomReference.Entries(golden, name => name == function))
        {
            float[] expected = golden.Floats(name), actual = draw(seed, count);
            Close.Absolute(expected, actual, tolerance, name);
            if (count >= 16) continue;
            for (int i = 0; i < expected.Length; i++) Assert.True(MathF.Abs(expected[i] - actual[i]) <= MathF.BitIncrement(MathF.Abs(expected[i])) - MathF.Abs(expected[i]), $"{name}[{i}]");
        }
    }

    private static float[] Uniform(TorchGenerator generator, int count)
    {
        float[] values = new float[count];
        generator.Uniform(values);
        return values;
    }

    private static float[] Normal(TorchGenerator generator, int count)
    {
        float[] values = new float[count];
        generator.Normal(values);
        return values;
    }

    private static float[] Integers(TorchGenerator generator, int count)
    {
        long[] values = new long[count];
        generator.Integers(1000, values);
        return [.. values.Select(value => (float)value)];
    }
}
