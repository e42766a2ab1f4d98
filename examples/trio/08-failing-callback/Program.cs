using System;
using System.Collections.Generic;

static class Program
{
    static readonly Queue<Action> queue = new Queue<Action>();

    static void RunUntilEmpty()
    {
        while (queue.Count > 0)
        {
            queue.Dequeue()();
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none; the queue is a pump's, written out");
        queue.Enqueue(() =>
        {
            Console.WriteLine("the callback fails");
            throw new InvalidOperationException("broken");
        });
        queue.Enqueue(() => Console.WriteLine("the next callback runs"));
        try
        {
            RunUntilEmpty();
        }
        catch (InvalidOperationException)
        {
            Console.WriteLine("the pump has ended with the callback's exception");
        }
        Console.WriteLine("pump again");
        RunUntilEmpty();
        Console.WriteLine("end");
    }
}
