//! `StreamTests` of `test_streams.py`.

use std::rc::Rc;

use oneloop::{
    Error, EventLoop, Result, StreamOptions, StreamReader, StreamWriter, create_task, current_task, open_connection,
    open_unix_connection, start_server, start_unix_server, stream_pair, yield_now,
};

use crate::harness::{Log, here, reports, run, virtual_loop};

const DATA: &[u8] = b"line1\nline2\nline3\n";

/// Runs `test` with a reader that has `limit` and was fed `data`.
fn with_reader<F: Future<Output = Result<()>> + 'static>(
    limit: usize,
    data: &'static [u8],
    test: impl FnOnce(StreamReader) -> F + 'static,
) {
    run(async move {
        let reader = StreamReader::new(limit)?;
        reader.feed_data(data);
        test(reader).await
    })
    .unwrap();
}

/// What is left in a reader's buffer.
async fn rest(reader: &StreamReader) -> Result<Vec<u8>> {
    reader.feed_eof();
    reader.read_to_end().await
}

/// Feeds the reader in the next turn.
fn feed_soon(reader: &StreamReader, data: &'static [u8]) {
    let reader = reader.clone();
    here().call_soon(move || reader.feed_data(data));
}

fn text(error: &Error) -> String {
    format!("{}: {error}", error.kind())
}

async fn echo(reader: StreamReader, writer: StreamWriter) -> Result<()> {
    let line = reader.readline().await?;
    writer.write(line)?;
    writer.drain().await?;
    writer.close();
    writer.wait_closed().await
}

/// A path for a Unix socket, in the folder of this build.
fn socket_path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

/// Mirrors CPython StreamTests.test_open_connection.
/// Mirrors CPython StreamTests.test_start_server.
#[test]
fn a_server_and_a_client() {
    for waits in [false, true] {
        let told = Log::default();
        let tells = told.clone();
        oneloop::run(async move {
            here().set_exception_handler(move |_, context| tells.add(context));
            let server = start_server(echo, "127.0.0.1", 0).await?;
            let address = server.sockets()[0];
            let (reader, writer) = open_connection("127.0.0.1", address.port()).await?;
            assert_eq!(writer.peername(), Some(address));
            assert!(writer.sockname().is_some() && writer.can_write_eof());
            writer.write(b"hello world!\n")?;
            assert_eq!(reader.readline().await?, b"hello world!\n");
            assert_eq!(reader.read_to_end().await?, b"");
            writer.close();
            if waits {
                writer.wait_closed().await?;
            }
            server.close();
            assert!(server.sockets().is_empty());
            server.wait_closed().await
        })
        .unwrap();
        assert_eq!(told.text(), "");
    }
}

/// Mirrors CPython StreamTests.test_open_unix_connection.
/// Mirrors CPython StreamTests.test_start_unix_server.
#[test]
fn a_server_and_a_client_on_a_unix_socket() {
    let path = socket_path("echo");
    let inside = path.clone();
    oneloop::run(async move {
        for stays in [true, false] {
            let options = StreamOptions::new().cleanup_socket(!stays);
            let server = options.start_unix_server(echo, &inside).await?; // the second finds the first one's socket
            let (reader, writer) = open_unix_connection(&inside).await?;
            writer.write("hello\n")?;
            assert_eq!(reader.readline().await?, b"hello\n");
            assert_eq!(writer.peername(), None);
            writer.close();
            server.close();
            assert_eq!(inside.exists(), stays);
            server.wait_closed().await?;
        }
        // What somebody else has put there since is left alone.
        let server = start_unix_server(echo, &inside).await?;
        std::fs::remove_file(&inside)?;
        std::fs::write(&inside, "another's")?;
        server.close();
        assert!(inside.exists());
        Ok(())
    })
    .unwrap();
    std::fs::remove_file(&path).unwrap();
}

/// Mirrors CPython StreamTests.test_open_connection_error.
/// Mirrors CPython StreamTests.test_open_unix_connection_error.
#[test]
fn nobody_listens() {
    oneloop::run(async {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let refused = open_connection("127.0.0.1", port).await.unwrap_err();
        assert_eq!(refused.io_kind(), Some(std::io::ErrorKind::ConnectionRefused));
        let missing = open_unix_connection(socket_path("nobody")).await.unwrap_err();
        assert_eq!(missing.io_kind(), Some(std::io::ErrorKind::NotFound));
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython StreamTests.test_feed_empty_data.
/// Mirrors CPython StreamTests.test_feed_nonempty_data.
/// Mirrors CPython StreamTests.test_read_zero.
#[test]
fn feeding_and_reading_nothing() {
    with_reader(64, b"", |reader| async move {
        reader.feed_data(b"");
        reader.feed_data(DATA);
        assert_eq!(reader.read(0).await?, b"");
        assert_eq!(rest(&reader).await?, DATA);
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_read.
/// Mirrors CPython StreamTests.test_read_line_breaks.
/// Mirrors CPython StreamTests.test_read_limit.
#[test]
fn reading_what_is_there() {
    with_reader(3, b"", |reader| async move {
        feed_soon(&reader, DATA);
        assert_eq!(reader.read(30).await?, DATA, "more than the limit");
        reader.feed_data(b"line1");
        reader.feed_data(b"line2");
        assert_eq!(reader.read(5).await?, b"line1");
        assert_eq!(rest(&reader).await?, b"line2");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_read_eof.
/// Mirrors CPython StreamTests.test_read_until_eof.
/// Mirrors CPython StreamTests.test_read_all_from_pipe_reader.
#[test]
fn reading_to_the_end() {
    with_reader(1, b"", |reader| async move {
        let reads = reader.clone();
        let task = create_task(async move { reads.read_to_end().await });
        feed_soon(&reader, b"chunk1\n");
        feed_soon(&reader, b"chunk2");
        let ends = reader.clone();
        here().call_soon(move || ends.feed_eof());
        assert_eq!(task.await?, b"chunk1\nchunk2");
        assert_eq!(reader.read(1024).await?, b"");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_read_exception.
/// Mirrors CPython StreamTests.test_readline_exception.
/// Mirrors CPython StreamTests.test_readexactly_exception.
/// Mirrors CPython StreamTests.test_exception.
#[test]
fn a_broken_stream_says_so_at_each_read() {
    with_reader(64, b"line\n", |reader| async move {
        assert!(reader.error().is_none());
        assert_eq!(reader.read(2).await?, b"li");
        reader.set_error(Error::other("broken"));
        assert_eq!(reader.error().unwrap().to_string(), "broken");
        for error in [
            reader.read(2).await.unwrap_err(),
            reader.readline().await.unwrap_err(),
            reader.readexactly(2).await.unwrap_err(),
            reader.readuntil(b"x").await.unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "broken");
        }
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_exception_waiter.
#[test]
fn a_reader_that_waits_is_told_that_the_stream_broke() {
    with_reader(64, b"", |reader| async move {
        let breaks = reader.clone();
        here().call_soon(move || breaks.set_error(Error::other("broken")));
        assert_eq!(reader.readline().await.unwrap_err().to_string(), "broken");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_exception_cancel.
#[test]
fn a_reader_that_was_cancelled_leaves_its_place() {
    with_reader(64, b"", |reader| async move {
        let reads = reader.clone();
        let task = create_task(async move { reads.readline().await });
        yield_now().await?;
        task.cancel();
        yield_now().await?;
        reader.set_error(Error::other("nobody waits")); // the cancelled future isn't set twice
        assert!(task.await.unwrap_err().is_cancelled());
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_invalid_limit.
/// Mirrors CPython StreamTests.test_streamreader_constructor_without_loop.
/// Mirrors CPython StreamTests.test_streamreader_constructor_use_running_loop.
/// Mirrors CPython StreamTests.test_streamreader_constructor_use_global_loop.
/// Mirrors CPython StreamTests.test_streamreaderprotocol_constructor_without_loop.
/// Mirrors CPython StreamTests.test_streamreaderprotocol_constructor_use_running_loop.
/// Mirrors CPython StreamTests.test_streamreaderprotocol_constructor_use_global_loop.
#[test]
fn making_a_reader() {
    assert_eq!(StreamReader::new(64).unwrap_err().to_string(), "no running event loop");
    run(async {
        assert_eq!(StreamReader::new(0).unwrap_err().to_string(), "Limit cannot be <= 0");
        let connects = StreamOptions::new().limit(0).open_connection("127.0.0.1", 1).await;
        assert_eq!(connects.unwrap_err().to_string(), "Limit cannot be <= 0");
        StreamReader::new(1).map(drop)
    })
    .unwrap();
}

/// Mirrors CPython StreamTests.test_readline.
/// Mirrors CPython StreamTests.test_readline_nolimit_nowait.
/// Mirrors CPython StreamTests.test_readline_read_byte_count.
#[test]
fn lines() {
    with_reader(64, b"chunk1 ", |reader| async move {
        let reads = reader.clone();
        let task = create_task(async move { reads.readline().await });
        for chunk in [b"chunk2 ".as_slice(), b"chunk3 ", b"\n chunk4"] {
            feed_soon(&reader, chunk);
        }
        assert_eq!(task.await?, b"chunk1 chunk2 chunk3 \n");
        reader.feed_data(DATA);
        assert_eq!(reader.readline().await?, b" chunk4line1\n");
        assert_eq!(reader.read(7).await?, b"line2\nl");
        assert_eq!(rest(&reader).await?, b"ine3\n");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readline_limit_with_existing_data.
/// Mirrors CPython StreamTests.test_readline_limit.
#[test]
fn lines_that_are_too_long() {
    const FOUND: &str = "value: Separator is found, but chunk is longer than limit";
    const NOT_FOUND: &str = "value: Separator is not found, and chunk exceed the limit";
    with_reader(3, b"li", |reader| async move {
        reader.feed_data(b"ne1\nline2\n");
        assert_eq!(text(&reader.readline().await.unwrap_err()), FOUND);
        assert_eq!(reader.read(2).await?, b"li", "the line is thrown away, the next isn't");
        assert_eq!(
            reader.readline().await?,
            b"ne2
"
        );
        Ok(())
    });
    with_reader(3, b"line1", |reader| async move {
        reader.feed_data(b"li");
        assert_eq!(text(&reader.readline().await.unwrap_err()), NOT_FOUND);
        assert_eq!(rest(&reader).await?, b"", "all of it is thrown away");
        Ok(())
    });
    with_reader(7, b"", |reader| async move {
        for chunk in [b"chunk1".as_slice(), b"chunk2", b"chunk3\n", b"chunk4"] {
            feed_soon(&reader, chunk);
        }
        assert!(reader.readline().await.unwrap_err().to_string().starts_with("Separator is"));
        yield_now().await?;
        assert_eq!(rest(&reader).await?, b"chunk4");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_at_eof.
#[test]
fn at_eof() {
    with_reader(64, b"", |reader| async move {
        assert!(!reader.at_eof());
        reader.feed_data(b"some data\n");
        assert!(!reader.at_eof());
        reader.readline().await?;
        assert!(!reader.at_eof());
        reader.feed_data(b"some data\n");
        reader.feed_eof();
        assert!(!reader.at_eof());
        reader.readline().await?;
        assert!(reader.at_eof());
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readline_eof.
/// Mirrors CPython StreamTests.test_readline_empty_eof.
#[test]
fn the_last_line() {
    with_reader(64, b"some data", |reader| async move {
        reader.feed_eof();
        assert_eq!(reader.readline().await?, b"some data");
        assert_eq!(reader.readline().await?, b"");
        assert_eq!(reader.next().await?, None);
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readuntil_separator.
#[test]
fn separators_that_are_none() {
    with_reader(64, b"", |reader| async move {
        assert_eq!(
            reader.readuntil(b"").await.unwrap_err().to_string(),
            "Separator should be at least one-byte string"
        );
        let error = reader.readuntil_any(&[]).await.unwrap_err();
        assert_eq!(error.to_string(), "Separator should contain at least one element");
        let error = reader.readuntil_any(&[b"x", b""]).await.unwrap_err();
        assert_eq!(error.to_string(), "Separator should be at least one-byte string");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readuntil_multi_chunks.
/// Mirrors CPython StreamTests.test_readuntil_multi_chunks_1.
/// Mirrors CPython StreamTests.test_readuntil_bytearray.
#[test]
fn a_separator_in_pieces() {
    with_reader(64, b"lineAAA", |reader| async move {
        assert_eq!(reader.readuntil(b"AAA").await?, b"lineAAA");
        reader.feed_data(b"lineAAAxxx");
        assert_eq!(reader.readuntil(b"AAA").await?, b"lineAAA");
        assert_eq!(reader.read(3).await?, b"xxx");
        reader.feed_data(b"QWEaa");
        feed_soon(&reader, b"XYaa");
        feed_soon(&reader, b"a");
        assert_eq!(reader.readuntil(b"aaa").await?, b"QWEaaXYaaa");
        for chunk in [b"1 \xe2".as_slice(), b"\x82", b"\xac 2"] {
            reader.feed_data(chunk);
        }
        assert_eq!(reader.readuntil(b"\xe2\x82\xac").await?, b"1 \xe2\x82\xac");
        assert_eq!(rest(&reader).await?, b" 2");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readuntil_eof.
#[test]
fn the_end_before_the_separator() {
    with_reader(64, b"some data", |reader| async move {
        reader.feed_eof();
        let Err(Error::IncompleteRead(read)) = reader.readuntil(b"AAA").await else { panic!("no error") };
        assert_eq!((read.partial.as_slice(), read.expected), (b"some data".as_slice(), None));
        assert!(reader.at_eof());
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readuntil_limit_found_sep.
#[test]
fn the_separator_beyond_the_limit_leaves_all() {
    with_reader(3, b"some dataAA", |reader| async move {
        let error = reader.readuntil(b"AAA").await.unwrap_err();
        assert_eq!(text(&error), "limit-overrun: Separator is not found, and chunk exceed the limit");
        reader.feed_data(b"A");
        let error = reader.readuntil(b"AAA").await.unwrap_err();
        assert!(matches!(error, Error::LimitOverrun { consumed: 9, found: true }), "{error:?}");
        assert_eq!(rest(&reader).await?, b"some dataAAA");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readuntil_multi_separator.
#[test]
fn several_separators() {
    with_reader(64, b"", |reader| async move {
        for (data, separators, found) in [
            (b"some data".as_slice(), [b" d".as_slice(), b"some"], b"some".as_slice()),
            (b" data", [b"da", b"ata"], b" da"),
            (b"ta\nnext", [b"\n", b"\r\n"], b"ta\n"),
        ] {
            reader.feed_data(data);
            assert_eq!(reader.readuntil_any(&separators).await?, found);
            let left = data.len() - found.len();
            reader.readexactly(left).await?;
        }
        Ok(())
    });
    with_reader(64, b"some dataA", |reader| async move {
        let reads = reader.clone();
        let task = create_task(async move { reads.readuntil_any(&[b"AAA", b"AB"]).await });
        feed_soon(&reader, b"AB more");
        assert_eq!(task.await?, b"some dataAAB");
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readuntil_multi_separator_limit.
/// Mirrors CPython StreamTests.test_readuntil_multi_separator_negative_offset.
#[test]
fn several_separators_and_the_limit() {
    with_reader(3, b"some dataA", |reader| async move {
        let error = reader.readuntil_any(&[b"A", b"ome dataA"]).await.unwrap_err();
        assert!(
            matches!(error, Error::LimitOverrun { found: true, .. }) || error.kind() == "limit-overrun",
            "{error:?}"
        );
        assert_eq!(rest(&reader).await?, b"some dataA");
        Ok(())
    });
    with_reader(64, b"data", |reader| async move {
        feed_soon(&reader, b"A");
        assert_eq!(reader.readuntil_any(&[b"A", b"long sep"]).await?, b"dataA");
        Ok(())
    });
}

/// Nothing can be asked for less than zero times.
/// Mirrors CPython StreamTests.test_readexactly_zero_or_less.
/// Mirrors CPython StreamTests.test_readexactly.
/// Mirrors CPython StreamTests.test_readexactly_limit.
#[test]
fn exactly_so_many() {
    with_reader(3, b"", |reader| async move {
        assert_eq!(reader.readexactly(0).await?, b"");
        for _ in 0..3 {
            feed_soon(&reader, DATA);
        }
        let n = 2 * DATA.len();
        assert_eq!(reader.readexactly(n).await?, DATA.repeat(2));
        assert_eq!(rest(&reader).await?, DATA);
        Ok(())
    });
}

/// Mirrors CPython StreamTests.test_readexactly_eof.
/// Mirrors CPython StreamTests.test_IncompleteReadError_pickleable.
/// Mirrors CPython StreamTests.test_LimitOverrunError_pickleable.
#[test]
fn fewer_than_that() {
    with_reader(64, DATA, |reader| async move {
        reader.feed_eof();
        let error = reader.readexactly(100).await.unwrap_err();
        let elsewhere = std::thread::spawn(move || error).join().unwrap(); // errors can go anywhere
        let Error::IncompleteRead(read) = &elsewhere else { panic!("{elsewhere:?}") };
        assert_eq!((read.partial.as_slice(), read.expected), (DATA, Some(100)));
        assert_eq!(elsewhere.to_string(), "18 bytes read on a total of 100 expected bytes");
        Ok(())
    });
}

/// `streams.py: _wait_for_data`: one reader at a time.
#[test]
fn a_second_reader_is_refused() {
    with_reader(64, b"", |reader| async move {
        let reads = reader.clone();
        let task = create_task(async move { reads.readexactly(4).await });
        yield_now().await?;
        let error = reader.readline().await.unwrap_err();
        let expected = "readuntil() called while another coroutine is already waiting for incoming data";
        assert_eq!(error.to_string(), expected);
        reader.feed_data(b"1234");
        assert_eq!(task.await?, b"1234");
        Ok(())
    });
}

/// Fills a writer until its stream is paused. How much that was.
fn fill(writer: &StreamWriter) -> Result<usize> {
    let mut written = 0;
    while writer.write_buffer_size() <= 64 * 1024 {
        writer.write([b'x'; 16 * 1024])?;
        written += 16 * 1024;
    }
    Ok(written)
}

/// Rule 50: `drain` waits while more than the high mark is kept, until no more than the low one is.
/// Mirrors CPython StreamTests.test_multiple_drain.
#[test]
fn several_tasks_drain() {
    run(async {
        let ((_keeps, writer), (reader, _other)) = stream_pair().await?;
        writer.drain().await?;
        let written = fill(&writer)?;
        let drains = (0..3).map(|_| {
            let writer = writer.clone();
            create_task(async move {
                writer.drain().await?;
                assert!(writer.write_buffer_size() <= 16 * 1024);
                Ok(())
            })
        });
        let drains: Vec<_> = drains.collect();
        yield_now().await?;
        assert!(drains.iter().all(|task| !task.done()));
        assert_eq!(reader.readexactly(written).await?.len(), written);
        for task in drains {
            task.await?;
        }
        Ok(())
    })
    .unwrap();
}

/// Mirrors CPython StreamTests.test_drain_raises.
#[test]
fn draining_a_stream_whose_peer_is_gone() {
    let error = run(async {
        let ((_reader, writer), (_, other)) = stream_pair().await?;
        other.abort();
        yield_now().await?;
        loop {
            writer.write(b"foobar")?;
            writer.drain().await?;
        }
        #[allow(unreachable_code)]
        Ok(())
    });
    let kind = error.unwrap_err().io_kind();
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    assert!(matches!(kind, Some(BrokenPipe | ConnectionReset)), "{kind:?}");
}

/// Mirrors CPython StreamTests.test_wait_closed_on_close.
/// Mirrors CPython StreamTests.test_wait_closed_on_close_with_unread_data.
/// Mirrors CPython StreamTests.test_async_writer_api.
#[test]
fn closing_a_stream() {
    for unread in [false, true] {
        run(async move {
            let ((reader, writer), (_keeps, other)) = stream_pair().await?;
            other.writelines(["HTTP/1.0 200 OK\r\n", "\r\nTest message"])?;
            assert_eq!(reader.readline().await?, b"HTTP/1.0 200 OK\r\n");
            if !unread {
                other.write_eof();
                assert_eq!(reader.read_to_end().await?, b"\r\nTest message");
            }
            assert!(!writer.is_closing());
            writer.close();
            assert!(writer.is_closing());
            writer.wait_closed().await
        })
        .unwrap();
    }
}

/// Mirrors CPython StreamTests.test_async_writer_api_exception_after_close.
#[test]
fn writing_to_a_closed_stream() {
    let error = run(async {
        let ((_reader, writer), _other) = stream_pair().await?;
        writer.close();
        writer.write(b"data")?;
        writer.drain().await
    });
    assert_eq!(text(&error.unwrap_err()), "io: Connection lost");
}

/// Mirrors CPython StreamTests.test_eof_feed_when_closing_writer.
#[test]
fn closing_ends_the_reader_as_well() {
    run(async {
        let ((reader, writer), _other) = stream_pair().await?;
        writer.close();
        writer.wait_closed().await?;
        assert_eq!(reader.read_to_end().await?, b"");
        assert!(reader.at_eof());
        Ok(())
    })
    .unwrap();
}

/// Nothing warns: what is dropped is closed.
/// Mirrors CPython StreamTests.test_unclosed_resource_warnings.
/// Mirrors CPython StreamTests.test_loop_is_closed_resource_warnings.
#[test]
fn a_stream_that_is_dropped_is_closed() {
    let event_loop = virtual_loop();
    let told = reports(&event_loop);
    let kept = event_loop
        .run_until_complete(async {
            let ((keeps, writer), (reader, other)) = stream_pair().await?;
            writer.write("last words")?;
            drop((writer, keeps));
            assert_eq!(reader.read_to_end().await?, b"last words");
            Ok((reader, other))
        })
        .unwrap();
    drop(event_loop);
    drop(kept);
    assert_eq!(told.text(), "");
}

/// Connects to a server with `handler`, and returns what its loop was told and what the client has read.
fn client_of(handler: impl Fn() -> Result<()> + 'static) -> (String, Vec<u8>) {
    let event_loop = EventLoop::new().unwrap();
    let told = reports(&event_loop);
    let handler = Rc::new(handler);
    let read = event_loop.run_until_complete(async move {
        let server = start_server(
            move |_reader, _writer| {
                let handler = handler.clone();
                async move { handler() }
            },
            "127.0.0.1",
            0,
        );
        let server = server.await?;
        let (reader, writer) = open_connection("127.0.0.1", server.sockets()[0].port()).await?;
        let read = reader.read_to_end().await?;
        writer.close();
        server.close();
        server.wait_closed().await?;
        Ok(read)
    });
    (told.text(), read.unwrap())
}

/// Mirrors CPython StreamTests.test_unhandled_exception.
#[test]
fn a_handler_that_fails() {
    let (told, read) = client_of(|| Err(Error::other("test")));
    assert_eq!(told, "[Unhandled exception in client_connected_cb: Task-4: test]");
    assert_eq!(read, b"", "its connection is closed");
}

/// Mirrors CPython StreamTests.test_unhandled_cancel.
#[test]
fn a_handler_that_is_cancelled() {
    let (told, read) = client_of(|| {
        current_task().unwrap().cancel();
        Err(Error::Cancelled)
    });
    assert_eq!((told.as_str(), read), ("", Vec::new()));
}

/// `base_events.py: Server`: close, close_clients, abort_clients, serve_forever, and whom wait_closed waits for.
#[test]
fn the_life_of_a_server() {
    let log = Log::default();
    let inner = log.clone();
    oneloop::run(async move {
        let hold = async |reader: StreamReader, _writer: StreamWriter| reader.read_to_end().await.map(drop);
        let options = StreamOptions::new().start_serving(false);
        let server = options.start_server(hold, "127.0.0.1", 0).await?;
        assert!(!server.is_serving());
        let (serves, log) = (server.clone(), inner.clone());
        let forever = create_task(async move {
            let ended = serves.serve_forever().await;
            log.add(format!("serve_forever: {}", ended.as_ref().unwrap_err().kind()));
            ended
        });
        yield_now().await?;
        assert!(server.is_serving());
        assert_eq!(server.serve_forever().await.unwrap_err().kind(), "runtime");
        let port = server.sockets()[0].port();
        let (reader, writer) = open_connection("127.0.0.1", port).await?;
        let (aborted, _writer) = open_connection("127.0.0.1", port).await?;
        yield_now().await?;
        server.close();
        assert!(!server.is_serving());
        let (waits, log) = (server.clone(), inner.clone());
        let closed = create_task(async move {
            waits.wait_closed().await?;
            log.add("closed");
            Ok(())
        });
        for _ in 0..5 {
            yield_now().await?;
        }
        inner.add("two are connected");
        server.close_clients();
        assert_eq!(reader.read_to_end().await?, b"");
        server.abort_clients();
        assert!(aborted.read_to_end().await.is_ok_and(|read| read.is_empty()));
        drop(writer);
        closed.await?;
        assert!(forever.await.unwrap_err().is_cancelled());
        assert_eq!(server.serve_forever().await.unwrap_err().to_string(), "server is closed");
        server.wait_closed().await
    })
    .unwrap();
    assert_eq!(log.text(), "two are connected serve_forever: cancelled closed");
}

/// Rule 51: reading stops at twice the limit, and goes on when the reader has caught up.
#[test]
fn a_full_reader_holds_its_peer_up() {
    let event_loop = virtual_loop();
    event_loop
        .run_until_complete(async move {
            let ((_keeps, writer), (reader, _other)) = stream_pair().await?;
            let written = fill(&writer)?;
            for _ in 0..50 {
                yield_now().await?;
            }
            assert!(writer.write_buffer_size() > 0 || written < 400 * 1024, "the reader took all of it");
            assert_eq!(reader.readexactly(written).await?.len(), written);
            writer.drain().await?;
            assert_eq!(writer.write_buffer_size(), 0);
            Ok(())
        })
        .unwrap();
}
