using System;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;

static class Program
{
    static async Task Run()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalEndpoint).Port);
        TcpClient server = await listener.AcceptTcpClientAsync();
        NetworkStream writer = client.GetStream(), reader = server.GetStream();
        var buffer = new byte[1];
        Task<int> pending = reader.ReadAsync(buffer, 0, 1);
        Console.WriteLine($"a buffer is waiting to be filled: {!pending.IsCompleted}");
        byte[] bytes = Encoding.ASCII.GetBytes("abc");
        await writer.WriteAsync(bytes, 0, 3);
        for (int i = 0; i < 3; i++)
        {
            await pending;
            Console.WriteLine($"completed: has {(char)buffer[0]}");
            pending = reader.ReadAsync(buffer, 0, 1);
        }
        client.Close();
        Console.WriteLine($"at the end: {await pending} bytes");
        server.Close();
        listener.Stop();
    }

    static void Main()
    {
        Console.WriteLine("# context: none (the thread pool)");
        Run().GetAwaiter().GetResult();
    }
}
