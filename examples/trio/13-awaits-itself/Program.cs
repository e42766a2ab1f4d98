using System;
using System.Threading.Tasks;

static class Program
{
    static Task task;

    static async Task Body()
    {
        await Task.Yield();
        while (task == null)
        {
            await Task.Yield();
        }
        await task;
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        task = Body();
        Console.WriteLine(task.Wait(300) ? "refused" : "still waiting for itself");
        Console.WriteLine("end");
    }
}
