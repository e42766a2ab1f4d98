using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Worker(string name, SemaphoreSlim gate)
    {
        await gate.WaitAsync();
        Console.WriteLine($"{name} has it");
        await Task.Yield();
        gate.Release();
        Console.WriteLine($"{name} has let go; locked {gate.CurrentCount == 0}");
    }

    static async Task Run()
    {
        var gate = new SemaphoreSlim(1, 1);
        await gate.WaitAsync();
        Task a = Worker("a", gate);
        Task b = Worker("b", gate);
        gate.Release();
        Console.WriteLine($"released: locked {gate.CurrentCount == 0}");
        await gate.WaitAsync();
        Console.WriteLine("main has it again, after the others");
        gate.Release();
        try
        {
            gate.Release();
        }
        catch (SemaphoreFullException)
        {
            Console.WriteLine("Lock is not acquired.");
        }
        await Task.WhenAll(a, b);
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
