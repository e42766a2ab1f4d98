//! See `oneloop_http::fuzzing::content_coding`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| oneloop_http::fuzzing::content_coding(input));
