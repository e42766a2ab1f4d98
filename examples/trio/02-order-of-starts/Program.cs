using System;
using System.Linq;
using System.Threading.Tasks;

static class Program
{
    static async Task Node(string name, int depth)
    {
        Console.WriteLine($"{new string(' ', 2 * depth)}{name} starts");
        if (depth < 2)
        {
            await Task.WhenAll(new[] { 1, 2 }.Select(child => Node($"{name}.{child}", depth + 1)));
        }
        Console.WriteLine($"{new string(' ', 2 * depth)}{name} ends");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), but nothing here ever waits: all runs on this thread");
        Node("1", 0).GetAwaiter().GetResult();
    }
}
