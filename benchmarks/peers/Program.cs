// Times Brushfire beside ONNX Runtime: one evaluation of each in turn, in one process, on the same sizes and threads, so that
// both see the same machine. Writes a JSON report and prints a Markdown table.
//
//     peers GRAPHS unet|vae [REPEATS [REPORT.json]]
//
// GRAPHS holds unet.onnx.gz and vae.onnx.gz; what is unpacked goes to PEERS_WORK, or the system's temporary folder.

using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brushfire.Bench;
using Brushfire.Kernels;
using Brushfire.Peers;
using Brushfire.Tensors;

if (args is not [var graphs, var part and ("unet" or "vae"), ..])
{
    Console.Error.WriteLine("peers GRAPHS unet|vae [REPEATS [REPORT.json]]");
    return 2;
}

int repeats = args.Length > 2 ? int.Parse(args[2]) : 3;
bool unet = part == "unet";
string work = Environment.GetEnvironmentVariable("PEERS_WORK") ?? Path.Combine(Path.GetTempPath(), "brushfire-peers");
Directory.CreateDirectory(work);
using var peer = new OnnxNetwork(graphs, work, part, unet ? 3_437_869_440 : 197_879_808, WorkerPool.Threads);
ModelPart ours = ModelPart.Open("sd15", unet ? PartKind.UNet : PartKind.Vae, latentSize: (64, 64));
double total = DirectWork.Of(ours.Follow()).Total;

MachinePeak before = MachinePeak.Measure();
string version = typeof(Microsoft.ML.OnnxRuntime.InferenceSession).Assembly.GetName().Version!.ToString(3);
(string Name, Action<Tensor[]> Run, double[] Seconds)[] rows =
[
    ("Brushfire, eager", inputs => ours.Run(inputs), new double[repeats]),
    ("Brushfire, compiled", inputs => ours.RunCompiled(inputs), new double[repeats]),
    ($"ONNX Runtime {version}", _ => peer.Run(), new double[repeats]),
];
for (int i = -2; i < repeats; i++) // the first round loads and packs, the second finds out what is the same at every call
{
    double[] round = [.. rows.Select(row => Time(row.Run, i + 2))];
    Console.Error.WriteLine($"{(i < 0 ? "warming" : $"{i + 1} of {repeats}")}: {string.Join(", ", rows.Select((row, j) => $"{row.Name} {round[j]:F3} s"))}");
    for (int j = 0; i >= 0 && j < rows.Length; j++) rows[j].Seconds[i] = round[j];
}

var peaks = new Peaks(before, MachinePeak.Measure());
Console.WriteLine($"{ModelPart.Title(ours.Kind)} of SD1.5, batch {ours.BatchSize}, 64x64 latents, float32, {WorkerPool.Threads} threads, {Machine.Current.Processor}, {Isas.Current}:\n");
Console.WriteLine("| | median | least | most | direct work / peak / median |\n| --- | ---: | ---: | ---: | ---: |");
foreach ((string name, _, double[] seconds) in rows)
    Console.WriteLine($"| {name} | {seconds.Median():F3} s | {seconds.Min():F3} s | {seconds.Max():F3} s | {Ratio(seconds):F3} |");
Console.WriteLine($"\nONNX Runtime takes {rows[2].Seconds.Median() / rows[0].Seconds.Median():F2} times as long as the eager code, {rows[2].Seconds.Median() / rows[1].Seconds.Median():F2} times as long as the compiled one.\n");
foreach (string line in peaks.ToLines()) Console.WriteLine(line);
if (peaks.Invalid is { } reason) Console.WriteLine($"Read with care: {reason}.");
if (args.Length > 3) File.WriteAllText(args[3], Report().ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
return 0;

double Ratio(double[] seconds) => total / peaks.Best.OperationsPerSecond / seconds.Median();

double Time(Action<Tensor[]> run, int index)
{
    using var scope = new TensorScope();
    Tensor[] inputs = ours.Inputs(index);
    Thread.Sleep(100); // the other one's threads are asleep by then
    long start = Stopwatch.GetTimestamp();
    run(inputs);
    return Stopwatch.GetElapsedTime(start).TotalSeconds;
}

JsonObject Report() => new()
{
    ["benchmark"] = "peers",
    ["part"] = part,
    ["precision"] = "fp32",
    ["batchSize"] = ours.BatchSize,
    ["processor"] = Machine.Current.Processor,
    ["instructionSet"] = Isas.Current.ToString().ToLowerInvariant(),
    ["threads"] = WorkerPool.Threads,
    ["directWork"] = total,
    ["peakBefore"] = Peaks.ToJson(peaks.Before),
    ["peakAfter"] = Peaks.ToJson(peaks.After),
    ["programs"] = new JsonArray([.. rows.Select(row => new JsonObject
    {
        ["name"] = row.Name,
        ["seconds"] = new JsonArray([.. row.Seconds.Select(value => JsonValue.Create(value))]),
        ["medianSeconds"] = row.Seconds.Median(),
        ["ratioToDirectLimit"] = Ratio(row.Seconds),
    })]),
    ["valid"] = peaks.Invalid is null,
    ["invalidBecause"] = peaks.Invalid,
};
