using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task CallLater(int milliseconds, string text)
    {
        await Task.Delay(milliseconds);
        Console.WriteLine(text);
    }

    static async Task Run()
    {
        Task slow = CallLater(400, "timer of 40 ms");
        Task fast = CallLater(200, "timer of 20 ms");
        Task now = CallLater(0, "timer of 0 ms");
        SynchronizationContext.Current.Post(_ => Console.WriteLine("callback"), null);
        await Task.WhenAll(slow, fast, now);
        Console.WriteLine("end");
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump; the timers fire on the pool and post to it");
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
