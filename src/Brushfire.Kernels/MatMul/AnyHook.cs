// Hooks behind an address. A product's machine code is made for each pair of hook types; generated kernels, of which a graph has
// dozens, share it through these: the JIT then makes only the hooks themselves, and a tile costs one more call.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

/// <summary>Any prologue, called through its address.</summary>
public readonly unsafe struct AnyPrologue : IPrologue
{
    private readonly void* _prologue;
    private readonly delegate*<void*, float*, int, int, nint, int, float*, void> _apply;

    private AnyPrologue(void* prologue, delegate*<void*, float*, int, int, nint, int, float*, void> apply)
    {
        _prologue = prologue;
        _apply = apply;
    }

    /// <summary>A prologue in the caller's frame, which has to outlast the product.</summary>
    public static AnyPrologue Of<TPrologue>(ref TPrologue prologue) where TPrologue : struct, IPrologue => new(Unsafe.AsPointer(ref prologue), Isas.Current switch
    {
        Isa.Avx512 => &Apply<TPrologue, Simd512, Vector512<float>>,
        Isa.Avx2 => &Apply<TPrologue, Simd256, Vector256<float>>,
        Isa.Portable => &Apply<TPrologue, Simd128, Vector128<float>>,
    });

    public void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        _apply(_prologue, source, count, batch, row, column, destination);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply<TPrologue, TSimd, TVector>(void* prologue, float* source, int count, int batch, nint row, int column, float* destination)
        where TPrologue : struct, IPrologue where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Unsafe.AsRef<TPrologue>(prologue).Apply<TSimd, TVector>(source, count, batch, row, column, destination);
}

/// <summary>Any epilogue, called through its address.</summary>
public readonly unsafe struct AnyEpilogue : IEpilogue
{
    private readonly void* _epilogue;
    private readonly delegate*<void*, int, nint, int, int, int, void> _prefetch;
    private readonly delegate*<void*, float*, nint, int, nint, int, int, int, void> _store;

    private AnyEpilogue(void* epilogue, delegate*<void*, int, nint, int, int, int, void> prefetch, delegate*<void*, float*, nint, int, nint, int, int, int, void> store)
    {
        _epilogue = epilogue;
        _prefetch = prefetch;
        _store = store;
    }

    /// <summary>An epilogue in the caller's frame, which has to outlast the product.</summary>
    public static AnyEpilogue Of<TEpilogue>(ref TEpilogue epilogue) where TEpilogue : struct, IEpilogue => new(Unsafe.AsPointer(ref epilogue), &Prefetch<TEpilogue>, Isas.Current switch
    {
        Isa.Avx512 => &Store<TEpilogue, Simd512, Vector512<float>>,
        Isa.Avx2 => &Store<TEpilogue, Simd256, Vector256<float>>,
        Isa.Portable => &Store<TEpilogue, Simd128, Vector128<float>>,
    });

    public void Prefetch(int batch, nint row, int column, int rows, int columns) => _prefetch(_epilogue, batch, row, column, rows, columns);

    public void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        _store(_epilogue, tile, tileStride, batch, row, column, rows, columns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Prefetch<TEpilogue>(void* epilogue, int batch, nint row, int column, int rows, int columns) where TEpilogue : struct, IEpilogue =>
        Unsafe.AsRef<TEpilogue>(epilogue).Prefetch(batch, row, column, rows, columns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Store<TEpilogue, TSimd, TVector>(void* epilogue, float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns)
        where TEpilogue : struct, IEpilogue where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Unsafe.AsRef<TEpilogue>(epilogue).Store<TSimd, TVector>(tile, tileStride, batch, row, column, rows, columns);
}
