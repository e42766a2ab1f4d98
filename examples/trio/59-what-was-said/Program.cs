using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static volatile string reason = "nothing"; // beside the token, for all who look at it

    static async Task Inner(CancellationToken token)
    {
        try
        {
            await Task.Delay(3600 * 1000, token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"inner: {reason}");
            throw;
        }
    }

    static async Task Outer(CancellationToken token)
    {
        try
        {
            await Inner(token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"outer: {reason}");
        }
        try
        {
            await Task.Delay(3600 * 1000, token); // the token stays cancelled
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"outer, the second time: {reason}");
            throw;
        }
    }

    static async Task Run()
    {
        var source = new CancellationTokenSource();
        Task task = Outer(source.Token);
        reason = "the user has left";
        source.Cancel();
        source.Cancel();
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"main: {reason}");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
