// Compiled functions: right results, guards, plans, reasons, settings, concurrent calls.

using Brushfire.Compiler;
using Brushfire.Compiler.Capture;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler;

public sealed class CompiledFunctionTests
{
    private static readonly CompilerSettings s_settings = CompilerSettings.FromKnobs();
    private int _runs;

    [Fact]
    public void A_compiled_function_gives_what_the_function_gives_and_runs_its_own_code_once()
    {
        using var scope = new TensorScope();
        Func<Tensor, Tensor, Tensor> mix = (x, y) =>
        {
            _runs++;
            return (x * 2 + y).Silu();
        };
        CompiledFunction<Func<Tensor, Tensor, Tensor>> compiled = Compile(mix);
        for (int i = 0; i < 3; i++)
        {
            Tensor x = Values([3, 5], i), y = Values([5], i + 10);
            _runs = 0;
            float[] actual = compiled.Call(x, y).ToArray();
            Assert.Equal(i == 0 ? 1 : 0, _runs);
            Assert.Equal(mix(x, y).ToArray(), actual);
        }

        Assert.Empty(compiled.Recompiles);
        Assert.Equal("""
            graph mix(%x: f32[3,5], %y: f32[5])
              %c1: f32[] = constant 2
              %1: f32[3,5] = multiply(%x, %c1)
              %2: f32[3,5] = add(%1, %y)
              %3: f32[3,5] = silu(%2)
              return %3

            """, Assert.Single(compiled.Reports).Graph.ToString());
    }

    [Fact]
    public void A_prepared_call_runs_what_is_compiled_with_whole_weights()
    {
        using var scope = new TensorScope();
        Tensor weight = Values([300, 200], 1), x = Values([170, 200], 2);
        Tensor parameter = Parameter.Create("weight", weight.Shape, () => weight.Contiguous()), scale = weight.Slice(1, 0, 1).Reshape(300);
        Func<Tensor, Tensor> layer = input =>
        {
            _runs++;
            return ((input * 0.5f).Linear(parameter, scale).Linear(weight.Transpose(0, 1)) + 1).Silu();
        };
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile(layer);
        compiled.Prepare(Tensor.Zeros(x.Shape));
        compiled.Prepare(x);
        Assert.Equal(1, _runs);
        float[] actual = compiled.Call(x).ToArray();
        Assert.Equal(1, _runs);
        Close.Relative(((x * 0.5f).Linear(weight, scale).Linear(weight.Transpose(0, 1)) + 1).Silu().ToArray(), actual, 1e-5);
        Assert.Single(compiled.Reports);
        Assert.Empty(compiled.Recompiles);
        Assert.Empty(compiled.NewPlans);
    }

    [Fact]
    public void A_constant_may_have_any_strides()
    {
        using var scope = new TensorScope();
        Tensor weight = Values([30, 20], 1), bias = Values([30, 20], 2).Slice(1, 3, 1).Reshape(30), x = Values([7, 20], 3);
        Close.Relative((x.Silu().Linear(weight, bias) * bias).ToArray(), Compile((Tensor input) => input.Silu().Linear(weight, bias) * bias).Call(x).ToArray(), 1e-5);
    }

    [Fact]
    public void A_prepared_function_may_break_its_graph()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x.Max(0).Item() > 1 ? x * 2 : x.Silu());
        compiled.Prepare(Tensor.Zeros([40]));
        foreach (int seed in new[] { 1, 2 })
        {
            Tensor small = Values([40], seed) * 0.1f, large = small + 3;
            Close.Relative(small.Silu().ToArray(), compiled.Call(small).ToArray(), 1e-6);
            Close.Relative((large * 2).ToArray(), compiled.Call(large).ToArray(), 1e-6);
        }
    }

    [Fact]
    public async Task A_setting_holds_in_tasks_that_are_started_under_it()
    {
        Task<string> Precision() => Task.Run(() => Autocast.Current.Name(), TestContext.Current.CancellationToken);
        using (Autocast.Use(DType.BFloat16)) Assert.Equal("bf16", await Precision());
        Assert.Equal("f32", await Precision());
    }

    [Fact]
    public void A_new_size_is_a_new_plan_and_no_recompile()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor image) => image.Reshape(image.Shape[0], -1).Softmax());
        foreach (int size in new[] { 3, 4, 3, 4 }) Assert.Equal([2, size * 7], compiled.Call(Values([2, size, 7], size)).Shape.Sizes.ToArray());
        Assert.Empty(compiled.Recompiles);
        RecompileReason plan = Assert.Single(compiled.NewPlans);
        Assert.Equal("function: dimension 1 of image is 4, but entry 1 was compiled for 3", plan.ToString());
        Assert.Equal(2, compiled.Reports.Count);
    }

    [Fact]
    public void A_guard_miss_names_function_input_and_both_values()
    {
        using var scope = new TensorScope();
        Func<Tensor, int, AttentionBackend?, Tensor> power = (x, count, _) => Enumerable.Repeat(x, count).Aggregate((a, b) => a * b).Cast(x.DType);
        CompiledFunction<Func<Tensor, int, AttentionBackend?, Tensor>> compiled = Compile(power);
        Assert.Equal(8, compiled.Call(Tensor.Scalar(2), 3, null).Item());
        Assert.Equal(16, compiled.Call(Tensor.Scalar(2), 4, null).Item());
        Assert.Equal(8, compiled.Call(Tensor.Scalar(2), 3, null).Item());
        Assert.Equal([8], compiled.Call(Values([1], 0) * 0 + 2, 3, null).ToArray());
        Assert.Equal(8, compiled.Call(Tensor.Scalar(2), 3, AttentionBackend.Math).Item());
        Assert.Throws<BrushfireException>(() => compiled.Call(Tensor.Scalar(2).Cast(DType.Float64), 3, null));
        Assert.Equal(
        [
            "power: value of count is 4, but entry 1 was compiled for 3",
            "power: rank of x is 1, but entry 1 was compiled for 0",
            "power: value of _ is Math, but entry 1 was compiled for null",
            "power: dtype of x is f64, but entry 1 was compiled for f32",
        ], compiled.Recompiles.Select(reason => reason.ToString()));
    }

    [Fact]
    public void As_many_reports_are_kept_as_programs_and_the_latest_ones()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile<Tensor, Tensor>(x => x + 1);
        for (int length = 1; length <= 130; length++) compiled.Call(Tensor.Full([length], 1));
        Assert.Equal(128, compiled.Reports.Count);
        Assert.Contains("%x: f32[130]", compiled.Reports[^1].Graph.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Entries_are_bounded_and_the_function_itself_runs_beyond()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, int, Tensor>> compiled = Compile((Tensor x, int n) => x + n);
        for (int n = 0; n < 20; n++) Assert.Equal(n + 1, compiled.Call(Tensor.Scalar(1), n).Item());
        Assert.Equal(8, compiled.Reports.Count);
        Assert.Equal(19, compiled.Recompiles.Count);
    }

    [Fact]
    public void Reasons_are_bounded_however_many_calls_miss()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, int, Tensor>> compiled = Compile((Tensor x, int n) => x + n);
        for (int n = 0; n < 200; n++) compiled.Call(Tensor.Scalar(1), n);
        Assert.Equal(64, compiled.Recompiles.Count);
        Assert.Equal("1", compiled.Recompiles[0].Got);
    }

    [Fact]
    public void Functions_of_one_name_have_folders_of_their_own()
    {
        using var scope = new TensorScope();
        using var folder = new TempFolder();
        using ((s_settings with { Dump = folder.Path }).Use())
        {
            Compile((Tensor x) => x.Silu(), name: "twins").Call(Values([3], 0));
            Compile((Tensor x) => x.Tanh(), name: "twins").Call(Values([3], 0));
        }

        Assert.Equal(["twins-1", "twins-2"], Directory.GetDirectories(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains("silu", File.ReadAllText(Path.Combine(folder.Path, "twins-1", "00-captured.graph")), StringComparison.Ordinal);
    }

    [Fact]
    public void Floating_point_arguments_are_inputs_whatever_the_function_makes_of_them()
    {
        using var scope = new TensorScope();
        Func<Tensor, float, double, Tensor> scale = (x, a, b) => x * a + (float)Math.Sqrt(1 - b) * Tensor.Full([2], a > 0.5f ? 1 : 2);
        CompiledFunction<Func<Tensor, float, double, Tensor>> compiled = Compile(scale);
        foreach ((float a, double b) in new[] { (1f, 0.0), (0.25f, 0.5), (0.75f, 0.5), (0, 1) })
            Assert.Equal(scale(Values([3, 2], 1), a, b).ToArray(), compiled.Call(Values([3, 2], 1), a, b).ToArray());
        Assert.Empty(compiled.Recompiles);
        Assert.Equal("graph scale(%x: f32[3,2], %made.1: f32[], %made.2: f32[], %made.3: f32[2])", Assert.Single(compiled.Reports).Graph.ToString().Split('\n')[0]);
    }

    [Fact]
    public void Parameters_may_have_any_name_and_discards_too()
    {
        using var scope = new TensorScope();
        Tensor weight = Parameter.Create("weight", [3, 3], () => Values([3, 3], 1)), x = Values([2, 3], 2);
        Func<Tensor, Tensor, Tensor, Tensor, Tensor> f = (w1, c1, _, _) => w1.Linear(weight) * 2 + c1;
        CompiledFunction<Func<Tensor, Tensor, Tensor, Tensor, Tensor>> compiled = Compile(f);
        Close.Relative(f(x, x, x, x).ToArray(), compiled.Call(x, x, x, x).ToArray(), 1e-6);
        Assert.StartsWith("graph f(%w1: f32[2,3], %c1: f32[2,3], %_: f32[2,3], %_4: f32[2,3])\n  %w2: f32[3,3] = weight", Assert.Single(compiled.Reports).Graph.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void One_operand_may_be_read_at_many_places()
    {
        using var scope = new TensorScope();
        Func<Tensor, Tensor> f = x => Enumerable.Range(0, 30).Select(i => x.Slice(0, i, 50)).Aggregate((a, b) => a + b);
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile(f);
        Assert.Equal(f(Values([80], 1)).ToArray(), compiled.Call(Values([80], 1)).ToArray());
    }

    private sealed record Request(Tensor Sample, (Tensor Left, int Steps) Pair, IReadOnlyList<Tensor> Skips, Tensor? Mask, string Kind);

    private sealed record Answer(Tensor Sum, Tensor[] Parts, IReadOnlyList<Tensor> Same, string Kind);

    [Fact]
    public void Records_tuples_and_lists_go_in_and_out()
    {
        using var scope = new TensorScope();
        Func<Request, Answer> f = request =>
        {
            Tensor sum = request.Skips.Aggregate(request.Sample * request.Pair.Steps + request.Pair.Left, (a, b) => a + b);
            return new Answer(sum, [sum.Silu(), request.Sample], [request.Mask ?? sum, sum], request.Kind + "!");
        };
        CompiledFunction<Func<Request, Answer>> compiled = Compile(f);
        for (int i = 0; i < 2; i++)
        {
            var request = new Request(Values([4], i), (Values([4], i + 1), 3), [Values([4], i + 2), Values([4], i + 3)], null, "text");
            (Answer expected, Answer actual) = (f(request), compiled.Call(request));
            Assert.Equal(expected.Sum.ToArray(), actual.Sum.ToArray());
            Assert.Equal(expected.Parts.Select(part => part.ToArray()), actual.Parts.Select(part => part.ToArray()));
            Assert.Equal(expected.Same.Select(part => part.ToArray()), actual.Same.Select(part => part.ToArray()));
            Assert.Equal("text!", actual.Kind);
            actual.Parts[1].Dispose();
            Assert.Equal(4, request.Sample.ToArray().Length);
        }

        Assert.Empty(compiled.Recompiles);
        compiled.Call(new Request(Values([4], 1), (Values([4], 2), 3), [Values([4], 3)], Values([4], 9), "text"));
        Assert.Equal("f: value of request.Skips.Count is 1, but entry 1 was compiled for 2", compiled.Recompiles[0].ToString());
        Assert.Contains("%request.Skips[1]: f32[4]", compiled.Reports[0].Graph.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_setting_that_was_read_is_a_guard_and_another_is_none()
    {
        using var scope = new TensorScope();
        Tensor q = Values([1, 2, 6, 8], 1);
        CompiledFunction<Func<Tensor, Tensor>> attention = Compile((Tensor x) => Tensor.ScaledDotProductAttention(x, x, x)), silu = Compile((Tensor x) => x.Silu());
        float[] expected = attention.Call(q).ToArray();
        silu.Call(q);
        using (AttentionBackends.Allow(AttentionBackend.Math))
        {
            Close.Relative(expected, attention.Call(q).ToArray(), 1e-5);
            silu.Call(q);
        }

        attention.Call(q);
        Assert.StartsWith("function: value of setting attention backends is Math, but entry 1 was compiled for Math or ", Assert.Single(attention.Recompiles).ToString(), StringComparison.Ordinal);
        Assert.Empty(silu.Recompiles);
    }

    [Fact]
    public void Calls_side_by_side_on_one_function_give_the_right_results()
    {
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => (x.Softmax() * x).Sum(1)), broken = Compile((Tensor x) => x.Max(1).Max(0).Item() > 1.9f ? x * 2 : x.Silu());
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken }, i =>
        {
            using var scope = new TensorScope();
            Tensor x = Values([3 + i % 3, 40 + i], i);
            Close.Relative((x.Softmax() * x).Sum(1).ToArray(), compiled.Call(x).ToArray(), 1e-6);
            Close.Relative((x.Max(1).Max(0).Item() > 1.9f ? x * 2 : x.Silu()).ToArray(), broken.Call(x).ToArray(), 1e-6);
        });
        Assert.Empty(compiled.Recompiles);
    }

    [Fact]
    public void First_calls_side_by_side_make_one_entry()
    {
        const int Calls = 9; // more than there may be entries
        using var together = new Barrier(Calls);
        CompiledFunction<Func<Tensor, int, Tensor>> compiled = Compile((Tensor x, int n) =>
        {
            if (n == 1) together.SignalAndWait(TestContext.Current.CancellationToken);
            return x * n;
        });
        Thread[] threads = [.. Enumerable.Range(0, Calls).Select(_ => new Thread(() =>
        {
            using var inner = new TensorScope();
            compiled.Call(Tensor.Scalar(1), 1);
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        using var scope = new TensorScope();
        Assert.Equal(2, compiled.Call(Tensor.Scalar(1), 2).Item());
        Assert.Equal(2, compiled.Reports.Count);
    }

    [Fact]
    public void A_compiled_function_inside_of_another_is_a_part_of_it()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> inner = Compile((Tensor x) => x.Silu());
        CompiledFunction<Func<Tensor, Tensor>> outer = Compile((Tensor x) => inner.Call(x) + 1);
        outer.Call(Values([3], 0));
        Assert.Empty(inner.Reports);
        Assert.Equal(3, Assert.Single(outer.Reports).Graph.Nodes.Count(node => !node.IsLeaf) + 1);
    }

    [Fact]
    public void Results_belong_to_the_callers_scope_and_nothing_else_stays()
    {
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => (x + 1).Silu());
        Tensor x = Values([1 << 20], 0), kept;
        using (var scope = new TensorScope())
        {
            compiled.Call(x);
            kept = scope.Keep(compiled.Call(x));
        }

        Assert.Equal(1 << 20, kept.ToArray().Length);
        kept.Dispose();
        Assert.Throws<ObjectDisposedException>(() => kept.ToArray());
    }

    [Fact]
    public void The_eager_executor_runs_the_function_itself()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x.Silu());
        using ((s_settings with { Executor = GraphExecutor.Eager }).Use()) compiled.Call(Values([3], 0));
        Assert.Empty(compiled.Reports);
    }

    [Fact]
    public void An_error_in_the_function_is_the_callers_and_leaves_nothing_behind()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x.MatMul(x));
        var exception = Assert.Throws<BrushfireException>(() => compiled.Call(Values([2, 3], 0)));
        Assert.Contains("matmul: cannot multiply f32[2,3] by f32[2,3]", exception.Message, StringComparison.Ordinal);
        Assert.Equal([2, 2], compiled.Call(Values([2, 2], 0)).Shape.Sizes.ToArray());
        Assert.Empty(compiled.Recompiles);
    }

    private static Tensor Values(int[] shape, int seed) => GraphSamples.Values(shape, seed);
}
