// What stays from call to call: computed once, freed when it is replaced and nobody reads it, and compiled beside other calls.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Runtime;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;

namespace Brushfire.Tests.Compiler.Runtime;

public sealed class HoistingProgramTests
{
    private const string Text = "graph f(%x: f32[2], %y: f32[2])\n  %1: f32[2] = relu(%x)\n  %2: f32[2] = add(%1, %y)\n  return %2, %1\n";

    [Fact]
    public void Results_that_were_replaced_are_freed_at_once()
    {
        using var scope = new TensorScope();
        List<Tensor> kept = [];
        var program = new HoistingProgram(GraphSamples.Parse(Text), part => new Watched(new CompiledProgram(part), after: outputs =>
        {
            if (IsPrologue(part)) kept.AddRange(outputs);
        }));
        Tensor one = Full(1), two = Full(2);
        Tensor[][] results = [.. new[] { one, one, two, two, one }.Select((x, i) => program.Run([x, Full(i)]))];
        Assert.Equal([1, 2, 4, 5, 5], results.Select(result => result[0].ToArray()[1]));
        Assert.Equal([1, 1, 2, 2, 1], results.Select(result => result[1].ToArray()[1])); // what is kept, handed over
        Assert.Equal(3, kept.Count);
        Assert.All(kept.SkipLast(1), old => Assert.Throws<ObjectDisposedException>(() => old.ToArray()));
        Assert.Equal([1, 1], kept[^1].ToArray());
    }

    [Fact]
    public async Task Results_that_a_call_still_reads_are_freed_after_it()
    {
        using var scope = new TensorScope();
        List<Tensor> kept = [];
        using ManualResetEventSlim reading = new(), replaced = new();
        bool hold = false;
        var program = new HoistingProgram(GraphSamples.Parse(Text), part => new Watched(new CompiledProgram(part),
            before: () =>
            {
                if (IsPrologue(part) || !Interlocked.Exchange(ref hold, false)) return;
                reading.Set();
                Assert.True(replaced.Wait(TimeSpan.FromSeconds(30)));
            },
            after: outputs =>
            {
                if (IsPrologue(part)) kept.AddRange(outputs);
            }));
        Tensor one = Full(1), two = Full(2), y = Full(10);
        for (int i = 0; i < 2; i++) program.Run([one, Full(i)]);
        hold = true;
        Task<float[]> reader = OnThread(() => program.Run([one, y])[0].ToArray());
        Assert.True(reading.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal([12, 12], program.Run([two, y])[0].ToArray());
        Assert.Equal([1, 1], kept[0].ToArray());
        replaced.Set();
        float[] read = await reader;
        Assert.Equal([11, 11], read);
        Assert.Throws<ObjectDisposedException>(() => kept[0].ToArray());
        Assert.Equal([2, 2], kept[1].ToArray());
    }

    [Fact]
    public async Task Calls_run_while_another_compiles()
    {
        using var scope = new TensorScope();
        using ManualResetEventSlim compiling = new(), done = new();
        var program = new HoistingProgram(GraphSamples.Parse(Text), part =>
        {
            if (IsPrologue(part))
            {
                compiling.Set();
                Assert.True(done.Wait(TimeSpan.FromSeconds(30)));
            }

            return new CompiledProgram(part);
        });
        Tensor one = Full(1), y = Full(10);
        program.Run([one, Full(0)]);
        Task<float[]> compiler = OnThread(() => program.Run([one, y])[0].ToArray());
        Assert.True(compiling.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Task<float[]> other = OnThread(() => program.Run([one, Full(20)])[0].ToArray());
        float[] beside = await other.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        done.Set();
        float[] compiled = await compiler;
        Assert.Equal([21, 21], beside);
        Assert.Equal([11, 11], compiled);
    }

    private static bool IsPrologue(Graph part) => part.Name.EndsWith(".prologue", StringComparison.Ordinal);

    private static Tensor Full(float value) => Tensor.Full([2], value);

    private static Task<float[]> OnThread(Func<float[]> call) => Task.Factory.StartNew(() =>
    {
        using var scope = new TensorScope();
        return call();
    }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private sealed class Watched(IGraphProgram program, Action? before = null, Action<Tensor[]>? after = null) : IGraphProgram
    {
        public Tensor[] Run(ReadOnlySpan<Tensor> inputs)
        {
            before?.Invoke();
            Tensor[] outputs = program.Run(inputs);
            after?.Invoke(outputs);
            return outputs;
        }
    }
}
