// How a product C[M, N] = A[M, K] B[K, N] is cut for the caches: by its shape alone, never by the number of threads.
// A block of A, MC x KC, and the sums of a block of C, MC x NC, share the second-level cache; a panel of B, KC x NR, is
// read through the first-level cache by all of the block's register tiles.

namespace Brushfire.Kernels;

internal readonly struct Blocks
{
    private const int MaxKC = 384;
    private const int MaxMC = 132;
    private const int MaxNC = 640;

    // Fewer items than this are cut further, as long as an item keeps this many multiply-adds.
    private const int EnoughItems = 6;
    private const long ItemWork = 1 << 20;

    /// <param name="halves">Sums of each of the N columns, as of a packed matrix.</param>
    public Blocks(int batch, int m, int n, int k, int mr, int nr, int halves = 1)
    {
        KC = RoundUp(Math.Max(1, Count(k, Math.Max(1, Count(k, MaxKC)))), 2);
        KBlocks = Math.Max(1, Count(k, KC));
        MC = Spread(m, MaxMC, mr);
        NC = Spread(n, MaxNC / halves, nr);

        // The longer side is cut: packing A costs time by 1 / NC, reading B by 1 / MC. But two equal halves are worth more than that.
        while ((long)batch * Count(m, MC) * Count(n, NC) < EnoughItems && (long)MC * NC * halves * k > 2 * ItemWork && (MC > mr || NC > nr))
        {
            if (MC / mr % 2 == 0 && NC / nr % 2 != 0) MC /= 2;
            else if (NC > nr && (NC >= MC || MC <= mr)) NC = RoundUp(NC / 2, nr);
            else MC = RoundUp(MC / 2, mr);
        }

        MBlocks = Count(m, MC);
        NBlocks = Count(n, NC);
    }

    /// <summary>Sizes of a block; MC and NC are whole numbers of register tiles, KC is even, as bfloat16 comes in pairs.</summary>
    public int MC { get; }
    public int NC { get; }
    public int KC { get; }
    public int MBlocks { get; }
    public int NBlocks { get; }
    public int KBlocks { get; }

    /// <summary>Blocks of <paramref name="block"/> that cover <paramref name="size"/>.</summary>
    public static int Count(int size, int block) => (size + block - 1) / block;

    public static int RoundUp(int size, int multiple) => Count(size, multiple) * multiple;

    // The size of equal blocks, at most max and whole tiles.
    private static int Spread(int size, int max, int tile)
    {
        int tiles = Count(size, tile);
        return Count(tiles, Count(tiles, Math.Max(1, max / tile))) * tile;
    }
}
