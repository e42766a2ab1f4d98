using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Run()
    {
        SynchronizationContext pump = SynchronizationContext.Current;
        var told = new TaskCompletionSource<string>();
        var thread = new Thread(() =>
        {
            foreach (int number in new[] { 1, 2, 3 })
            {
                pump.Post(_ => Console.WriteLine($"call {number} of the thread"), null);
            }
            pump.Post(_ => told.SetResult("the thread's result"), null);
        });
        thread.Start();
        Console.WriteLine($"got {await told.Task}");
        thread.Join();
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump");
        Pump.Run(Run);
        SynchronizationContext.Current.Post(_ => Console.WriteLine("never seen"), null);
        Console.WriteLine("taken without a word, and never run");
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
