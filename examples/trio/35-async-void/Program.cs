using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async void Handler()
    {
        Console.WriteLine("handler: begins");
        await Task.Yield();
        throw new InvalidOperationException("broken");
    }

    static async Task Run()
    {
        try
        {
            Handler();
        }
        catch (InvalidOperationException)
        {
            Console.WriteLine("caught at the call");
        }
        await Task.Delay(3600 * 1000);
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump: it is thrown the error");
        try
        {
            Pump.Run(Run);
        }
        catch (InvalidOperationException)
        {
            Console.WriteLine("the error has come out of the pump, and ended it");
        }
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
