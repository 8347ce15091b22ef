// Attention by tiles of queries and keys (Dao et al., 2022), for processors: scores never leave the nearest caches.
// Products are transposed as in MemoryEfficientAttention, but the tile is wider, and the keys and values of a head are packed
// once by each thread that works on it, not once for every block of queries.

using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

internal static unsafe class FlashAttention
{
    public static void Run(in AttentionArguments a)
    {
        if (a.Element == ElementKind.Float32) FlashAttention<Float32Attention>.Run(a);
        else if (BFloat16Kernels.IsNative) FlashAttention<PairAttention<BFloat16Kernels.Native>>.Run(a);
        else FlashAttention<RoundedAttention>.Run(a);
    }

    /// <summary>Bytes of the packed keys and values of a head, part of each thread's scratch.</summary>
    public static nint PackedBytes(int keyLength, int headDim)
    {
        (nint keys, nint values) = PackedFloats(keyLength, headDim, AttentionTile.Rows(Tiling.CurrentLanes));
        return (keys + values) * sizeof(float);
    }

    /// <summary>Likewise, with <paramref name="mr"/> rows of a tile.</summary>
    public static (nint Keys, nint Values) PackedFloats(int keyLength, int headDim, int mr) =>
        (AttentionBlock.Line((nint)Blocks.RoundUp(keyLength, mr) * headDim), AttentionBlock.Line((nint)keyLength * Blocks.RoundUp(headDim, mr)));
}

internal readonly unsafe struct FlashAttention<TOperands> : IWork where TOperands : struct, IAttentionOperands
{
    // Bounds of a block: floats of packed keys (values are as many) and of packed queries (outputs are as many) that
    // share the second-level cache, and keys whose scores leave room in the nearest one.
    private const int KeyFloats = 32_768, QueryFloats = 49_152, MaxKeys = 128, MaxQueries = 384;

    // A register tile sums at most this many floats of its panel of queries at once: they stay in the nearest cache.
    private const int PanelFloats = 6_144;

    // Heads are cut into more blocks of queries until there are this many items.
    private const int EnoughItems = 16;

    // Maxima may lag behind by this power of two before sums and outputs are rescaled.
    private const float MaximumLag = 8;

    private static long s_launches;

    // Whose keys and values this thread's scratch holds.
    [ThreadStatic] private static (long Launch, int Head) t_packed;

    private readonly AttentionArguments _a;
    private readonly int _queryBlock, _queryBlocks, _keyBlock, _depthBlock;
    private readonly long _launch;

    private FlashAttention(in AttentionArguments a)
    {
        int lanes = Tiling.CurrentLanes, nr = AttentionTile.Columns(lanes), mr = AttentionTile.Rows(lanes), depth = Math.Max(1, a.HeadDim);
        _a = a;
        int enough = Blocks.Count(EnoughItems, Math.Max(1, a.Batch * a.Heads));
        _queryBlocks = Math.Max(Blocks.Count(a.QueryLength, Math.Clamp(QueryFloats / depth, nr, MaxQueries)), Math.Min(enough, Blocks.Count(a.QueryLength, 2 * nr)));
        _queryBlock = Blocks.RoundUp(Blocks.Count(a.QueryLength, Math.Max(1, _queryBlocks)), nr);
        _keyBlock = Blocks.RoundUp(Math.Min(a.KeyLength, Math.Clamp(KeyFloats / depth, 64, MaxKeys)), mr);
        _depthBlock = Blocks.RoundUp(Blocks.Count(depth, Blocks.Count(depth, PanelFloats / nr)), 2);
        _launch = Interlocked.Increment(ref s_launches);
    }

    public static void Run(in AttentionArguments a)
    {
        var work = new FlashAttention<TOperands>(a);
        WorkerPool.Run(checked(a.Batch * a.Heads * work._queryBlocks), ref work);
    }

    public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = AttentionTile.Columns(TSimd.Count);
        (int head, int block) = Math.DivRem(item, _queryBlocks);
        (int n, int h) = Math.DivRem(head, _a.Heads);
        int first = block * _queryBlock, queries = Math.Min(_queryBlock, _a.QueryLength - first);
        if (queries <= 0) return;

        var memory = new Memory(_a, _queryBlock, _keyBlock, TSimd.Count);
        if (t_packed != (_launch, head))
        {
            PackKeys<TSimd, TVector>(_a.Key + n * _a.KeyStrides.Batch + h * _a.KeyStrides.Head, memory.Keys);
            PackValues<TSimd, TVector>(_a.Value + n * _a.ValueStrides.Batch + h * _a.ValueStrides.Head, memory.Values);
            t_packed = (_launch, head);
        }

        AttentionBlock.PackQueries<TSimd, TVector>(_a, n, h, first, queries, nr, memory.Queries);
        for (int query = 0; query < queries; query += nr) TOperands.Convert<TSimd, TVector>(memory.Queries + (nint)query * _a.HeadDim, _a.HeadDim, nr);
        new Span<float>(memory.Outputs, memory.Padded * memory.PaddedDepth).Clear();
        new Span<float>(memory.Maxima, memory.Padded).Fill(float.NegativeInfinity);
        new Span<float>(memory.Sums, memory.Padded).Clear();

        int end = _a.Causal ? Math.Min(_a.KeyLength, first + queries) : _a.KeyLength;
        for (int key = 0; key < end; key += _keyBlock)
        {
            int count = Math.Min(_keyBlock, _a.KeyLength - key);
            for (int query = 0; query < queries; query += nr) Attend<TSimd, TVector>(memory, n, h, first, query, key, count);
        }

        AttentionBlock.Finish<TSimd, TVector>(_a, n, h, first, queries, nr, memory.Outputs, memory.PaddedDepth, memory.Sums);
    }

    // One panel of queries, first + query and on, sees keys key … key + count - 1, a block of the packed ones.
    private void Attend<TSimd, TVector>(in Memory memory, int n, int h, int first, int query, int key, int count)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int nr = AttentionTile.Columns(TSimd.Count), mr = AttentionTile.Rows(TSimd.Count), absolute = first + query;
        int seen = _a.Causal ? Math.Min(count, absolute + nr - key) : count;
        if (seen <= 0) return;

        for (int depth = 0; depth < _a.HeadDim; depth += _depthBlock)
        {
            int length = Math.Min(_depthBlock, _a.HeadDim - depth);
            float* a = memory.Keys + (nint)key * _a.HeadDim + TOperands.Floats(depth, mr), b = memory.Queries + (nint)query * _a.HeadDim + TOperands.Floats(depth, nr);
            for (int i = 0; i < seen; i += mr, a += mr * _a.HeadDim)
                TOperands.Multiply<TSimd, TVector>(length, a, b, memory.Scores + i * nr, nr, accumulate: depth > 0);
        }

        if (_a.Mask is not null) AttentionBlock.AddMask<TSimd, TVector>(_a, memory.Scores, n, h, absolute, nr, key, seen);
        if (_a.Causal) AttentionBlock.HideLaterKeys(memory.Scores, nr, absolute, key, seen);

        float* outputs = memory.Outputs + query * memory.PaddedDepth;
        for (int lane = 0; lane < nr; lane += TSimd.Count)
            Exponentials<TSimd, TVector>(memory.Scores + lane, nr, seen, memory.Maxima + query + lane, memory.Sums + query + lane, outputs + lane, memory.PaddedDepth);

        TOperands.Convert<TSimd, TVector>(memory.Scores, seen, nr);
        float* value = memory.Values + (nint)key * memory.PaddedDepth;
        for (nint i = 0; i < memory.PaddedDepth; i += mr, value += (nint)mr * count)
            TOperands.Multiply<TSimd, TVector>(seen, value, memory.Scores, outputs + i * nr, nr, accumulate: true);
    }

    // Scores become 2^(score - maximum), a vector of queries over all keys. The maximum moves only where it would lag
    // too far behind; then what was summed before is rescaled.
    private static void Exponentials<TSimd, TVector>(float* scores, int stride, int keys, float* maxima, float* sums, float* outputs, int depth)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector before = TSimd.Load(maxima), largest = AttentionBlock.Largest<TSimd, TVector>(scores, stride, keys);

        // Not the opposite comparison: NaN in one lane must not keep the others from moving on.
        if (!(TSimd.MaxLanes(TSimd.Subtract(largest, before)) <= MaximumLag))
        {
            TVector maximum = TSimd.MaxNative(before, largest);
            TSimd.Store(maxima, maximum);
            TVector rescale = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(before, AttentionBlock.Finite<TSimd, TVector>(maximum)));
            TSimd.Store(sums, TSimd.Multiply(TSimd.Load(sums), rescale));
            for (; depth > 0; depth--, outputs += stride) TSimd.Store(outputs, TSimd.Multiply(TSimd.Load(outputs), rescale));
            before = maximum;
        }

        TVector sum = AttentionBlock.Exponentials<TSimd, TVector>(scores, stride, keys, AttentionBlock.Finite<TSimd, TVector>(before));
        TSimd.Store(sums, TSimd.Add(TSimd.Load(sums), sum));
    }

    // Panels of MR keys, [headDim, MR]; keys beyond the last repeat it.
    private void PackKeys<TSimd, TVector>(float* source, float* panels) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int mr = AttentionTile.Rows(TSimd.Count);
        float** rows = stackalloc float*[mr];
        for (int key = 0; key < _a.KeyLength; key += mr, panels += mr * _a.HeadDim)
        {
            for (int r = 0; r < mr; r++) rows[r] = source + Math.Min(key + r, _a.KeyLength - 1) * _a.KeyStrides.Token;
            PanelPacking.Interleave(rows, mr, _a.HeadDim, panels);
            TOperands.Convert<TSimd, TVector>(panels, _a.HeadDim, mr);
        }
    }

    // By blocks of keys, panels of MR elements, [keys, MR]; elements beyond the last are zero.
    private void PackValues<TSimd, TVector>(float* source, float* panels) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int mr = AttentionTile.Rows(TSimd.Count);
        for (int key = 0; key < _a.KeyLength; key += _keyBlock)
        {
            int count = Math.Min(_keyBlock, _a.KeyLength - key);
            for (int column = 0; column < _a.HeadDim; column += mr)
            {
                float* from = source + key * _a.ValueStrides.Token + column;
                int used = Math.Min(mr, _a.HeadDim - column);
                for (int i = 0; i < count; i++, from += _a.ValueStrides.Token, panels += mr)
                {
                    if (used == 4) Vector128.Load(from).Store(panels);
                    else if (used == 8) Vector256.Load(from).Store(panels);
                    else for (int r = 0; r < mr; r++) panels[r] = r < used ? from[r] : 0;
                }

                TOperands.Convert<TSimd, TVector>(panels - (nint)count * mr, count, mr);
            }
        }
    }

    /// <summary>A thread's scratch, cut up: the packed keys and values of a head, then what works on a block of queries.</summary>
    private readonly struct Memory
    {
        public readonly float* Queries, Outputs, Keys, Values, Scores, Maxima, Sums;
        public readonly int Padded, PaddedDepth;

        public Memory(in AttentionArguments a, int queries, int keys, int lanes)
        {
            int nr = AttentionTile.Columns(lanes), mr = AttentionTile.Rows(lanes);
            (Padded, PaddedDepth) = (queries, Blocks.RoundUp(a.HeadDim, mr));
            nint queryFloats = AttentionBlock.Line((nint)queries * a.HeadDim), outputFloats = AttentionBlock.Line((nint)queries * PaddedDepth), perQuery = AttentionBlock.Line(queries), scoreFloats = AttentionBlock.Line((nint)keys * nr);
            (nint keyFloats, nint valueFloats) = FlashAttention.PackedFloats(a.KeyLength, a.HeadDim, mr);
            Keys = (float*)Scratch.Take((keyFloats + valueFloats + queryFloats + outputFloats + scoreFloats + 2 * perQuery) * sizeof(float));
            Values = Keys + keyFloats;
            Queries = Values + valueFloats;
            Outputs = Queries + queryFloats;
            Scores = Outputs + outputFloats;
            Maxima = Scores + scoreFloats;
            Sums = Maxima + perQuery;
        }
    }
}
