using System;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;

static class Program
{
    const int MiB = 1 << 20;

    static async Task Run()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalEndpoint).Port);
        TcpClient server = await listener.AcceptTcpClientAsync();
        // Four times as much as the kernel keeps, whatever its settings.
        Task written = client.GetStream().WriteAsync(new byte[64 * MiB], 0, 64 * MiB);
        await Task.Delay(100);
        Console.WriteLine($"WriteAsync waits: {!written.IsCompleted}");
        var buffer = new byte[MiB];
        int size = 0;
        while (size < 64 * MiB)
        {
            size += await server.GetStream().ReadAsync(buffer, 0, buffer.Length);
        }
        await written;
        Console.WriteLine($"read {size / MiB} MiB; WriteAsync has gone on: {written.IsCompleted}");
        client.Close();
        server.Close();
        listener.Stop();
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
