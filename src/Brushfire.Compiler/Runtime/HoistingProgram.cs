// Leaves out what was computed before: where some inputs are, by storage and version, those of the previous call, the graph
// is cut into a prologue that depends on these alone and the rest. The prologue runs again only when one of them changes:
// the text's keys and values are so computed once an image.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Runtime;

/// <summary>A program that watches which of its inputs change from call to call.</summary>
/// <param name="compile">Makes a program of the graph and of its parts.</param>
internal sealed class HoistingProgram(Graph graph, Func<Graph, IGraphProgram> compile) : IGraphProgram
{
    private readonly Lock _gate = new();
    private readonly IGraphProgram _whole = compile(graph);
    private Identity[]? _last;
    private Parts? _parts;

    public Tensor[] Run(ReadOnlySpan<Tensor> inputs)
    {
        Identity[] identities = [.. inputs.ToArray().Select(Identity.Of)];
        Parts? parts;
        lock (_gate)
        {
            parts = PartsFor(identities);
            _last = identities;
        }

        return parts is null ? _whole.Run(inputs) : parts.Run(inputs, identities);
    }

    // A cut stays in use while it still leaves something out, and while there is nothing to compare it with.
    private Parts? PartsFor(Identity[] identities)
    {
        if (_last is null) return null;
        bool[] stable = [.. identities.Zip(_last, (now, before) => now == before)];
        if (_parts is not null || !stable.Contains(true) || !stable.Contains(false)) return _parts;
        if (HoistInvariants.Split(graph, stable) is not { } cut) return null;

        // From now on the parts run, in memory like that of the whole.
        (_whole as CompiledProgram)?.Release();
        return _parts = new Parts(stable, compile(cut.Prologue), compile(cut.Main));
    }

    /// <summary>Which memory a tensor shows, and which values of it.</summary>
    private readonly record struct Identity(long Version, long Offset, Strides Strides)
    {
        public static Identity Of(Tensor tensor) => new(tensor.Storage.Version, tensor.Offset, tensor.Strides);
    }

    // The prologue's results for the newest values of the stable inputs. They are kept by reference, not by scope: a call
    // that still reads old ones keeps them alive.
    private sealed class Parts(bool[] stable, IGraphProgram prologue, IGraphProgram main)
    {
        private readonly Lock _gate = new();
        private Identity[]? _identities;
        private Tensor[] _kept = [];

        public Tensor[] Run(ReadOnlySpan<Tensor> inputs, Identity[] identities)
        {
            Tensor[] kept = Kept(inputs, identities);
            return main.Run([.. inputs, .. kept]);
        }

        private Tensor[] Kept(ReadOnlySpan<Tensor> inputs, Identity[] identities)
        {
            lock (_gate)
            {
                if (_identities is null || stable.Index().Any(input => input.Item && identities[input.Index] != _identities[input.Index]))
                {
                    Tensor[] all = inputs.ToArray();
                    _kept = TensorScope.Outside(() => prologue.Run(all));
                    _identities = identities;
                }

                return _kept;
            }
        }
    }
}
