// Which kernel serves attention of given sizes best, and which one cannot serve them and why. The rule follows the table in
// docs/kernels.md, section Attention.

using System.Globalization;

namespace Brushfire.Kernels;

public readonly record struct AttentionSizes(int Batch, int Heads, int QueryLength, int KeyLength, int HeadDim)
{
    public override string ToString() => $"{Batch} x {Heads} heads, {QueryLength} queries and {KeyLength} keys of length {HeadDim}";
}

public static class AttentionChoice
{
    /// <summary>Flash keeps packed keys and values of a head for each thread, at most this much.</summary>
    public const nint MaxPackedBytes = 128 << 20;

    // Fewer queries than this fill the wide tile of Flash badly: with 64 of them it is slower, with 256 faster.
    private const int ManyQueries = 128;

    /// <summary>The fastest kernel that keeps no scores in memory. Math is never faster, and never chosen unless it alone is allowed.</summary>
    public static AttentionBackend Best(in AttentionSizes sizes) =>
        sizes.QueryLength >= ManyQueries && Refusal(AttentionBackend.Flash, sizes) is null ? AttentionBackend.Flash : AttentionBackend.MemoryEfficient;

    /// <summary>Why the kernel cannot serve these sizes; null if it can.</summary>
    public static string? Refusal(AttentionBackend backend, in AttentionSizes sizes) => backend switch
    {
        AttentionBackend.Math => RefusalOfMath(sizes),
        AttentionBackend.MemoryEfficient => null,
        AttentionBackend.Flash => RefusalOfFlash(sizes),
    };

    private static string? RefusalOfMath(in AttentionSizes sizes)
    {
        double scores = (double)sizes.Batch * sizes.Heads * sizes.QueryLength * sizes.KeyLength * sizeof(float);
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return scores > memory ? $"Math keeps all scores in memory, {Gigabytes(scores)}, and this machine has {Gigabytes(memory)}" : null;
    }

    private static string? RefusalOfFlash(in AttentionSizes sizes)
    {
        nint packed = FlashAttention.PackedBytes(sizes.KeyLength, sizes.HeadDim);
        return packed > MaxPackedBytes ? $"Flash packs the keys and values of a head, {Gigabytes(packed)} for each thread, and its limit is {Gigabytes(MaxPackedBytes)}" : null;
    }

    private static string Gigabytes(double bytes) => (bytes / (1 << 30)).ToString("0.###", CultureInfo.InvariantCulture) + " GB";
}
