//! Descriptors that are watched by callbacks.

mod harness;

use std::{
    cell::Cell,
    io::{Read, Write},
    rc::Rc,
};

use harness::{Log, here, one_turn, reports, virtual_loop};
use oneloop::{EventLoop, yield_now};

/// Rule 13: once a turn while there is something, whatever the callback reads of it.
#[test]
fn a_reader_is_called_once_a_turn_while_data_is_left() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"abc").unwrap();
    let (fd, inner) = (reader.try_clone().unwrap(), log.clone());
    let mut reader = reader;
    event_loop
        .add_reader(&fd, move || {
            let mut byte = [0];
            assert_eq!(reader.read(&mut byte).unwrap(), 1);
            inner.add(byte[0] as char);
        })
        .unwrap();
    for so_far in ["a", "a b", "a b c", "a b c"] {
        one_turn(&event_loop);
        assert_eq!(log.text(), so_far);
    }
    writer.write_all(b"d").unwrap();
    one_turn(&event_loop);
    assert_eq!(log.text(), "a b c d");
    assert!(event_loop.remove_reader(&fd) && !event_loop.remove_reader(&fd) && !event_loop.remove_writer(&fd));
    writer.write_all(b"e").unwrap();
    one_turn(&event_loop);
    assert_eq!(log.text(), "a b c d");
}

/// What CPython tests with `BaseSelectorEventLoopTests.test_add_reader_existing`.
#[test]
fn adding_again_replaces_the_callback_and_adds_no_place() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let (fd, mut writer) = std::io::pipe().unwrap();
    event_loop.add_reader(&fd, log.repeats("first")).unwrap();
    event_loop.add_reader(&fd, log.repeats("second")).unwrap();
    writer.write_all(b"x").unwrap();
    one_turn(&event_loop);
    assert_eq!(log.take(), "second");
    assert!(event_loop.remove_reader(&fd));
}

/// What CPython tests with `BaseSelectorEventLoopTests.test_add_reader_existing_writer`.
/// What CPython tests with `BaseSelectorEventLoopTests.test_remove_reader_read_write`.
/// What CPython tests with `BaseSelectorEventLoopTests.test_remove_writer_read_write`.
#[test]
fn a_descriptor_can_have_both_and_lose_either() {
    let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
    let (one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
    event_loop.add_writer(&one, log.repeats("write")).unwrap();
    event_loop.add_reader(&one, log.repeats("read")).unwrap();
    one_turn(&event_loop);
    assert_eq!(log.take(), "write");
    other.write_all(b"x").unwrap();
    one_turn(&event_loop);
    assert_eq!(log.take(), "read write");
    assert!(event_loop.remove_writer(&one));
    one_turn(&event_loop);
    assert_eq!(log.take(), "read");
    event_loop.add_writer(&one, log.repeats("write")).unwrap();
    assert!(event_loop.remove_reader(&one) && !event_loop.remove_reader(&one));
    one_turn(&event_loop);
    assert_eq!(log.take(), "write");
    assert!(event_loop.remove_writer(&one) && !event_loop.remove_writer(&one));
    one_turn(&event_loop);
    assert_eq!(log.take(), "");
}

/// `_remove_reader` cancels the handle, also one that is queued.
#[test]
fn a_callback_that_was_removed_in_the_same_turn_does_not_run() {
    let event_loop = Rc::new(EventLoop::new().unwrap());
    let (fd, mut writer) = std::io::pipe().unwrap();
    let (other, mut other_writer) = std::io::pipe().unwrap();
    writer.write_all(b"x").unwrap();
    other_writer.write_all(b"x").unwrap();
    let calls = Rc::new(Cell::new(0));
    let fds = Rc::new([fd, other]);
    for fd in &*fds {
        let (calls, fds) = (calls.clone(), fds.clone());
        let removes_both = move || {
            calls.set(calls.get() + 1);
            for fd in &*fds {
                assert!(here().remove_reader(fd));
            }
        };
        event_loop.add_reader(fd, removes_both).unwrap();
    }
    one_turn(&event_loop);
    assert_eq!(calls.get(), 1);
}

/// Rule 9: reported, and the callback stays: it is called again in the next turn.
#[test]
fn a_callback_that_panics_stays_installed() {
    let event_loop = EventLoop::new().unwrap();
    let told = reports(&event_loop);
    let (fd, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"x").unwrap();
    event_loop.add_reader(&fd, || panic!("in a reader")).unwrap();
    one_turn(&event_loop);
    one_turn(&event_loop);
    assert_eq!(told.text().matches("Exception in callback: in a reader").count(), 2);
}

#[test]
fn refusals() {
    let event_loop = virtual_loop();
    let file = std::fs::File::open("Cargo.toml").unwrap();
    assert_eq!(event_loop.add_reader(&file, || ()).unwrap_err().kind(), "io");
    let (fd, _writer) = std::io::pipe().unwrap();
    let stays = event_loop.clone();
    drop(event_loop);
    assert_eq!(stays.add_reader(&fd, || ()).unwrap_err().to_string(), "Event loop is closed");
    assert!(!stays.remove_reader(&fd));
}

/// The writer of asyncio's documentation: write when there is room, then stop watching.
#[test]
fn a_writer_is_called_while_there_is_room() {
    let event_loop = EventLoop::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let future = event_loop.create_future();
    let (settles, fd) = (future.clone(), writer.try_clone().unwrap());
    let mut writer = writer;
    event_loop
        .add_writer(&fd, move || {
            writer.write_all(b"x").unwrap();
            let _ = settles.set_result(());
        })
        .unwrap();
    event_loop
        .run_until_complete(async move {
            future.await?;
            assert!(here().remove_writer(&fd));
            yield_now().await
        })
        .unwrap();
    drop(reader);
}
