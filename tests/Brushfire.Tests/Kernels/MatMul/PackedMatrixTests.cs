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

    [Theory]
    [InlineData(1, 40, 9, 1)] // panels, inputs, taps, halves
    [InlineData(2, 1031, 1, 1)]
    [InlineData(3, 513, 9, 1)]
    [InlineData(6, 100, 1, 2)]
    public void A_filter_of_whole_panels_is_packed_over_itself(int panels, int inputs, int taps, int halves)
    {
        int outputs = panels * Tiling.CurrentColumns, k = inputs * taps;
        using var filter = new Guarded(outputs * k, 1);
        using var apart = new Guarded(outputs * k, 2);
        MatrixSource source = MatrixSource.Filter(filter.Pointer, outputs, inputs, taps);
        Assert.True(PackedMatrix.FitsInPlace(source, ElementKind.Float32, halves));
        PackedMatrix.Pack(apart.Pointer, source, halves: halves);
        PackedMatrix.Pack(filter.Pointer, source, halves: halves);
        filter.AssertFences();
        Assert.True(apart.Span.SequenceEqual(filter.Span));
    }

    [Fact]
    public void Panels_fit_only_into_values_of_their_own_size_and_order()
    {
        int columns = Tiling.CurrentColumns;
        Assert.False(PackedMatrix.FitsInPlace(MatrixSource.Filter(null, 2 * columns, 3, 1), ElementKind.BFloat16));
        Assert.False(PackedMatrix.FitsInPlace(MatrixSource.Filter(null, 3 * columns, 3, 1), ElementKind.Float32, halves: 2));
        Assert.False(PackedMatrix.FitsInPlace(MatrixSource.Filter(null, columns + 1, 3, 9), ElementKind.Float32));
        Assert.False(PackedMatrix.FitsInPlace(new MatrixSource(null, columns, 1, 3, columns), ElementKind.Float32)); // stored [inputs, outputs]
    }

    [Fact]
    public void Other_element_types_are_refused()
    {
        float value = 1;
        var source = new MatrixSource(&value, 1, 1, 1, 1);
        Assert.Contains("Float32 or BFloat16", Assert.Throws<ArgumentOutOfRangeException>(() => PackedMatrix.Pack(null, source, ElementKind.Int32)).Message, StringComparison.Ordinal);
    }
}
