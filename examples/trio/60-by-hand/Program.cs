using System;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<int> Written(string name)
    {
        Console.WriteLine($"{name}: before the first wait");
        await Task.Yield();
        Console.WriteLine($"{name}: between the waits");
        await Task.Yield();
        Console.WriteLine($"{name}: after the second wait");
        return 42;
    }

    // ANCHOR: machine
    /// <summary>What the compiler makes of Written: the method's body, cut at its waits, and a number that says where it is.</summary>
    sealed class ByHand : IAsyncStateMachine
    {
        readonly string name;
        int state;
        public AsyncTaskMethodBuilder<int> Builder = AsyncTaskMethodBuilder<int>.Create();

        public ByHand(string name) => this.name = name;

        public void MoveNext()
        {
            switch (state)
            {
                case 0: Console.WriteLine($"{name}: before the first wait"); break;
                case 1: Console.WriteLine($"{name}: between the waits"); break;
                default:
                    Console.WriteLine($"{name}: after the second wait");
                    Builder.SetResult(42);
                    return;
            }
            state++;
            YieldAwaitable.YieldAwaiter awaiter = Task.Yield().GetAwaiter();
            ByHand self = this;
            Builder.AwaitUnsafeOnCompleted(ref awaiter, ref self); // when the wait is over: MoveNext, on the context
        }

        public void SetStateMachine(IAsyncStateMachine machine) { }
    }
    // ANCHOR_END: machine

    // ANCHOR: start
    /// <summary>What is left of the method itself: make the machine, start it, return its task.</summary>
    static Task<int> Start(string name)
    {
        var machine = new ByHand(name);
        machine.Builder.Start(ref machine);
        return machine.Builder.Task;
    }
    // ANCHOR_END: start

    static async Task Run()
    {
        Console.WriteLine(await Written("written"));
        Task<int> machine = Start("by hand");
        Console.WriteLine("made; it has run to its first wait");
        Console.WriteLine(await machine);
    }

    static void Main()
    {
        Console.WriteLine("# context: a pump, which runs the parts of a method one after the other");
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
