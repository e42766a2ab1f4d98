//! Ten thousand requests to a server that fails three times in ten, each time in another way: every result is the one
//! that its number foretells, and nothing is left: no task, timer, registration or descriptor. Real sockets on loopback,
//! one loop, one thread for both sides.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use oneloop::net::{AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream};
use oneloop_http::{ClientSession, ErrorKind, Timeouts};

const REQUESTS: u64 = 10_000;
const AT_ONCE: u64 = 64;

/// What the server does with a request of this number.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Whole,
    CloseAtOnce,
    HalfAHead,
    HalfABody,
    ResetInBody,
    Garbage,
    Silence,
}

/// A fixed scramble of the number, so that each run is the same and no two neighbours are alike.
fn fate(number: u64) -> Fate {
    let scrambled = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    match (scrambled >> 32) % 200 {
        0..12 => Fate::CloseAtOnce,
        12..24 => Fate::HalfAHead,
        24..36 => Fate::HalfABody,
        36..46 => Fate::ResetInBody,
        46..58 => Fate::Garbage,
        58..60 => Fate::Silence,
        _ => Fate::Whole,
    }
}

async fn serve(mut stream: TcpStream) -> oneloop::Result<()> {
    // The number stands in the first bytes.
    let mut start = [0; 16];
    stream.read_exact(&mut start).await?;
    let text = String::from_utf8_lossy(&start).into_owned();
    let number = text.split(['/', ' ']).nth(2).and_then(|word| word.parse().ok()).unwrap_or(u64::MAX);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    if fate(number) == Fate::ResetInBody {
        stream.write_all(format!("{head}01234").as_bytes()).await?;
        oneloop::sleep(Duration::from_millis(5)).await?;
        return Ok(()); // closing over bytes that nobody has read is a reset
    }
    let mut request = start.to_vec();
    let mut buf = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            count => request.extend_from_slice(&buf[..count]),
        }
    }
    match fate(number) {
        Fate::Whole => stream.write_all(format!("{head}0123456789").as_bytes()).await,
        Fate::CloseAtOnce => Ok(()),
        Fate::HalfAHead => stream.write_all(&head.as_bytes()[..20]).await,
        Fate::HalfABody => stream.write_all(format!("{head}01234").as_bytes()).await,
        Fate::Garbage => stream.write_all(b"\0\xff not http at all").await,
        Fate::Silence => stream.read(&mut buf).await.map(drop),
        Fate::ResetInBody => Ok(()),
    }
}

async fn accept(listener: TcpListener) -> oneloop::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        drop(oneloop::create_task(async move {
            let _ = serve(stream).await; // the client may be gone: its result is what counts
            Ok(())
        }));
    }
}

/// What the result of a request must be: the bytes of its body, or the kinds that its error may have.
fn matches(fate: Fate, outcome: &Result<u64, ErrorKind>) -> bool {
    match (fate, outcome) {
        (Fate::Whole, Ok(10)) => true,
        (Fate::CloseAtOnce, Err(kind)) => *kind == ErrorKind::EmptyReply,
        (Fate::HalfAHead | Fate::Garbage, Err(kind)) => *kind == ErrorKind::Protocol,
        (Fate::HalfABody, Err(kind)) => *kind == ErrorKind::TruncatedBody,
        (Fate::ResetInBody, Err(kind)) => *kind == ErrorKind::Receive,
        (Fate::Silence, Err(kind)) => *kind == ErrorKind::TtfbTimeout,
        _ => false,
    }
}

#[test]
fn nothing_is_lost_and_nothing_is_left_over_ten_thousand_requests() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
    let before = descriptors();
    oneloop::run(async {
        let began_with = oneloop::get_running_loop()?.timers_and_sources();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let server = oneloop::create_task(accept(listener));
        let limits = Timeouts { ttfb: Some(Duration::from_millis(300)), ..Timeouts::default() };
        let builder = ClientSession::builder().keepalive(false).timeouts(limits);
        let session = builder.timeout(Duration::from_millis(900)).build().map_err(oneloop::Error::other)?;
        let (next, wrong, counted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let workers = (0..AT_ONCE).map(|_| {
            let (session, next, wrong, counted) = (session.clone(), next.clone(), wrong.clone(), counted.clone());
            oneloop::create_task(async move {
                while next.get() < REQUESTS {
                    let number = next.replace(next.get() + 1);
                    let outcome = async {
                        let mut response = session.get(&format!("http://{address}/{number}")).send().await?;
                        response.read_with(|_| ()).await
                    };
                    let outcome = outcome.await.map_err(|error| error.kind());
                    counted.set(counted.get() + 1);
                    if !matches(fate(number), &outcome) {
                        eprintln!("{number}: {:?} came to {outcome:?}", fate(number));
                        wrong.set(wrong.get() + 1);
                    }
                }
                Ok(())
            })
        });
        oneloop::gather(workers.collect::<Vec<_>>()).await?;
        assert_eq!((counted.get(), wrong.get()), (REQUESTS, 0));
        session.close().await.map_err(oneloop::Error::other)?;
        server.cancel();
        let _ = server.await; // cancelled
        // The last peers notice that their clients are gone. How many turns that takes is the kernel's choice.
        let event_loop = oneloop::get_running_loop()?;
        while event_loop.all_tasks().len() > 1 {
            oneloop::sleep(Duration::from_millis(1)).await?;
        }
        assert_eq!(event_loop.timers_and_sources(), began_with, "timers or registrations are left");
        Ok(())
    })
    .unwrap();
    let failing = (0..REQUESTS).filter(|number| fate(*number) != Fate::Whole).count();
    assert!((2_800..3_200).contains(&failing), "{failing} of {REQUESTS} were to fail");
    assert_eq!(descriptors(), before, "a descriptor is left");
}
