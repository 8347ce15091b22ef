// C[batch] = A[batch] B[batch], sums in float32, with hooks at both ends: A is packed block by block through a panel source
// (and its prologue), B comes packed, finished register tiles go to an epilogue while they are in the nearest cache.
// B's element type decides in what the operands are multiplied (IOperands); A is rounded to it while it is packed.
// An item is one block of C, MC x NC, over all of K: partial sums are never shared and are added in one order.
//
//     for each block of K:  pack A [MC, KC] into panels of MR rows, unless its rows can be read as they lie
//         for each panel of B [KC, NR]:  for each panel of A:  C tile (+)= A panel x B panel;  last block: epilogue

namespace Brushfire.Kernels;

public static unsafe class Gemm
{
    /// <summary>Multiplies: m rows of A by B's K x N. K = 0 hands zeros to the epilogue.</summary>
    public static void Run<TPanels, TEpilogue>(int batch, int m, in TPanels panels, PackedMatrix b, in TEpilogue epilogue)
        where TPanels : struct, IPanelSource where TEpilogue : struct, IEpilogue
    {
        if (b.Element == ElementKind.Float32) Run<TPanels, TEpilogue, Float32Operands>(batch, m, panels, b, epilogue);
        else if (BFloat16Kernels.IsNative) Run<TPanels, TEpilogue, PairOperands<BFloat16Kernels.Native>>(batch, m, panels, b, epilogue);
        else Run<TPanels, TEpilogue, WidenedOperands>(batch, m, panels, b, epilogue);
    }

    /// <summary>The same with the given operands, which must be what <paramref name="b"/> is packed as.</summary>
    internal static void Run<TPanels, TEpilogue, TOperands>(int batch, int m, in TPanels panels, PackedMatrix b, in TEpilogue epilogue)
        where TPanels : struct, IPanelSource where TEpilogue : struct, IEpilogue where TOperands : struct, IOperands
    {
        if (m == 0 || b.N == 0) return;
        var work = new Work<TPanels, TEpilogue, TOperands>
        {
            Batch = batch,
            M = m,
            Panels = panels,
            B = b,
            Epilogue = epilogue,
            Blocks = new Blocks(batch, m, b.N, b.K, Tiling.CurrentRows, Tiling.CurrentColumns, b.Halves),
        };
        WorkerPool.Run(checked(batch * work.Blocks.NBlocks * work.Blocks.MBlocks), ref work);
    }

    private struct Work<TPanels, TEpilogue, TOperands> : IWork where TPanels : struct, IPanelSource where TEpilogue : struct, IEpilogue where TOperands : struct, IOperands
    {
        public int Batch, M;
        public TPanels Panels;
        public PackedMatrix B;
        public TEpilogue Epilogue;
        public Blocks Blocks;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            // Neighbouring items share a block of B, so that it comes from memory once.
            (int batch, int nBlock, int mBlock) = Place(item);
            int mr = Tiling.Rows<TSimd, TVector>(), nr = Tiling.Columns<TSimd, TVector>();
            int row = mBlock * Blocks.MC, rows = Math.Min(Blocks.MC, M - row);
            int column = nBlock * Blocks.NC, columns = Math.Min(Blocks.NC, B.N - column);
            int rowTiles = Blocks.Count(rows, mr), tileColumns = B.Halves * nr, tile = mr * tileColumns;

            // Sums wait for other blocks of K, or in a tile's first half for the second; else each tile is finished at once.
            int nextRow = Blocks.KBlocks > 1 || B.Halves > 1 ? tile : 0, nextColumn = Blocks.KBlocks > 1 ? rowTiles * tile : 0;
            nint tiles = Blocks.KBlocks > 1 ? (nint)rowTiles * Blocks.Count(columns, nr) : B.Halves > 1 ? rowTiles : 1;
            nint aBytes = Blocks.RoundUp(rowTiles * PanelBytes(mr, Blocks.KC), 64), stageFloats = TOperands.StageFloats(mr, nr, Blocks.KC);
            byte* a = (byte*)Scratch.Take(aBytes + (stageFloats + tiles * tile) * sizeof(float));
            float* stage = (float*)(a + aBytes), sums = stage + stageFloats;
            nint columnBytes = PackedMatrix.ColumnBytes(B.K, TOperands.ElementB), panelBytes = nr * columnBytes;
            byte* b = B.Panels + batch * B.BatchStride + column * columnBytes;
            int panels = Blocks.Count(columns, nr) * B.Halves;

            for (int block = 0; block < Blocks.KBlocks; block++)
            {
                int k = block * Blocks.KC, count = Math.Min(Blocks.KC, B.K - k);
                // Rows that fill a tile are taken as they lie where that is possible; the last ones may need zeros behind them.
                APanel lying = TOperands.TakesRows<TSimd, TVector>() ? Panels.Rows(batch, row, k) : default;
                int taken = lying.Start == null ? 0 : rows / mr * mr;
                if (taken < rows) TOperands.PackA<TPanels, TSimd, TVector>(Panels, batch, row + taken, rows - taken, k, count, a, stage);
                var nextBlock = new NextBlock(this, item, block, panels * rowTiles);
                int aPanelBytes = PanelBytes(mr, count), share = Blocks.Count((int)PackedMatrix.ColumnBytes(count, TOperands.ElementB) * nr, rowTiles);
                for (int panel = 0; panel < panels; panel++)
                {
                    int j = panel / B.Halves * nr, half = panel % B.Halves;
                    bool finished = block == Blocks.KBlocks - 1 && half == B.Halves - 1;
                    float* sum = sums + panel / B.Halves * nextColumn;
                    byte* bBlock = b + PackedMatrix.ColumnBytes(k, TOperands.ElementB) * nr, bPanel = bBlock + B.PanelOffset(panel, panelBytes);
                    byte* next = panel + 1 < panels ? bBlock + B.PanelOffset(panel + 1, panelBytes) : b + PackedMatrix.ColumnBytes(k + count, TOperands.ElementB) * nr;
                    bPanel = TOperands.PrepareB<TSimd, TVector>(bPanel, count, stage);

                    // Each tile asks for its share of the next panel of B, which comes from memory while this one is multiplied, and for the
                    // memory of its own result. Behind the last panel nothing is read: a prefetch is only a hint.
                    for (int i = 0; i < rows; i += mr, next += share, sum += nextRow)
                    {
                        int usedRows = Math.Min(mr, rows - i), usedColumns = Math.Min(nr, columns - j);
                        if (finished) Epilogue.Prefetch(batch, row + i, column + j, usedRows, usedColumns);
                        APanel aPanel = i < taken ? new((float*)lying.Start + i * lying.Row, lying.Row, lying.Step) : APanel.Packed(a + (nint)(i - taken) / mr * aPanelBytes, mr);
                        TOperands.Multiply<TSimd, TVector>(count, aPanel, bPanel, sum + half * nr, tileColumns, accumulate: block > 0, usedColumns, new Ahead(next, share, nextBlock.Share(Panels, out int nextBytes), nextBytes));
                        if (finished) Epilogue.Store<TSimd, TVector>(sum, tileColumns, batch, row + i, column + j, usedRows, usedColumns);
                    }
                }
            }
        }

        // The block of A that this thread probably packs next, cut into shares of whole rows for the last tiles before it: asked for earlier,
        // panels of B would push it out of the second-level cache again. Rows are asked for as if they lay behind each other.
        private ref struct NextBlock
        {
            private readonly int _batch, _k, _rowsAtOnce, _count, _end;
            private int _row, _tilesBefore;

            public NextBlock(in Work<TPanels, TEpilogue, TOperands> work, int item, int block, int tiles)
            {
                Blocks blocks = work.Blocks;
                if (++block == blocks.KBlocks) (item, block) = (item + WorkerPool.Threads, 0);
                (_batch, _, int mBlock) = work.Place(item);
                _k = block * blocks.KC;
                _count = Math.Min(blocks.KC, work.B.K - _k);
                _row = mBlock * blocks.MC;
                int rows = _batch < work.Batch ? Math.Min(blocks.MC, work.M - _row) : 0;
                _end = _row + rows;
                _rowsAtOnce = Math.Max(1, Blocks.Count(rows, tiles));
                _tilesBefore = tiles - Blocks.Count(rows, _rowsAtOnce);
            }

            /// <summary>What the next tile asks for.</summary>
            public byte* Share(in TPanels panels, out int bytes)
            {
                bytes = 0;
                if (--_tilesBefore >= 0 || _row >= _end || panels.Address(_batch, _row, _k) is var address && address == null) return null;
                bytes = Math.Min(_rowsAtOnce, _end - _row) * _count * sizeof(float);
                _row += _rowsAtOnce;
                return (byte*)address;
            }
        }

        private readonly (int Batch, int NBlock, int MBlock) Place(int item) => (item / Blocks.MBlocks / Blocks.NBlocks, item / Blocks.MBlocks % Blocks.NBlocks, item % Blocks.MBlocks);

        // Bytes of a panel of A.
        private static int PanelBytes(int mr, int count) => mr * Blocks.Count(count, TOperands.Together) * sizeof(float);
    }
}
