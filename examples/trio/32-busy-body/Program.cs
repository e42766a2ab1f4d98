using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task Ticker()
    {
        for (int i = 0; i < 3; i++)
        {
            await Task.Delay(20);
            Console.WriteLine("tick");
        }
    }

    static async Task Busy()
    {
        await Task.Yield();
        Console.WriteLine("busy: computes");
        Thread.Sleep(1000);
        Console.WriteLine("busy: has computed");
    }

    static async Task Run()
    {
        Task busy = Busy();
        await Task.Delay(300);
        Task ticks = Ticker();
        await ticks;
        await busy;
        Console.WriteLine("end");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); the delays are far enough apart to fix an order");
        Run().GetAwaiter().GetResult();
    }
}
