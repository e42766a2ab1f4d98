//! M1 to M6 on tokio's current-thread runtime, at its default of looking at the kernel every 61 steps, or after each
//! step (`--interval 1`).
//!
//! The case runs inside a spawned task, or (`--root`) in the future given to `block_on`, where `#[tokio::main]` puts a
//! program's own code: tokio looks at the kernel each time that one waits, whatever the interval.

use peers::micro::{Case, MESSAGE, ROUND, Start, resident};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Fallible<()> {
    let case = Case::from_args();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    if let Some(interval) = case.interval {
        builder.event_interval(interval);
    }
    let runtime = builder.build()?;
    runtime.block_on(async {
        let _idle = TcpListener::bind("127.0.0.1:0").await?;
        if case.root { run(&case).await } else { tokio::spawn(async move { run(&case).await }).await? }
    })
}

async fn run(case: &Case) -> Fallible<()> {
    match case.name.as_str() {
        "M1" => one_by_one(case).await,
        "M2" => create_then_gather(case).await,
        "M3" => round_robin(case).await,
        "M4" => ping_pong(case).await,
        "M5" => sleepers(case).await,
        "M6" => echo(case).await,
        other => Err(format!("no case {other}").into()),
    }
}

async fn one_by_one(case: &Case) -> Fallible<()> {
    for _ in 0..case.count / 10 {
        tokio::spawn(async {}).await?;
    }
    let start = Start::now();
    for _ in 0..case.count {
        tokio::spawn(async {}).await?;
    }
    case.report(start, case.count);
    Ok(())
}

async fn create_then_gather(case: &Case) -> Fallible<()> {
    let start = Start::now();
    let tasks: Vec<_> = (0..case.count).map(|n| tokio::spawn(async move { n })).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await?);
    }
    case.report(start, case.count);
    Ok(())
}

async fn round_robin(case: &Case) -> Fallible<()> {
    let each = case.count / ROUND;
    let start = Start::now();
    let tasks: Vec<_> = (0..ROUND)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..each {
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    case.report(start, each * ROUND);
    Ok(())
}

/// The other end is a task of its own, this one is the case's.
async fn ping_pong(case: &Case) -> Fallible<()> {
    let (to, mut from_here) = mpsc::unbounded_channel::<usize>();
    let (back, mut from_other) = mpsc::unbounded_channel::<usize>();
    let other = tokio::spawn(async move {
        while let Some(n) = from_here.recv().await {
            if back.send(n).is_err() {
                break;
            }
        }
    });
    let start = Start::now();
    for n in 0..case.count {
        to.send(n)?;
        from_other.recv().await.ok_or("the other end is gone")?;
    }
    case.report(start, case.count);
    drop(to);
    Ok(other.await?)
}

async fn sleepers(case: &Case) -> Fallible<()> {
    let mut tasks = Vec::with_capacity(case.count);
    tokio::task::yield_now().await;
    let before = resident();
    let start = Start::now();
    for _ in 0..case.count {
        tasks.push(tokio::spawn(tokio::time::sleep(Duration::from_secs(3600))));
    }
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    case.report(start, case.count);
    println!("bytes {}", (resident() - before) / case.count);
    std::process::exit(0)
}

async fn echo(case: &Case) -> Fallible<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let each = case.count / case.connections;
    let mut pairs = Vec::new();
    for _ in 0..case.connections {
        let client = TcpStream::connect(address).await?;
        let (server, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        pairs.push((client, server));
    }
    let start = Start::now();
    let mut tasks = Vec::new();
    for (mut client, mut server) in pairs {
        tokio::spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                let n = server.read(&mut buffer).await?;
                if n == 0 {
                    return std::io::Result::Ok(());
                }
                server.write_all(&buffer[..n]).await?;
            }
        });
        tasks.push(tokio::spawn(async move {
            let mut buffer = [0; 1024];
            for _ in 0..each {
                client.write_all(&[7; MESSAGE]).await?;
                let mut got = 0;
                while got < MESSAGE {
                    got += client.read(&mut buffer).await?;
                }
            }
            std::io::Result::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    case.report(start, each * case.connections);
    Ok(())
}
