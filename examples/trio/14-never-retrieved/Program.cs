using System;
using System.Threading.Tasks;

static class Program
{
    static async Task Fails()
    {
        await Task.CompletedTask; // does not wait
        Console.WriteLine("fails");
        throw new InvalidOperationException("broken");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); nothing here ever waits");
        // Called when the finalizer meets the task. No collection happens in so short a program.
        TaskScheduler.UnobservedTaskException += (sender, args) => Console.WriteLine("the handler is told");
        Task task = Fails();
        Console.WriteLine($"done {task.IsCompleted}; the last reference goes");
        task = null;
        Console.WriteLine("end");
    }
}
