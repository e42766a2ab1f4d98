using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    // A channel in small, since Mono has none: a waiting reader is given the item itself.
    static readonly Queue<string> items = new Queue<string>();
    static readonly Queue<TaskCompletionSource<string>> readers = new Queue<TaskCompletionSource<string>>();
    static bool complete;

    static bool TryWrite(string item)
    {
        if (complete)
        {
            return false;
        }
        if (readers.Count > 0)
        {
            readers.Dequeue().SetResult(item);
        }
        else
        {
            items.Enqueue(item);
        }
        return true;
    }

    static Task<string> Read()
    {
        if (items.Count > 0)
        {
            return Task.FromResult(items.Dequeue());
        }
        if (complete)
        {
            return Task.FromException<string>(new InvalidOperationException("closed"));
        }
        var reader = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        readers.Enqueue(reader);
        return reader.Task;
    }

    static async Task Getter(string name)
    {
        try
        {
            Console.WriteLine($"{name} gets {await Read()}");
        }
        catch (InvalidOperationException)
        {
            Console.WriteLine($"{name}: the queue is shut down");
        }
    }

    static async Task Run()
    {
        Task a = Getter("a");
        Task b = Getter("b");
        TryWrite("the first item");
        Console.WriteLine($"main takes {(items.Count > 0 ? items.Dequeue() : "nothing: a was given it")}");
        await Task.Yield();
        TryWrite("the second item");
        await Task.Yield();
        TryWrite("the third item");
        complete = true;
        if (!TryWrite("too late"))
        {
            Console.WriteLine("no more is taken in");
        }
        await Task.WhenAll(a, b);
        await Getter("main");
        await Getter("main");
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
