// The element types that memory can hold, and what one value of each turns into another, as torch's `.to()` has it:
// float to integer truncates, integer to a narrower integer keeps the low bits, anything to bool is ≠ 0; everything else rounds to nearest even.
// Double and integers go to the 16-bit floats by way of float32, also as torch does. Floats outside an integer's range, which torch leaves
// open, saturate at 32 and 64 bits and keep the low 8 bits for u8.

namespace Brushfire.Kernels;

/// <summary>The type of an element in memory. Bool is one byte, 0 or 1.</summary>
public enum ElementKind { Float32, Float16, BFloat16, Float64, Int32, Int64, UInt8, Bool }

// A value as stored. It hands itself over in the widest of three forms that holds it exactly.
internal interface IElement<TSelf> where TSelf : unmanaged, IElement<TSelf>
{
    static abstract TSelf From(float value);
    static abstract TSelf From(double value);
    static abstract TSelf From(long value);
    TTo To<TTo>() where TTo : unmanaged, IElement<TTo>;
}

internal readonly struct Float32Element(float value) : IElement<Float32Element>
{
    private readonly float _value = value;
    public static Float32Element From(float value) => new(value);
    public static Float32Element From(double value) => new((float)value);
    public static Float32Element From(long value) => new(value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From(_value);
}

internal readonly struct Float16Element(Half value) : IElement<Float16Element>
{
    private readonly Half _value = value;
    public static Float16Element From(float value) => new((Half)value);
    public static Float16Element From(double value) => From((float)value);
    public static Float16Element From(long value) => From((float)value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From((float)_value);
}

internal readonly struct BFloat16Element(ushort bits) : IElement<BFloat16Element>
{
    private readonly ushort _bits = bits;

    // The upper half of a float32; the addition carries into it what rounds up, ties only onto an odd last bit.
    public static BFloat16Element From(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return new((ushort)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    public static BFloat16Element From(double value) => From((float)value);
    public static BFloat16Element From(long value) => From((float)value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From(BitConverter.UInt32BitsToSingle((uint)_bits << 16));
}

internal readonly struct Float64Element(double value) : IElement<Float64Element>
{
    private readonly double _value = value;
    public static Float64Element From(float value) => new(value);
    public static Float64Element From(double value) => new(value);
    public static Float64Element From(long value) => new(value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From(_value);
}

internal readonly struct Int32Element(int value) : IElement<Int32Element>
{
    private readonly int _value = value;
    public static Int32Element From(float value) => new((int)value);
    public static Int32Element From(double value) => new((int)value);
    public static Int32Element From(long value) => new((int)value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From((long)_value);
}

internal readonly struct Int64Element(long value) : IElement<Int64Element>
{
    private readonly long _value = value;
    public static Int64Element From(float value) => new((long)value);
    public static Int64Element From(double value) => new((long)value);
    public static Int64Element From(long value) => new(value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From(_value);
}

internal readonly struct UInt8Element(byte value) : IElement<UInt8Element>
{
    private readonly byte _value = value;
    public static UInt8Element From(float value) => new((byte)(long)value);
    public static UInt8Element From(double value) => new((byte)(long)value);
    public static UInt8Element From(long value) => new((byte)value);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From((long)_value);
}

internal readonly struct BoolElement(bool value) : IElement<BoolElement>
{
    private readonly byte _value = value ? (byte)1 : (byte)0;
    public static BoolElement From(float value) => new(value != 0);
    public static BoolElement From(double value) => new(value != 0);
    public static BoolElement From(long value) => new(value != 0);
    public TTo To<TTo>() where TTo : unmanaged, IElement<TTo> => TTo.From(_value != 0 ? 1L : 0L);
}
