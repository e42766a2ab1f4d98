using System;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Slow(string name, int milliseconds)
    {
        await Task.Delay(milliseconds);
        Console.WriteLine($"{name}: goes on to its end, though nobody waits");
        return $"{name}'s value";
    }

    static async Task<Task<string>> Attempt(string name)
    {
        Task<string> slow = Slow(name, 500);
        Task first = await Task.WhenAny(slow, Task.Delay(20));
        Console.WriteLine(first == slow ? await slow : $"{name}: timed out");
        return slow;
    }

    static async Task Run()
    {
        Task<string> loser = await Attempt("obedient");
        Console.WriteLine("the program goes on");
        await loser; // only so that the end of the process does not end it, too
        Task<string> inTime = Task.FromResult("in time");
        Console.WriteLine(await Task.WhenAny(inTime, Task.Delay(5000)) == inTime ? await inTime : "timed out");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); the delays are far enough apart to fix an order");
        Run().GetAwaiter().GetResult();
    }
}
