//! What the fuzz target `exporter_query` runs: any bytes in, and a panic if a promise is broken.
//!
//! Not part of the public interface. The same function runs under `cargo fuzz` (folder `fuzz`) and over its corpus in
//! `tests/fuzz_smoke.rs`.

/// The query of a scrape, and after a byte 1 the time that the scraper allows: what is taken from it is bounded, reads
/// the same when it is written again, and leads nowhere else than `--allow-target` says.
pub fn exporter_query(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (query, seconds) = text.split_once('\u{1}').unwrap_or((&text, "10"));
    crate::serve::judge_scrape(query, seconds);
}
