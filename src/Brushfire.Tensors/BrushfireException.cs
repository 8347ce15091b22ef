// The library's own exception: what a caller did or handed over cannot work, told in one line with the way out.

namespace Brushfire.Tensors;

/// <summary>A request, file, shape or option that cannot be served. The message names it and says what to do.</summary>
public class BrushfireException : Exception
{
    public BrushfireException(string message) : base(message) { }
    public BrushfireException(string message, Exception inner) : base(message, inner) { }
}
