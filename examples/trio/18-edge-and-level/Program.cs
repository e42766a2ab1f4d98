using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Stubborn(CancellationToken token)
    {
        foreach (int attempt in new[] { 1, 2, 3 })
        {
            try
            {
                await Task.Delay(attempt == 2 ? 10 : 3600 * 1000, token);
                Console.WriteLine($"sleep {attempt}: slept");
            }
            catch (OperationCanceledException)
            {
                Console.WriteLine($"sleep {attempt}: refuses");
            }
        }
        return "ended by itself";
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var source = new CancellationTokenSource();
        Task<string> task = Stubborn(source.Token);
        Console.WriteLine("cancel");
        source.Cancel();
        Console.WriteLine("cancel again");
        source.Cancel();
        Console.WriteLine(task.GetAwaiter().GetResult());
        Console.WriteLine($"cancelled {task.IsCanceled}, IsCancellationRequested {source.IsCancellationRequested}");
    }
}
