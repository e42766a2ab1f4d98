using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Background(SemaphoreSlim gate, SemaphoreSlim told)
    {
        foreach (int number in new[] { 1, 2, 3 })
        {
            Console.WriteLine($"background {number}");
            told.Release();
            await gate.WaitAsync();
        }
    }

    static async Task<string> Run(string name)
    {
        Console.WriteLine(name);
        await Task.Delay(20);
        return $"{name}'s result";
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        var gate = new SemaphoreSlim(0);
        var told = new SemaphoreSlim(0);
        Task task = Background(gate, told);
        told.Wait();
        Console.WriteLine(Run("first run").GetAwaiter().GetResult());
        gate.Release();
        told.Wait();
        Console.WriteLine("between the runs it went on, on a thread of the pool");
        Console.WriteLine(Run("second run").GetAwaiter().GetResult());
    }
}
