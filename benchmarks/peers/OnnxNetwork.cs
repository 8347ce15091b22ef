// A network in ONNX Runtime, set up as well as its documentation tells: all graph optimizations, as many threads as we use,
// memory arena and pattern, denormals as zero. Weights are random: speed does not depend on them.

using System.IO.Compression;
using Microsoft.ML.OnnxRuntime;

namespace Brushfire.Peers;

internal sealed class OnnxNetwork : IDisposable
{
    private readonly InferenceSession _session;
    private readonly Dictionary<string, OrtValue> _inputs = [];
    private readonly RunOptions _run = new();

    /// <param name="graphs">The folder with NAME.onnx.gz.</param>
    /// <param name="work">Where the unpacked graph and its weights are kept.</param>
    /// <param name="weightBytes">Size of the graph's external weights.</param>
    public OnnxNetwork(string graphs, string work, string name, long weightBytes, int threads)
    {
        string graph = Path.Combine(work, $"{name}.onnx");
        Unpack(Path.Combine(graphs, $"{name}.onnx.gz"), graph);
        WriteWeights($"{graph}.data", weightBytes);
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            EnableCpuMemArena = true,
            EnableMemoryPattern = true,
        };
        options.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        options.AddSessionConfigEntry("session.force_spinning_stop", "1"); // its threads spin while it runs, not while we do
        _session = new InferenceSession(graph, options);
        foreach ((string input, NodeMetadata metadata) in _session.InputMetadata) _inputs[input] = Input(metadata);
    }

    /// <summary>One evaluation.</summary>
    public void Run()
    {
        using IDisposableReadOnlyCollection<OrtValue> results = _session.Run(_run, _inputs, _session.OutputNames);
    }

    public void Dispose()
    {
        foreach (OrtValue input in _inputs.Values) input.Dispose();
        _run.Dispose();
        _session.Dispose();
    }

    private static void Unpack(string packed, string graph)
    {
        if (File.Exists(graph)) return;
        using FileStream from = File.OpenRead(packed);
        using var unpacked = new GZipStream(from, CompressionMode.Decompress);
        using FileStream to = File.Create(graph);
        unpacked.CopyTo(to);
    }

    // Numbers of a normal distribution, 0.02 wide, by the method of Box and Muller.
    private static void WriteWeights(string file, long bytes)
    {
        if (File.Exists(file) && new FileInfo(file).Length == bytes) return;
        var random = new Random(1);
        byte[] block = new byte[4 << 20];
        for (int i = 0; i < block.Length; i += sizeof(float))
        {
            double value = 0.02 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            BitConverter.TryWriteBytes(block.AsSpan(i), (float)value);
        }

        using FileStream to = File.Create(file);
        for (long left = bytes; left > 0; left -= block.Length) to.Write(block, 0, (int)Math.Min(left, block.Length));
    }

    private static OrtValue Input(NodeMetadata metadata)
    {
        long[] shape = [.. metadata.Dimensions.Select(size => (long)size)];
        if (shape.Any(size => size < 1)) throw new InvalidDataException($"An input has the shape [{string.Join(',', shape)}], whose size is not fixed.");
        int count = metadata.Dimensions.Aggregate(1, (product, size) => product * size);
        return metadata.ElementDataType switch
        {
            Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Int64 => OrtValue.CreateTensorValueFromMemory(Enumerable.Repeat(500L, count).ToArray(), shape),
            Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float => OrtValue.CreateTensorValueFromMemory(Enumerable.Range(0, count).Select(i => MathF.Sin(i)).ToArray(), shape),
            var type => throw new InvalidDataException($"An input has the element type {type}; float and int64 are known."),
        };
    }
}
