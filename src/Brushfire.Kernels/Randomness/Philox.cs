// Normal noise as CUDA programs draw it: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"),
// a function of seed, number of the draw and number of the element.

namespace Brushfire.Kernels;

/// <summary>Each draw of any length takes the next draw number, from 0 on.</summary>
public sealed class Philox(ulong seed)
{
    private const int Rounds = 10;
    private uint _draw;

    /// <summary>Standard normal, by Box and Muller in double of the first two words of each element's block.</summary>
    public void Normal(Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            (uint x, uint y) = FirstWords((uint)i);
            double u = x * (1.0 / (1UL << 32)) + 1.0 / (1UL << 33);
            double v = (y * (1.0 / (1UL << 32)) + 1.0 / (1UL << 33)) * (2 * Math.PI);
            destination[i] = (float)(Math.Sqrt(-2 * Math.Log(u)) * Math.Sin(v));
        }

        _draw++;
    }

    // Counter (draw, 0, element, 0), key (low, high) of the seed.
    private (uint X, uint Y) FirstWords(uint element)
    {
        uint c0 = _draw, c1 = 0, c2 = element, c3 = 0;
        uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong first = (ulong)c0 * 0xD2511F53, second = (ulong)c2 * 0xCD9E8D57;
            (c0, c1, c2, c3) = ((uint)(second >> 32) ^ c1 ^ k0, (uint)second, (uint)(first >> 32) ^ c3 ^ k1, (uint)first);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (c0, c1);
    }
}
