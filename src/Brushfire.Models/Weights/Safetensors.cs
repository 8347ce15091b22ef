// safetensors: eight bytes of header length, a JSON header (key -> dtype, shape, data_offsets), then the data without
// holes. Everything is checked when the file is opened; tensors are slices of the mapped file.

using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

internal static class Safetensors
{
    // The limit of the format's own library.
    private const long MaxHeader = 100_000_000;

    private sealed record Range(string Key, long Begin, long End);

    public static WeightFile Open(MappedFile file)
    {
        try
        {
            return new Header(file).Read();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new BrushfireException($"{file.Path}: the header is not valid JSON: {exception.Message}", exception);
        }
        finally
        {
            GC.KeepAlive(file);
        }
    }

    private sealed class Header(MappedFile file)
    {
        private readonly OrderedDictionary<string, WeightEntry> _entries = new(StringComparer.Ordinal);
        private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
        private readonly List<Range> _ranges = [];
        private long _dataStart;
        private long _dataLength;

        public WeightFile Read()
        {
            long length = BinaryPrimitives.ReadInt64LittleEndian(file.Slice(0, 8));
            if (length is < 0 or > MaxHeader) throw Error($"the header's length, {(ulong)length} bytes, is over the limit of {MaxHeader}");
            if (length > file.Length - 8) throw Error($"the header should have {length} bytes, but only {file.Length - 8} follow; the file is cut short");
            _dataStart = 8 + length;
            _dataLength = file.Length - _dataStart;

            ReadOnlySpan<byte> json = file.Slice(8, (int)length);
            if (!Utf8.IsValid(json)) throw Error("the header is not valid UTF-8");
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            reader.Read();
            Expect(ref reader, JsonTokenType.StartObject, "the header");
            var seen = new HashSet<string>(StringComparer.Ordinal);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                if (!seen.Add(key)) throw Error($"the key '{key}' occurs twice");
                reader.Read();
                if (key == "__metadata__") ReadMetadata(ref reader);
                else ReadEntry(ref reader, key);
            }

            // Only blanks may follow: the reader throws otherwise.
            while (reader.Read()) { }
            CheckRanges();
            return new WeightFile(file.Path, "safetensors", _entries, _metadata);
        }

        private void ReadMetadata(ref Utf8JsonReader reader)
        {
            Expect(ref reader, JsonTokenType.StartObject, "__metadata__");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                reader.Read();
                Expect(ref reader, JsonTokenType.String, $"__metadata__ '{key}'");
                _metadata[key] = reader.GetString()!;
            }
        }

        private void ReadEntry(ref Utf8JsonReader reader, string key)
        {
            Expect(ref reader, JsonTokenType.StartObject, $"'{key}'");
            string? dtypeName = null;
            long[]? sizes = null;
            long[]? offsets = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string field = reader.GetString()!;
                reader.Read();
                switch (field)
                {
                    case "dtype" when dtypeName is null:
                        Expect(ref reader, JsonTokenType.String, $"the dtype of '{key}'");
                        dtypeName = reader.GetString();
                        break;
                    case "shape" when sizes is null: sizes = ReadNumbers(ref reader, key, field); break;
                    case "data_offsets" when offsets is null: offsets = ReadNumbers(ref reader, key, field); break;
                    default: throw Error($"'{key}' has the field '{field}' twice, or it is none of the format's");
                }
            }

            if (dtypeName is null || sizes is null || offsets is not [long begin, long end])
                throw Error($"'{key}' does not have a dtype, a shape and two data_offsets");
            Add(key, Spec(key, dtypeName, sizes), begin, end);
        }

        private long[] ReadNumbers(ref Utf8JsonReader reader, string key, string field)
        {
            Expect(ref reader, JsonTokenType.StartArray, $"the {field} of '{key}'");
            var numbers = new List<long>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                Expect(ref reader, JsonTokenType.Number, $"the {field} of '{key}'");
                if (!reader.TryGetInt64(out long number) || number < 0)
                    throw Error($"the {field} of '{key}' hold {System.Text.Encoding.UTF8.GetString(reader.ValueSpan)}, which is not a size");
                numbers.Add(number);
            }

            return [.. numbers];
        }

        private TensorSpec Spec(string key, string dtypeName, long[] sizes)
        {
            DType dtype = dtypeName switch
            {
                "F32" => DType.Float32,
                "F16" => DType.Float16,
                "BF16" => DType.BFloat16,
                "F64" => DType.Float64,
                "I32" => DType.Int32,
                "I64" => DType.Int64,
                "U8" => DType.UInt8,
                "BOOL" => DType.Bool,
                _ => throw Error($"'{key}' has the dtype '{dtypeName}'; F32, F16, BF16, F64, I32, I64, U8 and BOOL can be read"),
            };
            return new TensorSpec(dtype, WeightShapes.Create(sizes, $"{file.Path}: '{key}'"));
        }

        private void Add(string key, TensorSpec spec, long begin, long end)
        {
            if (begin > end || end > _dataLength) throw Error($"'{key}' lies at bytes {begin} to {end}, but the data has {_dataLength}; the file is cut short or damaged");
            if (end - begin != spec.Bytes) throw Error($"'{key}' has {end - begin} bytes, but {spec} needs {spec.Bytes}");
            _ranges.Add(new Range(key, begin, end));
            long offset = _dataStart + begin;
            _entries.Add(key, new WeightEntry(key, spec, () => file.Tensor(offset, spec)));
        }

        private void CheckRanges()
        {
            _ranges.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
            string previous = "the header";
            long position = 0;
            foreach (Range range in _ranges)
            {
                if (range.Begin < position) throw Error($"'{range.Key}' begins at byte {range.Begin}, inside of {previous}, which ends at {position}; entries must not overlap");
                if (range.Begin > position) throw Error($"nothing claims bytes {position} to {range.Begin}, between {previous} and '{range.Key}'");
                (previous, position) = ($"'{range.Key}'", range.End);
            }

            if (position != _dataLength) throw Error($"the data has {_dataLength} bytes, but the entries end at {position}");
        }

        private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
        {
            if (reader.TokenType != type) throw Error($"{what} should be a JSON {type}, not {reader.TokenType}");
        }

        private BrushfireException Error(string problem) => new($"{file.Path}: {problem}.");
    }
}
