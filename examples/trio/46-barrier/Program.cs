using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

/// <summary>A barrier for tasks, in small.</summary>
sealed class AsyncBarrier
{
    readonly TaskCompletionSource<int> source =
        new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);

    public readonly int Parties = 3;
    public int Waiting;

    public async Task<int> SignalAndWait()
    {
        int index = Waiting++;
        if (Waiting == Parties)
        {
            source.SetResult(0);
        }
        await source.Task;
        return index;
    }
}

static class Program
{
    static async Task Party(string name, AsyncBarrier barrier)
    {
        int index = await barrier.SignalAndWait();
        Console.WriteLine($"{name} goes on, index {index}");
    }

    static async Task Run()
    {
        var barrier = new AsyncBarrier();
        Task a = Party("a", barrier);
        Task b = Party("b", barrier);
        Console.WriteLine($"waiting: {barrier.Waiting} of {barrier.Parties}");
        await Party("main", barrier);
        await Task.WhenAll(a, b);
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
