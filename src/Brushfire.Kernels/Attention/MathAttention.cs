// Attention as it is written in formulas: scores of all heads in memory, softmax of each row, second product.

namespace Brushfire.Kernels;

internal static unsafe class MathAttention
{
    public static void Run(in AttentionArguments a)
    {
        nint headScores = (nint)a.QueryLength * a.KeyLength;
        nint keyBytes = PackedMatrix.Bytes(a.HeadDim, a.KeyLength, a.Element), valueBytes = PackedMatrix.Bytes(a.KeyLength, a.HeadDim, a.Element);
        void* packed = AlignedMemory.Allocate(a.Heads * nint.Max(keyBytes, valueBytes));
        float* scores = a.Scores;
        try
        {
            if (scores is null) scores = (float*)AlignedMemory.Allocate(a.Batch * a.Heads * headScores * sizeof(float));
            for (int n = 0; n < a.Batch; n++) Score(a, n, packed, scores + n * a.Heads * headScores);
            var rows = new RowsWork { Arguments = a, Scores = scores };
            WorkerPool.Run(checked((int)(((nint)a.Batch * a.Heads * a.QueryLength + RowsWork.RowsPerItem - 1) / RowsWork.RowsPerItem)), ref rows);
            for (int n = 0; n < a.Batch; n++) Weigh(a, n, packed, scores + n * a.Heads * headScores);
        }
        finally
        {
            if (a.Scores is null) AlignedMemory.Free(scores);
            AlignedMemory.Free(packed);
        }
    }

    // scores [heads, queryLength, keyLength] = scale * query keyᵀ
    private static void Score(in AttentionArguments a, int n, void* packed, float* scores)
    {
        var source = new MatrixSource(a.Key + n * a.KeyStrides.Batch, a.KeyLength, a.KeyStrides.Token, a.HeadDim, 1, batch: a.Heads, batchStride: a.KeyStrides.Head);
        var panels = new MatrixPanels<NoPrologue>(a.Query + n * a.QueryStrides.Batch, a.QueryStrides.Head, a.QueryStrides.Token, 1, default);
        var epilogue = new StoreEpilogue(scores, (nint)a.QueryLength * a.KeyLength, a.KeyLength, scale: a.Scale);
        Gemm.Run(a.Heads, a.QueryLength, panels, PackedMatrix.Pack(packed, source, a.Element), epilogue);
    }

    // output [heads, queryLength, headDim] = probabilities value
    private static void Weigh(in AttentionArguments a, int n, void* packed, float* probabilities)
    {
        var source = new MatrixSource(a.Value + n * a.ValueStrides.Batch, a.HeadDim, 1, a.KeyLength, a.ValueStrides.Token, batch: a.Heads, batchStride: a.ValueStrides.Head);
        var panels = new MatrixPanels<NoPrologue>(probabilities, (nint)a.QueryLength * a.KeyLength, a.KeyLength, 1, default);
        var epilogue = new StoreEpilogue(a.Output + n * a.OutputStrides.Batch, a.OutputStrides.Head, a.OutputStrides.Token);
        Gemm.Run(a.Heads, a.QueryLength, panels, PackedMatrix.Pack(packed, source, a.Element), epilogue);
    }

    // Masks and softmax, in place.
    private struct RowsWork : IWork
    {
        public const int RowsPerItem = 16;

        public AttentionArguments Arguments;
        public float* Scores;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint start = (nint)item * RowsPerItem, end = nint.Min(start + RowsPerItem, (nint)Arguments.Batch * Arguments.Heads * Arguments.QueryLength);
            for (nint row = start; row < end; row++)
            {
                float* scores = Scores + row * Arguments.KeyLength;
                (nint head, nint query) = Math.DivRem(row, Arguments.QueryLength);
                if (Arguments.Mask is not null) AddMask(scores, head, query);
                int seen = Arguments.Causal ? (int)nint.Min(query + 1, Arguments.KeyLength) : Arguments.KeyLength;
                new Span<float>(scores + seen, Arguments.KeyLength - seen).Clear();
                float max = Softmax.Row<TSimd, TVector>(seen, scores, scores);
                if (float.IsNegativeInfinity(max)) new Span<float>(scores, seen).Clear();
            }
        }

        private readonly void AddMask(float* scores, nint head, nint query)
        {
            AttentionMaskStrides strides = Arguments.MaskStrides;
            float* mask = Arguments.Mask + head / Arguments.Heads * strides.Batch + head % Arguments.Heads * strides.Head + query * strides.Query;
            for (int key = 0; key < Arguments.KeyLength; key++) scores[key] += mask[key * strides.Key];
        }
    }
}
