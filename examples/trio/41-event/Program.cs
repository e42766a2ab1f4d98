using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

/// <summary>An asynchronous event, as it is usually written.</summary>
sealed class AsyncEvent
{
    TaskCompletionSource<int> source = new TaskCompletionSource<int>();

    public bool IsSet => source.Task.IsCompleted;
    public Task Wait() => source.Task;
    public void Set() => source.TrySetResult(0);
    public void Clear() => source = new TaskCompletionSource<int>();
}

static class Program
{
    static async Task Waiter(string name, AsyncEvent signal)
    {
        await signal.Wait();
        Console.WriteLine($"{name} goes on; set {signal.IsSet}");
    }

    static async Task Run()
    {
        var signal = new AsyncEvent();
        Task a = Waiter("a", signal);
        signal.Set();
        signal.Clear();
        Console.WriteLine("set, and cleared at once");
        await a;
        signal.Set();
        SynchronizationContext.Current.Post(_ => Console.WriteLine("a callback that was ready"), null);
        await signal.Wait();
        Console.WriteLine("no waiting for what is set");
        await Task.Yield();
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
