// All attention kernels against a double loop: sizes that fill no tile, strides, masks, causality, long contexts.

using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tests.Tensors;

namespace Brushfire.Tests.Kernels;

// Alone: scratch memory is counted for the whole process.
[Collection(nameof(ParameterTests))]
public sealed unsafe class AttentionTests
{
    private enum Mask { None, ByKey, ByQuery, Full, ByHead }

    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(2, 3, 17, 19, 5)]
    [InlineData(1, 8, 64, 77, 40)]
    [InlineData(2, 2, 50, 600, 64)]
    [InlineData(1, 2, 300, 300, 80)]
    [InlineData(1, 2, 33, 257, 160)]
    [InlineData(1, 1, 70, 130, 512)]
    [InlineData(1, 1, 49, 40, 517)]
    [InlineData(3, 2, 1, 1000, 40)]
    [InlineData(2, 2, 5, 1, 33)]
    [InlineData(1, 2, 97, 131, 42)]
    [InlineData(1, 1, 400, 143, 79)]
    [InlineData(1, 1, 25, 300, 257)]
    [InlineData(1, 1, 3, 2, 640)]
    public void Scores_weigh_the_values(int batch, int heads, int queryLength, int keyLength, int headDim) =>
        Check(new Case(batch, heads, queryLength, keyLength, headDim));

    [Theory]
    [InlineData(77, 77, 64)]
    [InlineData(300, 300, 8)]
    [InlineData(20, 130, 40)]
    [InlineData(130, 20, 40)]
    [InlineData(430, 430, 12)]
    public void Causal_queries_see_the_keys_up_to_their_own_index(int queryLength, int keyLength, int headDim) =>
        Check(new Case(2, 2, queryLength, keyLength, headDim) { Causal = true });

    [Fact]
    public void A_mask_is_added_however_it_is_broadcast()
    {
        foreach (Mask mask in Enum.GetValues<Mask>())
        {
            Check(new Case(2, 3, 37, 45, 24) { Mask = mask });
            Check(new Case(2, 3, 37, 45, 24) { Mask = mask, Causal = true });
        }
    }

    [Fact]
    public void Large_scores_do_not_overflow() => Check(new Case(1, 2, 40, 300, 16) { Scale = 60 });

    [Fact]
    public void Growing_scores_rescale_what_was_summed() => Check(new Case(1, 1, 20, 1500, 8) { Mask = Mask.ByKey, Slope = 0.05f });

    [Fact]
    public void Rows_without_any_key_are_zero()
    {
        foreach (AttentionBackend backend in Enum.GetValues<AttentionBackend>())
        {
            using var masked = new Buffers(new Case(1, 2, 30, 700, 12) { Mask = Mask.Full });
            for (int key = 0; key < 700; key++) masked.Bias.Span[(30 + 7) * 700 + key] = float.NegativeInfinity;
            for (int key = 0; key < 650; key++) masked.Bias.Span[8 * 700 + key] = float.NegativeInfinity;
            float[] expected = masked.Expected();
            Close.Absolute(expected, masked.Run(backend), 1e-5, backend.ToString());
            Assert.Equal(0, expected[7 * 24 + 12]);

            using var empty = new Buffers(new Case(1, 2, 3, 0, 12));
            Assert.All(empty.Run(backend), value => Assert.Equal(0, value));
        }
    }

    [Fact]
    public void NaN_in_a_query_spoils_its_row_only()
    {
        foreach (AttentionBackend backend in Enum.GetValues<AttentionBackend>())
        {
            using var buffers = new Buffers(new Case(1, 1, 40, 50, 8));
            buffers.Query.Span[3 * 8] = float.NaN;
            float[] actual = buffers.Run(backend);
            for (int i = 0; i < actual.Length; i++) Assert.Equal(i / 8 == 3, float.IsNaN(actual[i]));
        }
    }

    // Queries are scaled before they are rounded, by a power of two here, which the loop need not follow. From the second block of
    // keys on the kernels that keep no scores round other powers than the loop does, as their maximum is still growing.
    [Theory]
    [InlineData(1, 2, 50, 77, 40, false, 2e-4)]
    [InlineData(2, 1, 70, 70, 33, true, 2e-4)]
    [InlineData(1, 1, 300, 301, 64, true, 4e-3)]
    [InlineData(2, 1, 20, 140, 300, false, 4e-3)]
    public void Products_in_bfloat16_multiply_rounded_operands(int batch, int heads, int queryLength, int keyLength, int headDim, bool causal, double tolerance)
    {
        var test = new Case(batch, heads, queryLength, keyLength, headDim) { Causal = causal, Mask = Mask.Full, Scale = 0.125f * 0.693147182f, Element = ElementKind.BFloat16 };
        using var buffers = new Buffers(test);
        foreach (AttentionBackend backend in Enum.GetValues<AttentionBackend>())
            Close.Absolute(buffers.Expected(backend), KernelRuns.SameForAnyThreads(() => buffers.Run(backend)), tolerance, backend.ToString());
    }

    [Theory]
    [InlineData(1, 2, 50, 77, 40, false)]
    [InlineData(1, 1, 150, 151, 33, true)]
    [InlineData(1, 1, 20, 140, 300, false)]
    public void Pairs_in_machine_code_agree_with_rounded_operands(int batch, int heads, int queryLength, int keyLength, int headDim, bool causal)
    {
        if (Isas.Current != Isa.Avx512) Assert.Skip($"The machine code's tile is that of 512 bits; set {Knobs.Isa.Name}=avx512.");
        using var buffers = new Buffers(new Case(batch, heads, queryLength, keyLength, headDim) { Causal = causal, Scale = 1 / MathF.Sqrt(headDim) });
        Close.Absolute(buffers.Run(FlashAttention<RoundedAttention>.Run), buffers.Run(FlashAttention<PairAttention<InterpretedKernels>>.Run), 2e-5, "pairs");
    }

    [Fact]
    public void Scores_may_be_kept_in_memory_of_the_caller()
    {
        using var buffers = new Buffers(new Case(2, 2, 9, 11, 8));
        using var scores = new Guarded(2 * 2 * 9 * 11, seed: 1);
        scores.Span.Fill(float.NaN);
        float[] expected = buffers.Run(AttentionBackend.Math);
        buffers.Scores = scores.Pointer;
        Assert.Equal(expected, buffers.Run(AttentionBackend.Math));
        Assert.DoesNotContain(float.NaN, scores.Span.ToArray());
    }

    // Blocks are full from some thousand tokens on: few tokens on the other side show that in little time.
    [Theory]
    [InlineData(AttentionBackend.MemoryEfficient)]
    [InlineData(AttentionBackend.Flash)]
    public void Scratch_does_not_grow_with_the_product_of_the_lengths(AttentionBackend backend)
    {
        foreach (int headDim in new[] { 40, 64, 80, 160 })
        {
            Assert.InRange(ScratchBytes(backend, 16_384, 256, headDim), 1, ScratchBytes(backend, 8192, 256, headDim));
            Assert.InRange(ScratchBytes(backend, 300, 16_384, headDim), 1, ScratchBytes(backend, 300, 8192, headDim));
        }
    }

    // Without the packed keys and values of a head.
    private static nint ScratchBytes(AttentionBackend backend, int queries, int keys, int headDim)
    {
        using var buffers = new Buffers(new Case(1, 1, queries, keys, headDim));
        Allocator.ResetPeak();
        buffers.Run(backend);
        nint scratch = (nint)Allocator.Statistics.PeakScratchBytes;
        if (backend == AttentionBackend.Flash) scratch -= FlashAttention.PackedBytes(keys, headDim);
        Assert.InRange(scratch, 1, 8 << 20);
        return scratch;
    }

    private static void Check(Case test)
    {
        foreach (bool headsOutside in new[] { false, true })
        {
            using var buffers = new Buffers(test with { HeadsOutside = headsOutside });
            float[] expected = buffers.Expected();
            foreach (AttentionBackend backend in Enum.GetValues<AttentionBackend>())
                Close.Absolute(expected, KernelRuns.SameForAnyThreads(() => buffers.Run(backend)), 1e-5, backend.ToString());
        }
    }

    private sealed record Case(int Batch, int Heads, int QueryLength, int KeyLength, int HeadDim)
    {
        public Mask Mask { get; init; }
        public bool Causal { get; init; }
        public float Scale { get; init; } = 1;
        public float Slope { get; init; }
        public ElementKind Element { get; init; }

        /// <summary>[N, H, L, d] in memory instead of [N, L, H * d].</summary>
        public bool HeadsOutside { get; init; }

        public AttentionStrides Strides(int length) => HeadsOutside
            ? new((nint)Heads * length * HeadDim, (nint)length * HeadDim, HeadDim)
            : new((nint)length * Heads * HeadDim, HeadDim, Heads * HeadDim);

        public AttentionMaskStrides MaskStrides => Mask switch
        {
            Mask.ByKey => new(KeyLength, 0, 0, 1),
            Mask.ByQuery => new(0, 0, 1, 0),
            Mask.ByHead => new(0, 1, 0, 0),
            _ => new(0, (nint)QueryLength * KeyLength, KeyLength, 1),
        };
    }

    private sealed class Buffers(Case test) : IDisposable
    {
        public Guarded Query { get; } = Make(test, test.QueryLength, 1);
        public Guarded Key { get; } = Make(test, test.KeyLength, 2);
        public Guarded Value { get; } = Make(test, test.KeyLength, 3);
        public Guarded Bias { get; } = MakeBias(test);
        public float* Scores { get; set; }

        public delegate void Kernel(in AttentionArguments arguments);

        public float[] Run(AttentionBackend backend) => Run((in AttentionArguments arguments) => Attention.Run(backend, arguments));

        public float[] Run(Kernel kernel)
        {
            using Guarded output = Make(test, test.QueryLength, 4);
            kernel(new AttentionArguments
            {
                Batch = test.Batch,
                Heads = test.Heads,
                QueryLength = test.QueryLength,
                KeyLength = test.KeyLength,
                HeadDim = test.HeadDim,
                Query = Query.Pointer,
                Key = Key.Pointer,
                Value = Value.Pointer,
                Output = output.Pointer,
                QueryStrides = test.Strides(test.QueryLength),
                KeyStrides = test.Strides(test.KeyLength),
                ValueStrides = test.Strides(test.KeyLength),
                OutputStrides = test.Strides(test.QueryLength),
                Mask = test.Mask == Mask.None ? null : Bias.Pointer,
                MaskStrides = test.MaskStrides,
                Causal = test.Causal,
                Scale = test.Scale,
                Element = test.Element,
                Scores = Scores,
            });
            return output.Span.ToArray();
        }

        // Math rounds probabilities, the others powers before they are divided by their sum.
        public float[] Expected(AttentionBackend backend = AttentionBackend.Math)
        {
            bool math = backend == AttentionBackend.Math;
            float[] expected = new float[Query.Count];
            AttentionStrides queryStrides = test.Strides(test.QueryLength), keyStrides = test.Strides(test.KeyLength);
            double[] weights = new double[test.KeyLength];
            for (int n = 0; n < test.Batch; n++)
            {
                for (int h = 0; h < test.Heads; h++)
                {
                    for (int i = 0; i < test.QueryLength; i++)
                    {
                        nint query = n * queryStrides.Batch + h * queryStrides.Head + i * queryStrides.Token;
                        double max = double.NegativeInfinity, sum = 0;
                        for (int j = 0; j < test.KeyLength; j++) max = Math.Max(max, weights[j] = Score(n, h, i, j, query));
                        if (double.IsNegativeInfinity(max)) continue;
                        for (int j = 0; j < test.KeyLength; j++) sum += weights[j] = Math.Exp(weights[j] - max);
                        for (int c = 0; c < test.HeadDim; c++)
                        {
                            double output = 0;
                            for (int j = 0; j < test.KeyLength; j++)
                                output += (math ? Operand(weights[j] / sum) : Operand(weights[j]) / sum) * Operand(Value.Pointer[n * keyStrides.Batch + h * keyStrides.Head + j * keyStrides.Token + c]);
                            expected[query + c] = (float)output;
                        }
                    }
                }
            }

            return expected;
        }

        public void Dispose()
        {
            Query.Dispose();
            Key.Dispose();
            Value.Dispose();
            Bias.Dispose();
        }

        private double Score(int n, int h, int i, int j, nint query)
        {
            if (test.Causal && j > i) return double.NegativeInfinity;
            AttentionStrides strides = test.Strides(test.KeyLength);
            AttentionMaskStrides bias = test.MaskStrides;
            double score = 0;
            for (int c = 0; c < test.HeadDim; c++)
                score += Operand(Query.Pointer[query + c]) * Operand(Key.Pointer[n * strides.Batch + h * strides.Head + j * strides.Token + c]);
            return score * test.Scale + (test.Mask == Mask.None ? 0 : Bias.Pointer[n * bias.Batch + h * bias.Head + i * bias.Query + j * bias.Key]);
        }

        // As it is multiplied.
        private double Operand(double value) => test.Element == ElementKind.BFloat16 ? KernelRuns.BFloat16((float)value) : value;

        private static Guarded Make(Case test, int length, int seed) => new(KernelRuns.Numbers(test.Batch * test.Heads * length * test.HeadDim, seed));

        private static Guarded MakeBias(Case test)
        {
            int count = test.Mask switch
            {
                Mask.None => 0,
                Mask.ByKey => test.Batch * test.KeyLength,
                Mask.ByQuery => test.QueryLength,
                Mask.ByHead => test.Heads,
                Mask.Full => test.Heads * test.QueryLength * test.KeyLength,
            };
            float[] values = KernelRuns.Numbers(count, 5);
            for (int i = 0; i < count; i++) values[i] += test.Slope * i;
            if (test.Mask is Mask.Full or Mask.ByKey) for (int i = 1; i < count; i += 7) values[i] = float.NegativeInfinity;
            return new Guarded(values);
        }
    }
}
