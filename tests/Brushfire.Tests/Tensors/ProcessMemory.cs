// What tests that look at the memory of the whole process start with.

using Brushfire.Tensors;

namespace Brushfire.Tests.Tensors;

internal static class ProcessMemory
{
    /// <summary>Gives back tensors that earlier tests left to the finalizer: else it would in the middle of the next test.</summary>
    public static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Allocator.Trim();
    }
}
