//! What a loop leaves open when it is closed. Alone in its program: other tests would open descriptors meanwhile.

use std::{fs, task::Poll};

use oneloop::{EventLoop, net::UdpSocket};

/// What the descriptors of this process are.
fn open() -> Vec<String> {
    let folder = fs::read_dir("/proc/self/fd").unwrap();
    let mut names: Vec<_> = folder
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .map(|name| name.display().to_string())
        .filter(|name| name.contains("eventpoll") || name.contains("eventfd"))
        .collect();
    names.sort();
    names
}

#[cfg(target_os = "linux")]
#[test]
fn what_outlived_a_loop_kept_its_epoll_and_eventfd_open() {
    let before = open();
    let event_loop = EventLoop::new().unwrap();
    assert_eq!(open().len(), before.len() + 2);
    let waker = event_loop.run_until_complete(std::future::poll_fn(|cx| Poll::Ready(Ok(cx.waker().clone()))));
    let socket = event_loop.run_until_complete(async { UdpSocket::bind(([127, 0, 0, 1], 0).into()) });
    let (reference, handle) = (oneloop::LoopRef::clone(&event_loop), event_loop.handle());
    event_loop.close().unwrap();
    assert_eq!(open(), before);
    assert!(reference.is_closed());
    assert!(handle.call_soon_threadsafe(|| ()).is_err());
    waker.unwrap().wake();
    drop(socket);
}
