// The innermost loop of every product: one register tile C[MR, NR] (+)= A[MR, K] B[K, NR] from two packed panels.
//
//              B panel: K x NR, each row NR/lanes vectors          accumulators: MR x (NR/lanes) registers, all of K;
//     A panel  +----------+----------+----------+                  each step loads one row of B, broadcasts MR numbers
//     K x MR   | c00      | c01      | c02      |                  of A and does MR x (NR/lanes) multiply-adds.
//
// Accumulators are locals, so that they live in registers: one spill in the loop costs a tenth of the speed.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public static unsafe class MicroKernel
{
    /// <summary>
    /// Writes the tile, or adds the product to it. <paramref name="a"/>: k x MR; <paramref name="b"/>: k x NR; the tile: MR rows of NR,
    /// <paramref name="tileStride"/> apart. Sums run over k in order and are added to the tile once; k = 0 gives zeros.
    /// </summary>
    public static void Run<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Run<TSimd, TVector>(k, APanel.Packed(a, Tiling.Rows<TSimd, TVector>()), b, tile, tileStride, accumulate, Tiling.Columns<TSimd, TVector>(), default);

    /// <summary>
    /// The same of rows of A that may lie as <see cref="TakesRows{TSimd, TVector}"/> says, for the tile's first <paramref name="columns"/>, the others are written or not; asks for memory on the way.
    /// </summary>
    internal static void Run<TSimd, TVector>(int k, APanel a, float* b, float* tile, nint tileStride, bool accumulate, int columns, in Ahead ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int steps = Math.Max(1, TSimd.Count == 16 ? k : k / 4);
        AheadLines lines = ahead.IsEmpty ? AheadLines.None(a.Start) : ahead.Over(steps, TSimd.Count == 16 ? ahead.StepsBetween(steps) : 1);
        if (TSimd.Count == 16)
        {
            if (columns > 32) Run8<TSimd, TVector, ThreeVectors>(k, a, b, tile, tileStride, accumulate, lines);
            else if (columns > 16) Run8<TSimd, TVector, TwoVectors>(k, a, b, tile, tileStride, accumulate, lines);
            else Run8<TSimd, TVector, OneVector>(k, a, b, tile, tileStride, accumulate, lines);
        }
        else Run6x2<TSimd, TVector>(k, (float*)a.Start, b, tile, tileStride, accumulate, lines);
    }

    /// <summary>Whether rows of A may lie anywhere; else they have to be a packed panel.</summary>
    internal static bool TakesRows<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Count == 16;

    // Vectors of a row of the tile that are computed: an edge needs fewer. Rows of B are three vectors always.
    private interface IWidth
    {
        static abstract int Vectors { get; }
    }

    private readonly struct OneVector : IWidth
    {
        public static int Vectors => 1;
    }

    private readonly struct TwoVectors : IWidth
    {
        public static int Vectors => 2;
    }

    private readonly struct ThreeVectors : IWidth
    {
        public static int Vectors => 3;
    }

    private static void Run8<TSimd, TVector, TWidth>(int k, APanel a, float* b, float* tile, nint tileStride, bool accumulate, AheadLines ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct where TWidth : struct, IWidth
    {
        float* upper = (float*)a.Start, lower = upper + 4 * a.Row;
        nint row = a.Row, row2 = 2 * row, row3 = 3 * row, step = a.Step;
        TVector c00 = TSimd.Zero, c01 = TSimd.Zero, c02 = TSimd.Zero;
        TVector c10 = TSimd.Zero, c11 = TSimd.Zero, c12 = TSimd.Zero;
        TVector c20 = TSimd.Zero, c21 = TSimd.Zero, c22 = TSimd.Zero;
        TVector c30 = TSimd.Zero, c31 = TSimd.Zero, c32 = TSimd.Zero;
        TVector c40 = TSimd.Zero, c41 = TSimd.Zero, c42 = TSimd.Zero;
        TVector c50 = TSimd.Zero, c51 = TSimd.Zero, c52 = TSimd.Zero;
        TVector c60 = TSimd.Zero, c61 = TSimd.Zero, c62 = TSimd.Zero;
        TVector c70 = TSimd.Zero, c71 = TSimd.Zero, c72 = TSimd.Zero;
        while (k > 0)
        {
            int steps = Math.Min(k, ahead.Every);
            k -= steps;
            for (; steps > 0; steps--)
            {
                TVector b0 = TSimd.Load(b);
                TVector b1 = TWidth.Vectors > 1 ? TSimd.Load(b + TSimd.Count) : default, b2 = TWidth.Vectors > 2 ? TSimd.Load(b + 2 * TSimd.Count) : default;
                TVector a0 = TSimd.Broadcast(upper[0]);
                c00 = TSimd.MultiplyAdd(a0, b0, c00);
                if (TWidth.Vectors > 1) c01 = TSimd.MultiplyAdd(a0, b1, c01);
                if (TWidth.Vectors > 2) c02 = TSimd.MultiplyAdd(a0, b2, c02);
                TVector a1 = TSimd.Broadcast(upper[row]);
                c10 = TSimd.MultiplyAdd(a1, b0, c10);
                if (TWidth.Vectors > 1) c11 = TSimd.MultiplyAdd(a1, b1, c11);
                if (TWidth.Vectors > 2) c12 = TSimd.MultiplyAdd(a1, b2, c12);
                TVector a2 = TSimd.Broadcast(upper[row2]);
                c20 = TSimd.MultiplyAdd(a2, b0, c20);
                if (TWidth.Vectors > 1) c21 = TSimd.MultiplyAdd(a2, b1, c21);
                if (TWidth.Vectors > 2) c22 = TSimd.MultiplyAdd(a2, b2, c22);
                TVector a3 = TSimd.Broadcast(upper[row3]);
                c30 = TSimd.MultiplyAdd(a3, b0, c30);
                if (TWidth.Vectors > 1) c31 = TSimd.MultiplyAdd(a3, b1, c31);
                if (TWidth.Vectors > 2) c32 = TSimd.MultiplyAdd(a3, b2, c32);
                TVector a4 = TSimd.Broadcast(lower[0]);
                c40 = TSimd.MultiplyAdd(a4, b0, c40);
                if (TWidth.Vectors > 1) c41 = TSimd.MultiplyAdd(a4, b1, c41);
                if (TWidth.Vectors > 2) c42 = TSimd.MultiplyAdd(a4, b2, c42);
                TVector a5 = TSimd.Broadcast(lower[row]);
                c50 = TSimd.MultiplyAdd(a5, b0, c50);
                if (TWidth.Vectors > 1) c51 = TSimd.MultiplyAdd(a5, b1, c51);
                if (TWidth.Vectors > 2) c52 = TSimd.MultiplyAdd(a5, b2, c52);
                TVector a6 = TSimd.Broadcast(lower[row2]);
                c60 = TSimd.MultiplyAdd(a6, b0, c60);
                if (TWidth.Vectors > 1) c61 = TSimd.MultiplyAdd(a6, b1, c61);
                if (TWidth.Vectors > 2) c62 = TSimd.MultiplyAdd(a6, b2, c62);
                TVector a7 = TSimd.Broadcast(lower[row3]);
                c70 = TSimd.MultiplyAdd(a7, b0, c70);
                if (TWidth.Vectors > 1) c71 = TSimd.MultiplyAdd(a7, b1, c71);
                if (TWidth.Vectors > 2) c72 = TSimd.MultiplyAdd(a7, b2, c72);
                upper += step;
                lower += step;
                b += 3 * TSimd.Count;
            }

            ahead.Ask();
        }

        if (accumulate)
        {
            AddRow<TSimd, TVector, TWidth>(tile, ref c00, ref c01, ref c02);
            AddRow<TSimd, TVector, TWidth>(tile + tileStride, ref c10, ref c11, ref c12);
            AddRow<TSimd, TVector, TWidth>(tile + 2 * tileStride, ref c20, ref c21, ref c22);
            AddRow<TSimd, TVector, TWidth>(tile + 3 * tileStride, ref c30, ref c31, ref c32);
            AddRow<TSimd, TVector, TWidth>(tile + 4 * tileStride, ref c40, ref c41, ref c42);
            AddRow<TSimd, TVector, TWidth>(tile + 5 * tileStride, ref c50, ref c51, ref c52);
            AddRow<TSimd, TVector, TWidth>(tile + 6 * tileStride, ref c60, ref c61, ref c62);
            AddRow<TSimd, TVector, TWidth>(tile + 7 * tileStride, ref c70, ref c71, ref c72);
        }

        StoreRow<TSimd, TVector, TWidth>(tile, c00, c01, c02);
        StoreRow<TSimd, TVector, TWidth>(tile + tileStride, c10, c11, c12);
        StoreRow<TSimd, TVector, TWidth>(tile + 2 * tileStride, c20, c21, c22);
        StoreRow<TSimd, TVector, TWidth>(tile + 3 * tileStride, c30, c31, c32);
        StoreRow<TSimd, TVector, TWidth>(tile + 4 * tileStride, c40, c41, c42);
        StoreRow<TSimd, TVector, TWidth>(tile + 5 * tileStride, c50, c51, c52);
        StoreRow<TSimd, TVector, TWidth>(tile + 6 * tileStride, c60, c61, c62);
        StoreRow<TSimd, TVector, TWidth>(tile + 7 * tileStride, c70, c71, c72);
    }

    private static void Run6x2<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate, AheadLines ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector c00 = TSimd.Zero, c01 = TSimd.Zero;
        TVector c10 = TSimd.Zero, c11 = TSimd.Zero;
        TVector c20 = TSimd.Zero, c21 = TSimd.Zero;
        TVector c30 = TSimd.Zero, c31 = TSimd.Zero;
        TVector c40 = TSimd.Zero, c41 = TSimd.Zero;
        TVector c50 = TSimd.Zero, c51 = TSimd.Zero;
        int columns = 2 * TSimd.Count;
        for (; k >= 4; k -= 4, a += 24, b += 4 * columns)
        {
            Step6x2<TSimd, TVector>(a, b, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            Step6x2<TSimd, TVector>(a + 6, b + columns, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            Step6x2<TSimd, TVector>(a + 12, b + 2 * columns, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            Step6x2<TSimd, TVector>(a + 18, b + 3 * columns, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            ahead.Ask();
        }

        for (; k > 0; k--, a += 6, b += columns)
            Step6x2<TSimd, TVector>(a, b, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);

        if (accumulate)
        {
            AddRow<TSimd, TVector>(tile, ref c00, ref c01);
            AddRow<TSimd, TVector>(tile + tileStride, ref c10, ref c11);
            AddRow<TSimd, TVector>(tile + 2 * tileStride, ref c20, ref c21);
            AddRow<TSimd, TVector>(tile + 3 * tileStride, ref c30, ref c31);
            AddRow<TSimd, TVector>(tile + 4 * tileStride, ref c40, ref c41);
            AddRow<TSimd, TVector>(tile + 5 * tileStride, ref c50, ref c51);
        }

        StoreRow<TSimd, TVector>(tile, c00, c01);
        StoreRow<TSimd, TVector>(tile + tileStride, c10, c11);
        StoreRow<TSimd, TVector>(tile + 2 * tileStride, c20, c21);
        StoreRow<TSimd, TVector>(tile + 3 * tileStride, c30, c31);
        StoreRow<TSimd, TVector>(tile + 4 * tileStride, c40, c41);
        StoreRow<TSimd, TVector>(tile + 5 * tileStride, c50, c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step6x2<TSimd, TVector>(float* a, float* b, ref TVector c00, ref TVector c01, ref TVector c10, ref TVector c11, ref TVector c20, ref TVector c21,
        ref TVector c30, ref TVector c31, ref TVector c40, ref TVector c41, ref TVector c50, ref TVector c51) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + TSimd.Count);
        TVector a0 = TSimd.Broadcast(a[0]);
        c00 = TSimd.MultiplyAdd(a0, b0, c00); c01 = TSimd.MultiplyAdd(a0, b1, c01);
        TVector a1 = TSimd.Broadcast(a[1]);
        c10 = TSimd.MultiplyAdd(a1, b0, c10); c11 = TSimd.MultiplyAdd(a1, b1, c11);
        TVector a2 = TSimd.Broadcast(a[2]);
        c20 = TSimd.MultiplyAdd(a2, b0, c20); c21 = TSimd.MultiplyAdd(a2, b1, c21);
        TVector a3 = TSimd.Broadcast(a[3]);
        c30 = TSimd.MultiplyAdd(a3, b0, c30); c31 = TSimd.MultiplyAdd(a3, b1, c31);
        TVector a4 = TSimd.Broadcast(a[4]);
        c40 = TSimd.MultiplyAdd(a4, b0, c40); c41 = TSimd.MultiplyAdd(a4, b1, c41);
        TVector a5 = TSimd.Broadcast(a[5]);
        c50 = TSimd.MultiplyAdd(a5, b0, c50); c51 = TSimd.MultiplyAdd(a5, b1, c51);
    }

    /// <summary>The same with a tile of 4 rows and 3 vectors at any vector width: seven loads for twelve multiply-adds.</summary>
    internal static void Run4x3<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector c00 = TSimd.Zero, c01 = TSimd.Zero, c02 = TSimd.Zero;
        TVector c10 = TSimd.Zero, c11 = TSimd.Zero, c12 = TSimd.Zero;
        TVector c20 = TSimd.Zero, c21 = TSimd.Zero, c22 = TSimd.Zero;
        TVector c30 = TSimd.Zero, c31 = TSimd.Zero, c32 = TSimd.Zero;
        int columns = 3 * TSimd.Count;
        for (; k >= 4; k -= 4, a += 16, b += 4 * columns)
        {
            Step<TSimd, TVector>(a, b, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            Step<TSimd, TVector>(a + 4, b + columns, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            Step<TSimd, TVector>(a + 8, b + 2 * columns, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            Step<TSimd, TVector>(a + 12, b + 3 * columns, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
        }

        for (; k > 0; k--, a += 4, b += columns)
            Step<TSimd, TVector>(a, b, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);

        if (accumulate)
        {
            AddRow<TSimd, TVector, ThreeVectors>(tile, ref c00, ref c01, ref c02);
            AddRow<TSimd, TVector, ThreeVectors>(tile + tileStride, ref c10, ref c11, ref c12);
            AddRow<TSimd, TVector, ThreeVectors>(tile + 2 * tileStride, ref c20, ref c21, ref c22);
            AddRow<TSimd, TVector, ThreeVectors>(tile + 3 * tileStride, ref c30, ref c31, ref c32);
        }

        StoreRow<TSimd, TVector, ThreeVectors>(tile, c00, c01, c02);
        StoreRow<TSimd, TVector, ThreeVectors>(tile + tileStride, c10, c11, c12);
        StoreRow<TSimd, TVector, ThreeVectors>(tile + 2 * tileStride, c20, c21, c22);
        StoreRow<TSimd, TVector, ThreeVectors>(tile + 3 * tileStride, c30, c31, c32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TSimd, TVector>(float* a, float* b, ref TVector c00, ref TVector c01, ref TVector c02, ref TVector c10, ref TVector c11, ref TVector c12,
        ref TVector c20, ref TVector c21, ref TVector c22, ref TVector c30, ref TVector c31, ref TVector c32) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + TSimd.Count), b2 = TSimd.Load(b + 2 * TSimd.Count);
        TVector a0 = TSimd.Broadcast(a[0]);
        c00 = TSimd.MultiplyAdd(a0, b0, c00); c01 = TSimd.MultiplyAdd(a0, b1, c01); c02 = TSimd.MultiplyAdd(a0, b2, c02);
        TVector a1 = TSimd.Broadcast(a[1]);
        c10 = TSimd.MultiplyAdd(a1, b0, c10); c11 = TSimd.MultiplyAdd(a1, b1, c11); c12 = TSimd.MultiplyAdd(a1, b2, c12);
        TVector a2 = TSimd.Broadcast(a[2]);
        c20 = TSimd.MultiplyAdd(a2, b0, c20); c21 = TSimd.MultiplyAdd(a2, b1, c21); c22 = TSimd.MultiplyAdd(a2, b2, c22);
        TVector a3 = TSimd.Broadcast(a[3]);
        c30 = TSimd.MultiplyAdd(a3, b0, c30); c31 = TSimd.MultiplyAdd(a3, b1, c31); c32 = TSimd.MultiplyAdd(a3, b2, c32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<TSimd, TVector, TWidth>(float* row, ref TVector c0, ref TVector c1, ref TVector c2)
        where TSimd : struct, ISimd<TVector> where TVector : struct where TWidth : struct, IWidth
    {
        c0 = TSimd.Add(c0, TSimd.Load(row));
        if (TWidth.Vectors > 1) c1 = TSimd.Add(c1, TSimd.Load(row + TSimd.Count));
        if (TWidth.Vectors > 2) c2 = TSimd.Add(c2, TSimd.Load(row + 2 * TSimd.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<TSimd, TVector>(float* row, ref TVector c0, ref TVector c1)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        c0 = TSimd.Add(c0, TSimd.Load(row));
        c1 = TSimd.Add(c1, TSimd.Load(row + TSimd.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TSimd, TVector, TWidth>(float* row, TVector c0, TVector c1, TVector c2)
        where TSimd : struct, ISimd<TVector> where TVector : struct where TWidth : struct, IWidth
    {
        TSimd.Store(row, c0);
        if (TWidth.Vectors > 1) TSimd.Store(row + TSimd.Count, c1);
        if (TWidth.Vectors > 2) TSimd.Store(row + 2 * TSimd.Count, c2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TSimd, TVector>(float* row, TVector c0, TVector c1)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TSimd.Store(row, c0);
        TSimd.Store(row + TSimd.Count, c1);
    }
}
