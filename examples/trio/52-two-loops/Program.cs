using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static readonly SemaphoreSlim gate = new SemaphoreSlim(1, 1);

    static async Task Contend()
    {
        await gate.WaitAsync();
        Task waiter = gate.WaitAsync();
        gate.Release();
        await waiter;
        Console.WriteLine($"first loop: locked {gate.CurrentCount == 0}");
    }

    static async Task Again()
    {
        Task waiter = gate.WaitAsync();
        Console.WriteLine($"second loop: it waits: {!waiter.IsCompleted}");
        gate.Release();
        await waiter;
        Console.WriteLine("second loop: it has waited for what the first one held");
    }

    static void Main()
    {
        Console.WriteLine("# context: two pumps, one after the other");
        Pump.Run(Contend);
        Pump.Run(Again);
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
