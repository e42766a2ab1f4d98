using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Count(string name, Func<Task> pause)
    {
        foreach (int number in new[] { 1, 2, 3 })
        {
            Console.WriteLine($"{name} {number}");
            await pause();
        }
    }

    static async Task CountYielding(string name)
    {
        foreach (int number in new[] { 1, 2, 3 })
        {
            Console.WriteLine($"{name} {number}");
            await Task.Yield();
        }
    }

    static async Task Run()
    {
        Console.WriteLine("a pause of zero");
        await Task.WhenAll(Count("a", () => Task.Delay(0)), Count("b", () => Task.Delay(0)));
        Console.WriteLine("a finished future");
        await Task.WhenAll(Count("a", () => Task.CompletedTask), Count("b", () => Task.CompletedTask));
        Console.WriteLine("Task.Yield");
        await Task.WhenAll(CountYielding("a"), CountYielding("b"));
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, so that who gives way has one queue to go to the end of");
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
