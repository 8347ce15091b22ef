// Shapes, errors, lifetimes, element types and parameters.

using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Tests.Tensors;

public sealed class TensorTests
{
    [Fact]
    public void Everything_that_makes_a_tensor_of_another_goes_through_the_executor()
    {
        using var scope = new TensorScope();
        Tensor x = Tensor.FromArray([1f, 2, 3, 4], [4]);
        var names = new Recorder();
        using (Executor.Use(names))
        {
            x.Cast(DType.Float32);
            x.AsStrided([2, 2], [1, 1], 1);
        }

        Assert.Equal(["cast", "as_strided"], names.Names);
        Assert.Equal([2f, 3, 3, 4], x.AsStrided([2, 2], [1, 1], 1).ToArray());
        Assert.Equal([2f, 4], x.Reshape(2, 2).Transpose(0, 1).AsStrided([2], [1], 2).ToArray());
    }

    [Fact]
    public void Loading_a_parameter_is_never_recorded()
    {
        using var scope = new TensorScope();
        Tensor weight = Parameter.Create("weight", [2], () => Tensor.FromArray([1L, 2], [2]));
        var names = new Recorder();
        using (Executor.Use(names)) Assert.Equal([1f, 2], weight.ToArray());
        Assert.Empty(names.Names);
    }

    [Fact]
    public void Versions_tell_storages_and_their_writes_apart()
    {
        using var scope = new TensorScope();
        Storage first = Tensor.Scalar(1).Storage, second = Tensor.Scalar(1).Storage;
        long version = first.Version;
        Assert.NotEqual(version, second.Version);
        first.RaiseVersion();
        Assert.True(first.Version > second.Version && first.Version != version);
    }

    private sealed class Recorder : IExecutor
    {
        public List<string> Names { get; } = [];

        public Tensor Run(Op op, ReadOnlySpan<Tensor> inputs)
        {
            Names.Add(op.Name);
            return EagerExecutor.Instance.Run(op, inputs);
        }
    }

    [Fact]
    public void Shapes_compare_by_their_sizes()
    {
        Assert.Equal(new Shape(2, 3), new Shape(2, 3));
        Assert.NotEqual(new Shape(2, 3), new Shape(3, 2));
        Assert.Equal(default, Shape.Scalar);
        Assert.Equal(1, Shape.Scalar.Count);
        Assert.Equal(0, new Shape(2, 0, 3).Count);
        Assert.Equal("f32[2,77,768]", new TensorSpec(DType.Float32, [2, 77, 768]).ToString());
    }

    [Fact]
    public void Absurd_shapes_are_refused()
    {
        Assert.Throws<BrushfireException>(() => new Shape(-1));
        Assert.Throws<BrushfireException>(() => new Shape(int.MaxValue, int.MaxValue, int.MaxValue));
        Assert.Throws<BrushfireException>(() => new Shape(1 << 30, (1 << 30) - 1));
        Assert.Throws<BrushfireException>(() => new Shape(1, 1, 1, 1, 1, 1, 1, 1, 1));
    }

    [Fact]
    public void Matmul_of_unequal_sizes_names_both_and_the_way_out()
    {
        using var scope = new TensorScope();
        var error = Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 77, 768]).MatMul(Tensor.Zeros([1024, 768])));
        Assert.Equal("matmul: cannot multiply f32[2,77,768] by f32[1024,768]: inner sizes 768 and 1024 differ; did you mean to transpose the second?", error.Message);
    }

    [Fact]
    public void Add_of_shapes_that_do_not_fit_names_the_axis()
    {
        using var scope = new TensorScope();
        var error = Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 3]) + Tensor.Zeros([2, 4]));
        Assert.Equal("add: f32[2,3] and f32[2,4] do not fit: sizes 3 and 4 of axis -1 differ and neither is 1.", error.Message);
    }

    [Fact]
    public void Arithmetic_of_another_type_says_to_cast()
    {
        using var scope = new TensorScope();
        var error = Assert.Throws<BrushfireException>(() => Tensor.FromArray([1, 2], [2]).Exp());
        Assert.Equal("exp: computes in f32, but one input is i32[2]; convert it with Cast(DType.Float32).", error.Message);
    }

    [Fact]
    public void Reshape_and_gather_check_their_sizes()
    {
        using var scope = new TensorScope();
        Assert.Contains("6 elements", Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 3]).Reshape(4)).Message, StringComparison.Ordinal);
        Assert.Contains("not a multiple", Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 3]).Reshape(4, -1)).Message, StringComparison.Ordinal);
        Assert.Contains("index 5 is outside", Assert.Throws<BrushfireException>(() => Tensor.Zeros([5, 3]).GatherRows(Tensor.FromArray([5], [1]))).Message, StringComparison.Ordinal);
        Assert.Contains("outside of f32[2,3]", Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 3]).Slice(1, 2, 2)).Message, StringComparison.Ordinal);
        Assert.Contains("axis 2 is outside", Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 3]).Sum(2)).Message, StringComparison.Ordinal);
        Assert.Contains("from -3 to 2", Assert.Throws<BrushfireException>(() => Tensor.Zeros([2, 3]).Unsqueeze(3)).Message, StringComparison.Ordinal);
        Assert.Contains("over the limit", Assert.Throws<BrushfireException>(() => Tensor.Scalar(1).Expand(1 << 16, 1 << 16).Reshape(-1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_without_a_meaning_are_refused()
    {
        using var scope = new TensorScope();
        Tensor image = Tensor.Zeros([1, 4, 4, 2]), weight = Tensor.Zeros([3, 2, 3, 3]), one = Tensor.Zeros([1]);
        Assert.Contains("stride must be at least 1", Assert.Throws<BrushfireException>(() => image.Conv2d(weight, null, 0, new Padding(1))).Message, StringComparison.Ordinal);
        Assert.Contains("no padding negative", Assert.Throws<BrushfireException>(() => image.Conv2d(weight, null, 1, new Padding(-1))).Message, StringComparison.Ordinal);
        Assert.Contains("over the limit", Assert.Throws<BrushfireException>(() => image.Conv2d(weight, null, 1, new Padding(int.MaxValue, 0, int.MaxValue, 0))).Message, StringComparison.Ordinal);
        Assert.Contains("over 2147483647", Assert.Throws<BrushfireException>(() => image.UpsampleNearest(int.MaxValue)).Message, StringComparison.Ordinal);
        Tensor large = Tensor.Scalar(1).Expand(1 << 30);
        Assert.Contains("axis 0 would have 2147483648 elements", Assert.Throws<BrushfireException>(() => Tensor.Concatenate(0, large, large)).Message, StringComparison.Ordinal);
        Assert.Contains("0 times", Assert.Throws<BrushfireException>(() => image.UpsampleNearest(0)).Message, StringComparison.Ordinal);
        Assert.Contains("scalar", Assert.Throws<BrushfireException>(() => Tensor.Scalar(1).LayerNorm(one, one, 1e-5f)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_without_elements_go_through_movement_and_arithmetic()
    {
        using var scope = new TensorScope();
        Tensor empty = Tensor.Zeros([2, 0, 3]);
        Assert.Equal([0, 6], empty.Permute(1, 0, 2).Reshape(0, 6).Shape.Sizes.ToArray());
        Assert.Equal([3, 0], empty.AsStrided([3, 0], [0, 1], 0).Shape.Sizes.ToArray());
        Assert.Equal([2, 5, 3], Tensor.Concatenate(1, empty, Tensor.Zeros([2, 5, 3])).Shape.Sizes.ToArray());
        Assert.Empty((empty.Transpose(0, 2).Contiguous() + Tensor.Zeros([3, 1, 2])).ToArray());
        Assert.Equal([0, 0], Tensor.Zeros([2, 0]).MatMul(Tensor.Zeros([0, 1])).ToArray());
    }

    [Fact]
    public void Views_outside_of_their_memory_are_refused()
    {
        using var scope = new TensorScope();
        Tensor memory = Tensor.Zeros([10]);
        Assert.Equal([2, 3], memory.AsStrided([2, 3], [3, 2], 2).Shape.Sizes.ToArray());
        Assert.Throws<BrushfireException>(() => memory.AsStrided([2, 3], [3, 2], 3));
        Assert.Throws<BrushfireException>(() => memory.AsStrided([2], [-1], 3));
        Assert.Throws<BrushfireException>(() => memory.AsStrided([int.MaxValue], [long.MaxValue], 0));
    }

    [Fact]
    public void A_scope_frees_temporaries_and_keeps_the_result()
    {
        Tensor temporary, kept;
        using (var outer = new TensorScope())
        {
            using (var inner = new TensorScope())
            {
                temporary = Tensor.Full([1000], 2);
                kept = inner.Keep(temporary * 3f);
            }

            Assert.Throws<ObjectDisposedException>(() => temporary.ToArray());
            Assert.Equal(6f, kept.ToArray()[999]);
        }

        Assert.Throws<ObjectDisposedException>(() => kept.ToArray());
    }

    [Fact]
    public void A_kept_view_keeps_its_memory()
    {
        using var outer = new TensorScope();
        Tensor view;
        using (var inner = new TensorScope()) view = inner.Keep(Tensor.Full([4, 5], 7).Slice(0, 1, 2));
        Assert.All(view.ToArray(), value => Assert.Equal(7f, value));
    }

    [Fact]
    public void Scopes_may_end_out_of_order()
    {
        using var around = new TensorScope();
        var outer = new TensorScope();
        var inner = new TensorScope();
        Tensor result = Tensor.Scalar(1);
        outer.Dispose();
        inner.Keep(result);
        inner.Dispose();
        Tensor later = Tensor.Scalar(2);
        outer.Dispose();
        Assert.Equal(3, (result + later).Item());
        around.Dispose();
        Assert.Throws<ObjectDisposedException>(() => result.Item());
        Assert.Throws<ObjectDisposedException>(() => later.Item());
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    [InlineData(DType.UInt8)]
    public void Small_integers_survive_every_element_type(DType dtype)
    {
        using var scope = new TensorScope();
        float[] values = [0, 1, 2, 100, 128];
        Tensor tensor = Tensor.FromArray(values, [5]).Cast(dtype);
        Assert.Equal(dtype, tensor.DType);
        Assert.Equal(values, tensor.ToArray());
        Assert.Equal([2, 100], tensor.Slice(0, 2, 2).ToArray());
    }

    [Fact]
    public void A_parameter_gives_its_values_before_and_after_it_was_packed()
    {
        using var scope = new TensorScope();
        int loads = 0;
        Tensor weight = Parameter.Create("weight", [4, 3], () =>
        {
            loads++;
            return Tensor.FromArray([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12f], [4, 3]).Cast(DType.Float16);
        });
        Tensor input = Tensor.Full([1, 3], 1);
        Assert.Equal(0, loads);
        Assert.Equal([6, 15, 24, 33], input.Linear(weight).ToArray());
        Assert.Equal([6, 15, 24, 33], input.Linear(weight).ToArray());
        Assert.Equal(1, loads);
        Assert.Equal(6, weight.ToArray()[5]);
        Assert.Equal([22, 26, 30], Tensor.Full([1, 4], 1).MatMul(weight).ToArray());
    }

    [Fact]
    public void A_parameter_is_packed_once_in_each_precision_that_is_used()
    {
        using var scope = new TensorScope();
        int loads = 0;
        Tensor weight = Parameter.Create("weight", [32, 7], () =>
        {
            loads++;
            return Tensor.Full([32, 7], 1.00390625f);
        });
        var storage = (ParameterStorage)weight.Storage;
        Tensor input = Tensor.Full([1, 7], 1);
        using (Autocast.Use(DType.BFloat16))
        {
            for (int i = 0; i < 2; i++) Assert.Equal(7, input.Linear(weight).ToArray()[31]);
        }

        // Two bytes a weight, rounded up to whole pairs and panels; nothing else is kept.
        Assert.Equal(1, loads);
        Assert.Equal(PackedMatrix.Bytes(7, 32, ElementKind.BFloat16), storage.HeldBytes);
        Assert.Equal(7 * 1.00390625f, input.Linear(weight).ToArray()[31]);
        Assert.Equal(2, loads);
        Assert.Equal(PackedMatrix.Bytes(7, 32, ElementKind.BFloat16) + PackedMatrix.Bytes(7, 32), storage.HeldBytes);
    }

    [Fact]
    public void A_parameter_under_another_shape_is_still_the_right_weight()
    {
        using var scope = new TensorScope();
        float[] values = [.. Enumerable.Range(1, 2 * 3 * 4).Select(i => (float)i)];
        Tensor expected = Tensor.FromArray(values, [2, 3, 2, 2]);
        Tensor filter = Parameter.Create("filter", [2, 3, 2, 2], () => Tensor.FromArray(values, [2, 3, 2, 2]));
        Tensor input = Tensor.FromArray(values, [2, 12]), narrow = Tensor.FromArray(values, [4, 6]);
        Assert.Equal(input.Linear(expected.Reshape(2, 12)).ToArray(), input.Linear(filter.Reshape(2, 12)).ToArray());
        Assert.Equal(narrow.Linear(expected.Reshape(4, 6)).ToArray(), narrow.Linear(filter.Reshape(4, 6)).ToArray());

        Tensor row = Parameter.Create("row", [12], () => Tensor.FromArray(values.AsSpan(0, 12), [12]));
        Assert.Equal(input.Linear(expected.Reshape(2, 12).Slice(0, 0, 1)).ToArray(), input.Linear(row.Reshape(1, 12)).ToArray());
    }

    [Fact]
    public void A_parameter_of_another_size_than_its_shape_is_refused()
    {
        using var scope = new TensorScope();
        Tensor weight = Parameter.Create("a.weight", [4, 3], () => Tensor.Zeros([4, 4]));
        Assert.Equal("a.weight was to have the shape [4,3], but f32[4,4] was loaded.", Assert.Throws<BrushfireException>(() => weight.ToArray()).Message);
    }

    [Fact]
    public unsafe void Freed_memory_is_used_again()
    {
        // Of this size class, 90 to 96 MB, no other test has a tensor.
        const int Count = 23 << 20;
        Allocator.Trim();
        Tensor first = Tensor.Create([Count], _ => { });
        Assert.True(Allocator.Statistics.PeakBytes >= 4L * Count);
        byte* start = first.Pointer;
        first.Dispose();
        using Tensor second = Tensor.Create([Count], _ => { });
        Assert.True(start == second.Pointer);
    }

    [Fact]
    public void More_memory_than_there_is_ends_in_the_library_s_own_exception()
    {
        var error = Assert.Throws<BrushfireException>(() => Tensor.Create([1 << 23, 1 << 23], _ => { }));
        Assert.StartsWith("Out of memory: 268435456 MB more", error.Message, StringComparison.Ordinal);
        Assert.InRange(Allocator.Statistics.BytesInUse, 0, 1L << 40);
    }

    [Fact]
    public void Printed_tensors_show_their_spec_and_first_values()
    {
        using var scope = new TensorScope();
        Assert.Equal("f32[2,2] = 1 2 3 4.5", Tensor.FromArray([1, 2, 3, 4.5f], [2, 2]).ToString());
        Assert.EndsWith(" …", Tensor.Zeros([100]).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_is_looked_at_between_ops()
    {
        using var scope = new TensorScope();
        Tensor input = Tensor.Zeros([10]);
        using var source = new CancellationTokenSource();
        using IDisposable cancelling = Brushfire.Kernels.WorkerPool.Use(source.Token);
        _ = input + 1f;
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => input.Reshape(2, 5));
    }
}
