// Memory for machine code: written, then made executable and read-only. Linux on x64 only; elsewhere kernels do without.

using System.Runtime.InteropServices;

namespace Brushfire.Kernels;

internal static unsafe partial class CodePages
{
    private const int Read = 1, Write = 2, Execute = 4, Private = 2, Anonymous = 0x20;

    /// <summary>Whether machine code for x64 with the System V calling convention can run here, as far as the system is concerned.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Executable memory with this code, for the rest of the process; null where the system refuses.</summary>
    public static void* Load(ReadOnlySpan<byte> code)
    {
        void* pages = Map(null, (nuint)code.Length, Read | Write, Private | Anonymous, -1, 0);
        if (pages == (void*)-1) return null;
        code.CopyTo(new Span<byte>(pages, code.Length));
        if (Protect(pages, (nuint)code.Length, Read | Execute) == 0) return pages;
        _ = Unmap(pages, (nuint)code.Length);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
