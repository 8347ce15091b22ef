// The sizes of a tensor's dimensions, outermost first. Compared element by element, so that records holding shapes
// compare by value.

using System.Collections;
using System.Runtime.CompilerServices;

namespace Brushfire.Tensors;

/// <summary>Sizes of the dimensions, outermost first; rank 0 is a scalar. Sizes are ≥ 0, and at most 2^56 elements.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<int>
{
    public const int MaxRank = 8;

    // More than any address space has; sums of byte sizes and strides stay far below the end of long.
    private const long MaxCount = 1L << 56;
    private readonly int[]? _sizes;

    /// <exception cref="BrushfireException">A size is negative, the rank is over 8, or the elements are too many.</exception>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > MaxRank) throw new BrushfireException($"A shape of rank {sizes.Length} is not supported; the largest rank is {MaxRank}.");
        _sizes = sizes.ToArray();
        Int128 product = 1;
        foreach (int size in sizes)
        {
            if (size < 0) throw new BrushfireException($"A shape cannot have the negative size {size} ({this}).");
            product *= size;
            if (product > MaxCount) throw new BrushfireException($"The shape {this} has more elements than memory can address.");
        }

        Count = (long)product;
    }

    public static Shape Scalar { get; } = new([]);

    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    public int Rank => _sizes?.Length ?? 0;

    /// <summary>Number of elements; 1 for a scalar.</summary>
    public long Count { get => field == 0 && _sizes is null ? 1 : field; }

    public int this[Index axis] => Sizes[axis];
    public ReadOnlySpan<int> Sizes => _sizes;

    public static implicit operator Shape(int[] sizes) => new(sizes);

    /// <summary>Row-major strides in elements.</summary>
    public Strides RowMajor()
    {
        Span<long> strides = stackalloc long[Rank];
        long stride = 1;
        for (int axis = Rank - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= Math.Max(1, Sizes[axis]);
        }

        return new Strides(strides);
    }

    /// <summary>This shape with one size replaced.</summary>
    public Shape With(int axis, int size)
    {
        int[] sizes = Sizes.ToArray();
        sizes[axis] = size;
        return new Shape(sizes);
    }

    /// <summary>The axis counted from the front: -1 is the last.</summary>
    /// <exception cref="BrushfireException">The axis lies outside.</exception>
    public int Axis(int axis, string operation)
    {
        int fromFront = axis < 0 ? axis + Rank : axis;
        return (uint)fromFront < (uint)Rank ? fromFront : throw new BrushfireException($"{operation}: axis {axis} is outside of {this}, which has rank {Rank}.");
    }

    public bool Equals(Shape other) => Sizes.SequenceEqual(other.Sizes);
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int size in Sizes) hash.Add(size);
        return hash.ToHashCode();
    }

    public static bool operator ==(Shape left, Shape right) => left.Equals(right);
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    IEnumerator<int> IEnumerable<int>.GetEnumerator() => ((IEnumerable<int>)(_sizes ?? [])).GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => (_sizes ?? []).GetEnumerator();

    /// <summary>For example [2,77,768].</summary>
    public override string ToString() => $"[{string.Join(',', _sizes ?? [])}]";
}

/// <summary>Distances between neighbours along each axis, in elements; 0 repeats an element.</summary>
public readonly struct Strides : IEquatable<Strides>
{
    private readonly long[]? _values;

    public Strides(ReadOnlySpan<long> values) => _values = values.ToArray();

    public ReadOnlySpan<long> Values => _values;
    public long this[Index axis] => Values[axis];

    /// <summary>Whether elements of a shape lie in row-major order without gaps; true where there are none.</summary>
    public bool AreRowMajor(Shape shape)
    {
        if (shape.Count == 0) return true;
        long expected = 1;
        for (int axis = shape.Rank - 1; axis >= 0; axis--)
        {
            if (shape[axis] != 1 && this[axis] != expected) return false;
            expected *= shape[axis];
        }

        return true;
    }

    public bool Equals(Strides other) => Values.SequenceEqual(other.Values);
    public override bool Equals(object? obj) => obj is Strides other && Equals(other);
    public override int GetHashCode() => _values is { Length: > 0 } values ? HashCode.Combine(values.Length, values[0], values[^1]) : 0;
    public override string ToString() => $"[{string.Join(',', _values ?? [])}]";
    public static bool operator ==(Strides left, Strides right) => left.Equals(right);
    public static bool operator !=(Strides left, Strides right) => !left.Equals(right);
}
