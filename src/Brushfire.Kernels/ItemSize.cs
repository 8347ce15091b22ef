// How large the items of a memory-bound loop are: large, because the hints that run ahead of a loop end up in the wrong thread's cache at an
// item's end and its first stretch comes without them; small enough that all threads finish together. By shape only.

namespace Brushfire.Kernels;

public static class ItemSize
{
    private const int Smallest = 16 << 10, Largest = 64 << 10, Items = 32, Unit = 64;

    /// <summary>Elements of an item of a loop over so many: with 512 bits, whole vectors at each place that a loop is at.</summary>
    public static int Of(long elements) => (int)Math.Clamp(elements / Items, Smallest, Largest) / Unit * Unit;
}
