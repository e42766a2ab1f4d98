using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Child(string name, int steps, bool fails)
    {
        for (int i = 0; i < steps; i++)
        {
            await Task.Yield();
        }
        if (fails)
        {
            throw new InvalidOperationException(name);
        }
        return name;
    }

    static string Names(IEnumerable<string> names) => string.Join(", ", names.DefaultIfEmpty("none"));

    static async Task Run()
    {
        foreach (string mode in new[] { "FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED" })
        {
            var tasks = new SortedDictionary<string, Task>
            {
                ["a"] = Child("a", 9, false), ["b"] = Child("b", 2, false), ["c"] = Child("c", 4, true),
            };
            Func<Task, bool> isEnough = task => mode == "FIRST_COMPLETED" || (mode == "FIRST_EXCEPTION" && task.IsFaulted);
            var left = new List<Task>(tasks.Values);
            while (left.Count > 0)
            {
                Task first = await Task.WhenAny(left);
                left.Remove(first);
                if (isEnough(first))
                {
                    break;
                }
            }
            var done = tasks.Where(pair => pair.Value.IsCompleted).Select(pair => pair.Key).ToList();
            var pending = tasks.Keys.Except(done).ToList();
            Console.WriteLine($"{mode}: done {Names(done)}; pending {Names(pending)}");
        }
        var never = new TaskCompletionSource<int>();
        Task limit = await Task.WhenAny(never.Task, Task.Delay(0));
        Console.WriteLine(
            $"time is over: done none; pending {(limit == never.Task ? "none" : "never")}; cancelled {never.Task.IsCanceled}");
        try
        {
            await Task.WhenAny();
        }
        catch (ArgumentException)
        {
            Console.WriteLine("nothing to wait for: refused");
        }
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
