// PyTorch's files, new and old: the reference ones bit for bit, and damaged or hostile ones refused.

using System.IO.Compression;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class TorchFileTests : IDisposable
{
    private static readonly byte[] s_eightFloats = [.. Enumerable.Range(0, 8).SelectMany(i => BitConverter.GetBytes((float)i))];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private WeightFile Open(byte[] bytes) => WeightFile.Open(_folder.Write("x.ckpt", bytes));
    private WeightFile Open(PickleWriter pickle) => Open(FileBytes.Torch(pickle.ToArray(), ("0", s_eightFloats)));
    private string ErrorOf(byte[] bytes) => Assert.Throws<BrushfireException>(() => Open(bytes)).Message;
    private string ErrorOf(PickleWriter pickle) => Assert.Throws<BrushfireException>(() => Open(pickle)).Message;

    private static PickleWriter Floats(PickleWriter pickle, long offset, long[] sizes, long[] strides) => pickle.Tensor("FloatStorage", "0", 8, offset, sizes, strides);

    [Fact]
    public void Views_of_one_storage_are_read_with_their_strides()
    {
        var pickle = new PickleWriter().Raw((byte)'}', (byte)'(');
        Floats(pickle.Text("whole"), 0, [2, 4], [4, 1]);
        Floats(pickle.Text("transposed"), 0, [4, 2], [1, 4]);
        Floats(pickle.Text("column"), 3, [2], [4]);
        Floats(pickle.Text("empty"), 0, [0, 4], [4, 1]);
        WeightFile file = Open(pickle.Raw((byte)'u'));
        Assert.Equal([0f, 1, 2, 3, 4, 5, 6, 7], file.Entries["whole"].Load().ToArray<float>());
        Assert.Equal([0f, 4, 1, 5, 2, 6, 3, 7], file.Entries["transposed"].Load().ToArray<float>());
        Assert.Equal([3f, 7], file.Entries["column"].Load().ToArray<float>());
        Assert.Empty(file.Entries["empty"].Load().ToArray<float>());
    }

    [Fact]
    public void A_state_dict_is_unwrapped_and_what_is_no_tensor_ignored()
    {
        WeightFile file = Open(new PickleWriter().Raw((byte)'}', (byte)'(')
            .Text("epoch").Number(7).Text("lr").Raw([(byte)'G', .. new byte[8]]).Text("list").Raw((byte)']', (byte)'N', (byte)'a')
            .Text("state_dict").Dictionary("w", p => Floats(p, 0, [8], [1])).Text("seven").Raw((byte)'I').Raw("7\n"u8).Raw((byte)'u'));
        Assert.Equal(["w"], file.Entries.Keys);
    }

    [Theory]
    [InlineData("posix", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch", "load")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("numpy.core.multiarray", "scalar")]
    public void Unknown_globals_are_refused_wherever_they_stand(string module, string name)
    {
        string message = ErrorOf(new PickleWriter().Raw((byte)'}', (byte)'(').Text("w").Raw((byte)'N').Text("x").Global(module, name).Raw((byte)'u'));
        Assert.Contains($"is refused: it asks for '{module}.{name}'", message, StringComparison.Ordinal);
        Assert.Contains("nothing was executed", message, StringComparison.Ordinal);
        Assert.Contains($"'{module}.{name}'", ErrorOf(new PickleWriter().Text(module).Text(name).Raw(0x93)), StringComparison.Ordinal);
    }

    [Fact]
    public void Storages_of_other_types_are_named() =>
        Assert.Contains("has tensors of the type ComplexFloatStorage; f32, f16, bf16", ErrorOf(new PickleWriter().Dictionary("w", p => p.Tensor("ComplexFloatStorage", "0", 4, 0, [4], [1]))), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, new long[] { 9 }, new long[] { 1 }, "a tensor [9] with strides [1] from element 0 on does not fit in the storage '0' of 8 elements")]
    [InlineData(1, new long[] { 8 }, new long[] { 1 }, "does not fit in the storage")]
    [InlineData(-1, new long[] { 2 }, new long[] { 1 }, "does not fit in the storage")]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 7, 1 }, "does not fit in the storage")]
    [InlineData(0, new long[] { 2 }, new long[] { long.MaxValue }, "does not fit in the storage")]
    [InlineData(long.MaxValue, new long[] { 2 }, new long[] { 1 }, "does not fit in the storage")]
    [InlineData(7, new long[] { 2 }, new long[] { -7 }, "has the negative stride -7")]
    [InlineData(0, new long[] { 1 << 30, 1 << 20 }, new long[] { 0, 0 }, "does not fit in the storage")]
    [InlineData(0, new long[] { 1L << 40 }, new long[] { 0 }, "has the size 1099511627776 along axis 0")]
    [InlineData(0, new long[] { -1 }, new long[] { 1 }, "has the size -1 along axis 0")]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 1 }, "has 1 strides")]
    [InlineData(0, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, "a tensor has 9 sizes; the largest rank is 8")]
    public void Views_outside_of_their_storage_are_refused(long offset, long[] sizes, long[] strides, string message) =>
        Assert.Contains(message, ErrorOf(new PickleWriter().Dictionary("w", p => Floats(p, offset, sizes, strides))), StringComparison.Ordinal);

    [Fact]
    public void Storages_must_be_in_the_archive_and_long_enough()
    {
        byte[] pickle = new PickleWriter().Dictionary("w", p => Floats(p, 0, [8], [1])).ToArray();
        Assert.Contains("the storage '0' is missing from the archive", ErrorOf(FileBytes.Torch(pickle)), StringComparison.Ordinal);
        Assert.Contains("the storage '0' has 31 bytes, but 8 elements of f32 need 32", ErrorOf(FileBytes.Torch(pickle, ("0", new byte[31]))), StringComparison.Ordinal);
        Assert.Contains("the storage '0' should have -1 elements", ErrorOf(new PickleWriter().Dictionary("w", p => p.Tensor("FloatStorage", "0", -1, 0, [0], [1]))), StringComparison.Ordinal);
        Assert.Contains("should have 4611686018427387904 elements", ErrorOf(new PickleWriter().Dictionary("w", p => p.Tensor("FloatStorage", "0", 1L << 62, 0, [0], [1]))), StringComparison.Ordinal);
    }

    [Fact]
    public void One_storage_has_one_type_and_one_size() =>
        Assert.Contains("is said to have 8 elements of f32 and also 16 of f16", ErrorOf(new PickleWriter().Raw((byte)'(').Storage("FloatStorage", "0", 8).Storage("HalfStorage", "0", 16).Raw((byte)'t')), StringComparison.Ordinal);

    [Fact]
    public void A_deep_pickle_ends_quickly()
    {
        // A hundred thousand lists, each within the next, and as many open marks.
        Assert.Contains("does not hold a dictionary of tensors", ErrorOf(new PickleWriter().Raw((byte)']').Repeat(100_000, 0x85)), StringComparison.Ordinal);
        Assert.Contains("its stack is empty", ErrorOf(new PickleWriter().Repeat(100_000, (byte)'(')), StringComparison.Ordinal);
    }

    [Fact]
    public void An_endless_pickle_is_stopped()
    {
        Assert.Contains("it makes more than 2000000 values, which no checkpoint needs", ErrorOf(new PickleWriter().Repeat(2_000_001, (byte)'}')), StringComparison.Ordinal);

        // One list of pairs, made into a dictionary again and again.
        PickleWriter bomb = new PickleWriter().Raw((byte)']', (byte)'q', 0, (byte)'(').Repeat(10_000, (byte)'N', (byte)'N', 0x86).Raw((byte)'e').Global("collections", "OrderedDict").Raw((byte)'q', 1);
        Assert.Contains("it makes dictionaries of more than 1000000 pairs", ErrorOf(bomb.Repeat(1_000, (byte)'h', 1, (byte)'h', 0, 0x85, (byte)'R')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { (byte)'h', 9 }, "it recalls value 9, which it never remembered")]
    [InlineData(new byte[] { (byte)'R' }, "its stack is empty")]
    [InlineData(new byte[] { (byte)'t' }, "it lacks a mark")]
    [InlineData(new byte[] { (byte)'N', (byte)'(', (byte)'0' }, "its stack is empty")]
    [InlineData(new byte[] { (byte)'N', (byte)'N', (byte)'a' }, "it appends to something else than a list")]
    [InlineData(new byte[] { (byte)'}', (byte)'(', (byte)'N', (byte)'u' }, "it has a key without a value")]
    [InlineData(new byte[] { (byte)'N', (byte)')', (byte)'R' }, "it calls something that cannot be called")]
    [InlineData(new byte[] { (byte)'N', (byte)'}', (byte)'b' }, "it sets attributes of something else than a dictionary")]
    [InlineData(new byte[] { (byte)'N', (byte)'Q' }, "it refers to something outside of the pickle")]
    [InlineData(new byte[] { (byte)'X', 255, 255, 255, 255 }, "it has a value of 4294967295 bytes")]
    [InlineData(new byte[] { 0x8D, 255, 255, 255, 255, 255, 255, 255, 255 }, "it has a value of 18446744073709551615 bytes")]
    [InlineData(new byte[] { 0x8A, 255 }, "it has a number of 255 bytes")]
    [InlineData(new byte[] { (byte)'X', 1, 0, 0, 0, 0xFF }, "is not valid UTF-8")]
    [InlineData(new byte[] { (byte)'I', (byte)'x', (byte)'\n' }, "should be a number and is not")]
    [InlineData(new byte[] { 0x80, 6 }, "it is of protocol 6; 5 is the highest known")]
    [InlineData(new byte[] { 0x81 }, "it has the instruction 0x81 at byte 2, which checkpoints of tensors do not use")]
    [InlineData(new byte[] { 0x82, 1 }, "it has the instruction 0x82")]
    [InlineData(new byte[] { (byte)'c', (byte)'a' }, "it ends within a line of text")]
    public void Malformed_pickles_are_refused(byte[] instructions, string message) =>
        Assert.Contains(message, ErrorOf(new PickleWriter().Raw(instructions)), StringComparison.Ordinal);

    [Fact]
    public void A_pickle_without_tensors_is_refused()
    {
        Assert.Contains("holds no tensors by name", ErrorOf(new PickleWriter().Raw((byte)'}')), StringComparison.Ordinal);
        Assert.Contains("does not hold a dictionary of tensors", ErrorOf(Floats(new PickleWriter(), 0, [8], [1])), StringComparison.Ordinal);
    }

    [Fact]
    public void Archives_that_PyTorch_never_writes_are_refused()
    {
        byte[] pickle = new PickleWriter().Dictionary("w", p => Floats(p, 0, [8], [1])).ToArray();
        Assert.Contains("is a zip archive but no PyTorch checkpoint: it has 0 entries data.pkl", ErrorOf(FileBytes.Zip([("a.txt", pickle)])), StringComparison.Ordinal);
        Assert.Contains("it has 2 entries data.pkl", ErrorOf(FileBytes.Zip([("a/data.pkl", pickle), ("b/data.pkl", pickle)])), StringComparison.Ordinal);
        Assert.Contains("occurs twice", ErrorOf(FileBytes.Zip([("a/data.pkl", pickle), ("a/data.pkl", pickle)])), StringComparison.Ordinal);
        Assert.Contains("is compressed, which PyTorch never does", ErrorOf(FileBytes.Zip([("a/data.pkl", new byte[1000])], CompressionLevel.Optimal)), StringComparison.Ordinal);
        Assert.Contains("was written on a big-endian machine", ErrorOf(FileBytes.Zip([("a/data.pkl", pickle), ("a/byteorder", "big"u8.ToArray()), ("a/data/0", s_eightFloats)])), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_archive_is_refused_at_any_length()
    {
        byte[] whole = FileBytes.Torch(new PickleWriter().Dictionary("w", p => Floats(p, 0, [8], [1])).ToArray(), ("0", s_eightFloats));
        for (int length = 0; length < whole.Length; length++) ErrorOf(whole[..length]);
    }

    [Fact]
    public void The_older_format_is_checked_against_its_storages()
    {
        byte[] start = [.. TorchFile.LegacyMagic, .. new PickleWriter().Number(1001).ToArray(), .. new PickleWriter().Dictionary("little_endian", p => p.Raw(0x88)).ToArray()];
        byte[] pickle = [.. start, .. new PickleWriter().Dictionary("w", p => Floats(p, 0, [8], [1])).ToArray()];
        byte[] keys = new PickleWriter().Raw((byte)']').Text("0").Raw((byte)'a').ToArray();
        byte[] Data(long count) => [.. BitConverter.GetBytes(count), .. s_eightFloats];

        Assert.Equal([0f, 1, 2, 3, 4, 5, 6, 7], Open([.. pickle, .. keys, .. Data(8)]).Entries["w"].Load().ToArray<float>());
        Assert.Contains("the storage '0' has 9 elements where its tensors expect 8", ErrorOf([.. pickle, .. keys, .. Data(9)]), StringComparison.Ordinal);
        Assert.Contains("the storage '0' needs 32 bytes, but the file ends after 31", ErrorOf([.. pickle, .. keys, .. Data(8)[..^1]]), StringComparison.Ordinal);
        Assert.Contains("the storage '0' is missing", ErrorOf([.. pickle, .. new PickleWriter().Raw((byte)']').ToArray()]), StringComparison.Ordinal);
        Assert.Contains("the list of storages names '1'", ErrorOf([.. pickle, .. new PickleWriter().Raw((byte)']').Text("1").Raw((byte)'a').ToArray()]), StringComparison.Ordinal);
        Assert.Contains("was not written on a little-endian machine", ErrorOf([.. TorchFile.LegacyMagic, .. new PickleWriter().Number(1001).ToArray(), .. new PickleWriter().Raw((byte)'}').ToArray()]), StringComparison.Ordinal);
    }
}
