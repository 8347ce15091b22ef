// The bfloat16 kernels in machine code, for instructions that .NET does not offer (AVX512_BF16). Each function follows
// the System V calling convention and runs for some microseconds at most, so it is called without telling the
// garbage collector.
//
// Note: the bfloat16 register tile. VDPBF16PS adds two products to each lane: operands are pairs along K.
//
//                  B panel: K/2 x 48 pairs, each row 3 vectors      zmm24, zmm25, zmm26
//     A panel      +----------+----------+----------+
//     K/2 x 8      | zmm0     | zmm1     | zmm2     |               each step loads a row of B, broadcasts 8 pairs of A
//     pairs        | zmm3     | zmm4     | zmm5     |               (zmm27 to zmm30 in turn) and does 24 x 16 x 2 multiply-adds
//                  | ..       | ..       | ..       |
//                  | zmm21    | zmm22    | zmm23    |

using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Brushfire.Kernels;

internal static class BFloat16Code
{
    /// <summary>The register tile: rows and columns.</summary>
    public const int Rows = 8, Columns = 48;

    /// <summary>Rows of float32 that <see cref="PackRows"/> turns into pairs at a time.</summary>
    public const int PackedTogether = 4;

    private const int MaxVectors = 3, VectorBytes = 64;

    /// <summary>
    /// void(nint pairs, void* a, void* b, float* tile, nint tileStrideBytes, int accumulate, void* aheadB, nint aheadBStep, void* aheadA, nint aheadAStep): the tile's first columns, of
    /// <paramref name="vectors"/> vectors, are written, or the product added to them. Each step brings a line of both stretches ahead into the second-level cache.
    /// </summary>
    public static byte[] Tile(int vectors)
    {
        var code = new Assembler(64);
        (AssemblerRegister64 pairs, AssemblerRegister64 a, AssemblerRegister64 b, AssemblerRegister64 tile, AssemblerRegister64 stride) = (rdi, rsi, rdx, rcx, r8);
        (AssemblerRegister64 aheadB, AssemblerRegister64 aheadBStep, AssemblerRegister64 aheadA) = (r10, r11, rax);
        AssemblerMemoryOperand aheadAStep = __qword_ptr[rsp + 32];
        AssemblerRegisterZMM[] sums =
        [
            zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11,
            zmm12, zmm13, zmm14, zmm15, zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23,
        ];
        AssemblerRegisterZMM[] columns = [zmm24, zmm25, zmm26], broadcasts = [zmm27, zmm28, zmm29, zmm30];
        Label loop = code.CreateLabel(), end = code.CreateLabel(), store = code.CreateLabel();

        foreach (AssemblerRegisterZMM sum in sums) code.vpxord(sum, sum, sum);
        code.mov(aheadB, __qword_ptr[rsp + 8]);
        code.mov(aheadBStep, __qword_ptr[rsp + 16]);
        code.mov(aheadA, __qword_ptr[rsp + 24]);
        code.test(pairs, pairs);
        code.jle(end);

        code.Label(ref loop);
        code.prefetcht1(__byte_ptr[aheadB]);
        code.prefetcht1(__byte_ptr[aheadA]);
        for (int v = 0; v < vectors; v++) code.vmovups(columns[v], __[b + v * VectorBytes]);
        for (int r = 0; r < Rows; r++)
        {
            AssemblerRegisterZMM broadcast = broadcasts[r % broadcasts.Length];
            code.vpbroadcastd(broadcast, __dword_ptr[a + r * sizeof(uint)]);
            for (int v = 0; v < vectors; v++) code.vdpbf16ps(sums[r * MaxVectors + v], broadcast, columns[v]);
        }

        code.add(a, Rows * sizeof(uint));
        code.add(b, MaxVectors * VectorBytes);
        code.add(aheadB, aheadBStep);
        code.add(aheadA, aheadAStep);
        code.dec(pairs);
        code.jne(loop);

        code.Label(ref end);
        code.test(r9d, r9d);
        code.je(store);
        code.mov(rax, tile);
        for (int r = 0; r < Rows; r++)
        {
            for (int v = 0; v < vectors; v++) code.vaddps(sums[r * MaxVectors + v], sums[r * MaxVectors + v], __zmmword_ptr[rax + v * VectorBytes]);
            if (r + 1 < Rows) code.add(rax, stride);
        }

        code.Label(ref store);
        for (int r = 0; r < Rows; r++)
        {
            for (int v = 0; v < vectors; v++) code.vmovups(__[tile + v * VectorBytes], sums[r * MaxVectors + v]);
            if (r + 1 < Rows) code.add(tile, stride);
        }

        code.vzeroupper();
        code.ret();
        return Bytes(code);
    }

    /// <summary>
    /// void(nint fours, float* rows, void* pairs): rounds fours * 4 rows of 8 numbers to fours * 2 rows of 8 pairs. VCVTNE2PS2BF16 gives the rows
    /// 0 to 3 one after the other, [k0: 8][k1: 8][k2: 8][k3: 8]; a permutation puts k0 and k1, and k2 and k3, beside each other.
    /// </summary>
    public static byte[] PackRows()
    {
        var code = new Assembler(64);
        (AssemblerRegister64 fours, AssemblerRegister64 rows, AssemblerRegister64 pairs) = (rdi, rsi, rdx);
        Label loop = code.CreateLabel(), end = code.CreateLabel(), order = code.CreateLabel();

        code.test(fours, fours);
        code.jle(end);
        code.vmovups(zmm16, __[order]);

        code.Label(ref loop);
        code.vmovups(zmm17, __[rows + VectorBytes]);
        code.vcvtne2ps2bf16(zmm17, zmm17, __zmmword_ptr[rows]);
        code.vpermw(zmm17, zmm16, zmm17);
        code.vmovups(__[pairs], zmm17);
        code.add(rows, 2 * VectorBytes);
        code.add(pairs, VectorBytes);
        code.dec(fours);
        code.jne(loop);

        code.Label(ref end);
        code.vzeroupper();
        code.ret();

        code.Label(ref order);
        for (int i = 0; i < 2 * Rows; i++) code.dw((ushort)(i / Rows * 2 * Rows + i % Rows), (ushort)(i / Rows * 2 * Rows + i % Rows + Rows));
        return Bytes(code);
    }

    private static byte[] Bytes(Assembler code)
    {
        using var bytes = new MemoryStream();
        code.Assemble(new StreamCodeWriter(bytes), 0);
        return bytes.ToArray();
    }
}
