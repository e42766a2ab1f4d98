//! Every coding whole, cut anywhere, damaged anywhere, followed by junk; chains; bombs.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const TEXT: &[u8] = b"oneloop oneloop oneloop, an event loop that can be read in one sitting; in one sitting.";
/// `TEXT` in brotli, made by the `zlib` module of Node.js: neither library here can compress it.
const BROTLI: &[u8] = include_bytes!("text.br");

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn raw(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A gzip member with every part that a header can have.
fn gzip_with_all_fields(plain: &[u8]) -> Vec<u8> {
    let mut header = vec![0x1f, 0x8b, 8, HEADER_CRC_AND_ALL, 0, 0, 0, 0, 0, 255, 3, 0, b'a', b'b', b'c'];
    header.extend_from_slice(b"name\0comment\0");
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    header.extend_from_slice(&(crc.sum() as u16).to_le_bytes());
    header.extend_from_slice(&gzip(plain)[10..]);
    header
}

const HEADER_CRC_AND_ALL: u8 = 0b1_1110;

fn headers(codings: &[&str]) -> Headers {
    let mut headers = Headers::new();
    for coding in codings {
        headers.push("Content-Encoding", coding).unwrap();
    }
    headers
}

fn decode_in(codings: &str, pieces: &[&[u8]], limit: u64) -> Result<Vec<u8>, Flaw> {
    let mut decoder = Decoder::of(&headers(&[codings]), limit)?.expect("a coding");
    let mut plain = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut |bytes| plain.extend_from_slice(bytes))?;
    }
    decoder.finish()?;
    assert_eq!(decoder.given(), plain.len() as u64);
    Ok(plain)
}

fn decode(codings: &str, coded: &[u8]) -> Result<Vec<u8>, Flaw> {
    decode_in(codings, &[coded], u64::MAX)
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let two_members = [gzip(&TEXT[..20]), gzip(&TEXT[20..])].concat();
    vec![
        ("gzip", gzip(TEXT)),
        ("X-GZip", gzip_with_all_fields(TEXT)),
        ("gzip", two_members),
        ("deflate", zlib(TEXT)),
        ("deflate", raw(TEXT)),
        ("br", BROTLI.to_vec()),
        ("br, gzip", gzip(BROTLI)),
        ("deflate,, identity ,GZIP", gzip(&zlib(TEXT))),
    ]
}

#[test]
fn each_coding_is_taken_off_however_the_body_is_cut() {
    for (codings, coded) in samples() {
        assert_eq!(decode(codings, &coded).unwrap(), TEXT, "{codings}");
        for at in 0..=coded.len() {
            let (one, other) = coded.split_at(at);
            assert_eq!(decode_in(codings, &[one, &[], other], u64::MAX).unwrap(), TEXT, "{codings} cut at {at}");
        }
        let bytes: Vec<&[u8]> = coded.chunks(1).collect();
        assert_eq!(decode_in(codings, &bytes, u64::MAX).unwrap(), TEXT, "{codings} byte by byte");
    }
}

#[test]
fn a_body_that_ends_early_is_truncated_at_every_byte() {
    for (codings, coded) in samples() {
        for at in 1..coded.len() {
            let outcome = decode(codings, &coded[..at]);
            // Between two gzip members the stream is whole: that is the one place.
            let whole = matches!(&outcome, Ok(plain) if plain == &TEXT[..20]);
            assert!(outcome == Err(Flaw::Truncated) || whole, "{codings} up to {at}: {outcome:?}");
        }
        assert_eq!(decode(codings, b"").unwrap(), b"", "an empty body has nothing to decode");
    }
}

#[test]
fn bytes_after_the_end_are_never_ignored() {
    for (codings, coded) in samples() {
        for junk in [&b"x"[..], b"\0", b"\0\0\0\0", b"HTTP/1.1"] {
            let body = [&coded[..], junk].concat();
            assert!(decode(codings, &body).is_err(), "{codings} with {junk:?}");
            assert!(decode_in(codings, &[&coded, junk], u64::MAX).is_err(), "{codings} with {junk:?} in two pieces");
        }
    }
}

#[test]
fn damage_to_gzip_and_zlib_is_always_found() {
    // What DEFLATE alone and brotli do not check, nobody can find; these two have checksums.
    for (codings, coded) in samples().into_iter().filter(|(codings, _)| *codings == "gzip") {
        for at in 0..coded.len() {
            for bit in 0..8 {
                let mut damaged = coded.clone();
                damaged[at] ^= 1 << bit;
                // Time, extra flags and system in a header mean nothing here.
                match decode(codings, &damaged) {
                    Ok(plain) => assert!(plain == TEXT, "{codings}: bit {bit} of byte {at} went unseen"),
                    Err(flaw) => assert_ne!(flaw, Flaw::TooLarge),
                }
            }
        }
    }
    let mut wrong_sum = zlib(TEXT);
    *wrong_sum.last_mut().unwrap() ^= 1;
    assert!(matches!(decode("deflate", &wrong_sum), Err(Flaw::Corrupt(_))));
    assert!(matches!(decode("gzip", b"plain text, not gzip"), Err(Flaw::Corrupt(_))));
}

#[test]
fn no_stage_of_a_chain_may_swell_past_the_limit() {
    let bomb = gzip(&vec![0; 8 << 20]);
    assert_eq!(decode_in("gzip", &[&bomb], (8 << 20) - 1), Err(Flaw::TooLarge));
    assert_eq!(decode_in("gzip", &[&bomb], 8 << 20).unwrap().len(), 8 << 20);
    let twice = gzip(&bomb);
    assert!(twice.len() < 1000);
    assert_eq!(decode_in("gzip, gzip", &[&twice], 1 << 20), Err(Flaw::TooLarge));
    // The middle of this chain is large, its end is empty.
    let member = [&[0x1f, 0x8b, 8, 0b100, 0, 0, 0, 0, 0, 255, 0xff, 0xff][..], &[0; 0xffff], &gzip(b"")[10..]].concat();
    let middle = gzip(&member.repeat(100));
    assert_eq!(decode_in("gzip, gzip", &[&middle], 1 << 20), Err(Flaw::TooLarge));
    let four = [&[0x81, 0x10, 0x00][..], &BROTLI[3..]].concat();
    assert!(decode("br", &four).is_err());
}

#[test]
fn only_what_was_offered_is_decoded_and_not_too_often() {
    let of = |codings: &[&str]| Decoder::of(&headers(codings), 9).map(|decoder| decoder.is_some());
    assert_eq!(of(&[]), Ok(false));
    assert_eq!(of(&["identity", ""]), Ok(false));
    assert_eq!(of(&["gzip", "br"]), Ok(true));
    for unknown in ["zstd", "compress", "gzip2", "chunked", "gzip br", "gzip;q=1", "aws-chunked, gzip"] {
        assert_eq!(of(&[unknown]), Err(Flaw::Unknown), "{unknown}");
    }
    assert_eq!(of(&["gzip", "gzip, gzip", "gzip, gzip"]), Ok(true));
    assert_eq!(of(&["gzip", "gzip, gzip", "gzip, gzip, gzip"]), Err(Flaw::TooManyCodings));
    for offered in ACCEPT_ENCODING.split(", ") {
        assert_eq!(of(&[offered]), Ok(true));
    }
}

#[test]
fn empty_gzip_members_are_limited_although_they_make_nothing() {
    let empty = gzip(b"").repeat(400_000);
    let packed = gzip(&gzip(&empty));
    assert!(packed.len() < 1_000, "{} bytes", packed.len());
    assert_eq!(decode_in("gzip, gzip, gzip", &[&packed], u64::MAX), Err(Flaw::TooManyMembers));
    assert_eq!(decode_in("gzip", &[&gzip(b"x").repeat(10_000)], u64::MAX), Err(Flaw::TooManyMembers));
    // Blocks of a file that was packed piece by piece are as many as it takes.
    let blocks = gzip(&[7; 300]).repeat(5_000);
    assert_eq!(decode_in("gzip", &[&blocks], u64::MAX).map(|plain| plain.len()), Ok(1_500_000));
}
