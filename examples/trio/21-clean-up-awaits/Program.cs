using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Worker(string name, CancellationToken token)
    {
        try
        {
            await Task.Delay(3600 * 1000, token);
        }
        finally
        {
            Console.WriteLine($"{name}: begins to clean up");
            await Task.Yield();
            Console.WriteLine($"{name}: half-way");
            await Task.Yield();
            Console.WriteLine($"{name}: has cleaned up");
        }
    }

    static async Task Await(string name, Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"{name} is gone");
        }
    }

    static async Task Run()
    {
        var patience = new CancellationTokenSource();
        var haste = new CancellationTokenSource();
        Task patient = Worker("patient", patience.Token);
        Task hasty = Worker("hasty", haste.Token);
        patience.Cancel();
        haste.Cancel();
        await Task.Yield();
        Console.WriteLine("cancel the hasty one again");
        haste.Cancel();
        await Await("patient", patient);
        await Await("hasty", hasty);
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, so that the clean-ups take turns in one order");
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
