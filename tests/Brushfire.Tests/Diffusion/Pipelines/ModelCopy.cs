// A copy of the shipped model in which a test changes files, so that what a folder says, or lacks, can be tried out.

using Brushfire.Cli;

namespace Brushfire.Tests.Diffusion.Pipelines;

internal sealed class ModelCopy : IDisposable
{
    private readonly TempFolder _folder = new();

    public ModelCopy()
    {
        foreach (string file in Directory.GetFiles(ShippedModel.Folder, "*", SearchOption.AllDirectories))
        {
            string copy = this[System.IO.Path.GetRelativePath(ShippedModel.Folder, file)];
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public string Path => _folder.Path;

    /// <summary>The full path of a file of the model, such as unet/config.json.</summary>
    public string this[string name] => _folder[name];

    public void Dispose() => _folder.Dispose();
}
