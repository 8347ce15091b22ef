// What capture freezes, that a reader may not expect: first what is raised or handled, then what is silent.

using Brushfire.Compiler;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler.Capture;

public sealed class CaptureSurprises
{
    private float _factor = 2;
    private int _printed;

    [Fact]
    public void Raised_a_tensor_kept_from_one_call_for_the_next()
    {
        using var scope = new TensorScope();
        Tensor? last = null;
        CompiledFunction<Func<Tensor, int, Tensor>> compiled = Compile((Tensor x, int n) =>
        {
            Tensor result = last is null ? x + 1 : x + last;
            last = result;
            return result;
        });
        compiled.Call(Tensor.Scalar(1), 1);
        var exception = Assert.Throws<ObjectDisposedException>(() => compiled.Call(Tensor.Scalar(1), 2));
        Assert.Contains("was freed; keep a result beyond its scope", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Raised_a_result_or_argument_that_cannot_be_taken_apart()
    {
        using var scope = new TensorScope();
        var exception = Assert.Throws<BrushfireException>(() => Compile((Tensor x) => Lazily(x)).Call(Tensor.Scalar(1)));
        Assert.Contains("return a list, an array, a tuple or a record", exception.Message, StringComparison.Ordinal);
        exception = Assert.Throws<BrushfireException>(() => Compile((Dictionary<string, Tensor> x) => x["a"]).Call(new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["a"] = Tensor.Scalar(1) }));
        Assert.Equal("x is a Dictionary`2, which a compiled function cannot take apart; use a list, an array, a tuple or a record.", exception.Message);
        exception = Assert.Throws<BrushfireException>(() => Compile((int[,] order, Tensor x) => x + order[0, 0]).Call(new int[1, 1], Tensor.Scalar(1)));
        Assert.StartsWith("order is a Int32[,], which a compiled function cannot take apart", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Raised_work_on_another_thread()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile<Tensor, Tensor>(x =>
        {
            Exception? failure = null;
            var thread = new Thread(() =>
            {
                try
                {
                    (x + 1).Dispose();
                }
                catch (BrushfireException exception)
                {
                    failure = exception;
                }
            });
            thread.Start();
            thread.Join();
            throw failure!;
        });
        Assert.Contains("a captured function used a tensor on another thread", Assert.Throws<BrushfireException>(() => compiled.Call(Tensor.Scalar(1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Handled_arrays_that_the_function_makes_are_inputs_made_at_every_call()
    {
        using var scope = new TensorScope();
        int calls = 0;
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x + Tensor.FromArray([++calls, 0f], [2]));
        for (int i = 1; i < 4; i++) Assert.Equal([i, 0], compiled.Call(Tensor.Zeros([2])).ToArray());
        Assert.Single(compiled.Reports);
        Assert.Empty(compiled.GraphBreaks);
    }

    [Fact]
    public void Handled_two_arguments_that_are_one_tensor_at_first()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor, Tensor>> compiled = Compile((Tensor x, Tensor y) => x - y);
        Tensor one = Tensor.Scalar(1);
        Assert.Equal(0, compiled.Call(one, one).Item());
        Assert.Equal(-1, compiled.Call(one, Tensor.Scalar(2)).Item());
    }

    [Fact]
    public void Handled_views_and_strided_arguments()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x.Cast(DType.Float32) * 1);
        Tensor memory = Tensor.FromArray([1f, 2, 3, 4, 5, 6], [2, 3]);
        Assert.Equal([1f, 2, 3, 4, 5, 6], compiled.Call(memory).ToArray());
        Assert.Equal([1f, 4, 2, 5], compiled.Call(memory.Transpose(0, 1).Slice(0, 0, 2)).ToArray());
    }

    [Fact]
    public void Silent_a_single_number_from_outside_is_frozen()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x * _factor);
        Assert.Equal(2, compiled.Call(Tensor.Scalar(1)).Item());
        _factor = 3;
        Assert.Equal(2, compiled.Call(Tensor.Scalar(1)).Item());
    }

    [Fact]
    public void Silent_a_tensor_from_outside_is_frozen()
    {
        using var scope = new TensorScope();
        Tensor shift = Tensor.FromArray([1f, 2], [2]);
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x + shift);
        Assert.Equal([1f, 2], compiled.Call(Tensor.Zeros([2])).ToArray());
        shift = Tensor.FromArray([5f, 5], [2]);
        Assert.Equal([1f, 2], compiled.Call(Tensor.Zeros([2])).ToArray());
    }

    [Fact]
    public void Silent_a_branch_on_state_from_outside_is_frozen()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => _factor > 2 ? x : -x);
        Assert.Equal(-1, compiled.Call(Tensor.Scalar(1)).Item());
        _factor = 3;
        Assert.Equal(-1, compiled.Call(Tensor.Scalar(1)).Item());
    }

    [Fact]
    public void Silent_effects_happen_only_while_capturing()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) =>
        {
            _printed++;
            return -x;
        });
        for (int i = 0; i < 3; i++) compiled.Call(Tensor.Scalar(1));
        Assert.Equal(1, _printed);
    }

    [Fact]
    public void Silent_fields_of_an_object_that_is_no_record_are_frozen()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, CaptureSurprises, Tensor>> compiled = Compile((Tensor x, CaptureSurprises that) => x * that._factor);
        Assert.Equal(2, compiled.Call(Tensor.Scalar(1), this).Item());
        _factor = 3;
        Assert.Equal(2, compiled.Call(Tensor.Scalar(1), this).Item());
    }

    private static IEnumerable<Tensor> Lazily(Tensor x)
    {
        yield return x + 1;
    }
}
