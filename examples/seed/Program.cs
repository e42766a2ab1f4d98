// The same program in C#, line for line where the language allows: see README.md beside it.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Threading.Tasks;

static class Program
{
    static string[] urls = { "https://www.tabsoverspaces.com", "https://www.id3renamer.com" };

    static async Task<Tuple<string, double>> Fetch(string url)
    {
        using (var handler = new HttpClientHandler { AllowAutoRedirect = false })
        using (var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(10) })
        {
            try
            {
                var watch = Stopwatch.StartNew();
                using (var response = await client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead))
                {
                    var duration = watch.Elapsed.TotalMilliseconds;
                    if (response.StatusCode == HttpStatusCode.OK)
                    {
                        return Tuple.Create(url, duration);
                    }
                    else
                    {
                        return Tuple.Create(url, -1.0);
                    }
                }
            }
            catch (Exception)
            {
                return Tuple.Create(url, -1.0);
            }
        }
    }

    static async Task Run()
    {
        var tasks = new List<Task<Tuple<string, double>>>();
        foreach (var url in urls)
        {
            tasks.Add(Fetch(url)); // hot: it has already run to its first await when Add gets the task
        }
        await Task.WhenAll(tasks);
        var results = tasks.Select(task => task.Result);
        foreach (var fetchResult in results)
        {
            string url = fetchResult.Item1;
            double result = fetchResult.Item2;
            Console.ForegroundColor = result != -1 ? ConsoleColor.Green : ConsoleColor.Red;
            Console.Write("{0,-40}", url);
            Console.ResetColor();
            Console.WriteLine("{0:0.00}ms", result);
        }
    }

    static void Main(string[] args)
    {
        if (args.Length > 0)
        {
            urls = args;
        }
        // No loop to make or to name: the continuations run on the thread pool.
        Run().GetAwaiter().GetResult();
    }
}
