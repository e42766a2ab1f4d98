using System;
using System.Threading.Tasks;

static class Program
{
    static void Attempt(string what, Action action)
    {
        try
        {
            action();
            Console.WriteLine($"{what}: done");
        }
        catch (InvalidOperationException)
        {
            Console.WriteLine($"{what}: refused");
        }
    }

    static async Task Run()
    {
        var source = new TaskCompletionSource<int>();
        Console.WriteLine($"new: done {source.Task.IsCompleted}");
        Attempt("set a result", () => source.SetResult(1));
        Attempt("set another", () => source.SetResult(2));
        Attempt("set an error", () => source.SetException(new ArgumentException()));
        Console.WriteLine($"cancel: {source.TrySetCanceled()}");
        Console.WriteLine($"awaited: {await source.Task}, done {source.Task.IsCompleted}, cancelled {source.Task.IsCanceled}");

        source = new TaskCompletionSource<int>();
        Console.WriteLine($"cancel: {source.TrySetCanceled()}, again: {source.TrySetCanceled()}");
        Attempt("set a result", () => source.SetResult(1));
        try
        {
            await source.Task;
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine($"awaited: cancelled, done {source.Task.IsCompleted}, cancelled {source.Task.IsCanceled}");
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); nothing here ever waits");
        Run().GetAwaiter().GetResult();
    }
}
