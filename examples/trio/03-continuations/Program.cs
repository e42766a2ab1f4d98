using System;
using System.Threading.Tasks;

static class Program
{
    static async Task Waiter(string name, Task<string> future)
    {
        string value = await future;
        Console.WriteLine($"{name} got {value}");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var source = new TaskCompletionSource<string>();
        Task task = Waiter("waiter", source.Task);
        Console.WriteLine("before set_result");
        source.SetResult("the result");
        Console.WriteLine("after set_result");
        task.GetAwaiter().GetResult();
    }
}
