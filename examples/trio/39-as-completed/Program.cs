using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Child(string name, int steps, bool fails)
    {
        for (int i = 0; i < steps; i++)
        {
            await Task.Yield();
        }
        if (fails)
        {
            throw new InvalidOperationException(name);
        }
        return name;
    }

    static async Task Run()
    {
        var tasks = new List<Task<string>> { Child("slow", 6, false), Child("fast", 2, false), Child("broken", 4, true) };
        while (tasks.Count > 0)
        {
            Task<string> next = await Task.WhenAny(tasks);
            tasks.Remove(next);
            try
            {
                Console.WriteLine($"ended: {await next}");
            }
            catch (InvalidOperationException error)
            {
                Console.WriteLine($"failed: {error.Message}");
            }
        }
        var never = new TaskCompletionSource<string>();
        tasks = new List<Task<string>> { Child("quick", 1, false), never.Task };
        Task limit = Task.Delay(500);
        while (tasks.Count > 0)
        {
            var all = new List<Task>(tasks) { limit };
            Task next = await Task.WhenAny(all);
            if (next == limit)
            {
                Console.WriteLine($"the time is over; cancelled {never.Task.IsCanceled}");
                break;
            }
            tasks.Remove((Task<string>)next);
            Console.WriteLine($"ended: {await (Task<string>)next}");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, so that the tasks take turns");
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
