// Frees temporaries: every tensor made while a scope is open belongs to it and is freed when the scope ends, but for
// those that were kept, which pass to the scope around it. Scopes are per thread and nest. Calling a Module opens one, so
// model code never mentions lifetimes.

namespace Brushfire.Tensors;

/// <summary>Several tensors that a function returns together, such as a record of them.</summary>
public interface ITensorGroup
{
    IEnumerable<Tensor> Tensors { get; }
}

/// <summary>A function of tensors with a name of its own, such as a model.</summary>
public interface ITensorFunction<in TInput, out TOutput>
{
    TOutput Call(TInput input);
}

public sealed class TensorScope : IDisposable
{
    [ThreadStatic] private static TensorScope? t_current;

    private readonly TensorScope? _outer = Current;
    private readonly List<Tensor> _tensors = [];
    private bool _ended;

    public TensorScope() => t_current = this;

    // The innermost scope that has not ended: scopes may end out of order, or on another thread.
    private static TensorScope? Current => t_current = Open(t_current);

    /// <summary>Hands the tensor to the scope around this one, or to the caller where there is none.</summary>
    public Tensor Keep(Tensor tensor)
    {
        // A result is among the newest tensors.
        int index = _tensors.FindLastIndex(other => ReferenceEquals(other, tensor));
        if (index < 0) return tensor;
        _tensors.RemoveAt(index);
        Open(_outer)?._tensors.Add(tensor);
        return tensor;
    }

    /// <summary>Keeps each tensor of the group.</summary>
    public TGroup Keep<TGroup>(TGroup group) where TGroup : ITensorGroup
    {
        foreach (Tensor tensor in group.Tensors) Keep(tensor);
        return group;
    }

    public void Dispose()
    {
        _ended = true;
        foreach (Tensor tensor in _tensors) tensor.Dispose();
        _tensors.Clear();
    }

    internal static void Register(Tensor tensor) => Current?._tensors.Add(tensor);

    /// <summary>Runs without a scope: what is made inside outlives the scopes that are open now.</summary>
    internal static T Outside<T>(Func<T> make)
    {
        TensorScope? current = t_current;
        t_current = null;
        try
        {
            return make();
        }
        finally
        {
            t_current = current;
        }
    }

    private static TensorScope? Open(TensorScope? scope)
    {
        while (scope is { _ended: true }) scope = scope._outer;
        return scope;
    }
}
