// The machine code for bfloat16: its text, its meaning by an interpreter on any processor, and itself where the processor
// has the instructions.

using System.Text;
using Brushfire.Kernels;
using Iced.Intel;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class BFloat16CodeTests
{
    private static readonly byte[] s_tile = BFloat16Code.Tile(3), s_packRows = BFloat16Code.PackRows();

    [Theory]
    [InlineData("Tile.asm")]
    [InlineData("PackRows.asm")]
    public void The_code_reads_as_it_is_written_down(string file)
    {
        string path = Path.Combine(Laws.Repository.Root, "tests/Brushfire.Tests/Kernels/MachineCode", file), actual = Disassemble(file == "Tile.asm" ? s_tile : s_packRows);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == actual, $"{path} is to read\n{actual}");
    }

    [Theory]
    [InlineData(0, 48, false)]
    [InlineData(0, 48, true)]
    [InlineData(1, 33, false)]
    [InlineData(33, 48, true)]
    [InlineData(192, 48, false)]
    [InlineData(5, 32, true)]
    [InlineData(8, 17, false)]
    [InlineData(5, 16, false)]
    [InlineData(8, 1, true)]
    public void A_tile_is_the_product_of_its_panels(int pairs, int columns, bool accumulate) =>
        CheckTile(pairs, columns, accumulate, (a, b, tile, stride) => InterpretedKernels.Multiply(pairs, (byte*)a, (byte*)b, tile, stride, accumulate, columns, new AheadLines { B = (byte*)b, BStep = 64, AStep = 4 }));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void Rows_become_pairs(int fours) => CheckRows(fours, (rows, pairs) => InterpretedKernels.PackRows(fours, rows, pairs));

    [Theory]
    [InlineData(0, 48, false)]
    [InlineData(1, 48, true)]
    [InlineData(192, 48, false)]
    [InlineData(193, 48, true)]
    [InlineData(192, 32, true)]
    [InlineData(193, 16, false)]
    public void The_processor_runs_the_same_code(int pairs, int columns, bool accumulate)
    {
        if (!BFloat16Kernels.CanRun) Assert.Skip($"bfloat16 here: {BFloat16Kernels.Reason}.");
        CheckTile(pairs, columns, accumulate, (a, b, tile, stride) => BFloat16Kernels.Native.Multiply(pairs, (byte*)a, (byte*)b, tile, stride, accumulate, columns, new AheadLines { BStep = 64, AStep = 4 }));
        CheckRows(pairs / 2, (rows, packed) => BFloat16Kernels.Native.PackRows(pairs / 2, rows, packed));
    }

    [Fact]
    public void The_reason_says_what_is_used() => Assert.Contains(BFloat16Kernels.IsNative ? "VDPBF16PS" : "widened", BFloat16Kernels.Reason, StringComparison.Ordinal);

    private delegate void TileCode(uint* a, uint* b, float* tile, int stride);

    private delegate void RowsCode(float* rows, uint* pairs);

    // Columns of vectors beyond the wanted ones stay as they are.
    private static void CheckTile(int pairs, int columns, bool accumulate, TileCode run)
    {
        const int Rows = BFloat16Code.Rows, Columns = BFloat16Code.Columns, Stride = Columns + 5;
        using var a = new Guarded(pairs * Rows, 1);
        using var b = new Guarded(pairs * Columns, 2);
        using var tile = new Guarded((Rows - 1) * Stride + Columns, 3);
        RandomPairs(a, 4);
        RandomPairs(b, 5);
        float[] expected = [.. tile.Span];
        for (int r = 0; r < Rows; r++)
        {
            for (int c = 0; c < Blocks.RoundUp(columns, 16); c++)
            {
                double sum = accumulate ? expected[r * Stride + c] : 0;
                for (int k = 0; k < 2 * pairs; k++) sum += (double)Half(a, k / 2 * Rows + r, k % 2) * Half(b, k / 2 * Columns + c, k % 2);
                expected[r * Stride + c] = (float)sum;
            }
        }

        run((uint*)a.Pointer, (uint*)b.Pointer, tile.Pointer, Stride);
        Close.Absolute(expected, tile.Span.ToArray(), 2e-5);
    }

    private static void CheckRows(int fours, RowsCode run)
    {
        int count = fours * BFloat16Code.PackedTogether * BFloat16Code.Rows;
        using var rows = new Guarded(count, 1);
        using var pairs = new Guarded(count / 2, 2);
        if (count > 8) (rows.Pointer[0], rows.Pointer[3], rows.Pointer[5]) = (float.PositiveInfinity, float.NaN, -0f);
        run(rows.Pointer, (uint*)pairs.Pointer);
        for (int i = 0; i < count; i++)
        {
            float value = rows.Pointer[i], expected = float.IsFinite(value) ? KernelRuns.BFloat16(value) : value;
            int k = i / BFloat16Code.Rows, row = i % BFloat16Code.Rows;
            Assert.Equal(expected, Half(pairs, k / 2 * BFloat16Code.Rows + row, k % 2));
        }
    }

    private static void RandomPairs(Guarded panel, int seed)
    {
        float[] low = KernelRuns.Numbers(panel.Count, seed), high = KernelRuns.Numbers(panel.Count, seed + 10);
        for (int i = 0; i < panel.Count; i++) panel.Pointer[i] = SimdScalar.PackBFloat16(low[i], high[i]);
    }

    private static float Half(Guarded panel, int index, int half) => half == 0 ? SimdScalar.LowBFloat16(panel.Pointer[index]) : SimdScalar.HighBFloat16(panel.Pointer[index]);

    private static string Disassemble(byte[] code)
    {
        var text = new StringBuilder();
        var formatter = new IntelFormatter { Options = { RipRelativeAddresses = true } };
        var output = new StringOutput();
        var decoder = Iced.Intel.Decoder.Create(64, code);
        while (decoder.IP < (ulong)code.Length)
        {
            Instruction instruction = decoder.Decode();
            formatter.Format(instruction, output);
            text.Append($"{instruction.IP:X3} {output.ToStringAndReset()}\n");
            if (instruction.Mnemonic == Mnemonic.Ret) break;
        }

        for (int i = (int)decoder.IP; i < code.Length; i += 4) text.Append($"{i:X3} words {BitConverter.ToUInt16(code, i)} {BitConverter.ToUInt16(code, i + 2)}\n");
        return text.ToString();
    }
}
