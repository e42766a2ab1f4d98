using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Worker(CancellationToken token)
    {
        try
        {
            await Task.Delay(3600 * 1000, token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"cancelled {token.IsCancellationRequested}: there is no count, and no way back");
        }
        await Task.Yield();
        Console.WriteLine("goes on");
    }

    static async Task Limited(CancellationToken outside)
    {
        using (var limit = new CancellationTokenSource(0))
        using (var linked = CancellationTokenSource.CreateLinkedTokenSource(outside, limit.Token))
        {
            try
            {
                await Task.Delay(3600 * 1000, linked.Token);
            }
            catch (OperationCanceledException)
            {
                outside.ThrowIfCancellationRequested(); // asked first: so the outside wins
                throw new TimeoutException();
            }
        }
    }

    static async Task Run()
    {
        var source = new CancellationTokenSource();
        Task task = Worker(source.Token);
        source.Cancel();
        source.Cancel();
        await task;
        Console.WriteLine($"cancelled {task.IsCanceled}");

        source.Cancel();
        try
        {
            await Limited(source.Token);
        }
        catch (TimeoutException)
        {
            Console.WriteLine("timed out");
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("cancelled from outside, though the time was over as well");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
