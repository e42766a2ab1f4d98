using System;
using System.Linq;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Child(string name, int milliseconds, bool fails)
    {
        try
        {
            await Task.Delay(milliseconds);
            if (fails)
            {
                throw new InvalidOperationException(name);
            }
            return name;
        }
        finally
        {
            Console.WriteLine($"{name} ends");
        }
    }

    static async Task Run()
    {
        Task<string[]> all = Task.WhenAll(Child("slow", 600, true), Child("fast", 200, true), Child("good", 400, false));
        try
        {
            await all;
        }
        catch (InvalidOperationException error)
        {
            Console.WriteLine($"WhenAll failed with {error.Message}");
        }
        Console.WriteLine($"all failures: {string.Join(", ", all.Exception.InnerExceptions.Select(e => e.Message))}");
        Console.WriteLine("end");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); the delays are far enough apart to fix an order");
        Run().GetAwaiter().GetResult();
    }
}
