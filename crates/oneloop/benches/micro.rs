//! M1 to M6: what the loop itself costs, case by case, in the shapes that the peers have.
//!
//! `micro CASE COUNT [--poll-every N] [--connections N]` runs one case in a process of its own and prints `ns` on the
//! processor a unit, the same by the `wall` clock, and for M5 the `bytes` a task. `cargo xtask bench` runs it beside
//! tokio, smol and asyncio; by hand: `cargo bench -p oneloop --bench micro -- M1 1000000`. One idle socket is
//! registered throughout, and the case runs as the main task of `run_until_complete`, with nothing compiled out.

#![forbid(unsafe_code)]

use oneloop::net::{AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream};
use oneloop::{Error, EventLoop, Queue, Result, create_task, gather, sleep, yield_now};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The size of a message of M6.
const MESSAGE: usize = 64;
/// The tasks of M3.
const ROUND: usize = 100;

fn main() -> Result<()> {
    // `cargo bench` and `cargo test` add options of their own: what is no case is not asked for.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [case, count, options @ ..] = args.as_slice() else {
        println!("micro CASE COUNT [--poll-every N] [--connections N], CASE one of M1 to M6");
        return Ok(());
    };
    let count: usize = count.parse().map_err(Error::other)?;
    let option = |name: &str| {
        let value = options.iter().position(|o| o == name).and_then(|at| options.get(at + 1));
        value.and_then(|v| v.parse::<u32>().ok()).unwrap_or(1)
    };
    let connections = option("--connections") as usize;
    let event_loop = EventLoop::builder().poll_every(option("--poll-every")).build()?;
    let case = case.clone();
    event_loop.run_until_complete(async move {
        let idle = TcpListener::bind(loopback())?;
        // Registered once and never readable: what every wait of the kernel has to look past.
        let _waiting = create_task(async move { idle.accept().await });
        match case.as_str() {
            "M1" => one_by_one(count).await,
            "M2" => create_then_gather(count).await,
            "M3" => round_robin(count).await,
            "M4" => ping_pong(count).await,
            "M5" => sleepers(count).await,
            "M6" => echo(count, connections).await,
            other => Err(Error::other(format!("no case {other}"))),
        }
    })
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn report(start: Start, units: usize) {
    let units = units.max(1) as f64;
    println!("ns {:.1}", (on_cpu() - start.on_cpu) as f64 / units);
    println!("wall {:.1}", start.wall.elapsed().as_nanos() as f64 / units);
}

/// When a measurement began. Time on the processor is what is compared: another process that takes its turn on a
/// shared machine is then not counted, and none of the cases ever waits.
struct Start {
    wall: Instant,
    on_cpu: u64,
}

impl Start {
    fn now() -> Start {
        Start { wall: Instant::now(), on_cpu: on_cpu() }
    }
}

/// The nanoseconds that this thread has been on a processor (Linux only).
fn on_cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The memory that the process holds now, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) * 1024
}

async fn one_by_one(count: usize) -> Result<()> {
    for _ in 0..count / 10 {
        create_task(async { Ok(()) }).await?;
    }
    let start = Start::now();
    for _ in 0..count {
        create_task(async { Ok(()) }).await?;
    }
    report(start, count);
    Ok(())
}

async fn create_then_gather(count: usize) -> Result<()> {
    let start = Start::now();
    let tasks: Vec<_> = (0..count).map(|n| create_task(async move { Ok(n) })).collect();
    let results = gather(tasks).await?;
    report(start, results.len());
    Ok(())
}

async fn round_robin(count: usize) -> Result<()> {
    let each = count / ROUND;
    let start = Start::now();
    let turns = || async move {
        for _ in 0..each {
            yield_now().await?;
        }
        Ok(())
    };
    gather((0..ROUND).map(|_| create_task(turns()))).await?;
    report(start, each * ROUND);
    Ok(())
}

async fn ping_pong(count: usize) -> Result<()> {
    let (there, back) = (Queue::new(0), Queue::new(0));
    let (from_here, to_here) = (there.clone(), back.clone());
    let other = create_task(async move {
        for _ in 0..count {
            to_here.put_nowait(from_here.get().await?)?;
        }
        Ok(())
    });
    let start = Start::now();
    for n in 0..count {
        there.put_nowait(n)?;
        back.get().await?;
    }
    report(start, count);
    other.await
}

async fn sleepers(count: usize) -> Result<()> {
    let mut tasks = Vec::with_capacity(count);
    yield_now().await?;
    let before = resident();
    let start = Start::now();
    for _ in 0..count {
        tasks.push(create_task(sleep(Duration::from_secs(3600))));
    }
    yield_now().await?;
    yield_now().await?;
    report(start, count);
    println!("bytes {}", (resident() - before) / count.max(1));
    std::process::exit(0)
}

async fn echo(count: usize, connections: usize) -> Result<()> {
    let listener = TcpListener::bind(loopback())?;
    let address = listener.local_addr()?;
    let each = count / connections.max(1);
    let mut pairs = Vec::new();
    for _ in 0..connections {
        let client = TcpStream::connect(address).await?;
        let (server, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        pairs.push((client, server));
    }
    let start = Start::now();
    let mut clients = Vec::new();
    for (mut client, mut server) in pairs {
        drop(create_task(async move {
            let mut buffer = [0; 1024];
            loop {
                let n = server.read(&mut buffer).await?;
                if n == 0 {
                    return Ok(());
                }
                server.write_all(&buffer[..n]).await?;
            }
        }));
        clients.push(create_task(async move {
            let mut buffer = [0; 1024];
            for _ in 0..each {
                client.write_all(&[7; MESSAGE]).await?;
                let mut got = 0;
                while got < MESSAGE {
                    got += client.read(&mut buffer).await?;
                }
            }
            Ok(())
        }));
    }
    gather(clients).await?;
    report(start, each * connections);
    Ok(())
}
