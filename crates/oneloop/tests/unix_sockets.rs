//! Unix sockets as leaves of the loop.

mod harness;

use std::path::PathBuf;

use harness::here;
use oneloop::{
    create_task,
    net::{AsyncReadExt, AsyncWriteExt, UnixListener, UnixStream},
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
        let mut stream = UnixStream::connect(&path)?;
        // More than the kernel keeps: both sides have to wait for each other.
        let (sent, mut echoed) = (vec![7; 1 << 20], 0);
        let mut buf = vec![0; 1 << 16];
        for piece in sent.chunks(1 << 15) {
            stream.write_all(piece).await?;
            let mut back = 0;
            while back < piece.len() {
                let count = stream.read(&mut buf).await?;
                assert!(buf[..count].iter().all(|byte| *byte == 7));
                back += count;
            }
            echoed += back;
        }
        stream.shutdown().await?;
        assert_eq!(stream.read(&mut buf).await?, 0);
        assert_eq!((echoed, server.await?), (sent.len(), sent.len()));
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
