// How a Winograd convolution is cut, by its shape alone: chunks of tiles whose transformed input is kept for all output
// channels, and in a chunk blocks of tiles by panels of output channels. Also where things lie in the buffers.

namespace Brushfire.Kernels;

/// <summary>Tiles are counted over all images, row by row; a panel is MR tiles, the rows of a register tile.</summary>
internal readonly struct WinogradBlocks
{
    // For numbers of 32 bits; pairs are twice as many in the same space and time.
    private const int MaxKC = 128, MaxBlockTiles = 96;

    // A filter that is multiplied with this many blocks of tiles is transformed once for all, if it is not larger than that.
    private const int KeepForBlocks = 3;
    private const long MaxKeptBytes = 64 << 20;
    private const long ChunkBytes = 16 << 20;

    // A line of padding between streams that are written side by side, so that they do not share sets of a cache.
    public const int Padding = 16;

    private readonly int _tilesX, _tilesY, _outputs, _outputChannels, _together;

    /// <param name="together">Neighbours along K in 32 bits of transformed input: 1 number or 2.</param>
    public WinogradBlocks(in ConvolutionShape shape, int outputs, int mr, int nr, ElementKind filter = ElementKind.Float32, int together = 1)
    {
        (MR, NR, _outputs, _together) = (mr, nr, outputs, together);
        (_tilesX, _tilesY) = (Blocks.Count(shape.OutputWidth, outputs), Blocks.Count(shape.OutputHeight, outputs));
        Positions = (outputs + 2) * (outputs + 2);
        Tiles = checked(shape.Batch * _tilesX * _tilesY);
        (Channels, _outputChannels, OutputPanels) = (shape.Channels, shape.OutputChannels, Blocks.Count(shape.OutputChannels, nr));
        KC = Blocks.RoundUp(Math.Min(Channels, Blocks.RoundUp(Blocks.Count(Channels, Blocks.Count(Channels, MaxKC * together)), 16)), 2);
        KBlocks = Blocks.Count(Channels, KC);
        long panelBytes = (long)Positions * mr * Channels * sizeof(float) / together;
        int panels = Blocks.Count(Tiles, mr), blockPanels = Math.Max(1, MaxBlockTiles * together / mr);
        ChunkPanels = Spread(panels, (int)Math.Clamp(ChunkBytes / panelBytes, 1, panels));
        BlockPanels = Spread(ChunkPanels, blockPanels);
        Chunks = Blocks.Count(panels, ChunkPanels);
        TapFloats = filter == ElementKind.Float32 ? 0 : 9 * KC * nr;
    }

    public int MR { get; }
    public int NR { get; }
    public int Positions { get; }
    public int Tiles { get; }
    public int Channels { get; }
    public int OutputPanels { get; }
    public int KC { get; }
    public int KBlocks { get; }
    public int ChunkPanels { get; }
    public int BlockPanels { get; }
    public int Chunks { get; }

    /// <summary>Blocks of tiles in a chunk.</summary>
    public int TileBlocks => Blocks.Count(ChunkPanels, BlockPanels);

    /// <summary>Transformed input of a chunk: for each block of channels, for each position, panels [channels, MR].</summary>
    public nint InputPositionStride => (nint)ChunkPanels * KC * MR / _together + Padding;
    public nint InputBlockStride => Positions * InputPositionStride;
    public nint InputFloats => KBlocks * InputBlockStride;

    /// <summary>Transformed filter of one panel of output channels and one block of channels: for each position [channels, NR].</summary>
    public nint FilterPositionStride => (nint)KC * NR + Padding;
    public nint FilterRowFloats => (_outputs + 2) * FilterPositionStride;
    public nint FilterFloats => Positions * FilterPositionStride;

    /// <summary>Whether all of the transformed filter is kept, <see cref="KeptFilterFloats"/>: so many blocks of tiles are multiplied with it that it pays.</summary>
    public bool KeepsFilter => Chunks * TileBlocks >= KeepForBlocks && KeptFilterFloats * sizeof(float) <= MaxKeptBytes;
    public nint KeptFilterFloats => OutputPanels * KBlocks * FilterFloats;

    /// <summary>The taps of that panel and block in float32, where the filter is packed in another type.</summary>
    public int TapFloats { get; }

    /// <summary>Products of a block of tiles: for each panel, for each position, a register tile.</summary>
    public nint ProductPanelStride => (nint)Positions * MR * NR;
    public nint ProductFloats => BlockPanels * ProductPanelStride;

    /// <summary>Finished pixels of a panel: for each row of a tile, the pixels of MR tiles.</summary>
    public nint OutputRowStride => (nint)MR * _outputs * NR;
    public nint OutputFloats => _outputs * OutputRowStride;

    /// <summary>Channels of a block: KC, or fewer in the last one.</summary>
    public int ChannelsOf(int block) => Math.Min(KC, Channels - block * KC);

    /// <summary>Output channels of a panel: NR, or fewer in the last one.</summary>
    public int ColumnsOf(int outputPanel) => Math.Min(NR, _outputChannels - outputPanel * NR);

    /// <summary>The tiles from <paramref name="tile"/> on that are neighbours in a row of tiles, at most up to <paramref name="end"/>.</summary>
    public TileRun Run(int tile, int end)
    {
        (int line, int x) = Math.DivRem(tile, _tilesX);
        (int image, int y) = Math.DivRem(line, _tilesY);
        return new TileRun(image, y * _outputs, x * _outputs, Math.Min(end - tile, _tilesX - x));
    }

    // Equal parts of at most max.
    private static int Spread(int count, int max) => Blocks.Count(count, Blocks.Count(count, max));
}

/// <summary>Tiles side by side: their image, the output pixel where they start, and how many they are.</summary>
internal readonly record struct TileRun(int Image, int Y, int X, int Tiles);
