using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Sleep(CancellationTokenSource outer, CancellationTokenSource inner)
    {
        using (var linked = CancellationTokenSource.CreateLinkedTokenSource(outer.Token, inner.Token))
        {
            try
            {
                await Task.Delay(3600 * 1000, linked.Token);
            }
            catch (OperationCanceledException)
            {
                Console.WriteLine("inside it is a cancellation");
                Console.WriteLine(inner.IsCancellationRequested ? "the inner limit reports" : "the outer limit reports");
            }
        }
    }

    static async Task Run()
    {
        await Sleep(new CancellationTokenSource(60000), new CancellationTokenSource(20));
        await Sleep(new CancellationTokenSource(20), new CancellationTokenSource(60000));

        var scope = new CancellationTokenSource(1000);
        scope.CancelAfter(Timeout.Infinite);
        await Task.Delay(50, scope.Token);
        Console.WriteLine($"moved in time: expired {scope.IsCancellationRequested}");

        scope = new CancellationTokenSource(20);
        try
        {
            await Task.Delay(3600 * 1000, scope.Token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("swallowed");
        }
        Console.WriteLine($"no error: expired {scope.IsCancellationRequested}");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
