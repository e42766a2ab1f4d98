using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Body(string name, bool waits)
    {
        Console.WriteLine($"{name} starts in the caller: there is no current task");
        if (waits)
        {
            await Task.Yield();
            Console.WriteLine($"{name} goes on");
        }
        return name;
    }

    static async Task Run()
    {
        Task<string> quick = Body("quick", false);
        Console.WriteLine($"made: done {quick.IsCompleted}");
        Task callback = quick.ContinueWith(
            _ => Console.WriteLine("done-callback of quick"), TaskScheduler.FromCurrentSynchronizationContext());
        Task<string> slow = Body("slow", true);
        Console.WriteLine($"made: done {slow.IsCompleted}");
        Console.WriteLine($"awaiting one that is done takes no turn: {await quick}");
        Console.WriteLine($"awaited: {await slow}");
        await callback;
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
