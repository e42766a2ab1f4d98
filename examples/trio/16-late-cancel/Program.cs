using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Waiter(Task<string> future)
    {
        try
        {
            Console.WriteLine($"got {await future}");
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("cancelled, though the result was there");
        }
    }

    static async Task<string> CancelsItself(CancellationTokenSource source)
    {
        await Task.Yield();
        source.Cancel();
        Console.WriteLine("cancels itself, and returns a value");
        return "the value";
    }

    static async Task Run()
    {
        var future = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = new CancellationTokenSource();
        bool cancelled = true;
        source.Token.Register(() => cancelled = future.TrySetCanceled());
        Task task = Waiter(future.Task);
        future.SetResult("the result");
        source.Cancel();
        Console.WriteLine($"the result is set; cancel: {cancelled}");
        await task;
        Task<string> itself = CancelsItself(new CancellationTokenSource());
        try
        {
            Console.WriteLine($"got {await itself}");
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"awaited: cancelled {itself.IsCanceled}");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, so that the waiter can't run before the cancellation");
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
