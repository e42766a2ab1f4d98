using System;
using System.Collections.Generic;

static class Program
{
    static readonly Queue<Action> queue = new Queue<Action>();
    static bool stopping;

    /// <summary>The usual pump: until the queue is empty, or somebody says stop.</summary>
    static void RunForever()
    {
        while (!stopping && queue.Count > 0)
        {
            queue.Dequeue()();
        }
        stopping = false;
    }

    static void First()
    {
        Console.WriteLine("first: stops the loop, and queues another");
        stopping = true;
        queue.Enqueue(() => Console.WriteLine("queued by first"));
    }

    static void Main()
    {
        Console.WriteLine("# context: none; the queue is a pump's, written out");
        queue.Enqueue(First);
        queue.Enqueue(() => Console.WriteLine("second, of the same turn"));
        Console.WriteLine("run");
        RunForever();
        Console.WriteLine("stopped; run again, stopped before it begins");
        queue.Enqueue(() => queue.Enqueue(() => Console.WriteLine("a turn too late")));
        stopping = true;
        RunForever();
        Console.WriteLine("end");
    }
}
