using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;

static class Program
{
    static async Task Handle(TcpClient connection)
    {
        using (connection)
        {
            var reader = new StreamReader(connection.GetStream());
            var writer = new StreamWriter(connection.GetStream()) { AutoFlush = true };
            string line = await reader.ReadLineAsync();
            Console.WriteLine($"handler: got {line}");
            await writer.WriteAsync(line.ToUpperInvariant() + "\n");
            string rest = await reader.ReadToEndAsync();
            Console.WriteLine($"handler: the client has closed, after {rest.Length} more bytes");
        }
    }

    static async Task<Task> AcceptOne(TcpListener listener)
    {
        TcpClient connection = await listener.AcceptTcpClientAsync();
        return Handle(connection); // nobody waits for it, unless the caller keeps it
    }

    static async Task Run()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        Task<Task> accepting = AcceptOne(listener);
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        Task handler = await accepting;
        Console.WriteLine("client: connected");
        var reader = new StreamReader(client.GetStream());
        var writer = new StreamWriter(client.GetStream()) { AutoFlush = true };
        await writer.WriteAsync("hello\n");
        Console.WriteLine($"client: got {await reader.ReadLineAsync()}");
        listener.Stop();
        Console.WriteLine("server: closed");
        try
        {
            await new TcpClient().ConnectAsync(IPAddress.Loopback, port);
        }
        catch (SocketException)
        {
            Console.WriteLine("client: a second connection is refused");
        }
        Console.WriteLine($"server: still has a connection: {!handler.IsCompleted}");
        client.Close();
        await handler;
        Console.WriteLine("server: all is closed");
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
