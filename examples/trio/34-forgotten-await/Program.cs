using System;
using System.Threading.Tasks;

static class Program
{
    static async Task Save()
    {
        await Task.CompletedTask; // does not wait
        Console.WriteLine("saves");
    }

    static async Task Run()
    {
        Console.WriteLine("call");
#pragma warning disable CS4014 // the one that this is about
        Save();
#pragma warning restore CS4014
        Console.WriteLine("called");
        await Task.Yield();
        Console.WriteLine("end: it was saved");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
