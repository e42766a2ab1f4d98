using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Body(string name, CancellationToken token)
    {
        Console.WriteLine($"{name} starts");
        try
        {
            await Task.Delay(1000, token);
        }
        finally
        {
            Console.WriteLine($"{name} cleans up");
        }
    }

    static async Task Show(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"cancelled {task.IsCanceled}");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        var source = new CancellationTokenSource();
        source.Cancel();
        Show(Body("task", source.Token)).Wait();
        Show(Task.Run(() => Body("Task.Run", source.Token), source.Token)).Wait();
    }
}
