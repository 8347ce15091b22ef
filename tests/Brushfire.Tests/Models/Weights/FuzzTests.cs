// Thousands of damaged files, each made from a valid one with a fixed seed: every one must end with success or with the
// library's own exception, quickly and in little memory.

using System.Diagnostics;
using Brushfire.Cli;
using Brushfire.Diffusion.Pipelines;
using Brushfire.Diffusion.Schedules;
using Brushfire.Models.Catalog;
using Brushfire.Models.Clip;
using Brushfire.Models.UNet;
using Brushfire.Models.Vae;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class FuzzTests : IDisposable
{
    private const int Cases = 800;
    private static readonly long[] s_extremes = [0, 1, -1, 127, 128, 255, 256, short.MaxValue, ushort.MaxValue, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue, 1L << 62, 100_000_000];
    private static readonly string[] s_numbers = ["0", "-1", "1", "8", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "1e308", "1e999", "-0.0", "0.5", "null", "[]", "{}", "\"\"", "true"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static byte[] Pickle() => new PickleWriter().Raw((byte)'}', (byte)'(')
        .Text("epoch").Number(3).Text("state_dict").Global("collections", "OrderedDict").Raw((byte)')', (byte)'R', (byte)'q', 1)
        .Text("w").Tensor("FloatStorage", "0", 8, 0, [2, 4], [4, 1]).Raw((byte)'s')
        .Text("t").Tensor("FloatStorage", "0", 8, 0, [4, 2], [1, 4]).Raw((byte)'s')
        .Text("h").Tensor("HalfStorage", "1", 3, 0, [3], [1]).Raw((byte)'s').Raw((byte)'u').ToArray();

    public static TheoryData<string> Formats => ["safetensors", "zip", "pickle", "legacy", "index"];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Damaged_weight_files_end_with_success_or_the_librarys_exception(string format)
    {
        byte[] pickle = Pickle();
        byte[] valid = format switch
        {
            "safetensors" => FileBytes.Safetensors(("first", [2, 3]), ("second.weight", [5]), ("third", [])),
            "zip" or "pickle" => FileBytes.Torch(pickle, ("0", new byte[32]), ("1", new byte[6])),
            "legacy" => [.. TorchFile.LegacyMagic, .. new PickleWriter().Number(1001).ToArray(), .. new PickleWriter().Dictionary("little_endian", p => p.Raw(0x88)).ToArray(), .. pickle,
                .. new PickleWriter().Raw((byte)']').Text("0").Raw((byte)'a').Text("1").Raw((byte)'a').ToArray(), .. BitConverter.GetBytes(8L), .. new byte[32], .. BitConverter.GetBytes(3L), .. new byte[6]],
            _ => System.Text.Encoding.UTF8.GetBytes("""{"metadata":{"total_size":24},"weight_map":{"first":"part.safetensors","second":"part.safetensors"}}"""),
        };
        _folder.Write("part.safetensors", FileBytes.Safetensors(("first", [2]), ("second", [4])));
        Run(format, (random, seed) =>
        {
            // The pickle is damaged before it is packed: a damaged archive rarely gets as far as its pickle.
            byte[] bytes = format == "pickle" ? FileBytes.Torch(Damage(pickle, random), ("0", new byte[32]), ("1", new byte[6])) : Damage(valid, random);
            WeightFile file = WeightFile.Open(_folder.Write($"x{seed}", bytes));
            foreach (WeightEntry entry in file.Entries.Values)
            {
                using Tensor tensor = entry.Load();
                Assert.Equal(entry.Spec, tensor.Spec);
                if (tensor.DType.Size() == 4) Assert.Equal(tensor.Shape.Count, tensor.ToArray<int>().Length);
            }
        });
    }

    [Theory]
    [InlineData("config")]
    [InlineData("index")]
    [InlineData("header")]
    public void Damaged_settings_end_with_success_or_the_librarys_exception(string kind)
    {
        string valid = kind switch
        {
            "config" => """{ "_class_name": "UNet2DConditionModel", "in_channels": 4, "block_out_channels": [32, 64], "attention_head_dim": [2, 4], "act_fn": "silu", "flag": true, "scale": 0.18215, "none": null }""",
            "index" => """{ "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "safety_checker": [null, null] }""",
            _ => """{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}}""",
        };
        Run(kind, (random, seed) =>
        {
            byte[] bytes = DamageText(valid, random);
            if (kind == "header")
            {
                WeightFile.Open(_folder.Write($"x{seed}", [.. BitConverter.GetBytes((long)bytes.Length), .. bytes, .. new byte[16]]));
                return;
            }

            if (kind == "index")
            {
                _folder.Write($"{seed}/model_index.json", bytes);
                Directory.CreateDirectory(Path.Combine(_folder.Path, $"{seed}/unet"));
                ModelSource.Open(Path.Combine(_folder.Path, $"{seed}"));
                return;
            }

            ConfigReader config = ConfigReader.Open(_folder.Write($"config{seed}.json", bytes));
            config.Int("in_channels", 4);
            config.Ints("block_out_channels", [32]);
            config.IntOrList("attention_head_dim", 2, 8);
            config.String("act_fn", "silu");
            config.Bool("flag", false);
            config.Double("scale", 1);
        });
    }

    [Theory]
    [InlineData("unet/config.json")]
    [InlineData("vae/config.json")]
    [InlineData("text_encoder/config.json")]
    [InlineData("scheduler/scheduler_config.json")]
    public void Damaged_configurations_of_a_model_end_with_success_or_the_librarys_exception(string file)
    {
        string valid = File.ReadAllText(Path.Combine(ShippedModel.Folder, file));
        Run(file, (random, seed) =>
        {
            ConfigReader config = ConfigReader.Open(_folder.Write($"config{seed}.json", DamageText(valid, random)));
            switch (file)
            {
                case "unet/config.json": _ = UNetConfig.Read(config).TimeChannels; break;
                case "vae/config.json": _ = LatentSpace.Of(VaeConfig.Read(config)); break;
                case "text_encoder/config.json": ClipConfig.Read(config, withProjection: true); break;
                default:
                    var schedule = new NoiseSchedule(NoiseScheduleSettings.Read(config));
                    if (schedule.Problem(1, schedule.Settings.Spacing) is null) schedule.Levels(1, schedule.Settings.Spacing, NoiseScale.VarianceExploding);
                    break;
            }
        });
    }

    private static void Run(string name, Action<Random, int> attempt)
    {
        int succeeded = 0, refused = 0;
        for (int seed = 0; seed < Cases; seed++)
        {
            var watch = Stopwatch.StartNew();
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                attempt(new Random(seed), seed);
                succeeded++;
            }
            catch (BrushfireException exception)
            {
                Assert.NotEmpty(exception.Message);
                refused++;
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{name}, seed {seed}: {exception}");
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{name}, seed {seed} took {watch.Elapsed}");
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < 64 << 20, $"{name}, seed {seed} allocated {allocated} bytes");
        }

        Assert.True(refused > Cases / 10, $"{name}: only {refused} of {Cases} damaged files were refused");
        Assert.True(succeeded > 0, $"{name}: no damaged file was read, so the damage hides what lies behind the first check");
    }

    private static byte[] Damage(byte[] valid, Random random)
    {
        byte[] bytes = [.. valid];
        for (int count = random.Next(1, 4); count > 0 && bytes.Length > 8; count--)
        {
            int at = random.Next(bytes.Length);
            switch (random.Next(6))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes = bytes[..at]; break;
                case 3: // a slice twice
                    int end = Math.Min(bytes.Length, at + random.Next(1, 64));
                    bytes = [.. bytes[..end], .. bytes[at..end], .. bytes[end..]];
                    break;
                case 4: // a slice gone
                    bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 16))..]];
                    break;
                default: // a number replaced by an extreme one, in any width
                    byte[] number = BitConverter.GetBytes(s_extremes[random.Next(s_extremes.Length)]);
                    int width = Math.Min(1 << random.Next(4), bytes.Length - at);
                    number.AsSpan(0, width).CopyTo(bytes.AsSpan(at));
                    break;
            }
        }

        return bytes;
    }

    // Half of the damage keeps the text JSON: a value is replaced by another one.
    private static byte[] DamageText(string valid, Random random)
    {
        if (random.Next(2) == 0) return Damage(System.Text.Encoding.UTF8.GetBytes(valid), random);
        (int Start, int Length)[] numbers = [.. System.Text.RegularExpressions.Regex.Matches(valid, @"-?\d[\d.]*|""\w+""(?=[,\]} ])", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1)).Select(match => (match.Index, match.Length))];
        (int start, int length) = numbers[random.Next(numbers.Length)];
        return System.Text.Encoding.UTF8.GetBytes(string.Concat(valid.AsSpan(0, start), s_numbers[random.Next(s_numbers.Length)], valid.AsSpan(start + length)));
    }
}
