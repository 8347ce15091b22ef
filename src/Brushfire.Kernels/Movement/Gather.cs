// Rows of a table by number: embeddings. The caller has checked that every id is a row of the table.

using System.Numerics;

namespace Brushfire.Kernels;

public static unsafe class Gather
{
    // Bytes of an item.
    private const int ChunkBytes = 64 * 1024;

    /// <summary>destination[i] = table[ids[i]] for contiguous rows of <paramref name="rowBytes"/> bytes.</summary>
    public static void Run(nint rowBytes, void* table, nint count, int* ids, void* destination) => RunAny(rowBytes, table, count, ids, destination);

    /// <inheritdoc cref="Run(nint, void*, nint, int*, void*)"/>
    public static void Run(nint rowBytes, void* table, nint count, long* ids, void* destination) => RunAny(rowBytes, table, count, ids, destination);

    private static void RunAny<TId>(nint rowBytes, void* table, nint count, TId* ids, void* destination) where TId : unmanaged, IBinaryInteger<TId>
    {
        if (count == 0 || rowBytes == 0) return;
        nint chunk = nint.Max(1, ChunkBytes / rowBytes);
        var work = new Work<TId> { RowBytes = rowBytes, Table = (byte*)table, Count = count, Ids = ids, Destination = (byte*)destination, Chunk = chunk };
        WorkerPool.Run(checked((int)((count + chunk - 1) / chunk)), ref work);
    }

    private struct Work<TId> : IWork where TId : unmanaged, IBinaryInteger<TId>
    {
        public nint RowBytes, Count, Chunk;
        public byte* Table, Destination;
        public TId* Ids;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint end = nint.Min((item + (nint)1) * Chunk, Count);
            for (nint i = item * Chunk; i < end; i++)
                Buffer.MemoryCopy(Table + nint.CreateTruncating(Ids[i]) * RowBytes, Destination + i * RowBytes, RowBytes, RowBytes);
        }
    }
}
