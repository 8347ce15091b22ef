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
    private bool _cutting;
    private volatile Parts? _parts;

    public Tensor[] Run(ReadOnlySpan<Tensor> inputs)
    {
        Identity[] identities = [.. inputs.ToArray().Select(Identity.Of)];
        Parts? parts;
        bool[]? stable;
        lock (_gate)
        {
            stable = ToCut(identities);
            parts = _parts;
            _last = identities;
        }

        if (stable is not null) parts = Cut(stable);
        if (parts is not null) return parts.Run(inputs, identities);
        Tensor[] results = _whole.Run(inputs);
        if (_parts is not null) Release(_whole);
        return results;
    }

    // The inputs that did not change, where this call is to cut the graph by them. There is one cut, and it stays.
    private bool[]? ToCut(Identity[] identities)
    {
        if (_last is null || _parts is not null || _cutting) return null;
        bool[] stable = [.. identities.Zip(_last, (now, before) => now == before)];
        _cutting = stable.Contains(true) && stable.Contains(false);
        return _cutting ? stable : null;
    }

    // Calls beside this one run the whole meanwhile, for compiling takes long.
    private Parts? Cut(bool[] stable)
    {
        try
        {
            if (HoistInvariants.Split(graph, stable) is not { } cut) return null;
            var parts = new Parts(stable, compile(cut.Prologue), compile(cut.Main));
            _parts = parts;

            // From now on the parts run, in memory like that of the whole.
            Release(_whole);
            return parts;
        }
        finally
        {
            lock (_gate) _cutting = false;
        }
    }

    private static void Release(IGraphProgram program) => (program as CompiledProgram)?.Release();

    /// <summary>Which memory a tensor shows, and which values of it.</summary>
    private sealed record Identity(long Version, long Offset, Strides Strides)
    {
        public static Identity Of(Tensor tensor) => new(tensor.Storage.Version, tensor.Offset, tensor.Strides);
    }

    // The prologue's results for the newest values of the stable inputs.
    private sealed class Parts(bool[] stable, IGraphProgram prologue, IGraphProgram main)
    {
        private readonly Lock _gate = new();
        private Identity[]? _identities;
        private Kept? _kept;

        public Tensor[] Run(ReadOnlySpan<Tensor> inputs, Identity[] identities)
        {
            Kept kept = Take(inputs, identities);
            try
            {
                return main.Run([.. inputs, .. kept.Values]);
            }
            finally
            {
                kept.RemoveUser();
            }
        }

        // For one more user: the caller.
        private Kept Take(ReadOnlySpan<Tensor> inputs, Identity[] identities)
        {
            lock (_gate)
            {
                if (_kept is null || stable.Index().Any(input => input.Item && identities[input.Index] != _identities![input.Index]))
                {
                    _kept?.RemoveUser();
                    _kept = null;
                    Tensor[] all = inputs.ToArray();
                    _kept = new Kept(TensorScope.Outside(() => prologue.Run(all)));
                    _identities = identities;
                }

                _kept.AddUser();
                return _kept;
            }
        }
    }

    // Tensors that are freed when nobody uses them: neither the parts, whose newest they are, nor a call that reads them.
    private sealed class Kept(Tensor[] values)
    {
        private int _users = 1;

        public Tensor[] Values => values;

        public void AddUser() => Interlocked.Increment(ref _users);

        public void RemoveUser()
        {
            if (Interlocked.Decrement(ref _users) > 0) return;
            foreach (Tensor value in values) value.Dispose();
        }
    }
}
