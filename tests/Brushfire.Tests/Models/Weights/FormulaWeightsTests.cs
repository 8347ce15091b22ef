// Weights by formula against the rule written out naively.

using Brushfire.Models.Weights;

namespace Brushfire.Tests.Models.Weights;

public class FormulaWeightsTests
{
    // Bits of values that an independent program computed from the rule.
    [Theory]
    [InlineData("conv_in.weight", new[] { 32, 4, 3, 3 }, new[] { 0, 1, 2, 1151 }, new uint[] { 0x3d287e74, 0x3e6296ab, 0xbe7260aa, 0xbd423541 })]
    [InlineData("conv_in.bias", new[] { 32 }, new[] { 0, 31 }, new uint[] { 0xbc291217, 0x3ab9b452 })]
    [InlineData("conv_norm_out.weight", new[] { 32 }, new[] { 0, 5 }, new uint[] { 0x3f72599c, 0x3f89e143 })]
    [InlineData("time_embedding.linear_1.weight", new[] { 320, 320 }, new[] { 0, 70000 }, new uint[] { 0xbcd5ef4a, 0xbd3ec7ad })]
    [InlineData("é.weight", new[] { 2, 4 }, new[] { 0, 3 }, new uint[] { 0xbf49e7c2, 0xbf594620 })]
    public void Values_follow_from_name_and_shape(string name, int[] shape, int[] indices, uint[] bits)
    {
        float[] values = FormulaWeights.Create(name, shape).ToArray<float>();
        Assert.Equal(bits, indices.Select(index => BitConverter.SingleToUInt32Bits(values[index])));
    }

    [Fact]
    public void Inputs_are_scaled_values_of_their_own_names()
    {
        float[] values = FormulaWeights.Input("vae-tiny.latents", [1, 4, 8, 8], 1.7f).ToArray<float>();
        Assert.Equal([0x3f00a209u, 0xbfa8de5f], new[] { values[0], values[255] }.Select(BitConverter.SingleToUInt32Bits));
    }

    public static IEnumerable<TheoryDataRow<string>> UNets() => Golden.Files("modules", "*.safetensors")
        .Where(name => Golden.Open(name).Metadata.GetValueOrDefault("model") == "UNet2DConditionModel").Select(name => new TheoryDataRow<string>(name))
        .DefaultIfEmpty(new TheoryDataRow<string>(Path.Combine("modules", "(no reference U-Net)")));

    [Theory]
    [MemberData(nameof(UNets))]
    public void The_first_convolution_of_reference_UNets_agrees(string name)
    {
        Golden golden = Golden.Open(name);
        if (!golden.Has("at.conv_in")) Assert.Skip($"{name} has no at.conv_in.");
        string prefix = golden.Metadata.GetValueOrDefault("prefix", "");
        int[] sample = golden.Shape("sample"), result = golden.Shape("at.conv_in");
        (int inputs, int height, int width, int outputs) = (sample[1], sample[2], sample[3], result[1]);
        float[] weight = FormulaWeights.Create(prefix + "conv_in.weight", [outputs, inputs, 3, 3]).ToArray<float>();
        float[] bias = FormulaWeights.Create(prefix + "conv_in.bias", [outputs]).ToArray<float>();
        float[] image = golden.Floats("sample"), actual = new float[golden.Floats("at.conv_in").Length];
        for (int i = 0; i < actual.Length; i++)
        {
            int x = i % width, y = i / width % height, o = i / width / height % outputs, n = i / width / height / outputs;
            double sum = bias[o];
            for (int c = 0; c < inputs; c++)
            {
                for (int k = 0; k < 9; k++)
                {
                    (int row, int column) = (y + k / 3 - 1, x + k % 3 - 1);
                    if (row >= 0 && row < height && column >= 0 && column < width)
                        sum += (double)weight[(o * inputs + c) * 9 + k] * image[((n * inputs + c) * height + row) * width + column];
                }
            }

            actual[i] = (float)sum;
        }

        Close.Relative(golden.Floats("at.conv_in"), actual, 1e-5, name);
    }
}
