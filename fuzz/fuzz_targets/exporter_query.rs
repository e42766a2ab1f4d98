//! See `prober::fuzzing::exporter_query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| prober::fuzzing::exporter_query(input));
