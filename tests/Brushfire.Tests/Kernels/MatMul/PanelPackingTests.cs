// Interleaved rows for every even number of them, and every remainder of the vectorized stretch.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class PanelPackingTests
{
    [Fact]
    public void Any_even_number_of_rows_is_interleaved()
    {
        float** pointers = stackalloc float*[48];
        for (int rows = 2; rows <= 48; rows += 2)
        {
            for (int count = 0; count <= 19; count++)
            {
                using var source = new Guarded(rows * count, rows);
                using var panel = new Guarded(rows * count, seed: 1);
                for (int r = 0; r < rows; r++) pointers[r] = source.Pointer + r * count;
                PanelPacking.Interleave(pointers, rows, count, panel.Pointer);
                panel.AssertFences();
                for (int i = 0; i < panel.Count; i++) Assert.Equal(source.Pointer[i % rows * count + i / rows], panel.Pointer[i]);
            }
        }
    }
}
