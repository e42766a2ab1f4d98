//! Tests of the protocol code: tables of bytes and outcomes, each fed whole, and cut at every position.

mod cases;
mod requests;
mod responses;

use super::{Event, Headers, Limits, ProtoErrorKind, ResponseHead, ResponseReader};

/// All that a response came to, whatever its pieces.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    interim: Vec<u16>,
    head: Option<ResponseHead>,
    body: Vec<u8>,
    trailers: Option<Headers>,
    /// How it ended: `Ok(persistent)`, or the kind and the rule.
    end: Option<Result<bool, (ProtoErrorKind, &'static str)>>,
    /// Bytes that the reader left to the caller.
    left_over: usize,
}

/// Feeds the pieces one after the other, then the end of the stream if the message is not complete by then.
fn read(reader: &mut ResponseReader, pieces: &[&[u8]]) -> Outcome {
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut at = 0;
        while outcome.end.is_none() {
            let fed = reader.feed(&piece[at..]);
            if let Ok((used, _)) = fed {
                at += used;
            }
            if take(&mut outcome, fed.map(|(_, event)| event)) {
                assert_eq!(at, piece.len(), "NeedMore must take everything");
                break;
            }
        }
        outcome.left_over += piece.len() - at;
    }
    if outcome.end.is_none() {
        take(&mut outcome, reader.eof());
    }
    if matches!(outcome.end, Some(Err(_))) {
        outcome.left_over = 0; // How far an error had read means nothing.
        assert!(reader.feed(b"").is_err(), "an error is final");
        assert!(reader.eof().is_err(), "an error is final");
    }
    outcome
}

/// Notes an event; true for `NeedMore`.
fn take(outcome: &mut Outcome, event: Result<Event<'_>, super::ProtoError>) -> bool {
    match event {
        Ok(Event::NeedMore) => return true,
        Ok(Event::Interim(head)) => outcome.interim.push(head.status.as_u16()),
        Ok(Event::Head(head)) => {
            assert!(outcome.head.replace(head).is_none(), "one head only");
        }
        Ok(Event::Data(data)) => {
            assert!(!data.is_empty());
            outcome.body.extend_from_slice(data);
        }
        Ok(Event::Trailers(fields)) => outcome.trailers = Some(fields),
        Ok(Event::End { persistent }) => outcome.end = Some(Ok(persistent)),
        Err(error) => outcome.end = Some(Err((error.kind, error.rule))),
    }
    false
}

/// Small enough that the tables can go past each of them.
fn small_limits() -> Limits {
    Limits {
        max_head_bytes: 600,
        max_headers: 40,
        max_body_bytes: 100,
        max_interim: 3,
        max_trailer_bytes: 60,
        max_chunk_line: 40,
        max_chunk_extensions: 60,
    }
}

fn read_whole(head_request: bool, bytes: &[u8]) -> Outcome {
    read(&mut ResponseReader::new(head_request, small_limits()), &[bytes])
}
