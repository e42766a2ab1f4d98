//! Bytes: TCP with both ends on the loop, UDP, the in-memory pair, and descriptors that other programs share.

mod harness;

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    rc::Rc,
};

use harness::{here, one_turn, run};
use oneloop::{
    EventLoop, Result, create_task, gather,
    net::{AsyncReadExt, AsyncWriteExt, FdReader, FdWriter, TcpListener, TcpStream, UdpSocket, duplex},
    yield_now,
};

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Two connected sockets.
async fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(anywhere())?;
    let connects = create_task(TcpStream::connect(listener.local_addr()?));
    let (accepted, _) = listener.accept().await?;
    Ok((connects.await?, accepted))
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n * 31 % 251) as u8).collect()
}

#[test]
fn a_refused_connection_is_an_error() {
    oneloop::run(async {
        let address = TcpListener::bind(anywhere())?.local_addr()?; // and closed again
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::ConnectionRefused));
        assert_eq!(error.kind(), "io");
        Ok(())
    })
    .unwrap();
}

/// Each side writes far more than the kernel's buffers hold while the other does the same.
#[test]
fn big_transfers_both_ways_with_backpressure() {
    oneloop::run(async {
        const SIZE: usize = 4 << 20;
        let (mut one, mut other) = pair().await?;
        let first = create_task(async move {
            one.write_all(&bytes(SIZE)).await?;
            one.shutdown().await?;
            let mut got = vec![0; SIZE];
            one.read_exact(&mut got).await?;
            assert_eq!(one.read(&mut [0; 10]).await?, 0);
            Ok(got)
        });
        let mut got = vec![0; SIZE];
        other.read_exact(&mut got).await?;
        assert_eq!(other.read(&mut [0; 10]).await?, 0, "half-closed: the end, and again the end");
        assert_eq!(other.read(&mut [0; 10]).await?, 0);
        other.write_all(&got).await?;
        drop(other);
        assert_eq!(first.await?, bytes(SIZE));
        Ok(())
    })
    .unwrap();
}

/// Edge-triggered: a read that came back short is taken as the last, and the end that came with it must not be lost.
#[test]
fn a_short_read_followed_by_the_end_loses_nothing() {
    oneloop::run(async {
        for split in 0..6 {
            let (mut one, mut other) = pair().await?;
            one.write_all(b"abc").await?;
            if split & 1 == 1 {
                other.readable().await?; // the bytes' event comes alone, else with the end's
            }
            if split & 2 == 2 {
                one.write_all(b"def").await?;
            }
            one.shutdown().await?;
            let (mut got, mut buf) = (Vec::new(), [0; 64]);
            loop {
                match other.read(&mut buf).await? {
                    0 => break,
                    count => got.extend_from_slice(&buf[..count]),
                }
            }
            assert_eq!(got, if split & 2 == 2 { &b"abcdef"[..] } else { b"abc" });
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_cancelled_read_loses_no_byte() {
    oneloop::run(async {
        let (one, mut other) = pair().await?;
        let one = Rc::new(std::cell::RefCell::new(Some(one)));
        for round in 0..20_u8 {
            let reads = one.clone();
            let read = create_task(async move {
                let mut stream = reads.borrow_mut().take().unwrap();
                let mut byte = [0];
                let result = stream.read(&mut byte).await;
                *reads.borrow_mut() = Some(stream);
                result.map(|_| byte[0])
            });
            yield_now().await?;
            other.write_all(&[round]).await?;
            if round % 2 == 0 {
                yield_now().await?;
            }
            read.cancel(); // before or after the event, and before the step
            match read.await {
                Ok(byte) => assert_eq!(byte, round),
                Err(error) => {
                    assert!(error.is_cancelled());
                    let mut stream = one.borrow_mut().take().unwrap();
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await?;
                    *one.borrow_mut() = Some(stream);
                    assert_eq!(byte, [round]);
                }
            }
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn many_connections_are_accepted() {
    oneloop::run(async {
        let listener = TcpListener::bind(anywhere())?;
        let address = listener.local_addr()?;
        let clients = (0..100_u8).map(|n| async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(&[n]).await?;
            let mut answer = [0];
            stream.read_exact(&mut answer).await?;
            Ok(answer[0])
        });
        let clients = gather(clients);
        let server = create_task(async move {
            for _ in 0..100 {
                let (mut stream, peer) = listener.accept().await?;
                assert_eq!(stream.peer_addr()?, peer);
                drop(create_task(async move {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await?;
                    stream.write_all(&[byte[0] ^ 255]).await
                }));
            }
            Ok(())
        });
        assert_eq!(clients.await?, (0..100_u8).map(|n| n ^ 255).collect::<Vec<_>>());
        server.await
    })
    .unwrap();
}

#[test]
fn datagrams_arrive_whole_or_cut_and_a_refusal_is_an_error() {
    oneloop::run(async {
        let (one, other) = (UdpSocket::bind(anywhere())?, UdpSocket::bind(anywhere())?);
        one.connect(other.local_addr()?)?;
        let receives = create_task(async move {
            let mut buf = [0; 4];
            let mut sizes = Vec::new();
            for _ in 0..3 {
                sizes.push(other.recv_from(&mut buf).await?);
            }
            Ok((other, sizes))
        });
        yield_now().await?;
        for datagram in [&b"ab"[..], b"", b"too long"] {
            one.send(datagram).await?;
        }
        let (other, sizes) = receives.await?;
        let from = one.local_addr()?;
        assert_eq!(sizes, [(2, from), (0, from), (4, from)]);
        other.send_to(b"back", from).await?;
        let mut buf = [0; 9];
        assert_eq!(one.recv(&mut buf).await?, 4);
        drop(other);
        one.send(b"nobody").await?;
        let error = one.recv(&mut buf).await.unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::ConnectionRefused));
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_in_memory_pair_has_backpressure_an_end_and_a_reset() {
    run(async {
        let (mut one, mut other) = duplex(3);
        let writes = create_task(async move {
            one.write_all(b"0123456789").await?;
            one.shutdown().await?;
            assert!(one.write(b"x").await.is_err());
            let mut end = [0];
            assert_eq!(one.read(&mut end).await.unwrap_err().io_kind(), Some(io::ErrorKind::ConnectionReset));
            Ok(())
        });
        let mut got = [0; 10];
        other.read_exact(&mut got).await?;
        assert_eq!(&got, b"0123456789");
        let error = other.read_exact(&mut got).await.unwrap_err();
        assert_eq!(error.kind(), "incomplete-read");
        other.reset();
        writes.await?;
        let (mut one, other) = duplex(1);
        drop(other);
        assert_eq!(one.read(&mut got).await?, 0);
        assert_eq!(one.write(b"x").await.unwrap_err().io_kind(), Some(io::ErrorKind::BrokenPipe));
        Ok(())
    })
    .unwrap();
}

/// The flags of an open file description, from the kernel.
fn flags(fd: &impl std::os::fd::AsRawFd) -> String {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    info.lines().find(|line| line.starts_with("flags")).unwrap().to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_shared_pipe_is_read_and_written_by_readiness_and_stays_blocking() {
    oneloop::run(async {
        let (read_end, write_end) = io::pipe().map_err(oneloop::Error::from)?;
        let before = (flags(&read_end), flags(&write_end));
        let (mut reader, mut writer) = (FdReader::new(&read_end)?, FdWriter::new(&write_end)?);
        assert!(reader.is_pollable());
        let writes = create_task(async move {
            writer.write_all(&bytes(1 << 20)).await?; // more than a pipe holds
            Ok(writer)
        });
        let mut got = vec![0; 1 << 20];
        reader.read_exact(&mut got).await?;
        assert_eq!(got, bytes(1 << 20));
        let mut writer = writes.await?;
        assert_eq!((flags(&read_end), flags(&write_end)), before);
        (&write_end).write_all(b"end").map_err(oneloop::Error::from)?;
        drop(write_end);
        writer.write_all(b"!").await?;
        drop(writer);
        let (mut rest, mut buf) = (Vec::new(), [0; 64]);
        loop {
            match reader.read(&mut buf).await? {
                0 => break,
                count => rest.extend_from_slice(&buf[..count]),
            }
        }
        assert_eq!(rest, b"end!");
        Ok(())
    })
    .unwrap();
}

/// As standard output and error often do. The kernel calls the pipe writable for both, and has room for one.
#[cfg(target_os = "linux")]
#[test]
fn two_descriptors_of_one_pipe_do_not_fill_what_the_kernel_has_promised_to_both() {
    oneloop::run(async {
        let (read_end, write_end) = io::pipe().map_err(oneloop::Error::from)?;
        let other_end = write_end.try_clone().map_err(oneloop::Error::from)?;
        let (mut reader, mut out, mut err) =
            (FdReader::new(&read_end)?, FdWriter::new(&write_end)?, FdWriter::new(&other_end)?);
        let lines = create_task(async move { out.write_all(&[b'o'; 1 << 18]).await });
        let warnings = create_task(async move { err.write_all(&[b'e'; 1 << 18]).await });
        let (mut counts, mut buf) = ([0, 0], vec![0; 1000]);
        while counts != [1 << 18; 2] {
            let read = reader.read(&mut buf).await?;
            counts[0] += buf[..read].iter().filter(|&&byte| byte == b'o').count();
            counts[1] += buf[..read].iter().filter(|&&byte| byte == b'e').count();
        }
        lines.await?;
        warnings.await
    })
    .unwrap();
}

#[test]
fn a_pipe_whose_reader_is_gone_is_broken() {
    oneloop::run(async {
        let (read_end, write_end) = io::pipe().map_err(oneloop::Error::from)?;
        let mut writer = FdWriter::new(&write_end)?;
        writer.write_all(b"fits").await?;
        drop(read_end);
        let mut result = Ok(());
        while result.is_ok() {
            result = writer.write_all(&[0; 4096]).await;
        }
        assert_eq!(result.unwrap_err().io_kind(), Some(io::ErrorKind::BrokenPipe));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_regular_file_is_simply_read_and_a_cancelled_task_gets_no_byte_of_it() {
    oneloop::run(async {
        let file = std::fs::File::open("Cargo.toml").map_err(oneloop::Error::from)?;
        let mut reader = FdReader::new(&file)?;
        assert!(!reader.is_pollable());
        let mut text = vec![0; 9];
        reader.read_exact(&mut text).await?;
        assert_eq!(text, b"[package]");
        let task = create_task(async move {
            oneloop::current_task().unwrap().cancel();
            let slept = yield_now().await;
            slept.and(reader.read(&mut [0; 9]).await)
        });
        assert!(task.await.unwrap_err().is_cancelled());
        let mut rest = String::new();
        (&file).read_to_string(&mut rest).map_err(oneloop::Error::from)?;
        Ok(())
    })
    .unwrap();
}

/// `unix_events.py: add_signal_handler`: a callback of the loop, outside of any task.
#[test]
fn a_signal_is_a_callback_on_the_loop() {
    let event_loop = EventLoop::new().unwrap();
    let came = event_loop.create_future::<bool>();
    let settles = came.clone();
    event_loop
        .add_signal_handler(10, move || {
            let _ = settles.set_result(oneloop::current_task().is_none());
            assert!(here().remove_signal_handler(10));
        })
        .unwrap();
    let status = std::process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status();
    assert!(status.unwrap().success());
    assert!(event_loop.run_until_complete(async { came.await }).unwrap());
    assert!(!event_loop.remove_signal_handler(10));
    one_turn(&event_loop);
}

/// Where no other test takes a port, so that one can be asked for again. (macOS has 127.0.0.1 alone.)
const OWN_ADDRESS: &str = if cfg!(target_os = "linux") { "127.0.0.77" } else { "127.0.0.1" };

#[test]
fn a_server_that_its_handler_holds_kept_its_port_for_ever() {
    let address = oneloop::run(async {
        let slot: Rc<std::cell::RefCell<Option<oneloop::Server>>> = Rc::default();
        let held = slot.clone();
        let handler = move |_, _| {
            let _held = held.clone();
            async { Ok(()) }
        };
        let server = oneloop::start_server(handler, OWN_ADDRESS, 0).await?;
        let address = server.sockets()[0];
        *slot.borrow_mut() = Some(server);
        Ok(address)
    });
    std::net::TcpListener::bind(address.unwrap()).unwrap();
}
