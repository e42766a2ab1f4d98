using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Worker(CancellationTokenSource source)
    {
        foreach (int attempt in new[] { 1, 2 })
        {
            try
            {
                Console.WriteLine($"attempt {attempt}");
                // A token of its own for each attempt, as a client with time limits has: else the level would show.
                source = attempt == 1 ? source : new CancellationTokenSource();
                await Task.Delay(3600 * 1000, source.Token);
            }
            catch (Exception error)
            {
                Console.WriteLine($"attempt {attempt} failed: {error.GetType().Name}; try again");
            }
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var source = new CancellationTokenSource();
        Task task = Worker(source);
        source.Cancel();
        Console.WriteLine($"done {task.Wait(50)}");
    }
}
