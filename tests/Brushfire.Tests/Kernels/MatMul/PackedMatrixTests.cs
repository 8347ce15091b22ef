// Panels of weights in both element types: every element at its place, filled up with zeros, nothing written beyond.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class PackedMatrixTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 7, 9)]     // an odd number of inputs: pairs reach across taps
    [InlineData(17, 33, 4)]
    [InlineData(50, 40, 9)]
    [InlineData(3, 520, 9)]   // more than one chunk of K
    [InlineData(3, 521, 9)]
    [InlineData(20, 1031, 1)]
    public void A_filter_is_packed_in_panels_of_both_types(int outputs, int inputs, int taps)
    {
        int nr = Tiling.CurrentColumns, k = inputs * taps, panels = (outputs + nr - 1) / nr;
        using var filter = new Guarded(outputs * k, 1);
        using var full = new Guarded((int)PackedMatrix.Bytes(k, outputs) / sizeof(float), 2);
        using var half = new Guarded((int)PackedMatrix.Bytes(k, outputs, ElementKind.BFloat16) / sizeof(float), 3);
        Assert.Equal(panels * nr * ((k + 1) / 2), half.Count);
        PackedMatrix.Pack(full.Pointer, MatrixSource.Filter(filter.Pointer, outputs, inputs, taps));
        PackedMatrix.Pack(half.Pointer, MatrixSource.Filter(filter.Pointer, outputs, inputs, taps), ElementKind.BFloat16);
        full.AssertFences();
        half.AssertFences();
        for (int i = 0; i < panels * nr * (k + k % 2); i++)
        {
            int column = i % nr, row = i / nr % (k + k % 2), panel = i / nr / (k + k % 2), output = panel * nr + column;
            float expected = output < outputs && row < k ? filter.Pointer[(output * inputs + row % inputs) * taps + row / inputs] : 0;
            if (row < k) Assert.Equal(expected, full.Pointer[((nint)panel * k + row) * nr + column]);
            ushort bits = ((ushort*)half.Pointer)[(((nint)panel * ((k + 1) / 2) + row / 2) * nr + column) * 2 + row % 2];
            Assert.Equal(KernelRuns.BFloat16(expected), BitConverter.UInt32BitsToSingle((uint)bits << 16));
        }
    }

    [Fact]
    public void Other_element_types_are_refused()
    {
        float value = 1;
        var source = new MatrixSource(&value, 1, 1, 1, 1);
        Assert.Contains("Float32 or BFloat16", Assert.Throws<ArgumentOutOfRangeException>(() => PackedMatrix.Pack(null, source, ElementKind.Int32)).Message, StringComparison.Ordinal);
    }
}
