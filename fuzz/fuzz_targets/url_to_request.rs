//! See `oneloop_http::fuzzing::url_to_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| oneloop_http::fuzzing::url_to_request(input));
