using System;
using System.Threading;
using System.Threading.Tasks;

static class Program
{
    static async Task<string> Child(string name, TaskCompletionSource<int> gate)
    {
        await gate.Task;
        return name;
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool), yet all of this runs on the main thread");
        var gates = new[] { new TaskCompletionSource<int>(), new TaskCompletionSource<int>() };
        Task<string[]> all = Task.WhenAll(Child("a", gates[0]), Child("b", gates[1]));
        Console.WriteLine("there is no way to cancel the outer");

        Console.WriteLine("cancel one child");
        gates[0].SetCanceled();
        Console.WriteLine($"the outer is done: {all.IsCompleted}");
        gates[1].SetResult(0);
        try
        {
            all.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"it waited for the other, and is cancelled: {all.IsCanceled}");
        }
    }
}
