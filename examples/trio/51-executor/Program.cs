using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static readonly ManualResetEventSlim started = new ManualResetEventSlim();
    static readonly ManualResetEventSlim finished = new ManualResetEventSlim();
    static Thread loopThread;
    static int ticks;

    static string Blocks(int milliseconds)
    {
        started.Set();
        Thread.Sleep(milliseconds);
        finished.Set();
        return $"on the loop's thread: {Thread.CurrentThread == loopThread}";
    }

    static async Task Ticker(CancellationToken token)
    {
        while (!token.IsCancellationRequested)
        {
            await Task.Delay(10);
            ticks++;
        }
    }

    static async Task Run()
    {
        loopThread = Thread.CurrentThread;
        var source = new CancellationTokenSource();
        Task ticker = Ticker(source.Token);
        Console.WriteLine($"the closure ran {await Task.Run(() => Blocks(400))}");
        Console.WriteLine($"and the line after it on the loop's thread: {Thread.CurrentThread == loopThread}");
        Console.WriteLine($"the loop went on meanwhile: {ticks > 0}");
        source.Cancel();
        try
        {
            await Task.Run(() => { throw new InvalidOperationException("broken"); });
        }
        catch (InvalidOperationException error)
        {
            Console.WriteLine($"failed: {error.Message}");
        }

        started.Reset();
        finished.Reset();
        source = new CancellationTokenSource();
        Task<string> task = Task.Run(() => Blocks(400), source.Token);
        started.Wait();
        source.Cancel();
        Console.WriteLine($"the token is cancelled; the closure has finished: {finished.IsSet}");
        await task;
        Console.WriteLine($"it has finished now, and was not cancelled: {!task.IsCanceled}");
        await ticker;
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
