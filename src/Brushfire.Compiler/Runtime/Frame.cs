// The memory of one running call: an arena as planned, and a tensor and an address for every value in memory. Frames are
// kept by their program for later calls; calls that run side by side have one each.

using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Runtime;

/// <summary>Values by slot. A slot of an input or an output has a value only during a call.</summary>
internal sealed unsafe class Frame : IDisposable
{
    private readonly Tensor?[] _tensors;
    private readonly nint[] _pointers;
    private readonly int[] _arena;

    /// <summary>With the values that stay from call to call.</summary>
    /// <param name="arena">The arena's values by slot, bytes from its start.</param>
    /// <param name="kept">Weights and constants by slot.</param>
    public Frame(int slots, long arenaBytes, IReadOnlyDictionary<int, Placement> arena, IReadOnlyDictionary<int, Tensor> kept)
    {
        _tensors = new Tensor?[slots];
        _pointers = new nint[slots];
        _arena = [.. arena.Keys];
        foreach ((int slot, Tensor tensor) in kept) _tensors[slot] = tensor;
        if (arena.Count == 0) return;
        TensorScope.Outside(() =>
        {
            var storage = new NativeStorage(arenaBytes);
            foreach ((int slot, Placement place) in arena)
            {
                TensorSpec spec = place.Node.Spec;
                Set(slot, new Tensor(storage, place.Offset / spec.DType.Size(), spec.DType, spec.Shape, spec.Shape.RowMajor()));
            }

            return storage;
        });
    }

    /// <summary>Gives the arena back.</summary>
    public void Dispose()
    {
        foreach (int slot in _arena) _tensors[slot]?.Dispose();
    }

    public Tensor Tensor(int slot) => _tensors[slot]!;

    /// <summary>The address of a value; that of a weight or constant is asked for at first use, when a weight is loaded.</summary>
    public void* Pointer(int slot)
    {
        if (_pointers[slot] == 0) _pointers[slot] = (nint)_tensors[slot]!.Pointer;
        return (void*)_pointers[slot];
    }

    public void Set(int slot, Tensor? tensor)
    {
        _tensors[slot] = tensor;
        _pointers[slot] = 0;
    }
}
