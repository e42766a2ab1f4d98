//! Streams have asyncio's order of events.

mod harness;

use std::{cell::Cell, rc::Rc, time::Duration};

use harness::Log;
use oneloop::{
    Result, StreamReader, StreamWriter, all_tasks, create_task, current_task, gather, get_running_loop,
    open_connection, sleep, start_server, stream_pair, wait_for, yield_now,
};

/// asyncio sets TCP_NODELAY on every transport (`base_events.py: _set_nodelay`). Without it the second and third of these
/// small writes are kept back until the peer has acknowledged the first, which it puts off for 40 ms of real time: on
/// the virtual clock that is for ever.
#[test]
fn small_writes_one_after_another_are_not_kept_back() {
    harness::run(async {
        let echo = |r: StreamReader, w: StreamWriter| async move {
            while let Some(line) = r.next().await? {
                w.write(line)?;
            }
            w.close();
            Ok(())
        };
        let server = start_server(echo, "127.0.0.1", 0).await?;
        let (r, w) = open_connection("127.0.0.1", server.sockets()[0].port()).await?;
        w.write("warm up\n")?;
        r.readline().await?;
        for line in ["one\n", "two\n", "three\n"] {
            w.write(line)?;
        }
        sleep(Duration::from_millis(20)).await?;
        for line in ["one\n", "two\n", "three\n"] {
            assert_eq!(wait_for(Duration::from_millis(10), r.readline()).await?, line.as_bytes());
        }
        w.close();
        server.close();
        server.wait_closed().await
    })
    .unwrap();
}

/// As every coroutine of asyncio does: `create_task(reader.readline())`, `gather(w.drain(), v.drain())`.
#[test]
fn what_streams_and_servers_give_can_become_a_task() {
    harness::run(async {
        let ((r, w), (_, v)) = stream_pair().await?;
        let line = create_task(r.readline());
        let until = create_task(r.readuntil(b";"));
        w.write("from the other end")?;
        gather([w.drain(), v.drain()]).await?;
        v.write("a line\n")?;
        assert_eq!(line.await?, b"a line\n");
        assert!(until.await.unwrap_err().to_string().contains("already waiting"));
        let server = start_server(|_, _| async { Ok(()) }, "127.0.0.1", 0).await?;
        let (serves, closed) = (create_task(server.serve_forever()), create_task(server.wait_closed()));
        yield_now().await?;
        serves.cancel();
        assert!(serves.await.unwrap_err().is_cancelled());
        closed.await
    })
    .unwrap();
}

async fn program(log: Log) -> Result<()> {
    let server = start_server(
        {
            let log = log.clone();
            move |r: StreamReader, w: StreamWriter| {
                let log = log.clone();
                async move {
                    log.add(format!("handler {}", current_task().unwrap().get_name()));
                    while let Some(line) = r.next().await? {
                        log.add(format!("srv got {:?}", String::from_utf8_lossy(&line)));
                        w.write([b"echo ".as_slice(), &line].concat())?;
                        w.drain().await?;
                    }
                    log.add("srv eof");
                    w.close();
                    w.wait_closed().await?;
                    log.add("srv closed");
                    Ok(())
                }
            }
        },
        "127.0.0.1",
        0,
    )
    .await?;
    log.add(format!("server {}", server.is_serving()));
    let port = server.sockets()[0].port();
    let (r, w) = open_connection("127.0.0.1", port).await?;
    log.add("connected");
    for i in 0..2 {
        w.write(format!("m{i}\n"))?;
        log.add(format!("cli got {:?}", String::from_utf8_lossy(&r.readline().await?)));
    }
    w.write("last")?;
    w.write_eof();
    log.add(format!("cli got {:?}", String::from_utf8_lossy(&r.read_to_end().await?)));
    w.close();
    log.add(format!("closing {}", w.is_closing()));
    w.wait_closed().await?;
    log.add("cli closed");
    if let Err(e) = w.write("x") {
        log.add(format!("E {e}"))
    }
    if let Err(e) = w.drain().await {
        log.add(format!("E {e}"))
    }
    for t in all_tasks() {
        log.add(format!("T {}", t.get_name()))
    }
    server.close();
    server.wait_closed().await?;
    log.add(format!("server closed {} {}", server.is_serving(), server.sockets().len()));
    if let Err(e) = open_connection("127.0.0.1", port).await {
        assert_eq!(e.io_kind(), Some(std::io::ErrorKind::ConnectionRefused));
        log.add("refused")
    }
    let turns = Rc::new(Cell::new(0));
    fn turn(t: Rc<Cell<u32>>) {
        t.set(t.get() + 1);
        if t.get() < 200 {
            get_running_loop().unwrap().call_soon(move || turn(t));
        }
    }
    let (t, log2) = (turns.clone(), log.clone());
    let s2 = start_server(
        move |r: StreamReader, w: StreamWriter| {
            let (t, log) = (t.clone(), log2.clone());
            async move {
                log.add(format!("h2 at {}", t.get()));
                let d = r.read(10).await?;
                log.add(format!("h2 read {:?} {}", String::from_utf8_lossy(&d), t.get()));
                w.write("y")?;
                w.drain().await?;
                log.add(format!("h2 drained {}", t.get()));
                w.close();
                w.wait_closed().await?;
                log.add(format!("h2 closed {}", t.get()));
                Ok(())
            }
        },
        "127.0.0.1",
        0,
    )
    .await?;
    let t = turns.clone();
    get_running_loop()?.call_soon(move || turn(t));
    let (r, w) = open_connection("127.0.0.1", s2.sockets()[0].port()).await?;
    log.add(format!("connected at {}", turns.get()));
    w.write("x")?;
    let d = r.read(5).await?;
    log.add(format!("read {:?} {}", String::from_utf8_lossy(&d), turns.get()));
    let d = r.read(5).await?;
    log.add(format!("read {:?} {}", String::from_utf8_lossy(&d), turns.get()));
    w.close();
    w.wait_closed().await?;
    log.add(format!("closed {}", turns.get()));
    s2.close();
    s2.wait_closed().await?;
    log.add(format!("end {} {}", turns.get(), current_task().unwrap().get_name()));
    Ok(())
}

/// The log of the same program under CPython 3.13, turns counted.
#[test]
fn a_server_and_its_clients_have_the_log_of_cpython() {
    let log = Log::default();
    oneloop::run(program(log.clone())).unwrap();
    assert_eq!(log.lines(), LOG);
}

const LOG: &str = r#"server true
handler Task-4
connected
srv got "m0\n"
cli got "echo m0\n"
srv got "m1\n"
cli got "echo m1\n"
srv got "last"
srv eof
srv closed
cli got "echo last"
closing true
cli closed
E Cannot call write() after write_eof()
E Connection lost
T Task-1
server closed false 0
refused
h2 at 4
connected at 4
h2 read "x" 6
h2 drained 6
h2 closed 8
read "y" 8
read "" 9
closed 11
end 11 Task-1
"#;
