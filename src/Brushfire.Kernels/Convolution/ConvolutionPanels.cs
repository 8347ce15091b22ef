// An image read as the matrix A of a product, without writing that matrix: row = output pixel, column = (tap, channel).
// For one tap, the channels of an output pixel's row are contiguous in the input: packing takes MR row pointers a tap and
// interleaves stretches of channels. Pixels beyond the border are a row of zeros.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>Panels of output pixels, counted over all images (the product's batch is 1).</summary>
public readonly unsafe struct ConvolutionPanels<TPrologue>(in ConvolutionShape shape, float* input, TPrologue prologue) : IPanelSource
    where TPrologue : struct, IPrologue
{
    // With fewer channels than this, the taps of a kernel row are read as one stretch: they are neighbours in memory.
    private const int FewChannels = 16;
    private const int MaxJoined = 64;

    private readonly ConvolutionShape _shape = shape;
    private readonly int _outputHeight = shape.OutputHeight, _outputWidth = shape.OutputWidth;
    private readonly float* _input = input;
    private readonly TPrologue _prologue = prologue;

    private bool JoinsTaps => typeof(TPrologue) == typeof(NoPrologue) && _shape.Channels < FewChannels && _shape.Channels * _shape.KernelWidth <= MaxJoined;

    public void Pack<TSimd, TVector>(int batch, nint row, int rows, int k, int count, float* panels) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int panelRows = Tiling.Rows<TSimd, TVector>();
        bool joined = JoinsTaps;
        Window* windows = stackalloc Window[8];
        Window window = First(row);
        for (int done = 0; done < rows; done += panelRows, panels += (nint)panelRows * count)
        {
            int used = Math.Min(panelRows, rows - done);
            for (int r = 0; r < used; r++)
            {
                windows[r] = window;
                window = Next(window);
            }

            if (joined) PackKernelRows<TSimd, TVector>(windows, used, k, count, panels);
            else PackTaps<TSimd, TVector>(windows, used, k, count, panels);
        }
    }

    // With more taps than one, most pixels are in the cache for another tap's sake.
    public float* Address(int batch, nint row, int k) =>
        _shape.KernelWidth * _shape.KernelHeight == 1 && Pixel(First(row), 0, 0) is >= 0 and var pixel ? Row(pixel) + k : null;

    // What is not padded and has one tap is a matrix, and not read here.
    public APanel Rows(int batch, nint row, int k) => default;

    // K cut at the taps.
    private void PackTaps<TSimd, TVector>(Window* windows, int used, int k, int count, float* panel) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int panelRows = Tiling.Rows<TSimd, TVector>();
        float** pointers = stackalloc float*[8];
        nint* pixels = stackalloc nint[8];
        for (int end = k + count; k < end;)
        {
            int tap = k / _shape.Channels, channel = k % _shape.Channels, length = Math.Min(_shape.Channels - channel, end - k);
            int y = tap / _shape.KernelWidth, x = tap % _shape.KernelWidth;
            for (int r = 0; r < panelRows; r++)
            {
                pixels[r] = r < used ? Pixel(windows[r], y, x) : -1;
                pointers[r] = pixels[r] < 0 ? PanelPacking.Zeros : Row(pixels[r]) + channel;
            }

            PanelPacking.Pack<TSimd, TVector, TPrologue>(pointers, 0, pixels, length, channel, _prologue, panel);
            k += length;
            panel += (nint)length * panelRows;
        }
    }

    // K cut at the kernel's rows. A row of taps that is partly beyond the border is put together in a small buffer.
    [SkipLocalsInit]
    private void PackKernelRows<TSimd, TVector>(Window* windows, int used, int k, int count, float* panel) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int panelRows = Tiling.Rows<TSimd, TVector>(), stretch = _shape.Channels * _shape.KernelWidth;
        float** pointers = stackalloc float*[8];
        float* buffer = stackalloc float[8 * MaxJoined];
        for (int end = k + count; k < end;)
        {
            int y = k / stretch, offset = k % stretch, length = Math.Min(stretch - offset, end - k);
            for (int r = 0; r < panelRows; r++)
                pointers[r] = r < used ? KernelRow(windows[r], y, buffer + r * MaxJoined) + offset : PanelPacking.Zeros;
            PanelPacking.Interleave(pointers, panelRows, length, panel);
            k += length;
            panel += (nint)length * panelRows;
        }
    }

    private float* KernelRow(in Window window, int y, float* buffer)
    {
        int inputY = window.Y + y;
        if ((uint)inputY >= (uint)_shape.Height) return PanelPacking.Zeros;
        int first = Math.Max(0, -window.X), last = Math.Min(_shape.KernelWidth, _shape.Width - window.X), channels = _shape.Channels;
        float* source = _input + ((window.Image * _shape.Height + inputY) * _shape.Width + window.X) * channels;
        if (first == 0 && last == _shape.KernelWidth) return source;
        new Span<float>(buffer, _shape.KernelWidth * channels).Clear();
        if (first < last) new Span<float>(source + first * channels, (last - first) * channels).CopyTo(new Span<float>(buffer + first * channels, (last - first) * channels));
        return buffer;
    }

    // The input pixel under a tap, counted over all images; -1 beyond the border. Together with Row this is the only place
    // that knows how pixels lie in memory: reading two sources as one, or an image enlarged by repetition, changes only these.
    private nint Pixel(in Window window, int y, int x)
    {
        int inputY = window.Y + y, inputX = window.X + x;
        return (uint)inputY >= (uint)_shape.Height || (uint)inputX >= (uint)_shape.Width ? -1 : (window.Image * _shape.Height + inputY) * _shape.Width + inputX;
    }

    private float* Row(nint pixel) => _input + pixel * _shape.Channels;

    private Window First(nint row)
    {
        (nint line, nint x) = Math.DivRem(row, _outputWidth);
        (nint image, nint y) = Math.DivRem(line, _outputHeight);
        return new Window { Image = image, Y = (int)y * _shape.StrideY - _shape.Top, X = (int)x * _shape.StrideX - _shape.Left };
    }

    private Window Next(Window window)
    {
        window.X += _shape.StrideX;
        if (window.X < _outputWidth * _shape.StrideX - _shape.Left) return window;
        window.X = -_shape.Left;
        window.Y += _shape.StrideY;
        if (window.Y < _outputHeight * _shape.StrideY - _shape.Top) return window;
        window.Y = -_shape.Top;
        window.Image++;
        return window;
    }

    // Where an output pixel's window starts in the input; may be beyond the border.
    private struct Window
    {
        public nint Image;
        public int Y, X;
    }
}
