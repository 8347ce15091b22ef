// Attention in constant memory (Rabe and Staats, 2021): for a block of queries of one head, keys come in blocks; each query
// keeps a running maximum, a running sum of exponentials and a running output, rescaled whenever the maximum grows.
//
// Note: transposed products. Queries lie along the lanes, so that nothing is ever summed or maximized across lanes and
// the scores of one product are, as they are written, the panel that the next product reads:
//
//     scoresᵀ [keys, NR queries]    = key     [keys, headDim]     x queryᵀ [headDim, NR queries]
//     outputᵀ [headDim, NR queries] = valueᵀ  [headDim, keys]     x 2^(scoresᵀ - maximum)
//                                     A: panels of MR rows          B: one panel of NR columns, in the nearest cache
//
// The query panel holds query * scale * log2(e), so that the exponential is a power of two. Scratch a thread, in floats:
// (2 queries + 2 keys) * headDim and little more, below 2 MB.

namespace Brushfire.Kernels;

internal readonly unsafe struct MemoryEfficientAttention : IWork
{
    // Bounds of a block: floats of packed keys (values are as many) and of packed queries (outputs are as many) that
    // share the second-level cache, and a scores panel that leaves room in the nearest one.
    private const int KeyFloats = 32_768, QueryFloats = 65_536, ScoreFloats = 4_096, MaxQueries = 256;

    // The stretch of headDim that a register tile sums at once: its panel of queries stays in the nearest cache.
    private const int DepthBlock = 256;

    private readonly AttentionArguments _a;
    private readonly int _queryBlock, _queryBlocks, _keyBlock;

    private MemoryEfficientAttention(in AttentionArguments a)
    {
        int nr = Tiling.CurrentColumns, mr = Tiling.CurrentRows, depth = Math.Max(1, a.HeadDim);
        _a = a;
        _queryBlocks = Blocks.Count(a.QueryLength, Math.Clamp(QueryFloats / depth, nr, MaxQueries));
        _queryBlock = Blocks.RoundUp(Blocks.Count(a.QueryLength, Math.Max(1, _queryBlocks)), nr);
        int keys = Blocks.RoundUp(Math.Min(a.KeyLength, Math.Clamp(KeyFloats / depth, 32, ScoreFloats / nr)), mr);
        _keyBlock = Math.Min(keys, PanelPacking.MaxCount / mr * mr);
    }

    public static void Run(in AttentionArguments a)
    {
        var work = new MemoryEfficientAttention(a);
        WorkerPool.Run(checked(a.Batch * a.Heads * work._queryBlocks), ref work);
    }

    public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = Tiling.Columns<TSimd, TVector>(), mr = Tiling.Rows<TSimd, TVector>();
        (int head, int block) = Math.DivRem(item, _queryBlocks);
        (int n, int h) = Math.DivRem(head, _a.Heads);
        int first = block * _queryBlock, queries = Math.Min(_queryBlock, _a.QueryLength - first);
        if (queries <= 0) return;

        var memory = new Memory(_queryBlock, _keyBlock, _a.HeadDim, nr, mr);
        AttentionBlock.PackQueries<TSimd, TVector>(_a, n, h, first, queries, nr, memory.Queries);
        Round<TSimd, TVector>(memory.Queries, (nint)Blocks.RoundUp(queries, nr) * _a.HeadDim);
        new Span<float>(memory.Outputs, memory.Padded * memory.PaddedDepth).Clear();
        new Span<float>(memory.Maxima, memory.Padded).Fill(float.NegativeInfinity);
        new Span<float>(memory.Sums, memory.Padded).Clear();

        var keys = new MatrixPanels<NoPrologue>(_a.Key + n * _a.KeyStrides.Batch + h * _a.KeyStrides.Head, 0, _a.KeyStrides.Token, 1, default);
        var values = new MatrixPanels<NoPrologue>(_a.Value + n * _a.ValueStrides.Batch + h * _a.ValueStrides.Head, 0, 1, _a.ValueStrides.Token, default);
        int end = _a.Causal ? Math.Min(_a.KeyLength, first + queries) : _a.KeyLength;
        for (int key = 0; key < end; key += _keyBlock)
        {
            int count = Math.Min(_keyBlock, end - key);
            for (int depth = 0; depth < _a.HeadDim; depth += DepthBlock)
                keys.Pack<TSimd, TVector>(0, key, count, depth, Math.Min(DepthBlock, _a.HeadDim - depth), memory.Keys + (nint)Blocks.RoundUp(count, mr) * depth);
            values.Pack<TSimd, TVector>(0, 0, _a.HeadDim, key, count, memory.Values);
            Round<TSimd, TVector>(memory.Keys, (nint)Blocks.RoundUp(count, mr) * _a.HeadDim);
            Round<TSimd, TVector>(memory.Values, (nint)count * memory.PaddedDepth);
            for (int query = 0; query < queries; query += nr) Attend<TSimd, TVector>(memory, n, h, first, query, key, count);
        }

        AttentionBlock.Finish<TSimd, TVector>(_a, n, h, first, queries, nr, memory.Outputs, memory.PaddedDepth, memory.Sums);
    }

    // One panel of queries, first + query and on, sees keys key … key + count - 1, packed.
    private void Attend<TSimd, TVector>(in Memory memory, int n, int h, int first, int query, int key, int count)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = Tiling.Columns<TSimd, TVector>(), mr = Tiling.Rows<TSimd, TVector>(), packed = Blocks.RoundUp(count, mr), absolute = first + query;
        int seen = _a.Causal ? Math.Min(count, absolute + nr - key) : count;
        if (seen <= 0) return;

        for (int depth = 0; depth < _a.HeadDim; depth += DepthBlock)
        {
            int length = Math.Min(DepthBlock, _a.HeadDim - depth);
            float* a = memory.Keys + (nint)packed * depth, b = memory.Queries + (nint)query * _a.HeadDim + depth * nr;
            for (int i = 0; i < seen; i += mr, a += mr * length)
                MicroKernel.Run<TSimd, TVector>(length, a, b, memory.Scores + i * nr, nr, accumulate: depth > 0);
        }

        if (_a.Mask is not null) AttentionBlock.AddMask<TSimd, TVector>(_a, memory.Scores, n, h, absolute, nr, key, seen);
        if (_a.Causal) AttentionBlock.HideLaterKeys(memory.Scores, nr, absolute, key, seen);

        float* outputs = memory.Outputs + query * memory.PaddedDepth;
        for (int lane = 0; lane < nr; lane += TSimd.Count)
        {
            TVector rescale = Exponentials<TSimd, TVector>(memory.Scores + lane, nr, seen, memory.Maxima + query + lane, memory.Sums + query + lane);
            if (key == 0) continue;
            for (nint i = lane; i < memory.PaddedDepth * nr; i += nr) TSimd.Store(outputs + i, TSimd.Multiply(TSimd.Load(outputs + i), rescale));
        }

        Round<TSimd, TVector>(memory.Scores, (nint)seen * nr);
        float* value = memory.Values;
        for (nint i = 0; i < memory.PaddedDepth; i += mr, value += (nint)mr * count)
            MicroKernel.Run<TSimd, TVector>(seen, value, memory.Scores, outputs + i * nr, nr, accumulate: true);
    }

    // Operands of bfloat16 products stay float32, where these are exact.
    private void Round<TSimd, TVector>(float* panels, nint count) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        if (_a.Element == ElementKind.BFloat16) BFloat16Panels.Round<TSimd, TVector>(panels, count);
    }

    // Scores become 2^(score - maximum), a vector of queries over all keys; maximum and sum move on. Gives the factor of what was summed before.
    private static TVector Exponentials<TSimd, TVector>(float* scores, int stride, int keys, float* maxima, float* sums)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector before = TSimd.Load(maxima), maximum = TSimd.MaxNative(before, AttentionBlock.Largest<TSimd, TVector>(scores, stride, keys));
        TSimd.Store(maxima, maximum);
        maximum = AttentionBlock.Finite<TSimd, TVector>(maximum);
        TVector rescale = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(before, maximum));
        TSimd.Store(sums, TSimd.MultiplyAdd(TSimd.Load(sums), rescale, AttentionBlock.Exponentials<TSimd, TVector>(scores, stride, keys, maximum)));
        return rescale;
    }

    /// <summary>A thread's scratch, cut up. Every piece is a whole number of cache lines.</summary>
    private readonly struct Memory
    {
        public readonly float* Queries, Outputs, Keys, Values, Scores, Maxima, Sums;
        public readonly int Padded, PaddedDepth;
        public readonly nint Bytes;

        public Memory(int queries, int keys, int depth, int nr, int mr)
        {
            (Padded, PaddedDepth) = (queries, Blocks.RoundUp(depth, mr));
            nint queryFloats = AttentionBlock.Line((nint)queries * depth), outputFloats = AttentionBlock.Line((nint)queries * PaddedDepth), keyFloats = AttentionBlock.Line((nint)keys * depth);
            nint valueFloats = AttentionBlock.Line((nint)keys * PaddedDepth), scoreFloats = AttentionBlock.Line((nint)keys * nr), perQuery = AttentionBlock.Line(queries);
            Bytes = (queryFloats + outputFloats + keyFloats + valueFloats + scoreFloats + 2 * perQuery) * sizeof(float);
            Queries = (float*)Scratch.Take(Bytes);
            Outputs = Queries + queryFloats;
            Keys = Outputs + outputFloats;
            Values = Keys + keyFloats;
            Scores = Values + valueFloats;
            Maxima = Scores + scoreFloats;
            Sums = Maxima + perQuery;
        }
    }
}
