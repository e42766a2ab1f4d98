//! See `oneloop_http::fuzzing::dns_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| oneloop_http::fuzzing::dns_message(input));
