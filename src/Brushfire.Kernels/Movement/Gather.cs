// Rows of a table by number: embeddings. The caller has checked that every id is a row of the table.

namespace Brushfire.Kernels;

public static unsafe class Gather
{
    // Bytes of an item.
    private const int ChunkBytes = 64 * 1024;

    /// <summary>destination[i] = table[ids[i]] for contiguous rows of <paramref name="rowBytes"/> bytes.</summary>
    public static void Run(nint rowBytes, void* table, nint count, long* ids, void* destination)
    {
        if (count == 0 || rowBytes == 0) return;
        nint chunk = nint.Max(1, ChunkBytes / rowBytes);
        var work = new Work { RowBytes = rowBytes, Table = (byte*)table, Count = count, Ids = ids, Destination = (byte*)destination, Chunk = chunk };
        WorkerPool.Run(checked((int)((count + chunk - 1) / chunk)), ref work);
    }

    private struct Work : IWork
    {
        public nint RowBytes, Count, Chunk;
        public byte* Table, Destination;
        public long* Ids;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint end = nint.Min((item + (nint)1) * Chunk, Count);
            for (nint i = item * Chunk; i < end; i++)
                Buffer.MemoryCopy(Table + (nint)Ids[i] * RowBytes, Destination + i * RowBytes, RowBytes, RowBytes);
        }
    }
}
