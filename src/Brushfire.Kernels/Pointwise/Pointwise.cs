// Pointwise functions over float32 operands with any strides: eager kernels. The output is contiguous over the sizes; an input's
// stride of 0 repeats it. In place is allowed: the output may be an input that has the output's layout.
// One loop serves unary and binary functions: inputs that are not contiguous along a row are first brought, a
// block at a time, into a contiguous buffer in L1.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>Functions of one value; the structs of the same names say what they compute and how exactly.</summary>
public enum UnaryOperator { Negate, Abs, Relu, Sqrt, Rsqrt, Exp, Exp2, Log, Sin, Cos, Tanh, Erf, Sigmoid, Silu, Gelu, GeluTanh, QuickGelu }

/// <summary>Functions of two values; the structs of the same names say what they compute.</summary>
public enum BinaryOperator { Add, Subtract, Multiply, Divide, Min, Max, LessThan, Equal, GeluGate }

public static unsafe class Pointwise
{
    // From how many elements on a row is walked by itself.
    private const nint LongRow = 1 << 14;

    /// <summary>y = op(x) over contiguous memory.</summary>
    public static void Run(UnaryOperator op, nint count, float* x, float* y)
    {
        var nest = new StridedNest(count);
        nest.SetContiguous(0, sizeof(float));
        nest.SetContiguous(1, sizeof(float));
        var launch = new UnaryLaunch { Nest = nest, X = x, Y = y };
        Visit(op, ref launch);
    }

    /// <summary>output = op(x). Strides in elements.</summary>
    public static void Run(UnaryOperator op, ReadOnlySpan<int> sizes, float* x, ReadOnlySpan<nint> xStrides, float* output)
    {
        var launch = new UnaryLaunch { Nest = Nest(sizes, xStrides, []), X = x, Y = output };
        Visit(op, ref launch);
    }

    /// <summary>output = op(a, b). Strides in elements, 0 to broadcast.</summary>
    public static void Run(BinaryOperator op, ReadOnlySpan<int> sizes, float* a, ReadOnlySpan<nint> aStrides, float* b, ReadOnlySpan<nint> bStrides, float* output)
    {
        StridedNest nest = Nest(sizes, aStrides, bStrides);
        Binary(op)(in nest, [(nint)output, (nint)a, (nint)b]);
    }

    /// <summary>Calls the visitor with the struct that the member names.</summary>
    internal static void Visit<TVisitor>(UnaryOperator op, ref TVisitor visitor) where TVisitor : struct, IUnaryVisitor
    {
        delegate*<ref TVisitor, void> visit = op switch
        {
            UnaryOperator.Negate => &Visit<TVisitor, NegateOperator>,
            UnaryOperator.Abs => &Visit<TVisitor, AbsOperator>,
            UnaryOperator.Relu => &Visit<TVisitor, ReluOperator>,
            UnaryOperator.Sqrt => &Visit<TVisitor, SqrtOperator>,
            UnaryOperator.Rsqrt => &Visit<TVisitor, RsqrtOperator>,
            UnaryOperator.Exp => &Visit<TVisitor, ExpOperator>,
            UnaryOperator.Exp2 => &Visit<TVisitor, Exp2Operator>,
            UnaryOperator.Log => &Visit<TVisitor, LogOperator>,
            UnaryOperator.Sin => &Visit<TVisitor, SinOperator>,
            UnaryOperator.Cos => &Visit<TVisitor, CosOperator>,
            UnaryOperator.Tanh => &Visit<TVisitor, TanhOperator>,
            UnaryOperator.Erf => &Visit<TVisitor, ErfOperator>,
            UnaryOperator.Sigmoid => &Visit<TVisitor, SigmoidOperator>,
            UnaryOperator.Silu => &Visit<TVisitor, SiluOperator>,
            UnaryOperator.Gelu => &Visit<TVisitor, GeluOperator>,
            UnaryOperator.GeluTanh => &Visit<TVisitor, GeluTanhOperator>,
            UnaryOperator.QuickGelu => &Visit<TVisitor, QuickGeluOperator>,
        };
        visit(ref visitor);
    }

    private static void Visit<TVisitor, TOperator>(ref TVisitor visitor) where TVisitor : struct, IUnaryVisitor where TOperator : struct, IUnaryOperator =>
        visitor.Visit<TOperator>();

    private static delegate*<in StridedNest, ReadOnlySpan<nint>, void> Binary(BinaryOperator op) => op switch
    {
        BinaryOperator.Add => &RunNest<BinaryFunction<AddOperator>>,
        BinaryOperator.Subtract => &RunNest<BinaryFunction<SubtractOperator>>,
        BinaryOperator.Multiply => &RunNest<BinaryFunction<MultiplyOperator>>,
        BinaryOperator.Divide => &RunNest<BinaryFunction<DivideOperator>>,
        BinaryOperator.Min => &RunNest<BinaryFunction<MinOperator>>,
        BinaryOperator.Max => &RunNest<BinaryFunction<MaxOperator>>,
        BinaryOperator.LessThan => &RunNest<BinaryFunction<LessThanOperator>>,
        BinaryOperator.Equal => &RunNest<BinaryFunction<EqualOperator>>,
        BinaryOperator.GeluGate => &RunNest<BinaryFunction<GeluGateOperator>>,
    };

    private static StridedNest Nest(ReadOnlySpan<int> sizes, ReadOnlySpan<nint> first, ReadOnlySpan<nint> second)
    {
        var nest = new StridedNest(sizes);
        nest.SetContiguous(0, sizeof(float));
        nest.SetStrides(1, first, sizeof(float));
        nest.SetStrides(2, second, sizeof(float));
        nest.Collapse();
        return nest;
    }

    private static void RunNest<TFunction>(in StridedNest nest, ReadOnlySpan<nint> operands) where TFunction : struct, IFunction =>
        nest.Run(operands, new Row<TFunction>
        {
            ExceedsCaches = CacheLines.Exceeds(nest.Count * sizeof(float)),
            FirstAhead = Ahead(in nest, 1),
            SecondAhead = Ahead(in nest, 2),
        });

    // Elements from what a row reads to what it asks for: the same place of the next row, or a stretch ahead where rows are long.
    private static nint Ahead(in StridedNest nest, int operand) =>
        nest.Rank > 1 && nest.Size(nest.Rank - 1) < LongRow ? nest.Stride(operand, nest.Rank - 2) / sizeof(float) : CacheLines.AheadEach;

    private struct UnaryLaunch : IUnaryVisitor
    {
        public StridedNest Nest;
        public float* X, Y;

        public readonly void Visit<TOperator>() where TOperator : struct, IUnaryOperator => RunNest<UnaryFunction<TOperator>>(in Nest, [(nint)Y, (nint)X]);
    }

    // A function of one or two inputs; the second is not read where there is one.
    private interface IFunction
    {
        static abstract int Inputs { get; }
        static abstract TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct;
    }

    private readonly struct UnaryFunction<TOperator> : IFunction where TOperator : struct, IUnaryOperator
    {
        public static int Inputs => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct =>
            TOperator.Invoke<TSimd, TVector>(a);
    }

    private readonly struct BinaryFunction<TOperator> : IFunction where TOperator : struct, IBinaryOperator
    {
        public static int Inputs => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct =>
            TOperator.Invoke<TSimd, TVector>(a, b);
    }

    private struct Row<TFunction> : IRow where TFunction : struct, IFunction
    {
        public bool ExceedsCaches;
        public nint FirstAhead, SecondAhead;

        // Floats brought into L1 at a time; a multiple of every vector width.
        private const int Block = 512;

        [SkipLocalsInit]
        public readonly void Run<TSimd, TVector>(nint count, byte** operands, nint* byteStrides) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            bool past = ExceedsCaches && CacheLines.AreAligned<TSimd, TVector>((float*)operands[0], 0);
            float* buffer = stackalloc float[2 * Block];
            float** inputs = stackalloc float*[2];
            for (int i = 0; i < TFunction.Inputs; i++)
            {
                inputs[i] = buffer + i * Block;
                if (byteStrides[i + 1] == 0) Fill<TSimd, TVector>(inputs[i], *(float*)operands[i + 1], nint.Min(count, Block));
            }

            nint length = byteStrides[1] == sizeof(float) && (TFunction.Inputs < 2 || byteStrides[2] == sizeof(float)) ? count : Block;
            for (nint start = 0; start < count; start += length)
            {
                nint block = nint.Min(length, count - start);
                for (int i = 0; i < TFunction.Inputs; i++)
                {
                    byte* source = operands[i + 1] + start * byteStrides[i + 1];
                    if (byteStrides[i + 1] == sizeof(float)) inputs[i] = (float*)source;
                    else if (byteStrides[i + 1] != 0) Collect(inputs[i], source, byteStrides[i + 1], block);
                }

                Apply<TSimd, TVector>(block, inputs[0], inputs[1], (float*)operands[0] + start, past);
            }
        }

        private readonly void Apply<TSimd, TVector>(nint count, float* a, float* b, float* output, bool past) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint apart = count / SimdSeveral<TSimd, TVector>.Count * TSimd.Count, together = apart * SimdSeveral<TSimd, TVector>.Places;
            ApplyWhole<SimdSeveral<TSimd, TVector>, Several<TVector>>(0, apart, apart, a, b, output, past);
            ApplyWhole<TSimd, TVector>(together, count - count % TSimd.Count, 0, a, b, output, past);

            int rest = (int)(count % TSimd.Count);
            nint i = count - rest;
            if (rest == 0) return;
            TVector lastSecond = TFunction.Inputs > 1 ? TSimd.LoadPartial(b + i, rest) : TSimd.Zero;
            TSimd.StorePartial(output + i, TFunction.Invoke<TSimd, TVector>(TSimd.LoadPartial(a + i, rest), lastSecond), rest);
        }

        // Elements start … end in whole vectors, at each place.
        private readonly void ApplyWhole<TSimd, TVector>(nint start, nint end, nint apart, float* a, float* b, float* output, bool past)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint firstAhead = FirstAhead, secondAhead = SecondAhead;
            for (nint i = start; i < end; i += TSimd.Count / TSimd.Places)
            {
                TSimd.Prefetch(a + i + firstAhead, apart);
                if (TFunction.Inputs > 1) TSimd.Prefetch(b + i + secondAhead, apart);
                TVector second = TFunction.Inputs > 1 ? TSimd.Load(b + i, apart) : TSimd.Zero;
                CacheLines.Store<TSimd, TVector>(output + i, apart, TFunction.Invoke<TSimd, TVector>(TSimd.Load(a + i, apart), second), past);
            }
        }

        private static void Fill<TSimd, TVector>(float* destination, float value, nint count) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            // Block is a multiple of the width, so whole vectors stay within it.
            for (nint i = 0; i < count; i += TSimd.Count) TSimd.Store(destination + i, TSimd.Broadcast(value));
        }

        private static void Collect(float* destination, byte* source, nint byteStride, nint count)
        {
            for (nint i = 0; i < count; i++, source += byteStride) destination[i] = *(float*)source;
        }
    }
}
