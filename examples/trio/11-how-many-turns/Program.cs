using System;
using System.Threading.Tasks;

static class Program
{
    static bool inside;

    static async Task Waiter(string name, Task task)
    {
        await task;
        Console.WriteLine($"{name}: {(inside ? 0 : 1)}");
    }

    static void Settle(TaskCompletionSource<int> source)
    {
        inside = true;
        source.SetResult(0);
        inside = false;
    }

    static async Task Child(Task task)
    {
        await task;
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var source = new TaskCompletionSource<int>();
        Task waiter = Waiter("future", source.Task);
        Settle(source);
        waiter.Wait();
        source = new TaskCompletionSource<int>();
        waiter = Waiter("task", Child(source.Task));
        Settle(source);
        waiter.Wait();
        source = new TaskCompletionSource<int>();
        waiter = Waiter("gather", Task.WhenAll(Child(source.Task)));
        Settle(source);
        waiter.Wait();
        inside = true;
        Waiter("plain await", Child(Task.CompletedTask)).Wait();
    }
}
