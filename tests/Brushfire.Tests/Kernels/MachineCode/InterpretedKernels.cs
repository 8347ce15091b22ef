// The machine code for bfloat16 as a whole product runs it, interpreted.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

internal readonly unsafe struct InterpretedKernels : IBFloat16Kernels
{
    private static readonly byte[] s_packRows = BFloat16Code.PackRows();
    private static readonly byte[][] s_tiles = [BFloat16Code.Tile(1), BFloat16Code.Tile(2), BFloat16Code.Tile(3)];

    public static void Multiply(nint pairs, byte* a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, AheadLines ahead)
    {
        var code = new CodeInterpreter(s_tiles[(columns - 1) / 16]);
        code.Allow(a, pairs * BFloat16Code.Rows * sizeof(uint));
        code.Allow(b, pairs * BFloat16Code.Columns * sizeof(uint));
        code.Allow(tile, ((BFloat16Code.Rows - 1) * tileStride + BFloat16Code.Columns) * sizeof(float), writable: true);
        code.Call(pairs, (long)a, (long)b, (long)tile, tileStride * sizeof(float), accumulate ? 1 : 0, (long)ahead.B, ahead.BStep, (long)ahead.A, ahead.AStep);
    }

    public static void PackRows(nint fours, float* rows, uint* pairs)
    {
        nint count = fours * BFloat16Code.PackedTogether * BFloat16Code.Rows;
        var code = new CodeInterpreter(s_packRows);
        code.Allow(rows, count * sizeof(float));
        code.Allow(pairs, count * sizeof(ushort), writable: true);
        code.Call(fours, (long)rows, (long)pairs);
    }
}
