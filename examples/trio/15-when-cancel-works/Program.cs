using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Worker(CancellationToken token)
    {
        Console.WriteLine("works");
        try
        {
            await Task.Delay(3600 * 1000, token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("is told, and cleans up");
            throw;
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var source = new CancellationTokenSource();
        Task task = Worker(source.Token);
        source.Token.Register(() => Console.WriteLine("a callback, registered last, is called first"));
        Console.WriteLine("cancel");
        source.Cancel();
        Console.WriteLine($"cancelled: done {task.IsCompleted}");
        try
        {
            task.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"awaited: done {task.IsCompleted}, cancelled {task.IsCanceled}");
        }
    }
}
