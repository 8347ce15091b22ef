// Every pair of element types against .NET's own conversions; the 16-bit floats exhaustively, their rounding at every tie.

using System.Runtime.InteropServices;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class ConversionTests
{
    private static readonly ushort[] s_allBits = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];

    [Fact]
    public void Every_half_widens_to_its_value()
    {
        float[] actual = Convert<ushort, float>(ElementKind.Float16, ElementKind.Float32, s_allBits);
        for (int i = 0; i < 65536; i++) Assert.Equal((float)BitConverter.UInt16BitsToHalf((ushort)i), actual[i]);
    }

    [Fact]
    public void Every_bfloat16_widens_to_its_value()
    {
        float[] actual = Convert<ushort, float>(ElementKind.BFloat16, ElementKind.Float32, s_allBits);
        for (int i = 0; i < 65536; i++) Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(actual[i]));
    }

    [Fact]
    public void Halves_round_to_nearest_even_around_every_tie()
    {
        var values = new List<float>();
        for (int i = 0; i < 0x7C00; i++)
        {
            float here = (float)BitConverter.UInt16BitsToHalf((ushort)i);
            float next = i == 0x7BFF ? 65536 : (float)BitConverter.UInt16BitsToHalf((ushort)(i + 1));
            float tie = (here + next) / 2;
            values.AddRange([here, tie, MathF.BitIncrement(tie), MathF.BitDecrement(tie), -here, -tie, -MathF.BitIncrement(tie)]);
        }

        values.AddRange(Specials());
        ushort[] actual = Convert<float, ushort>(ElementKind.Float32, ElementKind.Float16, [.. values]);
        for (int i = 0; i < actual.Length; i++)
        {
            Half expected = (Half)values[i];
            Assert.True(Half.IsNaN(expected) ? Half.IsNaN(BitConverter.UInt16BitsToHalf(actual[i])) : BitConverter.HalfToUInt16Bits(expected) == actual[i], $"{values[i]:R} became {actual[i]:X4}");
        }
    }

    [Fact]
    public void BFloat16_rounds_to_nearest_even_around_every_tie()
    {
        var values = new List<float>();
        for (uint i = 0; i < 65536; i++)
        {
            float here = BitConverter.UInt32BitsToSingle(i << 16);
            values.AddRange([here, BitConverter.UInt32BitsToSingle((i << 16) | 0x7FFF), BitConverter.UInt32BitsToSingle((i << 16) | 0x8000), BitConverter.UInt32BitsToSingle((i << 16) | 0x8001)]);
        }

        values.AddRange(Specials());
        ushort[] actual = Convert<float, ushort>(ElementKind.Float32, ElementKind.BFloat16, [.. values]);
        for (int i = 0; i < actual.Length; i++)
        {
            float result = BitConverter.UInt32BitsToSingle((uint)actual[i] << 16);
            if (float.IsNaN(values[i]))
            {
                Assert.True(float.IsNaN(result));
                continue;
            }

            // The neighbours in bfloat16, and the nearer of the two in double; a tie goes to the even one.
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            uint low = bits >> 16, rest = bits & 0xFFFF;
            uint expected = rest < 0x8000 || (rest == 0x8000 && low % 2 == 0) ? low : low + 1;
            Assert.Equal(expected, actual[i]);
        }
    }

    [Fact]
    public void Every_pair_of_types_converts_values_that_both_hold()
    {
        double[] values = [0, 1, 2, 3, 7, 64, 100, 127];
        foreach (ElementKind from in Enum.GetValues<ElementKind>())
        {
            foreach (ElementKind to in Enum.GetValues<ElementKind>())
            {
                byte[] source = Store(from, values), actual = new byte[values.Length * Conversion.SizeOf(to)];
                fixed (byte* pointer = source, destination = actual) Conversion.Run(from, to, values.Length, pointer, destination);
                double[] expected = [.. values.Select(value => from == ElementKind.Bool || to == ElementKind.Bool ? (value != 0 ? 1 : 0) : value)];
                Assert.Equal(Store(to, expected), actual);
            }
        }
    }

    [Fact]
    public void Floats_truncate_toward_zero()
    {
        float[] values = [1.99f, -1.99f, 0.5f, -0.5f, 2_147_483_520f, -3e9f, 3e9f, float.NaN];
        Assert.Equal([1, -1, 0, 0, 2_147_483_520, int.MinValue, int.MaxValue, 0], Convert<float, int>(ElementKind.Float32, ElementKind.Int32, values));
        Assert.Equal([1, -1, 0, 0, 2_147_483_520, -3_000_000_000, 3_000_000_000, 0], Convert<float, long>(ElementKind.Float32, ElementKind.Int64, values));
        Assert.Equal([255, 44, 254], Convert<float, byte>(ElementKind.Float32, ElementKind.UInt8, [255.9f, 300, -2]));
    }

    [Fact]
    public void Integers_keep_their_low_bits_and_round_to_floats_once()
    {
        Assert.Equal([-1, 5, 0], Convert<long, int>(ElementKind.Int64, ElementKind.Int32, [-1, (7L << 32) + 5, 1L << 40]));
        Assert.Equal([255, 1], Convert<int, byte>(ElementKind.Int32, ElementKind.UInt8, [-1, 257]));

        // By way of double this one would round twice, down to a tie and then to even.
        Assert.Equal([(float)0x4000_0040_0000_0001L], Convert<long, float>(ElementKind.Int64, ElementKind.Float32, [0x4000_0040_0000_0001L]));
        Assert.Equal([0x4000_0080_0000_0000L], Convert<float, long>(ElementKind.Float32, ElementKind.Int64, [(float)0x4000_0040_0000_0001L]));
    }

    [Fact]
    public void Anything_but_zero_is_true() =>
        Assert.Equal([0, 0, 1, 1, 1], Convert<float, byte>(ElementKind.Float32, ElementKind.Bool, [0, -0f, float.NaN, 1e-45f, -2]));

    [Fact]
    public void Doubles_and_halves_convert_by_value()
    {
        Assert.Equal([0.1f, float.PositiveInfinity], Convert<double, float>(ElementKind.Float64, ElementKind.Float32, [0.1, 1e300]));
        Assert.Equal([BitConverter.HalfToUInt16Bits((Half)0.1f)], Convert<double, ushort>(ElementKind.Float64, ElementKind.Float16, [0.1]));
        Assert.Equal([0.25], Convert<ushort, double>(ElementKind.BFloat16, ElementKind.Float64, [0x3E80]));
    }

    [Fact]
    public void Long_buffers_convert_whole()
    {
        float[] values = [.. Enumerable.Range(0, 100_003).Select(i => (float)(i % 2048))];
        ushort[] halves = Convert<float, ushort>(ElementKind.Float32, ElementKind.Float16, values);
        Assert.Equal(values, Convert<ushort, float>(ElementKind.Float16, ElementKind.Float32, halves));
    }

    private static TTo[] Convert<TFrom, TTo>(ElementKind from, ElementKind to, TFrom[] source) where TFrom : unmanaged where TTo : unmanaged
    {
        TTo[] destination = new TTo[source.Length];
        fixed (void* pointer = source, target = destination) Conversion.Run(from, to, source.Length, pointer, target);
        return destination;
    }

    private static float[] Specials() =>
        [0, -0f, float.Epsilon, 1e-40f, 2.9802322e-8f, 2.98023259e-8f, 5.96e-8f, 65504, 65519.996f, 65520, -65520, 1e10f, float.MaxValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
            BitConverter.UInt32BitsToSingle(0x7F800001), BitConverter.UInt32BitsToSingle(0xFFFFFFFF)];

    private static byte[] Store(ElementKind kind, double[] values) => kind switch
    {
        ElementKind.Float32 => Bytes(values.Select(value => (float)value)),
        ElementKind.Float16 => Bytes(values.Select(value => (Half)value)),
        ElementKind.BFloat16 => Bytes(values.Select(value => (ushort)(BitConverter.SingleToUInt32Bits((float)value) >> 16))),
        ElementKind.Float64 => Bytes(values),
        ElementKind.Int32 => Bytes(values.Select(value => (int)value)),
        ElementKind.Int64 => Bytes(values.Select(value => (long)value)),
        ElementKind.UInt8 => Bytes(values.Select(value => (byte)value)),
        ElementKind.Bool => Bytes(values.Select(value => value != 0)),
    };

    private static byte[] Bytes<T>(IEnumerable<T> values) where T : unmanaged => MemoryMarshal.AsBytes<T>(values.ToArray()).ToArray();
}
