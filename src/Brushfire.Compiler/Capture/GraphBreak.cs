// Where a captured function read values, so that its graph ends there and its own code must run at every call.

using System.Diagnostics;
using System.Reflection;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Capture;

/// <summary>A place that reads the values of a tensor while it is captured.</summary>
/// <param name="Function">The compiled function.</param>
/// <param name="Method">What read the values, for example ToArray.</param>
/// <param name="Source">File and line of the caller's code, or the method where there are no symbols.</param>
/// <param name="Value">The type and shape that was read.</param>
public sealed record GraphBreak(string Function, string Method, string Source, string Value)
{
    public override string ToString() => $"{Function}: {Method} of {Value} at {Source} breaks the graph";

    /// <summary>The place that is reading now, by the call stack.</summary>
    internal static GraphBreak Here(string function, TensorSpec spec)
    {
        string method = "a read";
        foreach (StackFrame frame in new StackTrace(fNeedFileInfo: true).GetFrames())
        {
            if (frame.GetMethod() is not { DeclaringType: { } type } called) continue;
            if (IsOurs(type.Assembly))
            {
                if (called.DeclaringType == typeof(Tensor) && called.IsPublic) method = called.Name;
                continue;
            }

            if (IsSystem(type.Assembly)) continue;
            string source = frame.GetFileName() is { } file ? $"{Path.GetFileName(file)}:{frame.GetFileLineNumber()}" : $"{type.Name}.{called.Name}";
            return new GraphBreak(function, method, source, spec.ToString());
        }

        return new GraphBreak(function, method, "an unknown place", spec.ToString());
    }

    private static bool IsOurs(Assembly assembly) => assembly == typeof(Tensor).Assembly || assembly == typeof(GraphBreak).Assembly;
    private static bool IsSystem(Assembly assembly) => assembly.GetName().Name is { } name && (name.StartsWith("System", StringComparison.Ordinal) || name.StartsWith("Microsoft", StringComparison.Ordinal));
}
