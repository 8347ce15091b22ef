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
    private const float Log2E = 1.44269502f;

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

    /// <summary>Scratch that each thread needs.</summary>
    public static nint ScratchBytes(int queryLength, int keyLength, int headDim)
    {
        var work = new MemoryEfficientAttention(new AttentionArguments { QueryLength = queryLength, KeyLength = keyLength, HeadDim = headDim });
        return new Memory(work._queryBlock, work._keyBlock, headDim, Tiling.CurrentColumns, Tiling.CurrentRows).Bytes;
    }

    public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = Tiling.Columns<TSimd, TVector>(), mr = Tiling.Rows<TSimd, TVector>();
        (int head, int block) = Math.DivRem(item, _queryBlocks);
        (int n, int h) = Math.DivRem(head, _a.Heads);
        int first = block * _queryBlock, queries = Math.Min(_queryBlock, _a.QueryLength - first);
        if (queries <= 0) return;

        var memory = new Memory(_queryBlock, _keyBlock, _a.HeadDim, nr, mr);
        PackQueries<TSimd, TVector>(_a.Query + n * _a.QueryStrides.Batch + h * _a.QueryStrides.Head + first * _a.QueryStrides.Token, queries, memory.Queries);
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
            for (int query = 0; query < queries; query += nr) Attend<TSimd, TVector>(memory, n, h, first, query, key, count);
        }

        for (int query = 0; query < queries; query += nr)
        {
            float* output = _a.Output + n * _a.OutputStrides.Batch + h * _a.OutputStrides.Head + (first + query) * _a.OutputStrides.Token;
            Finish<TSimd, TVector>(memory, query, Math.Min(nr, queries - query), output);
        }
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

        if (_a.Mask is not null) AddMask<TSimd, TVector>(memory.Scores, n, h, absolute, key, seen);
        if (_a.Causal) HideLaterKeys(memory.Scores, nr, absolute, key, seen);

        float* outputs = memory.Outputs + query * memory.PaddedDepth;
        for (int lane = 0; lane < nr; lane += TSimd.Count)
        {
            TVector rescale = Exponentials<TSimd, TVector>(memory.Scores + lane, nr, seen, memory.Maxima + query + lane, memory.Sums + query + lane);
            if (key == 0) continue;
            for (nint i = lane; i < memory.PaddedDepth * nr; i += nr) TSimd.Store(outputs + i, TSimd.Multiply(TSimd.Load(outputs + i), rescale));
        }

        float* value = memory.Values;
        for (nint i = 0; i < memory.PaddedDepth; i += mr, value += (nint)mr * count)
            MicroKernel.Run<TSimd, TVector>(seen, value, memory.Scores, outputs + i * nr, nr, accumulate: true);
    }

    // Scores become 2^(score - maximum), a vector of queries over all keys; maximum and sum move on. Gives the factor of what was summed before.
    private static TVector Exponentials<TSimd, TVector>(float* scores, int stride, int keys, float* maxima, float* sums)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector before = TSimd.Load(maxima), even = before, odd = before;
        int key = 0;
        for (; key + 2 <= keys; key += 2)
        {
            even = TSimd.MaxNative(even, TSimd.Load(scores + key * stride));
            odd = TSimd.MaxNative(odd, TSimd.Load(scores + (key + 1) * stride));
        }

        if (key < keys) even = TSimd.MaxNative(even, TSimd.Load(scores + key * stride));
        TVector maximum = TSimd.MaxNative(even, odd);
        TSimd.Store(maxima, maximum);

        // As long as all keys are hidden, any finite number serves: the powers are zero.
        TVector subtract = TSimd.Select(TSimd.Equal(maximum, TSimd.Broadcast(float.NegativeInfinity)), TSimd.Zero, maximum);
        TVector rescale = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(before, subtract));
        TVector sum = TSimd.Multiply(TSimd.Load(sums), rescale), sumOdd = TSimd.Zero;
        for (key = 0; key + 2 <= keys; key += 2)
        {
            float* x = scores + key * stride;
            TVector p = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(TSimd.Load(x), subtract));
            TVector q = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(TSimd.Load(x + stride), subtract));
            TSimd.Store(x, p);
            TSimd.Store(x + stride, q);
            sum = TSimd.Add(sum, p);
            sumOdd = TSimd.Add(sumOdd, q);
        }

        if (key < keys)
        {
            TVector p = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(TSimd.Load(scores + key * stride), subtract));
            TSimd.Store(scores + key * stride, p);
            sum = TSimd.Add(sum, p);
        }

        TSimd.Store(sums, TSimd.Add(sum, sumOdd));
        return rescale;
    }

    // Panels of NR queries, scaled. Lanes beyond the last query repeat it.
    private void PackQueries<TSimd, TVector>(float* source, int queries, float* panels) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = Tiling.Columns<TSimd, TVector>();
        float** rows = stackalloc float*[nr];
        TVector factor = TSimd.Broadcast(_a.Scale * Log2E);
        for (int query = 0; query < queries; query += nr, panels += nr * _a.HeadDim)
        {
            for (int lane = 0; lane < nr; lane++) rows[lane] = source + Math.Min(query + lane, queries - 1) * _a.QueryStrides.Token;
            PanelPacking.Interleave(rows, nr, _a.HeadDim, panels);
            for (int i = 0; i < nr * _a.HeadDim; i += TSimd.Count) TSimd.Store(panels + i, TSimd.Multiply(TSimd.Load(panels + i), factor));
        }
    }

    private void AddMask<TSimd, TVector>(float* scores, int n, int h, int query, int key, int count) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = Tiling.Columns<TSimd, TVector>(), last = _a.QueryLength - 1;
        AttentionMaskStrides strides = _a.MaskStrides;
        float* mask = _a.Mask + n * strides.Batch + h * strides.Head + key * strides.Key;
        for (int i = 0; i < count; i++, scores += nr, mask += strides.Key)
        {
            if (strides.Query == 0)
            {
                TVector addend = TSimd.Broadcast(*mask * Log2E);
                for (int lane = 0; lane < nr; lane += TSimd.Count) TSimd.Store(scores + lane, TSimd.Add(TSimd.Load(scores + lane), addend));
            }
            else
            {
                for (int lane = 0; lane < nr; lane++) scores[lane] += mask[Math.Min(query + lane, last) * strides.Query] * Log2E;
            }
        }
    }

    private static void HideLaterKeys(float* scores, int nr, int query, int key, int count)
    {
        for (int i = Math.Max(0, query + 1 - key); i < count; i++)
            new Span<float>(scores + i * nr, Math.Min(nr, key + i - query)).Fill(float.NegativeInfinity);
    }

    // output[query, :] = outputᵀ[:, query] / sum, 16 columns at a time through a transposing copy.
    private void Finish<TSimd, TVector>(in Memory memory, int query, int queries, float* output) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        const int Columns = 16;
        int nr = Tiling.Columns<TSimd, TVector>();
        float* outputs = memory.Outputs + query * memory.PaddedDepth, sums = memory.Sums + query;
        for (int lane = 0; lane < nr; lane += TSimd.Count)
        {
            TVector sum = TSimd.Load(sums + lane);
            TVector factor = TSimd.Select(TSimd.Equal(sum, TSimd.Zero), TSimd.Zero, TSimd.Divide(TSimd.Broadcast(1), sum));
            for (nint i = lane; i < (nint)_a.HeadDim * nr; i += nr) TSimd.Store(outputs + i, TSimd.Multiply(TSimd.Load(outputs + i), factor));
        }

        float** rows = stackalloc float*[Columns];
        for (int column = 0; column < _a.HeadDim; column += Columns)
        {
            int count = Math.Min(Columns, _a.HeadDim - column), even = count + count % 2;
            for (int i = 0; i < even; i++) rows[i] = outputs + (column + i) * nr;
            PanelPacking.Interleave(rows, even, nr, memory.Scores);
            for (int q = 0; q < queries; q++)
            {
                float* from = memory.Scores + q * even, to = output + q * _a.OutputStrides.Token + column;
                int i = 0;
                for (; i + TSimd.Count <= count; i += TSimd.Count) TSimd.Store(to + i, TSimd.Load(from + i));
                for (; i < count; i++) to[i] = from[i];
            }
        }
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
            nint queryFloats = Line((nint)queries * depth), outputFloats = Line((nint)queries * PaddedDepth), keyFloats = Line((nint)keys * depth);
            nint valueFloats = Line((nint)keys * PaddedDepth), scoreFloats = Line((nint)Math.Max(keys, 16) * nr), perQuery = Line(queries);
            Bytes = (queryFloats + outputFloats + keyFloats + valueFloats + scoreFloats + 2 * perQuery) * sizeof(float);
            Queries = (float*)Scratch.Take(Bytes);
            Outputs = Queries + queryFloats;
            Keys = Outputs + outputFloats;
            Values = Keys + keyFloats;
            Scores = Values + valueFloats;
            Maxima = Scores + scoreFloats;
            Sums = Maxima + perQuery;
        }

        private static nint Line(nint floats) => (floats + 15) & ~(nint)15;
    }
}
