// The one way in which kernels walk over strided operands: pointwise functions, copies, conversions of layout.
// A nest holds the sizes of a loop nest and each operand's byte stride per dimension. Making it drops dimensions of size 1,
// puts them in the order of the first operand's memory, and joins neighbours that are contiguous to each other in all operands.
// Its rows (the innermost dimension) are then visited in chunks of about equal length, which are the items of a launch.

namespace Brushfire.Kernels;

/// <summary>What is done with each row of a nest.</summary>
internal unsafe interface IRow
{
    /// <summary>Does <paramref name="count"/> elements of each operand from these addresses on, at the strides of the innermost dimension.</summary>
    void Run<TSimd, TVector>(nint count, byte** operands, nint* byteStrides) where TSimd : struct, ISimd<TVector> where TVector : struct;
}

internal unsafe struct StridedNest
{
    public const int MaxRank = 8;
    public const int MaxOperands = 4;

    /// <summary>Dimensions, outermost first; the last is the row. At least 1.</summary>
    public int Rank;
    private fixed long _sizes[MaxRank];
    private fixed long _strides[MaxRank * MaxOperands];

    /// <summary>A nest over these sizes, with no strides yet.</summary>
    public StridedNest(ReadOnlySpan<int> sizes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizes.Length, MaxRank);
        Rank = sizes.Length;
        for (int d = 0; d < Rank; d++) _sizes[d] = sizes[d];
        if (Rank == 0) (Rank, _sizes[0]) = (1, 1);
    }

    /// <summary>A single row.</summary>
    public StridedNest(nint count)
    {
        Rank = 1;
        _sizes[0] = count;
    }

    public readonly nint Count
    {
        get
        {
            nint count = 1;
            for (int d = 0; d < Rank; d++) count *= (nint)_sizes[d];
            return count;
        }
    }

    public readonly nint Size(int dimension) => (nint)_sizes[dimension];
    public readonly nint Stride(int operand, int dimension) => (nint)_strides[dimension * MaxOperands + operand];

    /// <summary>Gives an operand its strides, in elements of <paramref name="elementSize"/> bytes.</summary>
    public void SetStrides(int operand, ReadOnlySpan<nint> strides, int elementSize)
    {
        for (int d = 0; d < strides.Length; d++) _strides[d * MaxOperands + operand] = strides[d] * elementSize;
    }

    /// <summary>Makes an operand contiguous, last dimension innermost.</summary>
    public void SetContiguous(int operand, int elementSize)
    {
        long stride = elementSize;
        for (int d = Rank - 1; d >= 0; stride *= _sizes[d--]) _strides[d * MaxOperands + operand] = stride;
    }

    /// <summary>Drops, orders and joins dimensions; to be called once all operands have their strides.</summary>
    public void Collapse()
    {
        int kept = 0;
        for (int d = 0; d < Rank; d++)
        {
            if (_sizes[d] != 1) Move(d, kept++);
        }

        if (kept == 0) (kept, _sizes[0]) = (1, 1);
        Rank = kept;

        Order(Rank, operand: 0);
        int last = 0;
        for (int d = 1; d < Rank; d++)
        {
            if (Continues(last, d))
            {
                long joined = _sizes[last] * _sizes[d];
                Move(d, last);
                _sizes[last] = joined;
            }
            else
            {
                Move(d, ++last);
            }
        }

        Rank = last + 1;
    }

    /// <summary>Puts all dimensions but the row in the order of an operand's memory.</summary>
    public void OrderRows(int operand) => Order(Rank - 1, operand);

    /// <summary>The nest without one dimension, for kernels that treat that one themselves; at least one dimension of size 1 is left.</summary>
    public readonly StridedNest Without(int dimension)
    {
        StridedNest rest = this;
        for (int d = dimension + 1; d < Rank; d++) rest.Move(d, d - 1);
        rest.Rank--;
        if (rest.Rank == 0) (rest.Rank, rest._sizes[0]) = (1, 1);
        return rest;
    }

    /// <summary>Runs <paramref name="row"/> over the whole nest on all threads. <paramref name="operands"/> has an address per operand.</summary>
    public readonly void Run<TRow>(ReadOnlySpan<nint> operands, in TRow row) where TRow : struct, IRow
    {
        nint count = Count;
        if (count == 0) return;
        nint inner = (nint)_sizes[Rank - 1];
        int elements = ItemSize.Of(count);
        nint chunk = inner >= elements ? elements : inner * (elements / inner);
        var work = new Work<TRow> { Nest = this, Row = row, Chunk = chunk, Count = count };
        for (int i = 0; i < operands.Length; i++) work.Operands[i] = operands[i];
        WorkerPool.Run(checked((int)((count + chunk - 1) / chunk)), ref work);
    }

    /// <summary>The index in each dimension of the element with this index, whose offsets are added to the addresses.</summary>
    public readonly void Locate(nint element, nint* indices, byte** operands)
    {
        for (int d = Rank - 1; d >= 0; d--)
        {
            (element, indices[d]) = nint.DivRem(element, (nint)_sizes[d]);
            for (int i = 0; i < MaxOperands; i++) operands[i] += indices[d] * (nint)_strides[d * MaxOperands + i];
        }
    }

    private readonly bool Continues(int outer, int inner)
    {
        for (int i = 0; i < MaxOperands; i++)
        {
            if (_strides[outer * MaxOperands + i] != _strides[inner * MaxOperands + i] * _sizes[inner]) return false;
        }

        return true;
    }

    // Largest strides first; insertion keeps the order of equal ones.
    private void Order(int dimensions, int operand)
    {
        for (int d = 1; d < dimensions; d++)
        {
            for (int e = d; e > 0 && long.Abs(_strides[(e - 1) * MaxOperands + operand]) < long.Abs(_strides[e * MaxOperands + operand]); e--) Swap(e - 1, e);
        }
    }

    private void Move(int from, int to)
    {
        _sizes[to] = _sizes[from];
        for (int i = 0; i < MaxOperands; i++) _strides[to * MaxOperands + i] = _strides[from * MaxOperands + i];
    }

    private void Swap(int a, int b)
    {
        (_sizes[a], _sizes[b]) = (_sizes[b], _sizes[a]);
        for (int i = 0; i < MaxOperands; i++)
            (_strides[a * MaxOperands + i], _strides[b * MaxOperands + i]) = (_strides[b * MaxOperands + i], _strides[a * MaxOperands + i]);
    }

    private struct Work<TRow> : IWork where TRow : struct, IRow
    {
        public StridedNest Nest;
        public TRow Row;
        public nint Chunk;
        public nint Count;
        public fixed long Operands[MaxOperands];

        public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint remaining = nint.Min(Chunk, Count - item * Chunk);
            byte** operands = stackalloc byte*[MaxOperands];
            nint* indices = stackalloc nint[MaxRank];
            nint* strides = stackalloc nint[MaxOperands];
            for (int i = 0; i < MaxOperands; i++) operands[i] = (byte*)Operands[i];
            Nest.Locate(item * Chunk, indices, operands);

            int last = Nest.Rank - 1;
            nint inner = Nest.Size(last);
            for (int i = 0; i < MaxOperands; i++) strides[i] = Nest.Stride(i, last);
            for (; ; )
            {
                nint count = nint.Min(inner - indices[last], remaining);
                Row.Run<TSimd, TVector>(count, operands, strides);
                remaining -= count;
                if (remaining == 0) return;

                // Only the first row can start within.
                for (int i = 0; i < MaxOperands; i++) operands[i] -= indices[last] * strides[i];
                indices[last] = 0;
                NextRow(indices, operands);
            }
        }

        private readonly void NextRow(nint* indices, byte** operands)
        {
            for (int d = Nest.Rank - 2; ; d--)
            {
                nint back = ++indices[d] == Nest.Size(d) ? indices[d] : 0;
                for (int i = 0; i < MaxOperands; i++) operands[i] += (1 - back) * Nest.Stride(i, d);
                if (back == 0) return;
                indices[d] = 0;
            }
        }
    }
}
