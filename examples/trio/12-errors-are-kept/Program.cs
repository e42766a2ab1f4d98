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

    static async Task Run()
    {
        Task task = Fails();
        Console.WriteLine($"nobody has noticed: done {task.IsCompleted}, cancelled {task.IsCanceled}");
        foreach (string time in new[] { "first", "second" })
        {
            try
            {
                await task;
            }
            catch (InvalidOperationException error)
            {
                Console.WriteLine($"{time} await: {error.Message}");
            }
        }
        try
        {
            task.Wait();
        }
        catch (AggregateException error)
        {
            Console.WriteLine($"Wait: {error.GetType().Name} of {error.InnerException.Message}");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); nothing here ever waits");
        Run().GetAwaiter().GetResult();
    }
}
