using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Run()
    {
        Thread thread = Thread.CurrentThread;
        await Task.Delay(10);
        Console.WriteLine($"await: on the same thread: {Thread.CurrentThread == thread}");
        await Task.Delay(10).ConfigureAwait(false);
        Console.WriteLine($"ConfigureAwait(false): on the same thread: {Thread.CurrentThread == thread}");
        await Task.Delay(10);
        Console.WriteLine($"and it does not come back by itself: {Thread.CurrentThread == thread}");
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
