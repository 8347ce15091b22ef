// A part of a model. Calling it opens a scope that frees its temporaries and keeps its result, so that model code reads
// like the formula and never mentions lifetimes.

using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Models.Layers;

public abstract class Module(string name)
{
    [ThreadStatic] private static Action<string, Tensor>? t_observer;

    /// <summary>Where the part's weights are in the checkpoint, for example down_blocks.0.attentions.1.</summary>
    public string Name { get; } = name;

    /// <summary>Told the name and the (first) result of every part that runs on this thread, until the result is disposed of.</summary>
    public static IDisposable Observe(Action<string, Tensor> observer)
    {
        Action<string, Tensor>? previous = t_observer;
        t_observer = observer;
        return new Restore(() => t_observer = previous);
    }

    private protected void Report(Tensor output) => t_observer?.Invoke(Name, output);
}

/// <summary>A part with one result.</summary>
/// <typeparam name="TInput">A tensor, or a tuple of what the part takes.</typeparam>
public abstract class Module<TInput>(string name) : Module(name), ITensorFunction<TInput, Tensor>
{
    public Tensor Call(TInput input)
    {
        using var scope = new TensorScope();
        Tensor output = scope.Keep(Forward(input));
        Report(output);
        return output;
    }

    protected abstract Tensor Forward(TInput input);
}

/// <summary>A part with several results.</summary>
public abstract class Module<TInput, TOutput>(string name) : Module(name), ITensorFunction<TInput, TOutput> where TOutput : ITensorGroup
{
    public TOutput Call(TInput input)
    {
        using var scope = new TensorScope();
        TOutput output = Forward(input);
        scope.Keep(output);
        Report(output.Tensors.First());
        return output;
    }

    protected abstract TOutput Forward(TInput input);
}
