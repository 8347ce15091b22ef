// What a parameter leaves behind in memory. The allocator counts for the whole process, so nothing runs beside these tests.

using Brushfire.Tensors;

namespace Brushfire.Tests.Tensors;

[CollectionDefinition(nameof(ParameterTests), DisableParallelization = true)]
[Collection(nameof(ParameterTests))]
public sealed class ParameterTests
{
    public ParameterTests() => ProcessMemory.Settle();

    [Fact]
    public void Packing_a_parameter_leaves_none_of_its_values_in_the_cache()
    {
        const int Outputs = 1024, Inputs = 4096; // 16 MB
        using var scope = new TensorScope();
        using Tensor weight = Parameter.Create("weight", [Outputs, Inputs], () => Tensor.Full([Outputs, Inputs], 1));
        using Tensor input = Tensor.Full([1, Inputs], 1);
        long before = Allocator.Statistics.BytesInUse;
        Assert.Equal(Inputs, input.Linear(weight).ToArray()[0]);
        Assert.InRange(Allocator.Statistics.BytesInUse - before, 16 << 20, 20 << 20);
        Assert.InRange(Allocator.Statistics.BytesCached, 0, 1 << 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Float32_values_that_nobody_else_holds_are_packed_in_their_own_memory(bool held)
    {
        const int Outputs = 3072, Inputs = 1024; // 12 MB, whole panels of any width
        using var scope = new TensorScope();
        Tensor? view = null;
        using Tensor weight = Parameter.Create("weight", [Outputs, Inputs], () =>
        {
            Tensor loaded = Tensor.Create([Outputs, Inputs], values =>
            {
                for (int i = 0; i < values.Length; i++) values[i] = i / Inputs;
            });
            view = held ? loaded.Reshape([Outputs * Inputs]) : null;
            return loaded;
        });
        using Tensor input = Tensor.Full([1, Inputs], 1);
        Allocator.ResetPeak();
        long before = Allocator.Statistics.BytesInUse;
        using Tensor output = input.Linear(weight);
        Assert.Equal([.. Enumerable.Range(0, Outputs).Select(i => (float)i * Inputs)], output.ToArray());
        Assert.InRange((Allocator.Statistics.PeakBytes - before) >> 20, held ? 24 : 12, held ? 26 : 14);
        if (view is null) return;
        Assert.Equal(Outputs - 1, view.ToArray()[^1]);
        view.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_parameter_takes_no_more_memory_than_its_values(bool packed)
    {
        const int Outputs = 2304, Inputs = 1025; // whole panels of any width, and no whole number of pages
        using var scope = new TensorScope();
        using Tensor weight = Parameter.Create("weight", [Outputs, Inputs], () => Tensor.Create([Outputs, Inputs], values => values.Fill(1)));
        using Tensor input = Tensor.Full([1, Inputs], 1);
        long before = Allocator.Statistics.BytesInUse;
        using (Tensor used = packed ? input.Linear(weight) : weight + weight) Assert.Equal(packed ? Inputs : 2, used.ToArray()[^1]);
        Assert.Equal(Outputs * Inputs * sizeof(float), Allocator.Statistics.BytesInUse - before);
    }

    [Fact]
    public void Loading_and_packing_are_timed_apart()
    {
        const int Pause = 50;
        using var scope = new TensorScope();
        using Tensor weight = Parameter.Create("weight", [64, 64], () =>
        {
            Thread.Sleep(Pause);
            return Tensor.Full([64, 64], 1);
        });
        ParameterStatistics before = Parameter.Statistics;
        Tensor.Full([1, 64], 1).Linear(weight);
        ParameterStatistics after = Parameter.Statistics;
        Assert.InRange((after.Loading - before.Loading).TotalMilliseconds, Pause, 20 * Pause);
        Assert.InRange((after.Packing - before.Packing).TotalMilliseconds, 0.001, Pause);
        Tensor.Full([1, 64], 1).Linear(weight);
        Assert.Equal(after, Parameter.Statistics);
    }
}
