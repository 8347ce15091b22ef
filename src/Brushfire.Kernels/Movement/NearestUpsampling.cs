// Nearest-neighbour enlargement of channels-last float32 images by whole factors: each pixel becomes a square of copies.

namespace Brushfire.Kernels;

public static unsafe class NearestUpsampling
{
    /// <summary>[N, H, W, C] to [N, H factor, W factor, C].</summary>
    public static void Run(int batch, int height, int width, int channels, int factor, float* source, float* destination)
    {
        var work = new Work { Width = width, Factor = factor, PixelBytes = (nint)channels * sizeof(float), Source = (byte*)source, Destination = (byte*)destination };
        if (work.PixelBytes * width * factor > 0) WorkerPool.Run(checked(batch * height), ref work);
    }

    // An item is one row of source pixels: `factor` rows of the destination.
    private struct Work : IWork
    {
        public int Width, Factor;
        public nint PixelBytes;
        public byte* Source, Destination;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint wideRow = (nint)Width * Factor * PixelBytes;
            byte* source = Source + (nint)item * Width * PixelBytes;
            byte* first = Destination + (nint)item * Factor * wideRow;
            byte* destination = first;
            for (int x = 0; x < Width; x++, source += PixelBytes)
            {
                for (int copy = 0; copy < Factor; copy++, destination += PixelBytes) Buffer.MemoryCopy(source, destination, PixelBytes, PixelBytes);
            }

            for (int y = 1; y < Factor; y++) Buffer.MemoryCopy(first, first + y * wideRow, wideRow, wideRow);
        }
    }
}
