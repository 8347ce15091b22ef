// The part of a strided copy that exchanges two contiguous dimensions. Both are cut into tiles that fit in L1, so that every
// cache line of source and destination is used whole while it is there.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

internal static unsafe class Transposition<T> where T : unmanaged
{
    // Elements of a tile, and its side where neither dimension is shorter.
    private const int TileElements = 4096;
    private const int TileSide = 64;

    // From this length on, both ways, a tile is turned in a buffer: rows a power of two apart share a few sets of L1, which cannot hold the tile.
    private const int MinStagedLength = 16;

    // Elements between the buffer's rows; more than a side, so that these do not share sets themselves.
    private const int Pitch = TileSide + 16;

    /// <summary>Copies a nest whose destination is contiguous along its last dimension and whose source is along dimension <paramref name="across"/>.</summary>
    public static void Run(in StridedNest nest, int across, byte* source, byte* destination)
    {
        int row = nest.Rank - 1;
        nint length = nest.Size(row), acrossLength = nest.Size(across);
        nint tile = nint.Min(length, TileElements / nint.Min(acrossLength, TileSide));
        nint acrossTile = nint.Min(acrossLength, TileElements / nint.Min(tile, TileElements));
        var work = new Work
        {
            Batches = nest.Without(row).Without(across),
            Source = source,
            Destination = destination,
            Length = length,
            AcrossLength = acrossLength,
            SourceStride = nest.Stride(1, row),
            DestinationStride = nest.Stride(0, across),
            Tile = tile,
            AcrossTile = acrossTile,
            Tiles = (length + tile - 1) / tile,
            AcrossTiles = (acrossLength + acrossTile - 1) / acrossTile,
        };
        WorkerPool.Run(checked((int)(work.Batches.Count * work.Tiles * work.AcrossTiles)), ref work);
    }

    private struct Work : IWork
    {
        public StridedNest Batches;
        public byte* Source, Destination;
        public nint Length, AcrossLength;
        public nint SourceStride, DestinationStride; // bytes, source along the row, destination across
        public nint Tile, AcrossTile, Tiles, AcrossTiles;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            (nint rest, nint tile) = nint.DivRem(item, Tiles);
            (nint batch, nint acrossTile) = nint.DivRem(rest, AcrossTiles);
            byte** operands = stackalloc byte*[StridedNest.MaxOperands];
            nint* indices = stackalloc nint[StridedNest.MaxRank];
            operands[0] = Destination;
            operands[1] = Source;
            operands[2] = operands[3] = null;
            Batches.Locate(batch, indices, operands);

            nint i = tile * Tile, j = acrossTile * AcrossTile;
            nint length = nint.Min(Tile, Length - i), acrossLength = nint.Min(AcrossTile, AcrossLength - j);
            byte* destination = operands[0] + i * sizeof(T) + j * DestinationStride;
            byte* source = operands[1] + i * SourceStride + j * sizeof(T);
            if (length >= MinStagedLength && acrossLength >= MinStagedLength && length <= TileSide && acrossLength <= TileSide)
                CopyStaged(destination, source, length, acrossLength);
            else if (length >= acrossLength) Copy(destination, source, acrossLength, DestinationStride, sizeof(T), length, sizeof(T), SourceStride);
            else Copy(destination, source, length, sizeof(T), SourceStride, acrossLength, DestinationStride, sizeof(T));
        }

        // Reads the source row by row into the columns of the buffer, whose rows then go to the destination.
        [SkipLocalsInit]
        private readonly void CopyStaged(byte* destination, byte* source, nint length, nint acrossLength)
        {
            T* buffer = stackalloc T[TileSide * Pitch];
            for (nint i = 0; i < length; i++)
            {
                T* from = (T*)(source + i * SourceStride);
                T* to = buffer + i;
                nint j = 0;
                for (; j <= acrossLength - 4; j += 4, to += 4 * Pitch)
                {
                    to[0] = from[j];
                    to[Pitch] = from[j + 1];
                    to[2 * Pitch] = from[j + 2];
                    to[3 * Pitch] = from[j + 3];
                }

                for (; j < acrossLength; j++, to += Pitch) *to = from[j];
            }

            for (nint j = 0; j < acrossLength; j++) Buffer.MemoryCopy(buffer + j * Pitch, destination + j * DestinationStride, length * sizeof(T), length * sizeof(T));
        }

        private static void Copy(byte* destination, byte* source, nint outer, nint toOuter, nint fromOuter, nint inner, nint toInner, nint fromInner)
        {
            for (; outer > 0; outer--, destination += toOuter, source += fromOuter)
            {
                byte* to = destination, from = source;
                for (nint i = inner; i > 0; i--, to += toInner, from += fromInner) *(T*)to = *(T*)from;
            }
        }
    }
}
