//! The corpus of a fuzz target and its mutations: the same inputs in every run. The prober's tests use it, too.

use std::path::{Path, PathBuf};

/// A small generator (xorshift): the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Bytes that parsers look for.
const TELLING: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b":",
    b" ",
    b"0",
    b"f",
    b";",
    b"\xc0\x0c",
    b"\xff",
    b"\x1f\x8b",
    b"%",
    b"@",
    b"\r\n\r\n",
    b",",
];

/// One to four changes: a bit, a byte, a cut, a repeat, something telling, a piece of another input.
fn mutate(input: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = numbers.below(256) as u8,
            2 => bytes.truncate(at),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => {
                let end = (at + numbers.below(20)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let piece = TELLING[numbers.below(TELLING.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let from = numbers.below(other.len() + 1);
                let end = (from + numbers.below(40)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
        bytes.truncate(4_000);
    }
    bytes
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "the corpus of {target} is nearly empty");
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs the target over each input and `rounds` mutations of it; an input that breaks it is printed.
pub(crate) fn smoke(target: &str, rounds: usize, run: fn(&[u8])) {
    let inputs = corpus(target);
    let mut numbers = Numbers(0x0123_4567_89AB_CDEF);
    for input in &inputs {
        run(input);
        for _ in 0..rounds {
            let other = &inputs[numbers.below(inputs.len())];
            let mutated = mutate(input, other, &mut numbers);
            let kept = mutated.clone();
            if std::panic::catch_unwind(move || run(&kept)).is_err() {
                panic!("{target} breaks on b\"{}\"", mutated.escape_ascii());
            }
        }
    }
}
