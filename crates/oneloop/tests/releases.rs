//! Dropping releases: alone in its program, because it counts the descriptors of the whole process.
#![cfg(target_os = "linux")]

mod harness;

use std::{net::SocketAddr, time::Duration};

use oneloop::{
    EventLoop, create_task,
    net::{AsyncReadExt, FdReader, TcpListener, TcpStream, UdpSocket},
    sleep, yield_now,
};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn no_descriptor_task_timer_or_token_outlives_its_owner() {
    let before = open_descriptors();
    let recorder = std::rc::Rc::new(oneloop::Recorder::default());
    for round in 0..4 {
        let event_loop = EventLoop::builder().observer(recorder.clone()).build().unwrap();
        let at_start = open_descriptors();
        event_loop.add_signal_handler(10, || ()).unwrap();
        event_loop
            .run_until_complete(async move {
                let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
                let address = listener.local_addr()?;
                let accepts = create_task(async move {
                    let (mut stream, _) = listener.accept().await?;
                    stream.read(&mut [0; 9]).await // for ever
                });
                let connects = create_task(async move {
                    let _kept = TcpStream::connect(address).await?;
                    let (end, _other) = std::io::pipe().map_err(oneloop::Error::from)?;
                    FdReader::new(&end)?.read(&mut [0; 9]).await
                });
                let datagrams = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
                let receives = create_task(async move { datagrams.recv(&mut [0; 9]).await });
                let sleeps = create_task(async { sleep(Duration::from_secs(3600)).await.map(|()| 0) });
                for _ in 0..9 {
                    yield_now().await?;
                }
                if round % 2 == 0 {
                    for task in [accepts, connects, receives, sleeps] {
                        task.cancel();
                        assert!(task.await.unwrap_err().is_cancelled());
                    }
                }
                Ok(())
            })
            .unwrap();
        if round % 2 == 0 {
            assert!(event_loop.remove_signal_handler(10));
            assert_eq!(open_descriptors(), at_start);
            assert!(event_loop.all_tasks().is_empty());
            harness::one_turn(&event_loop);
            let last = recorder.lines().into_iter().rfind(|line| line.contains("TurnBegin")).unwrap();
            assert!(last.contains("timers: 0") && last.contains("registrations: 0"), "{last}");
        }
        drop(event_loop); // with all of it live in the odd rounds
        assert_eq!(open_descriptors(), before);
    }
    let counted = |what: &str| recorder.lines().iter().filter(|line| line.contains(what)).count();
    assert_eq!(counted(" Register"), counted(" Deregister"));
}
