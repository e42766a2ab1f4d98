//! See `oneloop_http::fuzzing::response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| oneloop_http::fuzzing::response(input));
