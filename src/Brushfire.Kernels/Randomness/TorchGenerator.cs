// The random stream of torch's CPU generator, behind most published seeds: MT19937 and torch's ways of making numbers
// of its words. Takes a seed; each call draws from where the last one ended.

namespace Brushfire.Kernels;

public sealed class TorchGenerator
{
    private const int StateLength = 624;
    private const int Shift = 397;
    private const int NormalBlock = 16;

    private readonly uint[] _state = new uint[StateLength];
    private int _next = StateLength;

    // The second value of the last pair drawn by NextNormal.
    private double? _cachedNormal;

    /// <summary>Only the low 32 bits of the seed count.</summary>
    public TorchGenerator(ulong seed)
    {
        _state[0] = (uint)seed;
        for (uint i = 1; i < StateLength; i++) _state[i] = 1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30)) + i;
    }

    /// <summary>The next 32 bits of the stream.</summary>
    public uint NextWord()
    {
        if (_next == StateLength) Twist();
        uint y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    /// <summary>Uniform in [0, 1), steps of 2^-24: torch.rand.</summary>
    public void Uniform(Span<float> destination)
    {
        foreach (ref float value in destination) value = (NextWord() & 0xFFFFFF) * (1f / (1 << 24));
    }

    /// <summary>Standard normal: torch.randn.</summary>
    public void Normal(Span<float> destination)
    {
        if (destination.Length < NormalBlock)
        {
            foreach (ref float value in destination) value = (float)NextNormal();
            return;
        }

        Uniform(destination);
        Span<double> block = stackalloc double[NormalBlock];
        for (int start = 0; start + NormalBlock <= destination.Length; start += NormalBlock) TransformBlock(destination.Slice(start, NormalBlock), block);
        if (destination.Length % NormalBlock == 0) return;

        // The tail redraws a whole last block, over values already made.
        Span<float> tail = destination[^NormalBlock..];
        Uniform(tail);
        TransformBlock(tail, block);
    }

    /// <summary>Standard normal in double: torch.randn with dtype float64.</summary>
    public void Normal(Span<double> destination)
    {
        if (destination.Length < NormalBlock)
        {
            foreach (ref double value in destination) value = NextNormal();
            return;
        }

        foreach (ref double value in destination) value = NextDouble();
        for (int start = 0; start + NormalBlock <= destination.Length; start += NormalBlock) TransformBlock(destination.Slice(start, NormalBlock));
        if (destination.Length % NormalBlock == 0) return;
        Span<double> tail = destination[^NormalBlock..];
        foreach (ref double value in tail) value = NextDouble();
        TransformBlock(tail);
    }

    /// <summary>Integers in [0, bound): torch.randint.</summary>
    public void Integers(uint bound, Span<long> destination)
    {
        foreach (ref long value in destination) value = NextWord() % bound;
    }

    /// <summary>A permutation of 0 … length - 1: torch.randperm.</summary>
    public void Permutation(Span<long> destination)
    {
        for (int i = 0; i < destination.Length; i++) destination[i] = i;
        for (int i = 0; i < destination.Length - 1; i++)
        {
            int other = i + (int)(NextWord() % (uint)(destination.Length - i));
            (destination[i], destination[other]) = (destination[other], destination[i]);
        }
    }

    private static void TransformBlock(Span<float> values, Span<double> block)
    {
        for (int i = 0; i < NormalBlock; i++) block[i] = values[i];
        TransformBlock(block);
        for (int i = 0; i < NormalBlock; i++) values[i] = (float)block[i];
    }

    // Box and Muller: the first half of a block gives radii, the second angles.
    private static void TransformBlock(Span<double> block)
    {
        for (int i = 0; i < NormalBlock / 2; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - block[i]));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * block[i + NormalBlock / 2]);
            block[i] = radius * cosine;
            block[i + NormalBlock / 2] = radius * sine;
        }
    }

    private double NextNormal()
    {
        if (_cachedNormal is { } cached)
        {
            _cachedNormal = null;
            return cached;
        }

        double angle = 2 * Math.PI * NextDouble();
        double radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
        _cachedNormal = radius * Math.Sin(angle);
        return radius * Math.Cos(angle);
    }

    // 53 bits of two words, the first on top.
    private double NextDouble()
    {
        ulong bits = ((ulong)NextWord() << 32) | NextWord();
        return (bits & ((1UL << 53) - 1)) * (1.0 / (1UL << 53));
    }

    private void Twist()
    {
        for (int i = 0; i < StateLength; i++)
        {
            uint y = (_state[i] & 0x80000000) | (_state[(i + 1) % StateLength] & 0x7FFFFFFF);
            _state[i] = _state[(i + Shift) % StateLength] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF);
        }

        _next = 0;
    }
}
