// Products with generated hooks against the interpreter: prologues while packing, epilogues on tiles, at sizes that cross tiles.

namespace Brushfire.Tests.Compiler.Emission;

public sealed class ContractionKernelTests
{
    [Theory]
    [InlineData(1, 3, 5)]
    [InlineData(13, 40, 33)]
    [InlineData(150, 77, 100)]
    public void A_linear_layer_takes_bias_residual_activation_and_scale(int rows, int inputs, int outputs) => KernelRunner.Check($"""
        graph f(%x: f32[2,{rows},{inputs}], %residual: f32[2,{rows},{outputs}], %scale: f32[])
          %w1: f32[{outputs},{inputs}] = weight "linear.weight"
          %w2: f32[{outputs}] = weight "linear.bias"
          %1: f32[2,{rows},{outputs}] = linear(%x, %w1, %w2)
          %2: f32[2,{rows},{outputs}] = silu(%1)
          %3: f32[2,{rows},{outputs}] = multiply(%2, %scale)
          %4: f32[2,{rows},{outputs}] = add(%3, %residual)
          return %4
        """, 5e-6);

    [Theory]
    [InlineData(5, 7, 8, 3)]
    [InlineData(6, 9, 35, 50)]
    [InlineData(16, 16, 32, 48)]
    public void A_convolution_adds_the_time_embedding_of_each_image(int height, int width, int inputs, int outputs) => KernelRunner.Check($"""
        graph f(%x: f32[2,{height},{width},{inputs}], %time: f32[2,{outputs}])
          %w1: f32[{outputs},{inputs},3,3] = weight "conv.weight"
          %w2: f32[{outputs}] = weight "conv.bias"
          %1: f32[2,{height},{width},{outputs}] = conv2d(%x, %w1, %w2) stride=1 pad=1
          %2: f32[2,1,1,{outputs}] = reshape(%time) shape=[2,1,1,{outputs}]
          %3: f32[2,{height},{width},{outputs}] = add(%1, %2)
          return %3
        """, 1e-5);

    [Theory]
    [InlineData(3, 1)]
    [InlineData(1, 0)]
    public void Group_norms_scale_and_shift_and_silu_go_into_the_packing(int kernel, int pad) => KernelRunner.Check($"""
        graph f(%x: f32[2,6,9,40], %scale: f32[2,1,1,40], %shift: f32[2,1,1,40], %skip: f32[2,6,9,21])
          %w1: f32[21,40,{kernel},{kernel}] = weight "conv.weight"
          %1: f32[2,6,9,40] = multiply(%x, %scale)
          %2: f32[2,6,9,40] = add(%1, %shift)
          %3: f32[2,6,9,40] = silu(%2)
          %4: f32[2,6,9,21] = conv2d(%3, %w1) stride=1 pad={pad}
          %5: f32[2,6,9,21] = add(%4, %skip)
          return %4, %5
        """, 1e-5);

    [Fact]
    public void Layer_norms_numbers_of_the_row_go_into_the_packing() => KernelRunner.Check("""
        graph f(%x: f32[2,9,40], %mean: f32[2,9,1], %factor: f32[2,9,1], %weight: f32[40], %bias: f32[40])
          %w1: f32[30,40] = weight "linear.weight"
          %1: f32[2,9,40] = subtract(%x, %mean)
          %2: f32[2,9,40] = multiply(%1, %factor)
          %3: f32[2,9,40] = multiply(%2, %weight)
          %4: f32[2,9,40] = add(%3, %bias)
          %5: f32[2,9,30] = linear(%4, %w1)
          return %5
        """, 5e-6);

    [Theory]
    [InlineData(1, 3, 5)]
    [InlineData(13, 40, 33)]
    [InlineData(150, 400, 100)]
    public void A_gated_layer_computes_a_column_of_both_halves_at_once(int rows, int inputs, int outputs) => KernelRunner.Check($"""
        graph f(%x: f32[2,{rows},{inputs}])
          %w1: f32[{2 * outputs},{inputs}] = weight "linear.weight"
          %w2: f32[{2 * outputs}] = weight "linear.bias"
          %1: f32[2,{rows},{2 * outputs}] = linear(%x, %w1, %w2)
          %2: f32[2,{rows},{outputs}] = slice(%1) axis=2 start=0 length={outputs}
          %3: f32[2,{rows},{outputs}] = slice(%1) axis=2 start={outputs} length={outputs}
          %4: f32[2,{rows},{outputs}] = gelu(%3)
          %5: f32[2,{rows},{outputs}] = multiply(%2, %4)
          return %5
        """, 5e-6);

    [Fact]
    public void A_batched_product_reads_and_is_scaled_in_place() => KernelRunner.Check("""
        graph f(%a: f32[6,11,20], %b: f32[6,20,13], %scale: f32[])
          %1: f32[6,11,13] = matmul(%a, %b)
          %2: f32[6,11,13] = multiply(%1, %scale)
          %3: f32[2,3,11,13] = reshape(%2) shape=[2,3,11,13]
          return %3
        """, 5e-6);

    [Fact]
    public void An_input_is_read_through_its_strides() => KernelRunner.Check("""
        graph f(%a: f32[5,20,11])
          %w1: f32[13,20] = weight "linear.weight"
          %1: f32[5,11,20] = permute(%a) order=[0,2,1]
          %2: f32[5,11,13] = linear(%1, %w1)
          %3: f32[5,11,13] = relu(%2)
          return %3
        """, 5e-6);

    [Fact]
    public void A_strided_convolution_with_uneven_padding_keeps_its_shape() => KernelRunner.Check("""
        graph f(%x: f32[1,9,8,16])
          %w1: f32[10,16,3,3] = weight "conv.weight"
          %1: f32[1,4,4,10] = conv2d(%x, %w1) stride=2 pad=[0,0,1,1]
          %2: f32[1,4,4,10] = gelu(%1)
          return %2
        """, 1e-5);

    [Fact]
    public void An_output_larger_than_the_caches_is_written_past_them() => KernelRunner.Check("""
        graph f(%x: f32[1100,8], %w: f32[1040,8], %r: f32[1100,1040])
          %1: f32[1100,1040] = linear(%x, %w)
          %2: f32[1100,1040] = add(%1, %r)
          return %2
        """, 1e-5);

    [Fact]
    public void Another_size_gives_the_same_text()
    {
        static string Text(int n, int h, int w, int c) => KernelRunner.Emit($"""
            graph f(%x: f32[{n},{h},{w},{c}], %scale: f32[{n},1,1,{c}], %time: f32[{n},1,1,8], %skip: f32[{n},{h},{w},8])
              %w1: f32[8,{c},3,3] = weight "conv.weight"
              %1: f32[{n},{h},{w},{c}] = multiply(%x, %scale)
              %2: f32[{n},{h},{w},8] = conv2d(%1, %w1) stride=1 pad=1
              %3: f32[{n},{h},{w},8] = add(%2, %time)
              %4: f32[{n},{h},{w},8] = add(%3, %skip)
              return %4
            """).Source;
        string text = Text(2, 8, 8, 32);
        Assert.Equal(text, Text(2, 12, 8, 32));
        Assert.Equal(text, Text(4, 9, 31, 40));
    }
}
