using System;
using System.Threading.Tasks;

static class Program
{
    static async Task Background(string name, int milliseconds)
    {
        try
        {
            Console.WriteLine($"{name} starts");
            await Task.Delay(milliseconds);
            Console.WriteLine($"{name} has done its work");
        }
        finally
        {
            Console.WriteLine($"{name} cleans up");
        }
    }

    static async Task Run()
    {
        _ = Background("quick", 10);
        _ = Background("endless", 3600 * 1000);
        await Task.Delay(500);
        Console.WriteLine("main ends");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); the delays are far enough apart to fix an order");
        Run().GetAwaiter().GetResult();
        Console.WriteLine("the program ends");
    }
}
