using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Body(string name)
    {
        Console.WriteLine($"{name}: the body starts");
        await Task.Yield();
        Console.WriteLine($"{name}: the body goes on");
        return name;
    }

    static async Task Run()
    {
        Console.WriteLine("call");
        // No line here may run between the start and the rest of the body by chance, so the call is awaited in place.
        Task<string> hot = Body("cold");
        Console.WriteLine("called; nothing awaits it yet");
        await hot;
        Console.WriteLine("make a task");
        Task<string> task = Body("task"); // there is no other way to make one: every call is
        Console.WriteLine("made; nothing awaits it yet");
        Console.WriteLine($"result: {await task}");
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, so that a body goes on only when the caller waits");
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
