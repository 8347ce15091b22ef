// The model that comes with the program: models/emoji beside the executable, whatever the working directory is.

namespace Brushfire.Cli;

internal static class ShippedModel
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "models", "emoji");
}
