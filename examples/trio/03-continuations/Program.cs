using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static Thread setter;

    static async Task<string> Waiter(Task<string> future)
    {
        string value = await future;
        return $"got {value}, inside set_result: {Thread.CurrentThread == setter}";
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        var source = new TaskCompletionSource<string>();
        Task<string>[] tasks = Enumerable.Range(1, 3).Select(_ => Waiter(source.Task)).ToArray();
        Console.WriteLine("before set_result");
        setter = Thread.CurrentThread;
        source.SetResult("the result");
        Console.WriteLine($"after set_result: the first waiter is done: {tasks[0].IsCompleted}");
        for (int number = 1; number <= 3; number++)
        {
            Console.WriteLine($"waiter {number} {tasks[number - 1].GetAwaiter().GetResult()}");
        }
    }
}
