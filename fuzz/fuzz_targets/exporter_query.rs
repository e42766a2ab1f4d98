//! What a scrape of the exporter may ask: see `prober::fuzzing::exporter_query`, which runs the same over the corpus.
//!
//! Only the files of the prober that read a scrape's words are built here, each in its place below the crate's root. With
//! the sanitizer the whole prober takes minutes to build, and none of the rest is reached.
#![no_main]
#![allow(dead_code, reason = "the prober uses more of these files than their words need")]

#[path = "../../crates/prober/src/escape.rs"]
mod escape;
#[path = "exporter_query/modules.rs"]
mod modules;
#[path = "exporter_query/serve.rs"]
mod serve;
#[path = "../../crates/prober/src/target.rs"]
mod target;

#[path = "../../crates/prober/src/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzing::exporter_query(input));
