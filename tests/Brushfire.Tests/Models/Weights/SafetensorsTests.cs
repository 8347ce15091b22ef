// safetensors files: every element type, and every way in which a header can be wrong.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string ErrorOf(byte[] bytes) => Assert.Throws<BrushfireException>(() => WeightFile.Open(_folder.Write("x.safetensors", bytes))).Message;
    private string ErrorOf(string header, int dataBytes = 8) => ErrorOf(FileBytes.Safetensors(header, dataBytes));

    [Fact]
    public void Every_dtype_is_read_with_its_shape_and_the_metadata()
    {
        (string Name, DType DType)[] dtypes = [("F32", DType.Float32), ("F16", DType.Float16), ("BF16", DType.BFloat16), ("F64", DType.Float64), ("I32", DType.Int32), ("I64", DType.Int64), ("U8", DType.UInt8), ("BOOL", DType.Bool)];
        var fields = new List<string> { """ "__metadata__":{"format":"pt","ä":"ö"} """ };
        int offset = 0;
        foreach ((string name, DType dtype) in dtypes)
        {
            int end = offset + 6 * dtype.Size();
            fields.Add($$""" "{{name}}":{"dtype":"{{name}}","shape":[2,3],"data_offsets":[{{offset}},{{end}}]} """);
            offset = end;
        }

        WeightFile file = WeightFile.Open(_folder.Write("all", FileBytes.Safetensors("{" + string.Join(',', fields) + "}   ", offset)));
        Assert.Equal("ö", file.Metadata["ä"]);
        Assert.Equal(dtypes.Select(pair => pair.Name), file.Entries.Keys);
        foreach ((string name, DType dtype) in dtypes) Assert.Equal(new TensorSpec(dtype, [2, 3]), file.Entries[name].Spec);
        Assert.Equal(Enumerable.Range(offset - 6, 6).Select(i => (byte)i), file.Entries["BOOL"].Load().ToArray<byte>());
    }

    [Fact]
    public void An_empty_file_of_tensors_and_empty_tensors_are_fine()
    {
        Assert.Empty(WeightFile.Open(_folder.Write("x", FileBytes.Safetensors("{}", 0))).Entries);
        WeightFile file = WeightFile.Open(_folder.Write("y", FileBytes.Safetensors("""{"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", 1)));
        Assert.Equal("f32[0,4] u8[]", string.Join(' ', file.Entries.Values.Select(entry => entry.Spec)));
    }

    [Theory]
    [InlineData(-1, "over the limit of 100000000")]
    [InlineData(100_000_001, "over the limit of 100000000")]
    [InlineData(90_000_000, "the header should have 90000000 bytes, but only 18 follow; the file is cut short")]
    public void A_header_beyond_the_file_is_refused(long length, string message)
    {
        byte[] bytes = FileBytes.Safetensors("""{ "a" : 1 }""", 7);
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(bytes, length);
        Assert.Contains(message, ErrorOf(bytes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}""", "'a' lies at bytes 0 to 16, but the data has 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "the data_offsets of 'a' hold -8, which is not a size")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "'a' lies at bytes 8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "'a' has 8 bytes, but f32[3] needs 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "the shape of 'a' hold -2, which is not a size")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,8]}}""", "'a' has the size 4294967296 along axis 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "hold 99999999999999999999, which is not a size")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,8]}}""", "has more elements than memory can address")]
    [InlineData("""{"a":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}}""", "has more elements than memory can address")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", "'a' has rank 9; the largest rank is 8")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", "'a' has the dtype 'F8_E4M3'; F32, F16, BF16, F64, I32, I64, U8 and BOOL can be read")]
    [InlineData("""{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}""", "'b' begins at byte 3, inside of 'a', which ends at 5; entries must not overlap")]
    [InlineData("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}}""", "nothing claims bytes 3 to 5, between 'a' and 'b'")]
    [InlineData("""{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}""", "the data has 8 bytes, but the entries end at 5")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "the key 'a' occurs twice")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "'a' has the field 'dtype' twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "'a' does not have a dtype, a shape and two data_offsets")]
    [InlineData("""{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", "the dtype of 'a' should be a JSON String, not Number")]
    [InlineData("""{"a":[1,2]}""", "'a' should be a JSON StartObject, not StartArray")]
    [InlineData("""{"__metadata__":{"a":1}}""", "__metadata__ 'a' should be a JSON String, not Number")]
    [InlineData("""{"a":""", "the header is not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "the header is not valid JSON")]
    [InlineData("""{} {}""", "the header is not valid JSON")]
    public void A_hostile_header_gets_one_clear_error(string header, string message) =>
        Assert.Contains(message, ErrorOf(header), StringComparison.Ordinal);

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused()
    {
        byte[] bytes = FileBytes.Safetensors("""{"abc":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""", 8);
        bytes[11] = 0xFF;
        Assert.Contains("the header is not valid UTF-8", ErrorOf(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void Truncation_at_any_byte_gives_an_error_and_never_a_crash()
    {
        byte[] whole = FileBytes.Safetensors(("first", [2, 3]), ("second", [5]));
        for (int length = 0; length < whole.Length; length++) ErrorOf(whole[..length]);
    }
}
