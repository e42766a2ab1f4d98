using System;
using System.Threading.Tasks;

static class Program
{
    static async Task Waiter(string name, Task future)
    {
        await future;
        Console.WriteLine($"task {name}");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        const TaskContinuationOptions inline = TaskContinuationOptions.ExecuteSynchronously;
        var source = new TaskCompletionSource<int>();
        Task callback = source.Task.ContinueWith(_ => Console.WriteLine("callback 1"), inline);
        Console.WriteLine("set");
        source.SetResult(0);
        Console.WriteLine("is set");
        source.Task.ContinueWith(_ => Console.WriteLine("callback 4, added late"), inline);

        source = new TaskCompletionSource<int>();
        Task task = Waiter("2", source.Task);
        Console.WriteLine("set");
        source.SetResult(0);
        Console.WriteLine("is set");
        Task.WaitAll(callback, task);
        Console.WriteLine("end");
    }
}
