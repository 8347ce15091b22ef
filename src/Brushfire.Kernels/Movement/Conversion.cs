// Conversion between element types over contiguous memory. The pairs that weights and activations meet (float32 with float16 and
// bfloat16) go vector by vector, all others value by value; both by the rules in Element.cs.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

public static unsafe class Conversion
{
    // Elements of an item.
    private const int Chunk = 32 * 1024;

    /// <summary>destination[i] = source[i] as the other type. The buffers do not overlap.</summary>
    public static void Run(ElementKind from, ElementKind to, nint count, void* source, void* destination)
    {
        var work = new Work { Source = (byte*)source, Destination = (byte*)destination, Count = count, FromSize = SizeOf(from), ToSize = SizeOf(to), Loop = Loop(from, to) };
        WorkerPool.Run(checked((int)((count + Chunk - 1) / Chunk)), ref work);
    }

    /// <summary>Bytes of an element.</summary>
    public static int SizeOf(ElementKind kind) => kind switch
    {
        ElementKind.Float64 or ElementKind.Int64 => 8,
        ElementKind.Float32 or ElementKind.Int32 => 4,
        ElementKind.Float16 or ElementKind.BFloat16 => 2,
        ElementKind.UInt8 or ElementKind.Bool => 1,
    };

    private static delegate*<nint, void*, void*, void> Loop(ElementKind from, ElementKind to) => (from, to) switch
    {
        (ElementKind.Float32, ElementKind.Float16) => &Narrow<Float16Lanes, Float16Element>,
        (ElementKind.Float32, ElementKind.BFloat16) => &Narrow<BFloat16Lanes, BFloat16Element>,
        (ElementKind.Float16, ElementKind.Float32) => &Widen<Float16Lanes, Float16Element>,
        (ElementKind.BFloat16, ElementKind.Float32) => &Widen<BFloat16Lanes, BFloat16Element>,
        _ => from switch
        {
            ElementKind.Float32 => LoopFrom<Float32Element>(to),
            ElementKind.Float16 => LoopFrom<Float16Element>(to),
            ElementKind.BFloat16 => LoopFrom<BFloat16Element>(to),
            ElementKind.Float64 => LoopFrom<Float64Element>(to),
            ElementKind.Int32 => LoopFrom<Int32Element>(to),
            ElementKind.Int64 => LoopFrom<Int64Element>(to),
            ElementKind.UInt8 => LoopFrom<UInt8Element>(to),
            ElementKind.Bool => LoopFrom<BoolElement>(to),
        },
    };

    private static delegate*<nint, void*, void*, void> LoopFrom<TFrom>(ElementKind to) where TFrom : unmanaged, IElement<TFrom> => to switch
    {
        ElementKind.Float32 => &OneByOne<TFrom, Float32Element>,
        ElementKind.Float16 => &OneByOne<TFrom, Float16Element>,
        ElementKind.BFloat16 => &OneByOne<TFrom, BFloat16Element>,
        ElementKind.Float64 => &OneByOne<TFrom, Float64Element>,
        ElementKind.Int32 => &OneByOne<TFrom, Int32Element>,
        ElementKind.Int64 => &OneByOne<TFrom, Int64Element>,
        ElementKind.UInt8 => &OneByOne<TFrom, UInt8Element>,
        ElementKind.Bool => &OneByOne<TFrom, BoolElement>,
    };

    private static void OneByOne<TFrom, TTo>(nint count, void* source, void* destination) where TFrom : unmanaged, IElement<TFrom> where TTo : unmanaged, IElement<TTo>
    {
        for (nint i = 0; i < count; i++) ((TTo*)destination)[i] = ((TFrom*)source)[i].To<TTo>();
    }

    private static void Narrow<TLanes, TElement>(nint count, void* source, void* destination) where TLanes : struct, ILanes where TElement : unmanaged, IElement<TElement>
    {
        uint* from = (uint*)source;
        ushort* to = (ushort*)destination;
        nint i = 0;
        for (; i <= count - 8; i += 8) Vector128.Narrow(TLanes.Narrow(Vector128.Load(from + i)), TLanes.Narrow(Vector128.Load(from + i + 4))).Store(to + i);
        OneByOne<Float32Element, TElement>(count - i, from + i, to + i);
    }

    private static void Widen<TLanes, TElement>(nint count, void* source, void* destination) where TLanes : struct, ILanes where TElement : unmanaged, IElement<TElement>
    {
        ushort* from = (ushort*)source;
        uint* to = (uint*)destination;
        nint i = 0;
        for (; i <= count - 8; i += 8)
        {
            (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(Vector128.Load(from + i));
            TLanes.Widen(lower).Store(to + i);
            TLanes.Widen(upper).Store(to + i + 4);
        }

        OneByOne<TElement, Float32Element>(count - i, from + i, to + i);
    }

    // Bits of float32 lanes to the bits of a 16-bit float in the lower half, and back. 128 bits keep up with memory on any processor.
    private interface ILanes
    {
        static abstract Vector128<uint> Narrow(Vector128<uint> bits);
        static abstract Vector128<uint> Widen(Vector128<uint> bits);
    }

    private readonly struct BFloat16Lanes : ILanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Narrow(Vector128<uint> bits)
        {
            Vector128<uint> upper = bits >> 16;
            Vector128<uint> rounded = (bits + Vector128.Create(0x7FFFu) + (upper & Vector128<uint>.One)) >> 16;
            return Vector128.ConditionalSelect(IsNaN(bits), upper | Vector128.Create(0x40u), rounded);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Widen(Vector128<uint> bits) => bits << 16;
    }

    private readonly struct Float16Lanes : ILanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Narrow(Vector128<uint> bits)
        {
            Vector128<uint> sign = (bits >> 16) & Vector128.Create(0x8000u);
            Vector128<uint> magnitude = bits & Vector128.Create(0x7FFFFFFFu);

            // Normal halves: the exponent's bias goes from 127 to 15, and the addition carries what rounds up (65520 and more into infinity).
            Vector128<uint> rounded = (magnitude - Vector128.Create(112u << 23) + Vector128.Create(0xFFFu) + ((magnitude >> 13) & Vector128<uint>.One)) >> 13;

            // Below 2^-14: adding 1/2 leaves the half's 2^-24 steps as the last bits of the sum, rounded by the processor.
            Vector128<uint> small = (magnitude.AsSingle() + Vector128.Create(0.5f)).AsUInt32() - Vector128.Create(0x3F000000u);
            Vector128<uint> result = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(113u << 23)), small, rounded);
            result = Vector128.Min(result, Vector128.Create(0x7C00u));
            Vector128<uint> nan = Vector128.Create(0x7E00u) | ((bits >> 13) & Vector128.Create(0x3FFu));
            return Vector128.ConditionalSelect(IsNaN(bits), nan, result) | sign;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<uint> Widen(Vector128<uint> bits)
        {
            // The product moves the exponent's bias from 15 to 127 and normalizes subnormals; infinity and NaN want all exponent bits.
            Vector128<uint> sign = (bits & Vector128.Create(0x8000u)) << 16;
            Vector128<uint> magnitude = bits & Vector128.Create(0x7FFFu);
            Vector128<uint> scaled = ((magnitude << 13).AsSingle() * Vector128.Create(5.192296858534828e33f)).AsUInt32(); // 2^112
            Vector128<uint> special = Vector128.GreaterThan(magnitude, Vector128.Create(0x7BFFu)) & Vector128.Create(0x7F800000u);
            Vector128<uint> quiet = Vector128.GreaterThan(magnitude, Vector128.Create(0x7C00u)) & Vector128.Create(0x00400000u);
            return scaled | special | quiet | sign;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> IsNaN(Vector128<uint> bits) =>
        Vector128.GreaterThan((bits & Vector128.Create(0x7FFFFFFFu)).AsInt32(), Vector128.Create(0x7F800000)).AsUInt32();

    private struct Work : IWork
    {
        public byte* Source, Destination;
        public nint Count;
        public int FromSize, ToSize;
        public delegate*<nint, void*, void*, void> Loop;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint start = (nint)item * Chunk;
            Loop(nint.Min(Chunk, Count - start), Source + start * FromSize, Destination + start * ToSize);
        }
    }
}
