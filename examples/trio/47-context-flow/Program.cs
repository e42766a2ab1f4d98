using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static readonly AsyncLocal<string> request = new AsyncLocal<string>();

    static async Task Sets(string value)
    {
        request.Value = value;
        Console.WriteLine($"inside: {request.Value}");
        await Task.Yield();
    }

    static async Task Run()
    {
        request.Value = "main's";
        await Sets("set by a plain await");
        Console.WriteLine($"after a plain await: {request.Value}");
        await Task.Run(() => Sets("set by a task"));
        Console.WriteLine($"after a task: {request.Value}");
        request.Value = "at registration";
        var told = new TaskCompletionSource<int>();
        ThreadPool.QueueUserWorkItem(_ =>
        {
            Console.WriteLine($"callback: {request.Value}");
            told.SetResult(0);
        });
        request.Value = "later";
        await told.Task;
        await Task.Run(() => Console.WriteLine($"another thread: {request.Value}"));
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump; the values are in the ExecutionContext, which is another thing");
        Pump.Run(Run);
    }
}

/// <summary>A message pump on this thread, as a window has one and a console program has not.</summary>
sealed class Pump : SynchronizationContext
{
    readonly BlockingCollection<Action> queue = new BlockingCollection<Action>();

    public override void Post(SendOrPostCallback callback, object state) => queue.Add(() => callback(state));

    public static void Run(Func<Task> main)
    {
        var pump = new Pump();
        SetSynchronizationContext(pump);
        Task task = main();
        task.ContinueWith(_ => pump.queue.Add(() => { }), TaskScheduler.Default);
        while (!task.IsCompleted)
        {
            pump.queue.Take()();
        }
        task.GetAwaiter().GetResult();
    }
}
