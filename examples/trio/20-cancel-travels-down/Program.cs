using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Inner(Task gate)
    {
        await gate; // it was given no token
        return "value";
    }

    static async Task Outer(Task<string> inner, CancellationToken token)
    {
        try
        {
            // What inner.WaitAsync(token) does in newer versions.
            await Task.WhenAny(inner, Task.Delay(Timeout.Infinite, token));
            token.ThrowIfCancellationRequested();
            Console.WriteLine($"outer: got {await inner}");
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("outer: cancelled");
            throw;
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var source = new CancellationTokenSource();
        var gate = new TaskCompletionSource<int>();
        Task<string> inner = Inner(gate.Task);
        Task outer = Outer(inner, source.Token);
        Console.WriteLine("cancel the outer");
        source.Cancel();
        try
        {
            outer.Wait();
        }
        catch (AggregateException)
        {
            Console.WriteLine($"outer cancelled {outer.IsCanceled}, inner cancelled {inner.IsCanceled}");
        }
        Console.WriteLine($"the inner one still runs: {!inner.IsCompleted}");
    }
}
