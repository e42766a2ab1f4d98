using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Inner()
    {
        await Task.Yield();
        await Task.Yield();
        await Task.Yield();
        Console.WriteLine("inner: has gone on to its end");
        return "value";
    }

    static async Task Outer(Task<string> task, CancellationToken token)
    {
        try
        {
            // task.WaitAsync(token) in newer versions
            var cancelled = new TaskCompletionSource<string>();
            using (token.Register(() => cancelled.TrySetCanceled()))
            {
                Console.WriteLine($"outer: {await await Task.WhenAny(task, cancelled.Task)}");
            }
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"outer: cancelled; the inner one is done: {task.IsCompleted}");
            throw;
        }
    }

    static async Task Run()
    {
        var source = new CancellationTokenSource();
        Task<string> inner = Inner();
        Task outer = Outer(inner, source.Token);
        source.Cancel();
        await Task.WhenAny(outer);
        Console.WriteLine($"main: the inner one gives {await inner}");
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump");
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
