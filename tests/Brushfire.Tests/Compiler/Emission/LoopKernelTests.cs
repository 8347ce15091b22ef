// Pointwise and reduction kernels against the interpreter, over shapes that are no multiple of anything.

using Brushfire.Compiler.Emission;

namespace Brushfire.Tests.Compiler.Emission;

public sealed class LoopKernelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(50_001)]
    public void A_chain_of_functions_runs_over_any_number_of_elements(int count) => KernelRunner.Check($"""
        graph f(%a: f32[{count}], %b: f32[{count}])
          %1: f32[{count}] = silu(%a)
          %2: f32[{count}] = multiply(%1, %b)
          %3: f32[{count}] = tanh(%2)
          %4: f32[{count}] = subtract(%3, %a)
          return %4
        """);

    [Fact]
    public void Inputs_are_broadcast() => KernelRunner.Check("""
        graph f(%a: f32[2,5,6,7], %time: f32[2,1,1,7], %bias: f32[7], %column: f32[6,1], %scalar: f32[])
          %1: f32[2,5,6,7] = add(%a, %time)
          %2: f32[2,5,6,7] = add(%1, %bias)
          %3: f32[2,5,6,7] = multiply(%2, %column)
          %4: f32[] = exp(%scalar)
          %5: f32[2,5,6,7] = divide(%3, %4)
          return %5
        """);

    [Fact]
    public void Several_outputs_are_written_in_one_pass() => KernelRunner.Check("""
        graph f(%a: f32[3,40], %b: f32[40])
          %1: f32[3,40] = add(%a, %b)
          %2: f32[3,40] = silu(%1)
          %3: f32[120] = reshape(%2) shape=[120]
          return %1, %2, %3
        """);

    [Fact]
    public void Movement_becomes_indices() => KernelRunner.Check("""
        graph f(%a: f32[2,12,8,5], %b: f32[2,96,5])
          %1: f32[2,8,12,5] = permute(%a) order=[0,2,1,3]
          %2: f32[2,96,5] = reshape(%1) shape=[2,96,5]
          %3: f32[2,96,5] = add(%2, %b)
          %4: f32[2,96,3] = slice(%3) axis=2 start=1 length=3
          %5: f32[2,96,3] = relu(%4)
          return %5
        """);

    [Fact]
    public void Columns_may_be_apart_in_memory() => KernelRunner.Check("""
        graph f(%a: f32[37,29], %b: f32[29,37])
          %1: f32[29,37] = permute(%a) order=[1,0]
          %2: f32[29,37] = subtract(%1, %b)
          return %2
        """);

    [Theory]
    [InlineData(1)]
    [InlineData(29)]
    [InlineData(205)]
    public void Long_chains_are_summed_up_over_columns_that_are_apart(int columns) => KernelRunner.Check($"""
        graph f(%a: f32[{columns},37], %b: f32[37,{columns}], %row: f32[{columns}])
          %1: f32[37,{columns}] = permute(%a) order=[1,0]
          %2: f32[37,{columns}] = subtract(%1, %b)
          %3: f32[37,{columns}] = multiply(%2, %row)
          %4: f32[37,{columns}] = relu(%3)
          %5: f32[37,{columns}] = add(%4, %1)
          %6: f32[37,{columns}] = tanh(%5)
          %7: f32[37,1] = reduce_sum(%6) axis=1
          %8: f32[37,1] = reduce_max(%6) axis=1
          return %7, %8
        """);

    [Fact]
    public void Enlarged_images_are_read_where_they_are() => KernelRunner.Check("""
        graph f(%a: f32[2,3,5,7], %b: f32[2,6,10,7])
          %1: f32[2,6,10,7] = upsample_nearest(%a) factor=2
          %2: f32[2,6,10,7] = multiply(%1, %b)
          return %2
        """);

    [Fact]
    public void Concatenated_parts_are_read_where_they_are() => KernelRunner.Check("""
        graph f(%a: f32[2,9,20], %b: f32[2,9,13], %c: f32[2,9,1], %scale: f32[34])
          %1: f32[2,9,20] = silu(%a)
          %2: f32[2,9,34] = concatenate(%1, %b, %c) axis=2
          %3: f32[2,9,34] = multiply(%2, %scale)
          %4: f32[18,34] = reshape(%3) shape=[18,34]
          return %4
        """);

    [Fact]
    public void Rotary_embedding_is_one_kernel() => KernelRunner.Check("""
        graph f(%q: f32[2,7,3,16], %cos: f32[7,1,16], %sin: f32[7,1,16])
          %1: f32[2,7,3,8] = slice(%q) axis=3 start=0 length=8
          %2: f32[2,7,3,8] = slice(%q) axis=3 start=8 length=8
          %3: f32[2,7,3,8] = negate(%2)
          %4: f32[2,7,3,16] = concatenate(%3, %1) axis=3
          %5: f32[2,7,3,16] = multiply(%4, %sin)
          %6: f32[2,7,3,16] = multiply(%q, %cos)
          %7: f32[2,7,3,16] = add(%6, %5)
          return %7
        """);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 7)]
    [InlineData(3, 320)]
    [InlineData(2, 40_003)]
    public void Root_mean_square_norm_is_one_kernel(int rows, int columns) => KernelRunner.Check($"""
        graph f(%x: f32[{rows},{columns}], %epsilon: f32[], %weight: f32[{columns}])
          %1: f32[{rows},{columns}] = multiply(%x, %x)
          %2: f32[{rows},1] = reduce_mean(%1) axis=1
          %3: f32[] = abs(%epsilon)
          %4: f32[{rows},1] = add(%2, %3)
          %5: f32[{rows},1] = rsqrt(%4)
          %6: f32[{rows},{columns}] = multiply(%x, %5)
          %7: f32[{rows},{columns}] = multiply(%6, %weight)
          return %7
        """);

    [Theory]
    [InlineData(77)]
    [InlineData(1000)]
    public void Softmax_is_one_kernel_whole_or_in_parts(int columns)
    {
        KernelRunner.Check($"""
            graph f(%x: f32[2,3,{columns}], %mask: f32[3,{columns}])
              %1: f32[2,3,{columns}] = add(%x, %mask)
              %2: f32[2,3,{columns}] = softmax(%1)
              return %2
            """, 2e-6);
        KernelRunner.Check($"""
            graph f(%x: f32[2,3,{columns}])
              %1: f32[2,3,1] = reduce_max(%x) axis=2
              %2: f32[2,3,{columns}] = subtract(%x, %1)
              %3: f32[2,3,{columns}] = exp(%2)
              %4: f32[2,3,1] = reduce_sum(%3) axis=2
              %5: f32[2,3,{columns}] = divide(%3, %4)
              return %5
            """);
    }

    [Fact]
    public void Layer_norm_is_one_kernel_with_what_follows() => KernelRunner.Check("""
        graph f(%x: f32[2,9,67], %residual: f32[2,9,67], %weight: f32[67], %bias: f32[67])
          %1: f32[2,9,67] = add(%x, %residual)
          %2: f32[2,9,67] = layer_norm(%1, %weight, %bias) epsilon=1E-05
          %3: f32[2,9,67] = gelu(%2)
          return %1, %3
        """, 2e-6);

    [Fact]
    public void One_reduction_serves_several_consumers_and_is_an_output_itself() => KernelRunner.Check("""
        graph f(%x: f32[11,130])
          %1: f32[11,130] = tanh(%x)
          %2: f32[11,1] = reduce_min(%1) axis=1
          %3: f32[11,130] = subtract(%1, %2)
          %4: f32[11,1] = exp(%2)
          %5: f32[11,130] = multiply(%x, %4)
          %6: f32[11] = reshape(%4) shape=[11]
          return %2, %3, %5, %6
        """);

    [Fact]
    public void Any_axis_can_be_reduced() => KernelRunner.Check("""
        graph f(%x: f32[4,33,6])
          %1: f32[4,1,6] = reduce_sum(%x) axis=1
          %2: f32[4,33,6] = divide(%x, %1)
          return %2
        """, 1e-5);

    [Theory]
    [InlineData(1, 40)]
    [InlineData(3, 131)]
    [InlineData(5, 64)]
    [InlineData(8, 3)]
    [InlineData(13, 500)]
    public void Rows_and_columns_of_any_number_are_done_at_several_places(int rows, int columns) => KernelRunner.Check($"""
        graph f(%x: f32[2,{rows},{columns}], %w: f32[{columns}], %time: f32[2,1,{columns}], %mask: f32[2,{rows},1])
          %1: f32[2,{rows},{columns}] = multiply(%x, %w)
          %2: f32[2,{rows},{columns}] = add(%1, %time)
          %3: f32[2,{rows},{columns}] = multiply(%2, %mask)
          %4: f32[2,{rows},1] = reduce_max(%3) axis=2
          %5: f32[2,{rows},{columns}] = subtract(%3, %4)
          %6: f32[2,{rows},{columns}] = exp(%5)
          %7: f32[2,{rows},1] = reduce_sum(%6) axis=2
          %8: f32[2,{rows},{columns}] = divide(%6, %7)
          return %8
        """, 1e-5);

    [Theory]
    [InlineData(1, 3)]
    [InlineData(1, 500)]
    [InlineData(1, 70_001)]
    [InlineData(6, 70_001)]
    public void Long_rows_are_reduced_at_several_places(int rows, int columns) => KernelRunner.Check($"""
        graph f(%x: f32[{rows},{columns}])
          %1: f32[{rows},{columns}] = abs(%x)
          %2: f32[{rows},1] = reduce_sum(%1) axis=1
          %3: f32[{rows},1] = reduce_min(%x) axis=1
          %4: f32[{rows},1] = add(%2, %3)
          return %4
        """, 1e-5);

    [Fact]
    public void Another_size_gives_the_same_text()
    {
        static string Text(int n, int h, int w, int c) => KernelRunner.Emit($"""
            graph f(%a: f32[{n},{h},{w},{c}], %time: f32[{n},1,1,{c}], %skip: f32[{n},{h * 2},{w * 2},{c}])
              %1: f32[{n},{h},{w},{c}] = add(%a, %time)
              %2: f32[{n},{h * 2},{w * 2},{c}] = upsample_nearest(%1) factor=2
              %3: f32[{n},{h * 2},{w * 2},{c * 2}] = concatenate(%2, %skip) axis=3
              %4: f32[{n},{h * 2},{w * 2},{c * 2}] = silu(%3)
              return %4
            """).Source;
        string text = Text(2, 8, 8, 32);
        Assert.Equal(text, Text(2, 12, 8, 32));
        Assert.Equal(text, Text(4, 9, 31, 40));
        Assert.Equal(text, Text(1, 9, 31, 7));
    }

    [Fact]
    public void What_needs_a_copy_is_refused_with_the_reason() =>
        Assert.Equal("a reshape needs a copy", KernelEmitter.Refusal(KernelRunner.Group(Graphs.GraphSamples.Parse("""
            graph f(%a: f32[5,7])
              %1: f32[7,5] = permute(%a) order=[1,0]
              %2: f32[5,7] = reshape(%1) shape=[5,7]
              %3: f32[5,7] = relu(%2)
              return %3
            """))));
}
