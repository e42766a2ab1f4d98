using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Step(string name)
    {
        await Task.Yield(); // or it would run in the call
        Console.WriteLine($"task {name}");
    }

    static async Task Run()
    {
        SynchronizationContext pump = SynchronizationContext.Current;
        pump.Post(_ => Console.WriteLine("callback 1"), null);
        Task first = Step("1");
        bool cancelled = false;
        pump.Post(_ => { if (!cancelled) Console.WriteLine("callback 2, never seen"); }, null);
        pump.Post(_ => pump.Post(__ => Console.WriteLine("callback 3, queued by a callback"), null), null);
        Task second = Step("2");
        cancelled = true;
        Console.WriteLine("all is queued");
        await first;
        await second;
        await Task.Yield();
        Console.WriteLine("end");
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, the counterpart of the loop's queue");
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
