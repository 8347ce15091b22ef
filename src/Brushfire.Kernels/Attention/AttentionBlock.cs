// What the kernels that work block by block share: panels of queries, masks, and exponentials over a panel of scores
// [keys, NR queries], whose lanes are queries.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

internal static unsafe class AttentionBlock
{
    private const float Log2E = 1.44269502f;

    /// <summary>Panels of <paramref name="nr"/> queries, times scale * log2(e), so that exponentials are powers of two. Lanes beyond the last query repeat it.</summary>
    public static void PackQueries<TSimd, TVector>(in AttentionArguments a, int n, int h, int first, int queries, int nr, float* panels)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* source = a.Query + n * a.QueryStrides.Batch + h * a.QueryStrides.Head + first * a.QueryStrides.Token;
        float** rows = stackalloc float*[nr];
        TVector factor = TSimd.Broadcast(a.Scale * Log2E);
        for (int query = 0; query < queries; query += nr, panels += nr * a.HeadDim)
        {
            for (int lane = 0; lane < nr; lane++) rows[lane] = source + Math.Min(query + lane, queries - 1) * a.QueryStrides.Token;
            PanelPacking.Interleave(rows, nr, a.HeadDim, panels);
            for (int i = 0; i < nr * a.HeadDim; i += TSimd.Count) TSimd.Store(panels + i, TSimd.Multiply(TSimd.Load(panels + i), factor));
        }
    }

    /// <summary>Adds the mask of queries <paramref name="query"/> and on, keys <paramref name="key"/> and on.</summary>
    public static void AddMask<TSimd, TVector>(in AttentionArguments a, float* scores, int n, int h, int query, int nr, int key, int count)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int last = a.QueryLength - 1;
        AttentionMaskStrides strides = a.MaskStrides;
        float* mask = a.Mask + n * strides.Batch + h * strides.Head + key * strides.Key;
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

    /// <summary>Hides from query <paramref name="query"/> + lane all keys of a higher index.</summary>
    public static void HideLaterKeys(float* scores, int nr, int query, int key, int count)
    {
        for (int i = Math.Max(0, query + 1 - key); i < count; i++)
            new Span<float>(scores + i * nr, Math.Min(nr, key + i - query)).Fill(float.NegativeInfinity);
    }

    /// <summary>The largest score of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Largest<TSimd, TVector>(float* scores, int stride, int keys) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector even = TSimd.Load(scores), odd = even;
        int key = 0;
        for (; key + 2 <= keys; key += 2, scores += 2 * stride)
        {
            even = TSimd.MaxNative(even, TSimd.Load(scores));
            odd = TSimd.MaxNative(odd, TSimd.Load(scores + stride));
        }

        if (key < keys) even = TSimd.MaxNative(even, TSimd.Load(scores));
        return TSimd.MaxNative(even, odd);
    }

    /// <summary>A maximum to subtract. As long as all keys are hidden, any finite number serves: the powers are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Finite<TSimd, TVector>(TVector maximum) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Select(TSimd.Equal(maximum, TSimd.Broadcast(float.NegativeInfinity)), TSimd.Zero, maximum);

    /// <summary>Scores of a lane vector become 2^(score - subtract); gives their sum.</summary>
    /// <remarks>Four keys go step by step together: one after the other, their chains of a dozen dependent operations would fill the processor's queue.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exponentials<TSimd, TVector>(float* scores, int stride, int keys, TVector subtract) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector even = TSimd.Zero, odd = TSimd.Zero;
        int key = 0;
        for (; key + 4 <= keys; key += 4, scores += 4 * stride)
        {
            TVector p0 = TSimd.Subtract(TSimd.Load(scores), subtract), p1 = TSimd.Subtract(TSimd.Load(scores + stride), subtract);
            TVector p2 = TSimd.Subtract(TSimd.Load(scores + 2 * stride), subtract), p3 = TSimd.Subtract(TSimd.Load(scores + 3 * stride), subtract);
            Exp2Operator.NonPositive<TSimd, TVector>(ref p0, ref p1, ref p2, ref p3);
            TSimd.Store(scores, p0);
            TSimd.Store(scores + stride, p1);
            TSimd.Store(scores + 2 * stride, p2);
            TSimd.Store(scores + 3 * stride, p3);
            even = TSimd.Add(TSimd.Add(even, p0), p2);
            odd = TSimd.Add(TSimd.Add(odd, p1), p3);
        }

        for (; key < keys; key++, scores += stride)
        {
            TVector p = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Subtract(TSimd.Load(scores), subtract));
            TSimd.Store(scores, p);
            even = TSimd.Add(even, p);
        }

        return TSimd.Add(even, odd);
    }

    /// <summary>Floats of a whole number of cache lines.</summary>
    public static nint Line(nint floats) => (floats + 15) & ~(nint)15;

    /// <summary>Writes the outputs of queries <paramref name="first"/> and on: panels [depth, NR queries], divided by their sums.</summary>
    public static void Finish<TSimd, TVector>(in AttentionArguments a, int n, int h, int first, int queries, int nr, float* outputs, int depth, float* sums)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (int query = 0; query < queries; query += nr)
        {
            float* output = a.Output + n * a.OutputStrides.Batch + h * a.OutputStrides.Head + (first + query) * a.OutputStrides.Token;
            Finish<TSimd, TVector>(a, outputs + query * depth, nr, sums + query, Math.Min(nr, queries - query), output);
        }
    }

    // output[query, :] = outputs[:, query] / sums[query], from [headDim, NR queries]; zero where a query saw no key.
    private static void Finish<TSimd, TVector>(in AttentionArguments a, float* outputs, int nr, float* sums, int queries, float* output)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (int lane = 0; lane < nr; lane += TSimd.Count)
        {
            TVector sum = TSimd.Load(sums + lane);
            TVector factor = TSimd.Select(TSimd.Equal(sum, TSimd.Zero), TSimd.Zero, TSimd.Divide(TSimd.Broadcast(1), sum));
            for (nint k = lane; k < (nint)a.HeadDim * nr; k += nr) TSimd.Store(outputs + k, TSimd.Multiply(TSimd.Load(outputs + k), factor));
        }

        nint token = a.OutputStrides.Token;
        int i = 0;
        for (; i + 4 <= a.HeadDim; i += 4, outputs += 4 * nr)
            PanelPacking.InterleaveFour(outputs, outputs + nr, outputs + 2 * nr, outputs + 3 * nr, queries, output + i, token);
        for (; i < a.HeadDim; i++, outputs += nr)
            for (int q = 0; q < queries; q++) output[q * token + i] = outputs[q];
    }
}
