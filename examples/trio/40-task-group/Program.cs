using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Child(string name, int steps, bool failsWhileCleaning, CancellationTokenSource group)
    {
        try
        {
            for (int i = 0; i < steps; i++)
            {
                await Task.Yield();
                group.Token.ThrowIfCancellationRequested();
            }
            group.Cancel(); // by hand: the first that fails tells the others
            throw new InvalidOperationException(name);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"{name} is cancelled");
            if (failsWhileCleaning)
            {
                throw new InvalidOperationException($"{name}, while it cleaned up");
            }
            throw;
        }
    }

    static async Task Run()
    {
        var group = new CancellationTokenSource();
        Task all = Task.WhenAll(
            Child("first", 2, false, group), Child("second", 99, true, group), Child("third", 99, false, group));
        try
        {
            await Task.Delay(3600 * 1000, group.Token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("the body is cancelled");
        }
        try
        {
            await all;
        }
        catch (InvalidOperationException error)
        {
            Console.WriteLine($"await throws: {error.Message}");
        }
        string messages = string.Join(", ", all.Exception.InnerExceptions.Select(error => $"'{error.Message}'"));
        Console.WriteLine($"failed: [{messages}]");
        Console.WriteLine("end");
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
