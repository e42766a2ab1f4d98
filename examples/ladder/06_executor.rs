//! Rung 6: an executor. The probe is an `async` function, whose state machine the compiler writes, and so it reads as on
//! rung 1, with an `.await` at each wait. What a wait leaves behind is a waker: it puts the task back into the queue of the
//! ready. `prober demo --serve | cargo ladder 06_executor`.
//!
//! Read `probe`, then `EventLoop::run` with `retry` and `wait`, which is how a socket's news reaches a task.
//! **Its flaw**: a task can wait for a socket, but not for time. The one deadline, for all, is the loop's; nobody can sleep,
//! try again in 100 ms, or give up one thing and go on with another. Rung 7 adds timers.

use mio::{Events, Interest, Registry, Token, net::TcpStream};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Error, ErrorKind, Read, Result, Write};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use std::{cell::RefCell, future::poll_fn, os::fd::AsRawFd, thread};

/// What one probe may take. All start at once, so there is one deadline for all.
const LIMIT: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let lines = io::stdin().lines().map_while(Result::ok); // may block: no loop runs yet
        urls.extend(lines.take_while(|line| !line.is_empty()));
    }
    let start = Instant::now();
    let event_loop = EventLoop::new()?;
    let lines = event_loop.run(start + LIMIT, urls.iter().map(|url| line(&event_loop, url)))?;
    let late = |(line, url): (Option<String>, &String)| line.unwrap_or_else(|| late(url));
    let lines: Vec<String> = lines.into_iter().zip(&urls).map(late).collect();
    writeln!(io::stdout(), "{}", lines.join("\n"))
}

/// One probe as one line: green with the status 200, red with any other or with what went wrong.
async fn line(event_loop: &EventLoop, url: &str) -> String {
    let start = Instant::now();
    let (colour, text) = match probe(event_loop, url).await {
        Ok(200) => (32, "200".to_string()),
        Ok(status) => (31, status.to_string()),
        Err(error) => (31, error.to_string()),
    };
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    format!("\x1b[{colour}m{url:<40} {ms:>8.2} ms  {text}\x1b[0m")
}

/// The line of a probe that did not come to its end.
fn late(url: &str) -> String {
    format!("\x1b[31m{url:<40} {:>8.2} ms  timed out\x1b[0m", LIMIT.as_secs_f64() * 1000.0)
}

/// Asks for a URL and gives the status. Each `.await` is a place where the other probes get on.
async fn probe(event_loop: &EventLoop, url: &str) -> Result<u16> {
    let wrong = |why| Error::new(ErrorKind::InvalidData, why);
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()); // a line end would forge a header
    let rest = url.strip_prefix("http://").filter(|_| plain).ok_or(wrong("not an http:// URL"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // std looks names up by blocking, which would halt every probe; oneloop-http has a better way.
    let address = host.parse().or_else(|_| format!("{host}:80").parse());
    let address = address.map_err(|_| wrong("an IP address, please, not a name"))?;

    let mut stream = TcpStream::connect(address)?; // returns at once, while the kernel connects
    let socket = Token(stream.as_raw_fd() as usize);
    let both = Interest::READABLE | Interest::WRITABLE;
    event_loop.registry.register(&mut stream, socket, both)?;
    let connected = || match stream.take_error()? {
        Some(refused) => Err(refused),
        None => stream.peer_addr().map_err(|_| ErrorKind::WouldBlock.into()), // not yet
    };
    event_loop.retry(socket, connected).await?;
    let mut unsent: &[u8] = &format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").into_bytes();
    while !unsent.is_empty() {
        let sent = event_loop.retry(socket, || stream.write(unsent)).await?;
        unsent = &unsent[sent..]; // the kernel may have taken only a part
    }
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = event_loop.retry(socket, || stream.read(&mut chunk)).await?;
        head.extend_from_slice(&chunk[..count]);
        if count == 0 || head.len() > 65_536 {
            return Err(wrong("no end of the headers"));
        }
    }
    let digits = head.strip_prefix(b"HTTP/1.").and_then(|rest| str::from_utf8(rest.get(2..5)?).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or(wrong("not HTTP"))
}

/// The tasks that can go on, oldest first: the one part of the loop that other threads may touch.
struct Ready {
    queue: Mutex<VecDeque<usize>>,
    alarm: mio::Waker, // makes a parked selector return
    home: thread::ThreadId,
}

/// Behind a `Waker`: the number of a task, not the task. So a waker may outlive its task, and may be
/// given to another thread while the task stays here.
struct TaskWaker(usize, Arc<Ready>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let TaskWaker(task, ready) = &*self;
        let mut queue = ready.queue.lock().unwrap();
        if !queue.contains(task) {
            queue.push_back(*task); // woken twice before its step, it steps once
        }
        if thread::current().id() != ready.home {
            let _ = ready.alarm.wake(); // on its own thread the loop is awake as it is
        }
    }
}

/// The loop: who is ready, who waits for which socket, and the kernel's selector to wait with.
struct EventLoop {
    selector: RefCell<mio::Poll>,
    registry: Registry, // the selector's list of sockets
    ready: Arc<Ready>,
    sockets: RefCell<BTreeMap<Token, Waker>>, // whom to wake when a socket has news
}

impl EventLoop {
    fn new() -> Result<EventLoop> {
        let selector = mio::Poll::new()?;
        let alarm = mio::Waker::new(selector.registry(), Token(usize::MAX))?;
        let (queue, home) = (Mutex::default(), thread::current().id());
        Ok(EventLoop {
            registry: selector.registry().try_clone()?,
            selector: RefCell::new(selector),
            ready: Arc::new(Ready { queue, alarm, home }),
            sockets: RefCell::default(),
        })
    }

    /// Runs all of them to their ends, or to the deadline; the results keep the order.
    fn run<F: Future>(&self, deadline: Instant, futures: impl Iterator<Item = F>) -> Result<Vec<Option<F::Output>>> {
        let mut tasks: Vec<_> = futures.map(|it| Some(Box::pin(it))).collect();
        let mut results: Vec<Option<F::Output>> = tasks.iter().map(|_| None).collect();
        let waker = |task| Waker::from(Arc::new(TaskWaker(task, self.ready.clone())));
        let wakers: Vec<Waker> = (0..tasks.len()).map(waker).collect();
        self.ready.queue.lock().unwrap().extend(0..tasks.len());
        let mut events = Events::with_capacity(256);
        while results.iter().any(Option::is_none) && Instant::now() < deadline {
            // Park: not at all if a task is ready, else until an event or the deadline.
            let busy = !self.ready.queue.lock().unwrap().is_empty();
            let until = deadline.saturating_duration_since(Instant::now());
            let limit = if busy { Duration::ZERO } else { until };
            match self.selector.borrow_mut().poll(&mut events, Some(limit)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {} // a signal may have cut the sleep short
            }
            // Wake: those whose socket has news. It only queues.
            for event in &events {
                let waker = self.sockets.borrow_mut().remove(&event.token());
                waker.into_iter().for_each(Waker::wake);
            }
            // Step: those ready now. Whom they wake waits a turn: sockets come between.
            let batch = std::mem::take(&mut *self.ready.queue.lock().unwrap());
            for number in batch {
                let mut context = Context::from_waker(&wakers[number]);
                let task = tasks[number].as_mut(); // None if it was woken after its end
                if let Some(Poll::Ready(result)) = task.map(|it| it.as_mut().poll(&mut context)) {
                    results[number] = Some(result);
                    tasks[number] = None;
                }
            }
        }
        Ok(results)
    }

    /// Tries, and again after each change of the socket, without blocking. The kernel tells only of
    /// changes (edge-triggered): who waits before it said `WouldBlock` may well wait for ever.
    async fn retry<T>(&self, on: Token, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        poll_fn(|context| match attempt() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => wait(&self.sockets, on, context),
            outcome => Poll::Ready(outcome),
        })
        .await
    }
}

/// `Pending`, but not before the waker is stored: else nobody would step this task again. Each poll
/// may bring another waker, and the last one counts (`clone_from` copies it only if it differs).
fn wait<K: Ord, T>(list: &RefCell<BTreeMap<K, Waker>>, key: K, context: &Context) -> Poll<T> {
    let mut list = list.borrow_mut();
    let waker = list.entry(key).or_insert(Waker::noop().clone());
    waker.clone_from(context.waker());
    Poll::Pending
}
