// The structs behind pointwise operators: their names are called by generated code, their scalar forms by the loop
// interpreter. A new operator is one line here.

using Brushfire.Kernels;

namespace Brushfire.Compiler.Loops;

/// <summary>An operator's struct and its form for one number.</summary>
internal readonly unsafe struct ScalarFunction(Type operatorStruct, delegate*<float, float> unary, delegate*<float, float, float> binary)
{
    public string StructName { get; } = operatorStruct.Name;
    public float Invoke(float x) => unary(x);
    public float Invoke(float a, float b) => binary(a, b);
}

internal static unsafe class ScalarOperators
{
    public static ScalarFunction Of(UnaryOperator op) => op switch
    {
        UnaryOperator.Negate => Unary<NegateOperator>(),
        UnaryOperator.Abs => Unary<AbsOperator>(),
        UnaryOperator.Relu => Unary<ReluOperator>(),
        UnaryOperator.Sqrt => Unary<SqrtOperator>(),
        UnaryOperator.Rsqrt => Unary<RsqrtOperator>(),
        UnaryOperator.Exp => Unary<ExpOperator>(),
        UnaryOperator.Exp2 => Unary<Exp2Operator>(),
        UnaryOperator.Log => Unary<LogOperator>(),
        UnaryOperator.Sin => Unary<SinOperator>(),
        UnaryOperator.Cos => Unary<CosOperator>(),
        UnaryOperator.Tanh => Unary<TanhOperator>(),
        UnaryOperator.Erf => Unary<ErfOperator>(),
        UnaryOperator.Sigmoid => Unary<SigmoidOperator>(),
        UnaryOperator.Silu => Unary<SiluOperator>(),
        UnaryOperator.Gelu => Unary<GeluOperator>(),
        UnaryOperator.GeluTanh => Unary<GeluTanhOperator>(),
        UnaryOperator.QuickGelu => Unary<QuickGeluOperator>(),
    };

    public static ScalarFunction Of(BinaryOperator op) => op switch
    {
        BinaryOperator.Add => Binary<AddOperator>(),
        BinaryOperator.Subtract => Binary<SubtractOperator>(),
        BinaryOperator.Multiply => Binary<MultiplyOperator>(),
        BinaryOperator.Divide => Binary<DivideOperator>(),
        BinaryOperator.Min => Binary<MinOperator>(),
        BinaryOperator.Max => Binary<MaxOperator>(),
        BinaryOperator.LessThan => Binary<LessThanOperator>(),
        BinaryOperator.Equal => Binary<EqualOperator>(),
        BinaryOperator.GeluGate => Binary<GeluGateOperator>(),
    };

    /// <summary>Whether computing it twice costs more than keeping it in the nearest cache.</summary>
    public static bool IsCostly(UnaryOperator op) => op switch
    {
        UnaryOperator.Negate or UnaryOperator.Abs or UnaryOperator.Relu or UnaryOperator.Sqrt => false,
        _ => true,
    };

    private static ScalarFunction Unary<TOperator>() where TOperator : struct, IUnaryOperator => new(typeof(TOperator), &TOperator.Invoke<SimdScalar, float>, null);
    private static ScalarFunction Binary<TOperator>() where TOperator : struct, IBinaryOperator => new(typeof(TOperator), null, &TOperator.Invoke<SimdScalar, float>);
}
