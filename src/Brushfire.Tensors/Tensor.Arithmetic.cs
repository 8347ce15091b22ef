// Pointwise arithmetic in float32. Shapes are broadcast as in NumPy: from the last axis on, size 1 repeats.

using Brushfire.Kernels;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tensors;

public sealed partial class Tensor
{
    public static Tensor operator +(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Add), left, right);
    public static Tensor operator -(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Subtract), left, right);
    public static Tensor operator *(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Multiply), left, right);
    public static Tensor operator /(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Divide), left, right);
    public static Tensor operator +(Tensor left, float right) => left + Scalar(right);
    public static Tensor operator -(Tensor left, float right) => left - Scalar(right);
    public static Tensor operator *(Tensor left, float right) => left * Scalar(right);
    public static Tensor operator /(Tensor left, float right) => left / Scalar(right);
    public static Tensor operator +(float left, Tensor right) => Scalar(left) + right;
    public static Tensor operator -(float left, Tensor right) => Scalar(left) - right;
    public static Tensor operator *(float left, Tensor right) => Scalar(left) * right;
    public static Tensor operator /(float left, Tensor right) => Scalar(left) / right;
    public static Tensor operator -(Tensor value) => value.Apply(UnaryOperator.Negate);

    public static Tensor Min(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Min), left, right);
    public static Tensor Max(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Max), left, right);

    /// <summary>This times gelu(gate), in one pass.</summary>
    public Tensor GeluGate(Tensor gate) => Run(new Binary(BinaryOperator.GeluGate), this, gate);

    /// <summary>1 where left is less, else 0.</summary>
    public static Tensor LessThan(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.LessThan), left, right);

    /// <summary>1 where both are equal, else 0.</summary>
    public static Tensor Equal(Tensor left, Tensor right) => Run(new Binary(BinaryOperator.Equal), left, right);

    public Tensor Abs() => Apply(UnaryOperator.Abs);
    public Tensor Sqrt() => Apply(UnaryOperator.Sqrt);
    public Tensor Exp() => Apply(UnaryOperator.Exp);
    public Tensor Log() => Apply(UnaryOperator.Log);
    public Tensor Sin() => Apply(UnaryOperator.Sin);
    public Tensor Cos() => Apply(UnaryOperator.Cos);
    public Tensor Tanh() => Apply(UnaryOperator.Tanh);
    public Tensor Erf() => Apply(UnaryOperator.Erf);
    public Tensor Sigmoid() => Apply(UnaryOperator.Sigmoid);

    /// <summary>x * sigmoid(x).</summary>
    public Tensor Silu() => Apply(UnaryOperator.Silu);

    /// <summary>x * Φ(x) by the error function (Hendrycks and Gimpel 2016).</summary>
    public Tensor Gelu() => Apply(UnaryOperator.Gelu);

    /// <summary>Gelu by its tanh form.</summary>
    public Tensor GeluTanh() => Apply(UnaryOperator.GeluTanh);

    /// <summary>x * sigmoid(1.702 x), as CLIP has it.</summary>
    public Tensor QuickGelu() => Apply(UnaryOperator.QuickGelu);

    public Tensor Apply(UnaryOperator operation) => Run(new Unary(operation), this);

    /// <summary>The same values as another element type; to integers toward zero, to bool by "is not zero".</summary>
    public Tensor Cast(DType dtype) => Run(new Cast(dtype), this);
}
