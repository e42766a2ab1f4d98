using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    /// <summary>Set when c is gone: its cancellation takes effect on the pool, some time after Cancel.</summary>
    static readonly TaskCompletionSource<int> cIsGone = new TaskCompletionSource<int>();

    static async Task Worker(string name, SemaphoreSlim semaphore, CancellationToken token)
    {
        await semaphore.WaitAsync(token);
        Console.WriteLine($"{name} enters");
        await cIsGone.Task;
        await Task.Yield();
        Console.WriteLine($"{name} leaves");
        semaphore.Release();
    }

    static async Task Run()
    {
        var semaphore = new SemaphoreSlim(2);
        var source = new CancellationTokenSource();
        Task a = Worker("a", semaphore, CancellationToken.None);
        Task b = Worker("b", semaphore, CancellationToken.None);
        Task c = Worker("c", semaphore, source.Token);
        Task d = Worker("d", semaphore, CancellationToken.None);
        Console.WriteLine($"locked {semaphore.CurrentCount == 0}");
        source.Cancel();
        Console.WriteLine("c is cancelled, while it waits");
        await Task.WhenAny(c);
        cIsGone.SetResult(0);
        try
        {
            await Task.WhenAll(a, b, c, d);
        }
        catch (OperationCanceledException)
        {
        }
        try
        {
            new SemaphoreSlim(1, 1).Release();
        }
        catch (SemaphoreFullException)
        {
            Console.WriteLine("one permit too many: refused");
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
