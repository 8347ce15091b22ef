// Peak resident memory: the number that a report tells grows with what is touched. It counts for the whole process, so nothing runs beside this test.

using System.Runtime.InteropServices;
using Brushfire.Bench;
using Brushfire.Tests.Tensors;

namespace Brushfire.Tests.Bench;

[Collection(nameof(ParameterTests))]
public sealed unsafe class ResidentMemoryTests
{
    public ResidentMemoryTests() => ProcessMemory.Settle();

    [Fact]
    public void A_block_that_is_gone_again_is_in_the_peak()
    {
        const int Bytes = 256 << 20;
        using var memory = new ResidentMemory();
        long before = memory.PeakBytes;
        byte* block = (byte*)NativeMemory.Alloc(Bytes);
        new Span<byte>(block, Bytes).Fill(1);
        Thread.Sleep(100); // several samples
        NativeMemory.Free(block);
        Assert.InRange(memory.PeakBytes, before + Bytes * 3L / 4, long.MaxValue);
    }
}
