//! Unix sockets as leaves of the loop.

mod harness;

use std::{cell::RefCell, future::poll_fn, path::PathBuf, rc::Rc};

use harness::here;
use oneloop::{
    create_task,
    net::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, UnixListener, UnixStream},
    run, yield_now,
};

/// A path that nobody else has, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        Place(std::env::temp_dir().join(format!("oneloop-{}-{name}", std::process::id())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn an_echo_over_a_path() {
    let place = Place::new("echo");
    let path = place.0.clone();
    run(async move {
        let listener = UnixListener::bind(&path)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
        assert!(UnixListener::bind(&path).is_err(), "the path is taken");
        let server = create_task(async move {
            let mut stream = listener.accept().await?;
            let mut buf = [0; 4096];
            let mut total = 0;
            loop {
                match stream.read(&mut buf).await? {
                    0 => break stream.shutdown().await?,
                    count => {
                        total += count;
                        stream.write_all(&buf[..count]).await?;
                    }
                }
            }
            Ok(total)
        });
        // More than the kernel keeps: whoever writes has to wait for whoever reads.
        let sent: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
        let stream = Rc::new(RefCell::new(UnixStream::connect(&path)?));
        let (writes, bytes) = (stream.clone(), sent.clone());
        let writer = create_task(async move {
            let (mut at, mut waits) = (0, 0);
            while at < bytes.len() {
                at += poll_fn(|cx| {
                    let written = writes.borrow_mut().poll_write(cx, &bytes[at..]);
                    waits += usize::from(written.is_pending());
                    written
                })
                .await?;
            }
            poll_fn(|cx| writes.borrow_mut().poll_shutdown(cx)).await?;
            Ok(waits)
        });
        let (mut echoed, mut buf) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match poll_fn(|cx| stream.borrow_mut().poll_read(cx, &mut buf)).await? {
                0 => break,
                count => echoed.extend_from_slice(&buf[..count]),
            }
        }
        assert!(echoed == sent, "{} bytes came back", echoed.len());
        assert_eq!(server.await?, sent.len());
        assert!(writer.await? > 0, "the writer never waited");
        Ok(())
    })
    .unwrap();
}

#[test]
fn nobody_listens() {
    let place = Place::new("nobody");
    let path = place.0.clone();
    run(async move {
        assert_eq!(UnixStream::connect(&path).unwrap_err().io_kind(), Some(std::io::ErrorKind::NotFound));
        drop(UnixListener::bind(&path)?); // which leaves its path
        assert_eq!(UnixStream::connect(&path).unwrap_err().io_kind(), Some(std::io::ErrorKind::ConnectionRefused));
        Ok(())
    })
    .unwrap();
    assert!(place.0.exists(), "who has bound it removes it");
}

#[test]
fn waiting_for_a_connection_and_for_bytes_is_cancelled() {
    let place = Place::new("cancelled");
    let path = place.0.clone();
    run(async move {
        let listener = UnixListener::bind(&path)?;
        let accepts = create_task(async move {
            let refused = listener.accept().await;
            assert!(refused.unwrap_err().is_cancelled());
            listener.accept().await.map(|stream| (listener, stream))
        });
        yield_now().await?;
        accepts.cancel();
        yield_now().await?;
        let mut client = UnixStream::connect(&path)?;
        let (_listener, mut stream) = accepts.await?;
        let reads = create_task(async move {
            let refused = stream.read(&mut [0; 8]).await;
            assert!(refused.unwrap_err().is_cancelled());
            let mut byte = [0];
            stream.read_exact(&mut byte).await?;
            Ok(byte)
        });
        yield_now().await?;
        reads.cancel();
        yield_now().await?;
        client.write_all(b"x").await?; // no byte was lost
        assert_eq!(reads.await?, *b"x");
        assert!(here().is_running());
        Ok(())
    })
    .unwrap();
}

/// A peer on another thread may send faster than a task reads. Here all of it is there before.
#[test]
fn who_always_finds_something_to_read_lets_others_run_all_the_same() {
    run(async {
        let (mut stream, mut peer) = UnixStream::pair()?;
        peer.write_all(&[7; 10_000]).await?;
        let turns = Rc::new(std::cell::Cell::new(0));
        let counted = turns.clone();
        let counter = create_task(async move {
            loop {
                yield_now().await?;
                counted.set(counted.get() + 1);
            }
            #[allow(unreachable_code, reason = "gives the task its type")]
            Ok(())
        });
        for _ in 0..10_000 {
            stream.read_exact(&mut [0]).await?;
        }
        counter.cancel();
        assert!((100..1_000).contains(&turns.get()), "{} turns went by", turns.get());
        Ok(())
    })
    .unwrap();
}
