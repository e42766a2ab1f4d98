using System;
using System.IO;
using System.Text;
using System.Threading.Tasks;

static class Program
{
    static async Task Run()
    {
        var stream = new MemoryStream(Encoding.ASCII.GetBytes("one\ntwo\n0123456789\nhalf"));
        var reader = new StreamReader(stream);
        Console.WriteLine($"line: {await reader.ReadLineAsync()}");
        Console.WriteLine($"line: {await reader.ReadLineAsync()}");
        Console.WriteLine($"no limit: {await reader.ReadLineAsync()}");
        var buffer = new char[9];
        Console.WriteLine($"a short read is no error: {await reader.ReadAsync(buffer, 0, 9)} of 9");
        Console.WriteLine($"at the end: {(await reader.ReadLineAsync() == null ? "null" : "a line")}");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool); nothing here ever waits");
        Run().GetAwaiter().GetResult();
    }
}
