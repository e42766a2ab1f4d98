using System;
using System.Threading.Tasks;

static class Program
{
    static async Task Body()
    {
        await Task.Yield();
        Console.WriteLine($"in a task: {(Task.CurrentId == null ? "no current task" : "a current task")}");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Task task = Body();
        task.GetAwaiter().GetResult();
        Console.WriteLine($"it has a number: {task.Id > 0}");
        Task.Run(() => Console.WriteLine($"in a delegate: {(Task.CurrentId == null ? "no current task" : "a current task")}"))
            .Wait();
    }
}
