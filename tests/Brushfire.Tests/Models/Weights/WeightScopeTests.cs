// Keys are taken once, in the right shape; what is missing or left over is told.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class WeightScopeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private WeightScope Open(params (string Key, int[] Shape)[] tensors) => WeightScope.Of(WeightFile.Open(_folder.Write("model.safetensors", FileBytes.Safetensors(tensors))));

    [Fact]
    public void Scopes_nest_and_parameters_are_taken_by_name()
    {
        WeightScope scope = Open(("a.0.weight", [2]), ("a.1.weight", [2, 2]), ("top", [1]));
        Assert.Equal("a.1", scope["a"]["1"].Path);
        Assert.Equal([2f, 3, 4, 5], scope["a"]["1"].Take("weight", [2, 2]).ToArray<float>());
        Assert.Equal([0f, 1], scope["a.0"].Take("weight", [2]).ToArray<float>());
        Assert.Equal(["top"], scope.Unused);
        Assert.Empty(scope["a"].Unused);
    }

    [Fact]
    public void Values_come_as_float32_whatever_the_file_has()
    {
        byte[] data = [.. BitConverter.GetBytes((Half)1.5), .. BitConverter.GetBytes((Half)(-2))];
        WeightScope scope = WeightScope.Of(WeightFile.Open(_folder.Write("half", FileBytes.Safetensors("""{"x":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", data))));
        Tensor tensor = scope.Take("x", [2]);
        Assert.Equal("f32[2]", tensor.Spec.ToString());
        Assert.Equal([1.5f, -2], tensor.ToArray<float>());
    }

    [Fact]
    public void Linear_and_1x1_convolution_weights_stand_for_each_other()
    {
        WeightScope scope = Open(("conv", [2, 3, 1, 1]), ("linear", [2, 3]));
        Assert.Equal("f32[2,3]", scope.Take("conv", [2, 3]).Spec.ToString());
        Assert.Equal("f32[2,3,1,1]", scope.Take("linear", [2, 3, 1, 1]).Spec.ToString());
    }

    [Fact]
    public void Errors_name_key_shapes_and_file()
    {
        WeightScope scope = Open(("a.weight", [2, 3]), ("a.bias", [2]));
        string message = Assert.Throws<BrushfireException>(() => scope["a"].Take("weight", [3, 2])).Message;
        Assert.Contains("model.safetensors: 'a.weight' is f32[2,3], but the model's configuration asks for the shape [3,2]", message, StringComparison.Ordinal);
        message = Assert.Throws<BrushfireException>(() => scope["a"].Take("scale", [3])).Message;
        Assert.Contains("model.safetensors has no 'a.scale' of the shape [3]; below 'a.' it has a.bias, a.weight, …", message, StringComparison.Ordinal);
        message = Assert.Throws<BrushfireException>(() => scope["b"].Take("scale", [3])).Message;
        Assert.Contains("it has nothing below 'b.'", message, StringComparison.Ordinal);
        scope["a"].Take("bias", [2]);
        message = Assert.Throws<BrushfireException>(() => scope["a"].Take("bias", [2])).Message;
        Assert.Contains("the key 'a.bias' is taken twice", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_shape_does_not_count_as_taken()
    {
        WeightScope scope = Open(("x", [2]));
        Assert.Throws<BrushfireException>(() => scope.Take("x", [3]));
        Assert.Equal(["x"], scope.Unused);
        scope.Take("x", [2]);
    }

    [Fact]
    public void Buffers_that_mean_nothing_are_not_reported() =>
        Assert.Equal(["z"], Open(("text_model.embeddings.position_ids", [1, 7]), ("logit_scale", []), ("text_projection.weight", [2, 2]), ("z", [1])).Unused);

    [Fact]
    public void Old_names_of_the_VAE_attention_are_found_under_the_new_ones()
    {
        WeightScope scope = Open(("decoder.mid_block.attentions.0.query.weight", [2, 2]), ("decoder.mid_block.attentions.0.key.bias", [2]), ("decoder.mid_block.attentions.0.value.bias", [2]), ("decoder.mid_block.attentions.0.proj_attn.weight", [2, 2, 1, 1]));
        WeightScope attention = scope["decoder.mid_block.attentions.0"];
        attention.Take("to_q.weight", [2, 2]);
        attention.Take("to_k.bias", [2]);
        attention.Take("to_v.bias", [2]);
        attention.Take("to_out.0.weight", [2, 2]);
        Assert.Empty(scope.Unused);
        Assert.Contains("under its old and under its new name", Assert.Throws<BrushfireException>(() => Open(("mid_block.attentions.0.query.bias", [2]), ("mid_block.attentions.0.to_q.bias", [2]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_by_formula_have_every_key_once()
    {
        WeightScope scope = WeightScope.Formula("p.");
        Assert.True(scope["conv_in"].Has("weight"));
        Assert.Equal(FormulaWeights.Create("p.conv_in.weight", [2, 3]).ToArray<float>(), scope["conv_in"].Take("weight", [2, 3]).ToArray<float>());
        Assert.Throws<BrushfireException>(() => scope.Take("conv_in.weight", [2, 3]));
        Assert.Empty(scope.Unused);
    }
}
