//! M1 to M6 on smol's single-threaded executor. `smol::block_on` drives it and looks at the kernel by itself.

use peers::micro::{Case, MESSAGE, ROUND, Start, resident};
use smol::channel::unbounded;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer};
use std::rc::Rc;
use std::time::Duration;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;
type Executor = Rc<LocalExecutor<'static>>;

fn main() -> Fallible<()> {
    let case = Case::from_args();
    let executor: Executor = Rc::new(LocalExecutor::new());
    let ex = executor.clone();
    smol::block_on(executor.run(async move {
        let _idle = TcpListener::bind("127.0.0.1:0").await?;
        let inner = ex.clone();
        ex.spawn(async move {
            match case.name.as_str() {
                "M1" => one_by_one(&case, &inner).await,
                "M2" => create_then_gather(&case, &inner).await,
                "M3" => round_robin(&case, &inner).await,
                "M4" => ping_pong(&case, &inner).await,
                "M5" => sleepers(&case, &inner).await,
                "M6" => echo(&case, &inner).await,
                other => Err(format!("no case {other}").into()),
            }
        })
        .await
    }))
}

async fn one_by_one(case: &Case, ex: &Executor) -> Fallible<()> {
    for _ in 0..case.count / 10 {
        ex.spawn(async {}).await;
    }
    let start = Start::now();
    for _ in 0..case.count {
        ex.spawn(async {}).await;
    }
    case.report(start, case.count);
    Ok(())
}

async fn create_then_gather(case: &Case, ex: &Executor) -> Fallible<()> {
    let start = Start::now();
    let tasks: Vec<_> = (0..case.count).map(|n| ex.spawn(async move { n })).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await);
    }
    case.report(start, case.count);
    Ok(())
}

async fn round_robin(case: &Case, ex: &Executor) -> Fallible<()> {
    let each = case.count / ROUND;
    let start = Start::now();
    let tasks: Vec<_> = (0..ROUND)
        .map(|_| {
            ex.spawn(async move {
                for _ in 0..each {
                    smol::future::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
    case.report(start, each * ROUND);
    Ok(())
}

async fn ping_pong(case: &Case, ex: &Executor) -> Fallible<()> {
    let (to, from_here) = unbounded::<usize>();
    let (back, from_other) = unbounded::<usize>();
    let other = ex.spawn(async move {
        while let Ok(n) = from_here.recv().await {
            if back.send(n).await.is_err() {
                break;
            }
        }
    });
    let start = Start::now();
    for n in 0..case.count {
        to.send(n).await?;
        from_other.recv().await?;
    }
    case.report(start, case.count);
    drop(to);
    other.await;
    Ok(())
}

async fn sleepers(case: &Case, ex: &Executor) -> Fallible<()> {
    let mut tasks = Vec::with_capacity(case.count);
    smol::future::yield_now().await;
    let before = resident();
    let start = Start::now();
    for _ in 0..case.count {
        tasks.push(ex.spawn(async {
            Timer::after(Duration::from_secs(3600)).await;
        }));
    }
    // The executor may take newer work first; a task's step is known to be over when all have had theirs.
    for _ in 0..2 * case.count / 100 {
        smol::future::yield_now().await;
    }
    case.report(start, case.count);
    println!("bytes {}", (resident() - before) / case.count);
    std::process::exit(0)
}

async fn echo(case: &Case, ex: &Executor) -> Fallible<()> {
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
        ex.spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                let n = server.read(&mut buffer).await?;
                if n == 0 {
                    return std::io::Result::Ok(());
                }
                server.write_all(&buffer[..n]).await?;
            }
        })
        .detach();
        tasks.push(ex.spawn(async move {
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
        task.await?;
    }
    case.report(start, each * case.connections);
    Ok(())
}
