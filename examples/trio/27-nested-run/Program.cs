using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Work()
    {
        await Task.Yield();
        return "work";
    }

    static async Task Run()
    {
        Task<string> work = Work();
        Console.WriteLine(work.Wait(300) ? work.Result : "blocked: Wait holds the thread that the work needs");
        Console.WriteLine($"awaited: {await work}");
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump: the deadlock needs one");
        Pump.Run(Run);
        SynchronizationContext.SetSynchronizationContext(null);
        Console.WriteLine($"outside, on the pool: {Work().Result}");
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
