// The packed weights that generated kernels multiply by. A parameter's are its own panels, so nothing is copied; another
// tensor, which the function took as a constant, is packed for the program.

using System.Runtime.InteropServices;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Runtime;

/// <summary>Weights of one program, packed at first use.</summary>
internal sealed unsafe class PackedWeights
{
    private readonly Lock _gate = new();
    private readonly List<(Tensor Weight, Shape Shape, DType Precision)> _weights = [];
    private readonly List<Storage> _own = [];
    private PackedMatrix[] _matrices = [];
    private volatile bool[] _packed = [];

    /// <summary>The index of a weight, taken as [outputs, inputs, taps…], in the given precision. All are added before the first is used.</summary>
    public int Add(Tensor weight, Shape shape, DType precision)
    {
        int index = _weights.FindIndex(known => ReferenceEquals(known.Weight, weight) && known.Shape == shape && known.Precision == precision);
        if (index >= 0) return index;
        _weights.Add((weight, shape, precision));

        // Pinned: kernels take addresses of the matrices.
        _matrices = GC.AllocateArray<PackedMatrix>(_weights.Count, pinned: true);
        _packed = new bool[_weights.Count];
        return _weights.Count - 1;
    }

    /// <summary>The address of a packed matrix.</summary>
    public PackedMatrix* Pointer(int index)
    {
        if (!_packed[index])
        {
            lock (_gate)
            {
                _matrices[index] = Pack(_weights[index]);
                Volatile.Write(ref _packed[index], true);
            }
        }

        return (PackedMatrix*)Marshal.UnsafeAddrOfPinnedArrayElement(_matrices, index);
    }

    private PackedMatrix Pack((Tensor Weight, Shape Shape, DType Precision) entry)
    {
        if (entry.Weight.Storage is ParameterStorage parameter && entry.Weight.IsContiguous && parameter.PacksAs(entry.Shape)) return parameter.Packed(entry.Precision);
        using Tensor contiguous = entry.Weight.ContiguousOrSelf();
        (Storage panels, PackedMatrix matrix) = Packing.Pack(contiguous.Pointer, entry.Shape, entry.Precision);
        _own.Add(panels);
        return matrix;
    }
}
