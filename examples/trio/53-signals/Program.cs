using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Run()
    {
        var source = new CancellationTokenSource();
        ConsoleCancelEventHandler handler = (sender, key) =>
        {
            key.Cancel = true; // or the process ends when this returns
            source.Cancel();
        };
        Console.CancelKeyPress += handler;
        Console.WriteLine("a handler is registered, for a thread of the runtime's own");
        source.CancelAfter(20); // in place of the key
        try
        {
            await Task.Delay(3600 * 1000, source.Token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("main cleans up");
        }
        Console.CancelKeyPress -= handler;
        Console.WriteLine("interrupted");
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
