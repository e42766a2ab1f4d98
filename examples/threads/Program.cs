using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

/// <summary>How many threads are there? .NET, for an IP address and for a host name.</summary>
static class Program
{
    static async Task Run()
    {
        // Nobody accepts: the kernel answers a connection by itself, so the only threads here are the client's.
        var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        Count("at the start");
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            Count("connected to 127.0.0.1");
        }
        using (var client = new TcpClient())
        {
            await client.ConnectAsync("localhost", port);
            Count("connected to localhost");
        }
        bool pool = Thread.CurrentThread.IsThreadPoolThread;
        Console.WriteLine($"this line runs on {(pool ? "a thread of the pool" : "the main thread")}");
    }

    static void Count(string when)
    {
        Thread.Sleep(100); // so that threads that were only just started have come to where they wait
        string[] threads = Directory.GetDirectories("/proc/self/task");
        var names = threads.Select(thread => Read(thread, "comm")).Distinct().OrderBy(name => name, StringComparer.Ordinal);
        int waiting = threads.Count(thread => IsInEpoll(Read(thread, "syscall")));
        Console.WriteLine($"{when}: {threads.Length} of Linux's, {waiting} in epoll_wait, named {string.Join(", ", names)}");
    }

    /// <summary>Whether a thread sits in the system call epoll_wait or epoll_pwait (x86-64: 232, 281; ARM64: 22).</summary>
    static bool IsInEpoll(string systemCall) => new[] { "232", "281", "22" }.Contains(systemCall.Split(' ')[0]);

    static string Read(string thread, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(thread, file)).Trim();
        }
        catch (IOException) // it has ended meanwhile
        {
            return "";
        }
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
