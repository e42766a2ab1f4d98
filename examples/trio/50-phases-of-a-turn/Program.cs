using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task CallLater(int milliseconds, string text)
    {
        await Task.Delay(milliseconds);
        Console.WriteLine(text);
    }

    static async Task Run()
    {
        SynchronizationContext pump = SynchronizationContext.Current;
        var thread = new Thread(() =>
        {
            Thread.Sleep(300);
            pump.Post(_ => Console.WriteLine("the thread's callback, handed over after 100 ms"), null);
        });
        Task timer = CallLater(20, "the timer of 20 ms");
        thread.Start();
        Console.WriteLine("busy for 300 ms");
        Thread.Sleep(900);
        thread.Join();
        await timer;
        await Task.Yield();
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
