// The vector operations that every kernel is written with, once for all widths.
// A kernel is generic over the pair (TSimd, TVector), for example (Simd512, Vector512<float>); the JIT makes one
// specialized body per pair, in which each call below is one instruction. SimdScalar serves remainders, so a pointwise
// formula exists once, and its scalar form is the same formula.

namespace Brushfire.Kernels;

/// <summary>Operations on a vector of float32 lanes. Comparisons give masks: all bits of a lane set, or none.</summary>
public unsafe interface ISimd<TVector> where TVector : struct
{
    /// <summary>Number of float32 lanes.</summary>
    static abstract int Count { get; }

    /// <summary>How many vectors these lanes are, each of which may lie at a place of its own in memory.</summary>
    static abstract int Places { get; }

    static abstract TVector Zero { get; }
    static abstract TVector Load(float* source);

    /// <summary>Each vector from its own place, <paramref name="apart"/> elements from that of the one before; 0 repeats the first.</summary>
    static abstract TVector Load(float* source, nint apart);

    /// <summary>Asks for the memory of a vector. A hint: nothing is read, so the address may lie beyond what is there.</summary>
    static abstract void Prefetch(float* source);

    /// <summary>The same of each vector at its own place.</summary>
    static abstract void Prefetch(float* source, nint apart);

    static abstract void Store(float* destination, TVector value);

    /// <summary>Each vector to its own place, <paramref name="apart"/> elements from that of the one before.</summary>
    static abstract void Store(float* destination, nint apart, TVector value);

    /// <summary>Writes past the caches where the processor can, for results larger than these; each vector to its own place, which is a multiple of a vector's size.</summary>
    static abstract void StoreNonTemporal(float* destination, nint apart, TVector value);

    /// <summary>The first <paramref name="count"/> lanes from memory, the others zero; reads nothing beyond them. 0 ≤ count ≤ Count.</summary>
    static abstract TVector LoadPartial(float* source, int count);

    /// <summary>Writes the first <paramref name="count"/> lanes and nothing beyond them. 0 ≤ count ≤ Count.</summary>
    static abstract void StorePartial(float* destination, TVector value, int count);

    static abstract TVector Broadcast(float value);

    /// <summary>A number for each place, repeated in its lanes.</summary>
    static abstract TVector Broadcast(float* values);

    static abstract TVector Add(TVector a, TVector b);
    static abstract TVector Subtract(TVector a, TVector b);
    static abstract TVector Multiply(TVector a, TVector b);
    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a * b + c, fused where the processor has it.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>The smaller lane; NaN where either is NaN.</summary>
    static abstract TVector Min(TVector a, TVector b);

    /// <summary>The larger lane; NaN where either is NaN.</summary>
    static abstract TVector Max(TVector a, TVector b);

    /// <summary>The larger lane in one instruction; a NaN in <paramref name="b"/> stays, one in <paramref name="a"/> may be lost.</summary>
    static abstract TVector MaxNative(TVector a, TVector b);

    /// <summary>a brought into low … high; NaN where a is NaN. Cheaper than Max of Min.</summary>
    static abstract TVector Clamp(TVector a, TVector low, TVector high);

    static abstract TVector Sqrt(TVector a);
    static abstract TVector Abs(TVector a);
    static abstract TVector Negate(TVector a);
    static abstract TVector Floor(TVector a);

    /// <summary>Nearest integer, ties to even.</summary>
    static abstract TVector Round(TVector a);

    static abstract TVector LessThan(TVector a, TVector b);
    static abstract TVector Equal(TVector a, TVector b);

    /// <summary>Lanes of <paramref name="a"/> where the mask is set, of <paramref name="b"/> elsewhere.</summary>
    static abstract TVector Select(TVector mask, TVector a, TVector b);

    /// <summary>Bitwise and, also for sign and mask tricks.</summary>
    static abstract TVector And(TVector a, TVector b);
    static abstract TVector Or(TVector a, TVector b);

    /// <summary>a * 2^n for integral n with -252 ≤ n ≤ 254; overflow gives infinity, underflow subnormals or zero.</summary>
    static abstract TVector Scale(TVector a, TVector n);

    /// <summary>floor(log2(a)) of a positive normal number.</summary>
    static abstract TVector Exponent(TVector a);

    /// <summary>2^n for integral n with -126 ≤ n ≤ 127; n = -127 gives 0, n = 128 infinity.</summary>
    static abstract TVector PowerOfTwo(TVector n);

    /// <summary>Lanes rounded to the nearest bfloat16, ties to even, still as float32. NaN stays NaN.</summary>
    static abstract TVector RoundToBFloat16(TVector a);

    /// <summary>Two bfloat16 numbers a lane, rounded from float32: <paramref name="low"/> in the lower half of the bits.</summary>
    static abstract TVector PackBFloat16(TVector low, TVector high);

    /// <summary>The lower halves of packed bfloat16 pairs, as float32.</summary>
    static abstract TVector LowBFloat16(TVector pairs);

    /// <summary>The upper halves of packed bfloat16 pairs, as float32.</summary>
    static abstract TVector HighBFloat16(TVector pairs);

    static abstract float SumLanes(TVector a);

    /// <summary>The sum of each place's lanes.</summary>
    static abstract void SumLanes(TVector a, float* sums);

    static abstract float MaxLanes(TVector a);
}

/// <summary>A kernel's work, cut by shape into items that can run in any order on any thread.</summary>
public interface IWork
{
    /// <summary>Does item <paramref name="item"/> with the given vector width.</summary>
    void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct;
}
