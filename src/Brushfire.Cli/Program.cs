// The brushfire program's entry point: Ctrl+C and termination cancel, everything else is CommandLine's.

using System.Runtime.InteropServices;
using Brushfire.Cli;
using Brushfire.Compiler.Diagnostics;

// What looks at the token stops within milliseconds. Start-up and reading of files do not look at it: they are cut off,
// which loses nothing, because no file is begun after the cancellation and one that was begun is written by then.
const int Patience = 120;

Terminal terminal = Terminal.OfProcess();
CompilerLog.Sink = terminal.Talk.WriteLine;
using var cancellation = new CancellationTokenSource();
using var cutOff = new Timer(_ =>
{
    terminal.Talk.WriteLine("brushfire: cancelled");
    Environment.Exit(CommandLine.Cancelled);
});
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
return CommandLine.Run(args, terminal, cancellation.Token);

void Cancel(PosixSignalContext context)
{
    context.Cancel = true;
    cutOff.Change(Patience, Timeout.Infinite);
    cancellation.Cancel();
}
