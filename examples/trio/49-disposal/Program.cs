using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

sealed class Resource
{
    readonly string name;

    public Resource(string name)
    {
        this.name = name;
        Console.WriteLine($"{name}: opens");
    }

    public async Task DisposeAsync()
    {
        Console.WriteLine($"{name}: says goodbye");
        await Task.Yield();
        Console.WriteLine($"{name}: is closed");
    }
}

static class Program
{
    static async Task Worker(string name, bool fails, CancellationToken token)
    {
        var resource = new Resource(name);
        try
        {
            if (fails)
            {
                throw new InvalidOperationException("broken");
            }
            await Task.Delay(3600 * 1000, token);
        }
        finally
        {
            await resource.DisposeAsync();
        }
    }

    static async Task Run()
    {
        try
        {
            await Worker("a", true, CancellationToken.None);
        }
        catch (InvalidOperationException error)
        {
            Console.WriteLine($"after the closing: {error.Message}");
        }
        var source = new CancellationTokenSource();
        Task task = Worker("b", false, source.Token);
        source.Cancel();
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("after the closing: cancelled");
        }
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
