// Numbers in native memory between two fences of NaN: a kernel that uses numbers from outside spoils its result, and one
// that writes outside breaks a fence. The numbers end where the block ends but for the fence, at any alignment.

using System.Runtime.InteropServices;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class Guarded : IDisposable
{
    private const int Fence = 256;
    private const uint Mark = 0x7FC0BEEF;

    private readonly void* _block;

    /// <summary>Numbers in [-1, 1) from the seed, 64-byte aligned when <paramref name="shift"/> is 0.</summary>
    public Guarded(int count, int seed, int shift = 0)
    {
        Count = count;
        _block = NativeMemory.AlignedAlloc((nuint)(count + 2 * Fence + 16) * sizeof(float), 64);
        Pointer = (float*)_block + Fence + shift;
        new Span<uint>(_block, count + 2 * Fence + 16).Fill(Mark);
        var random = new Random(seed);
        for (int i = 0; i < count; i++) Pointer[i] = random.NextSingle() * 2 - 1;
    }

    /// <summary>A copy of the numbers.</summary>
    public Guarded(float[] values) : this(values.Length, 0) => values.CopyTo(Span);

    public int Count { get; }
    public float* Pointer { get; }
    public Span<float> Span => new(Pointer, Count);

    /// <summary>Fails if anything was written outside.</summary>
    public void AssertFences()
    {
        uint* before = (uint*)_block, after = (uint*)(Pointer + Count), end = before + Count + 2 * Fence + 16;
        for (; before < Pointer; before++) Assert.True(*before == Mark, $"element {before - (uint*)Pointer} was written");
        for (; after < end; after++) Assert.True(*after == Mark, $"element {after - (uint*)Pointer} of {Count} was written");
    }

    public void Dispose()
    {
        AssertFences();
        NativeMemory.AlignedFree(_block);
    }
}
