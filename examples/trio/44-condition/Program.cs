using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static readonly Queue<int> stock = new Queue<int>();
    static readonly SemaphoreSlim things = new SemaphoreSlim(0);

    static async Task Consumer(string name)
    {
        await things.WaitAsync();
        Console.WriteLine($"{name} takes {stock.Dequeue()}");
    }

    static async Task Run()
    {
        Task a = Consumer("a"), b = Consumer("b"), c = Consumer("c");
        stock.Enqueue(1);
        things.Release();
        Console.WriteLine("one thing, and one is told");
        await a;
        stock.Enqueue(2);
        things.Release();
        Console.WriteLine("another, and one more is told");
        await b;
        stock.Enqueue(3);
        things.Release();
        await c;
        try
        {
            Monitor.Pulse(stock);
        }
        catch (SynchronizationLockException)
        {
            Console.WriteLine("without the lock: refused");
        }
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
