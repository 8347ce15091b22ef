// Mixed precision: which ops take it over, that the table names every op and its document says the same, and that
// contractions multiply rounded operands and sum them exactly enough.

using System.Text.RegularExpressions;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;
using Brushfire.Tests.Kernels;
using Brushfire.Tests.Laws;

namespace Brushfire.Tests.Tensors;

public sealed class AutocastTests
{
    [Fact]
    public void The_table_names_every_op()
    {
        Type[] ops = [.. typeof(Op).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Op)) && !type.IsAbstract)];
        Assert.Equal(ops.Select(op => op.Name).Order(StringComparer.Ordinal), Autocast.Rules.Keys.Select(op => op.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_document_says_the_same()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs/precision.md"));
        var rows = Regex.Matches(text, @"^\| `(?<op>\w+)` \| (?<type>.+) \|$", RegexOptions.Multiline | RegexOptions.ExplicitCapture).Select(row => (row.Groups["op"].Value, row.Groups["type"].Value));
        Assert.Equal(Autocast.Rules.Select(rule => (rule.Key.Name, Words(rule.Value))).Order(), rows.Order());

        static string Words(AutocastRule rule) => rule switch
        {
            AutocastRule.Lowered => "the precision in use",
            AutocastRule.Float32 => "float32",
            AutocastRule.Inputs => "the type of its inputs",
        };
    }

    [Fact]
    public void Ops_carry_the_precision_that_is_in_use_where_the_table_says_so()
    {
        using var scope = new TensorScope();
        var recorder = new Recorder();
        Tensor matrix = Tensor.Full([4, 4], 1), image = Tensor.Full([1, 2, 2, 4], 1), heads = Tensor.Full([1, 2, 3, 4], 1);
        using IDisposable executor = Executor.Use(recorder);
        using (Autocast.Use(DType.BFloat16))
        {
            Run();
            using (Autocast.Use(DType.Float32)) Assert.Equal(DType.Float32, Autocast.Current);
            Assert.Equal(DType.BFloat16, Autocast.Current);
        }

        Run();
        Assert.Equal(
            [DType.BFloat16, DType.BFloat16, DType.BFloat16, DType.BFloat16, null, null, DType.Float32, DType.Float32, DType.Float32, DType.Float32, null, null],
            recorder.Ops.Select(op => op switch
            {
                Contraction contraction => contraction.Precision,
                ScaledDotProductAttention attention => attention.Precision,
                _ => (DType?)null,
            }));

        void Run()
        {
            matrix.MatMul(matrix);
            matrix.Linear(matrix);
            image.Conv2d(Tensor.Full([4, 4, 1, 1], 1), null, 1, default);
            Tensor.ScaledDotProductAttention(heads, heads, heads);
            matrix.Silu();
            matrix.Softmax();
        }
    }

    [Fact]
    public void Other_types_are_refused() =>
        Assert.Equal("autocast: there are no products in f16; use f32 or bf16.", Assert.Throws<BrushfireException>(() => Autocast.Use(DType.Float16)).Message);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Contractions_multiply_rounded_operands(int kernel)
    {
        using var scope = new TensorScope();
        using IDisposable precision = Autocast.Use(DType.BFloat16);
        const int N = 2, Height = 5, Width = 4, Channels = 3, Outputs = 19;
        float[] image = KernelRuns.Numbers(N * Height * Width * Channels, 1), filter = KernelRuns.Numbers(Outputs * Channels * kernel * kernel, 2), bias = KernelRuns.Numbers(Outputs, 3);
        Tensor result = Tensor.FromArray(image, [N, Height, Width, Channels]).Conv2d(Tensor.FromArray(filter, [Outputs, Channels, kernel, kernel]), Tensor.FromArray(bias, [Outputs]), 1, default);
        int height = Height - kernel + 1, width = Width - kernel + 1;
        float[] expected = new float[N * height * width * Outputs];
        for (int i = 0; i < expected.Length; i++)
        {
            int o = i % Outputs, x = i / Outputs % width, y = i / Outputs / width % height, n = i / Outputs / width / height;
            double sum = bias[o];
            for (int t = 0; t < kernel * kernel * Channels; t++)
            {
                int c = t % Channels, tx = t / Channels % kernel, ty = t / Channels / kernel;
                sum += (double)KernelRuns.BFloat16(image[((n * Height + y + ty) * Width + x + tx) * Channels + c]) * KernelRuns.BFloat16(filter[((o * Channels + c) * kernel + ty) * kernel + tx]);
            }

            expected[i] = (float)sum;
        }

        Close.Absolute(expected, result.ToArray(), 1e-5);
    }

    [Theory]
    [InlineData(AttentionBackend.Math)]
    [InlineData(AttentionBackend.MemoryEfficient)]
    [InlineData(AttentionBackend.Flash)]
    public void Attention_agrees_with_float32_as_far_as_its_operands_do(AttentionBackend backend)
    {
        using var scope = new TensorScope();
        using IDisposable allowed = AttentionBackends.Allow(backend);
        Tensor[] inputs = [.. Enumerable.Range(0, 3).Select(seed => Tensor.FromArray(KernelRuns.Numbers(2 * 3 * 17 * 20, seed), [2, 3, 17, 20]))];
        float[] expected = Tensor.ScaledDotProductAttention(inputs[0], inputs[1], inputs[2]).ToArray();
        using IDisposable precision = Autocast.Use(DType.BFloat16);
        Close.Relative(expected, Tensor.ScaledDotProductAttention(inputs[0], inputs[1], inputs[2]).ToArray(), 1e-2);
    }

    // Ops that compute, as model code calls them; those that an op runs inside are not recorded.
    private sealed class Recorder : IExecutor
    {
        public List<Op> Ops { get; } = [];

        public Tensor Run(Op op, ReadOnlySpan<Tensor> inputs)
        {
            if (Autocast.Rules[op.GetType()] != AutocastRule.Inputs) Ops.Add(op);
            using IDisposable inside = Executor.Use(EagerExecutor.Instance);
            return EagerExecutor.Instance.Run(op, inputs);
        }
    }
}
