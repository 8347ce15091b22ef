// An index, or an element's number, as a function of a loop nest's dimensions: offset + sum of stride[d] * i[d]. Movement ops turn
// into these: the number is divided into the axes of a view and added up again by the view's strides.

namespace Brushfire.Compiler.Loops;

/// <summary>offset + Σ strides[d] i[d]; compared by value.</summary>
internal sealed class Affine(long offset, long[] strides) : IEquatable<Affine>
{
    public long Offset { get; } = offset;
    public ReadOnlySpan<long> Strides => strides;
    public int Rank => strides.Length;
    public long this[Index dimension] => strides[dimension];

    public static Affine Constant(long value, int rank) => new(value, new long[rank]);

    /// <summary>i[d] itself.</summary>
    public static Affine Dimension(int dimension, int rank)
    {
        long[] strides = new long[rank];
        strides[dimension] = 1;
        return new Affine(0, strides);
    }

    public static Affine operator +(Affine a, Affine b) => a.Combine(b, (x, y) => x + y);
    public static Affine operator *(Affine a, long factor) => a.Combine(a, (x, _) => x * factor);

    private Affine Combine(Affine other, Func<long, long, long> combine)
    {
        long[] combined = new long[Rank];
        for (int d = 0; d < Rank; d++) combined[d] = combine(strides[d], other.Strides[d]);
        return new Affine(combine(Offset, other.Offset), combined);
    }

    public Affine Plus(long value) => new(Offset + value, strides);

    /// <summary>The largest value over a nest; the smallest is the offset, as no stride is negative.</summary>
    public long Max(IReadOnlyList<int> sizes)
    {
        long max = Offset;
        for (int d = 0; d < Rank; d++) max += strides[d] * (sizes[d] - 1);
        return max;
    }

    /// <summary>The same index in a nest whose dimension is two: i[d] = i[d'] * inner + i[d' + 1].</summary>
    public Affine Split(int dimension, int inner) =>
        new(Offset, [.. strides[..dimension], strides[dimension] * inner, strides[dimension], .. strides[(dimension + 1)..]]);

    /// <summary>The same index in a nest whose dimension begins later: i[d] = i'[d] + start.</summary>
    public Affine Shift(int dimension, int start) => Plus(strides[dimension] * start);

    /// <summary>The same index in a nest without a dimension.</summary>
    public Affine Without(int dimension) => new(Offset, [.. strides[..dimension], .. strides[(dimension + 1)..]]);

    /// <summary>Whether i[outer] continues i[inner]: both together are one dimension.</summary>
    public bool Joins(int outer, int inner, int innerSize) => strides[outer] == strides[inner] * innerSize;

    public bool Equals(Affine? other) => other is not null && Offset == other.Offset && Strides.SequenceEqual(other.Strides);
    public override bool Equals(object? obj) => Equals(obj as Affine);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Offset);
        foreach (long stride in strides) hash.Add(stride);
        return hash.ToHashCode();
    }

    /// <summary>For example 3+64*i0+i1.</summary>
    public override string ToString()
    {
        IEnumerable<string> terms = strides.Select((stride, d) => stride == 1 ? $"i{d}" : stride == 0 ? "" : $"{stride}*i{d}").Where(term => term.Length > 0);
        return string.Join('+', Offset == 0 && strides.Any(stride => stride != 0) ? terms : terms.Prepend($"{Offset}"));
    }
}
