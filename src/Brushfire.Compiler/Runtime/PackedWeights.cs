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
    private readonly List<(Tensor Weight, Shape Shape, DType Precision, int Halves)> _weights = [];
    private readonly List<Storage> _own = []; // held for the program's life
    private PackedMatrix[] _matrices = [];
    private bool[] _packed = [];

    /// <summary>The index of a weight, taken as [outputs, inputs, taps…], in the given precision, whole or in halves. All are added before the first is used.</summary>
    public int Add(Tensor weight, Shape shape, DType precision, int halves)
    {
        int index = _weights.FindIndex(known => ReferenceEquals(known.Weight, weight) && known.Shape == shape && known.Precision == precision && known.Halves == halves);
        if (index >= 0) return index;
        _weights.Add((weight, shape, precision, halves));

        // Pinned: kernels take addresses of the matrices.
        _matrices = GC.AllocateArray<PackedMatrix>(_weights.Count, pinned: true);
        _packed = new bool[_weights.Count];
        return _weights.Count - 1;
    }

    /// <summary>The address of a packed matrix.</summary>
    public PackedMatrix* Pointer(int index)
    {
        if (!Volatile.Read(ref _packed[index]))
        {
            lock (_gate)
            {
                if (!_packed[index]) Pack(index);
            }
        }

        return (PackedMatrix*)Marshal.UnsafeAddrOfPinnedArrayElement(_matrices, index);
    }

    private void Pack(int index)
    {
        using IDisposable whole = WorkerPool.Rehearse(false);
        (Tensor weight, Shape shape, DType precision, int halves) = _weights[index];
        (Storage? panels, _matrices[index]) = Packing.Of(weight, shape, precision, halves);
        if (panels is not null) _own.Add(panels);
        Volatile.Write(ref _packed[index], true);
    }
}
