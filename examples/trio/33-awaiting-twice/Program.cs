using System;
using System.Threading.Tasks;

static class Program
{
    static async Task<int> Work()
    {
        await Task.CompletedTask; // does not wait
        Console.WriteLine("works");
        return 42;
    }

    static async Task Run()
    {
        Task<int> task = Work();
        Console.WriteLine($"task: {await task}, {await task}");
        Task<int> bare = Work();
        Console.WriteLine($"bare: {await bare}");
        Console.WriteLine($"again: {await bare}");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); nothing here ever waits");
        Run().GetAwaiter().GetResult();
    }
}
