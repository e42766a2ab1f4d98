// A pump that records what it does, for a trio's Program.cs as it stands.
//
// Compiled with that file, and its Main instead of the other's: it runs Program.Run on a SynchronizationContext whose
// queue it empties by hand, and writes the events of oneloop-trace's schema behind what the program has printed.
//
// What is a task here? C# has no loop that polls: an async method runs inside its caller until it has to wait for the
// first time, and nobody but the compiler knows that it is there. It is first seen when its continuation is posted. So
// each state machine whose continuation comes by is a task; the post is its wake, and running it is its poll. What ran
// before, and what completes inside another call (SetResult runs continuations of its own context inline), is no event.
// A turn is what was in the queue when it began, so that the three languages can be stepped side by side.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

sealed class Recorder : SynchronizationContext
{
    const BindingFlags Any = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    sealed class Entry
    {
        public SendOrPostCallback Callback;
        public object State;
        public int Task; // 0: a callback
    }

    // One lock for the queue and the log: other threads post, too.
    readonly object gate = new object();
    readonly Queue<Entry> queue = new Queue<Entry>();
    readonly StringBuilder log = new StringBuilder();
    readonly Stopwatch clock = Stopwatch.StartNew();
    readonly ConditionalWeakTable<object, object> numbers = new ConditionalWeakTable<object, object>();
    readonly Dictionary<int, int> wakes = new Dictionary<int, int>();
    readonly Thread thread = Thread.CurrentThread;
    int events, turn, tasks, wakeCount;
    int running; // the task whose step runs
    bool inTurn, watched;

    void Write(string what)
    {
        long t = clock.ElapsedTicks * 1000000000L / Stopwatch.Frequency;
        log.Append(events == 0 ? "" : ",\n").Append("{\"n\":").Append(events++).Append(",\"t\":").Append(t);
        log.Append(",\"turn\":").Append(turn).Append(',').Append(what).Append('}');
    }

    /// <summary>
    /// The state machine behind a continuation: a field of Mono's runner, or .NET's box, which may be posted itself.
    /// </summary>
    static object Machine(object state)
    {
        object target = state is Delegate ? ((Delegate)state).Target : state;
        for (Type type = target?.GetType(); type != null; type = type.BaseType)
        {
            FieldInfo field = type.GetField("m_stateMachine", Any);
            if (field != null)
            {
                return field.GetValue(target);
            }
            if (type.GetField("StateMachine", Any) != null)
            {
                return target;
            }
        }
        return null;
    }

    static object Inner(object machine) => machine.GetType().GetField("StateMachine", Any)?.GetValue(machine) ?? machine;

    /// <summary>Has the method returned? Both compilers keep a number of the place where it goes on.</summary>
    static bool IsDone(object machine)
    {
        if (machine is Task) // .NET's box is the method's task, and empties itself at the end
        {
            return ((Task)machine).IsCompleted;
        }
        object inner = Inner(machine);
        FieldInfo mono = inner.GetType().GetField("$PC", Any), roslyn = inner.GetType().GetField("<>1__state", Any);
        return mono != null ? (int)mono.GetValue(inner) == -1 : roslyn != null && (int)roslyn.GetValue(inner) == -2;
    }

    /// <summary>The method's name, out of the compiler's for its state machine.</summary>
    static string Name(object machine)
    {
        string name = Inner(machine).GetType().Name;
        int from = name.IndexOf('<') + 1, to = name.IndexOf('>');
        return to > from ? name.Substring(from, to - from) : name;
    }

    int Number(object machine)
    {
        object number;
        if (numbers.TryGetValue(machine, out number))
        {
            return (int)number;
        }
        int task = ++tasks;
        numbers.Add(machine, task);
        string parent = Thread.CurrentThread == thread && running > 0 ? running.ToString() : "null";
        Write("\"event\":\"spawn\",\"task\":" + task + ",\"parent\":" + parent + ",\"at\":\"Program.cs: " + Name(machine) + "\"");
        Write("\"event\":\"name\",\"task\":" + task + ",\"name\":\"" + Name(machine) + "\"");
        return task;
    }

    string By(int task)
    {
        if (Thread.CurrentThread != thread || !inTurn)
        {
            return "\"thread\"";
        }
        return running == 0 ? "\"callback\"" : running == task ? "\"self\"" : "{\"task\":" + running + "}";
    }

    public override void Post(SendOrPostCallback callback, object state)
    {
        lock (gate)
        {
            object machine = Machine(state);
            int task = machine == null ? 0 : Number(machine);
            if (task > 0)
            {
                wakes[task] = ++wakeCount;
                Write("\"event\":\"wake\",\"wake\":" + wakeCount + ",\"task\":" + task + ",\"by\":" + By(task) + ",\"coalesced\":false");
            }
            queue.Enqueue(new Entry { Callback = callback, State = state, Task = task });
            Monitor.Pulse(gate);
        }
    }

    bool IsQueued(int task)
    {
        foreach (Entry entry in queue)
        {
            if (entry.Task == task)
            {
                return true;
            }
        }
        return false;
    }

    void Step(Entry entry)
    {
        if (entry.Task == 0)
        {
            entry.Callback(entry.State);
            return;
        }
        object machine = Machine(entry.State);
        lock (gate)
        {
            running = entry.Task;
            Write("\"event\":\"poll_begin\",\"task\":" + entry.Task + ",\"wake\":" + wakes[entry.Task]);
        }
        entry.Callback(entry.State);
        lock (gate)
        {
            bool done = IsDone(machine);
            if (!done && !IsQueued(entry.Task)) // one that has yielded waits for nothing
            {
                Write("\"event\":\"wait\",\"task\":" + entry.Task + ",\"on\":\"future\"");
            }
            Write("\"event\":\"poll_end\",\"task\":" + entry.Task + ",\"result\":\"" + (done ? "done" : "pending") + "\"");
            if (done)
            {
                Write("\"event\":\"drop\",\"task\":" + entry.Task + ",\"reason\":\"done\"");
            }
            running = 0;
        }
    }

    Entry[] Turn()
    {
        lock (gate)
        {
            turn++;
            var ready = new List<string>();
            foreach (Entry entry in queue)
            {
                if (entry.Task > 0)
                {
                    ready.Add(entry.Task.ToString());
                }
            }
            Write("\"event\":\"turn_begin\",\"ready\":[" + string.Join(",", ready) + "],\"timers\":0,\"next_deadline\":null,\"registrations\":0");
            if (queue.Count == 0)
            {
                Write("\"event\":\"park\",\"timeout\":null");
                while (queue.Count == 0)
                {
                    Monitor.Wait(gate);
                }
                Write("\"event\":\"unpark\",\"events\":0,\"notified\":true");
            }
            Entry[] batch = queue.ToArray();
            queue.Clear();
            inTurn = true;
            return batch;
        }
    }

    void Pump(Func<Task> main)
    {
        Task task = null;
        Post(_ => task = main(), null);
        while (task == null || !task.IsCompleted || queue.Count > 0)
        {
            foreach (Entry entry in Turn())
            {
                Step(entry);
            }
            lock (gate)
            {
                inTurn = false;
                Write("\"event\":\"turn_end\"");
            }
            // Who ends on another thread must end the park, too. Asked for once, when there is a task.
            if (task != null && !watched)
            {
                watched = true;
                task.ContinueWith(_ => Post(__ => { }, null), TaskScheduler.Default);
            }
        }
        task.GetAwaiter().GetResult();
    }

    static void Main()
    {
        var recorder = new Recorder();
        SetSynchronizationContext(recorder);
        MethodInfo run = typeof(Program).GetMethod("Run", Any, null, Type.EmptyTypes, null);
        recorder.Pump(() => (Task)run.Invoke(null, null));
        Console.WriteLine("{\"dropped\":0,\"records\":[\n" + recorder.log + "]}");
    }
}
