using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

/// <summary>What an <c>async IAsyncEnumerable</c> method is made into.</summary>
sealed class Numbers
{
    public int Current { get; private set; }

    public async Task<bool> MoveNextAsync()
    {
        await Task.Yield();
        Current++;
        return true;
    }

    public async Task DisposeAsync()
    {
        await Task.Yield();
        Console.WriteLine("the generator cleans up");
    }
}

static class Program
{
    static async Task Run()
    {
        var generator = new Numbers();
        try
        {
            while (await generator.MoveNextAsync())
            {
                Console.WriteLine(generator.Current);
                if (generator.Current == 3)
                {
                    break;
                }
            }
        }
        finally
        {
            await generator.DisposeAsync();
        }
        Console.WriteLine("after the break");
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
