// The text of some kernels, one of each form, as files to be read and reviewed.

namespace Brushfire.Tests.Compiler.Emission;

public sealed class KernelTextTests
{
    public static TheoryData<string, string> Kernels => new()
    {
        {
            "chain", """
            graph f(%a: f32[100], %b: f32[100])
              %1: f32[100] = silu(%a)
              %2: f32[100] = multiply(%1, %b)
              return %2
            """
        },
        {
            "broadcast", """
            graph f(%a: f32[2,5,6,7], %time: f32[2,1,1,7], %column: f32[6,1], %scalar: f32[])
              %1: f32[2,5,6,7] = add(%a, %time)
              %2: f32[2,5,6,7] = multiply(%1, %column)
              %3: f32[] = exp(%scalar)
              %4: f32[2,5,6,7] = divide(%2, %3)
              return %2, %4
            """
        },
        {
            "gated", """
            graph f(%x: f32[2,9,40])
              %w1: f32[60,40] = weight "proj.weight"
              %w2: f32[60] = weight "proj.bias"
              %1: f32[2,9,60] = linear(%x, %w1, %w2)
              %2: f32[2,9,30] = slice(%1) axis=2 start=0 length=30
              %3: f32[2,9,30] = slice(%1) axis=2 start=30 length=30
              %4: f32[2,9,30] = gelu(%3)
              %5: f32[2,9,30] = multiply(%2, %4)
              return %5
            """
        },
        {
            "transposed", """
            graph f(%a: f32[37,29], %b: f32[29,37])
              %1: f32[29,37] = permute(%a) order=[1,0]
              %2: f32[29,37] = subtract(%1, %b)
              return %2
            """
        },
        {
            "concatenated", """
            graph f(%a: f32[2,9,20], %b: f32[2,9,13])
              %1: f32[2,9,33] = concatenate(%a, %b) axis=2
              %2: f32[2,9,33] = silu(%1)
              return %2
            """
        },
        {
            "upsampled", """
            graph f(%a: f32[2,3,5,7], %b: f32[2,6,10,7])
              %1: f32[2,6,10,7] = upsample_nearest(%a) factor=2
              %2: f32[2,6,10,7] = multiply(%1, %b)
              return %2
            """
        },
        {
            "rms_norm", """
            graph f(%x: f32[5,70], %epsilon: f32[], %weight: f32[70])
              %1: f32[5,70] = multiply(%x, %x)
              %2: f32[5,1] = reduce_mean(%1) axis=1
              %3: f32[5,1] = add(%2, %epsilon)
              %4: f32[5,1] = rsqrt(%3)
              %5: f32[5,70] = multiply(%x, %4)
              %6: f32[5,70] = multiply(%5, %weight)
              return %6
            """
        },
        {
            "softmax", """
            graph f(%x: f32[2,3,77], %mask: f32[3,77])
              %1: f32[2,3,77] = add(%x, %mask)
              %2: f32[2,3,77] = softmax(%1)
              return %2
            """
        },
        {
            "layer_norm", """
            graph f(%x: f32[2,9,67], %weight: f32[67], %bias: f32[67])
              %1: f32[2,9,67] = layer_norm(%x, %weight, %bias) epsilon=1E-05
              return %1
            """
        },
        {
            "linear_residual", """
            graph f(%x: f32[2,9,40], %residual: f32[2,9,30])
              %w1: f32[30,40] = weight "linear.weight"
              %w2: f32[30] = weight "linear.bias"
              %1: f32[2,9,30] = linear(%x, %w1, %w2)
              %2: f32[2,9,30] = add(%1, %residual)
              return %2
            """
        },
        {
            "group_norm_silu_convolution", """
            graph f(%x: f32[2,6,9,40], %scale: f32[2,1,1,40], %shift: f32[2,1,1,40], %time: f32[2,1,1,21])
              %w1: f32[21,40,3,3] = weight "conv.weight"
              %1: f32[2,6,9,40] = multiply(%x, %scale)
              %2: f32[2,6,9,40] = add(%1, %shift)
              %3: f32[2,6,9,40] = silu(%2)
              %4: f32[2,6,9,21] = conv2d(%3, %w1) stride=1 pad=1
              %5: f32[2,6,9,21] = add(%4, %time)
              return %5
            """
        },
    };

    [Theory]
    [MemberData(nameof(Kernels))]
    public void The_text_of_a_kernel_is_as_reviewed(string name, string graph) =>
        GoldenText.Check($"Compiler/Emission/Texts/{name}.cs.txt", KernelRunner.Emit(graph).Source);
}
