//! The fuzz target of the exporter's query over its corpus and its mutations, as oneloop-http's `fuzz_smoke.rs` does it
//! with the targets below.

#[path = "../../oneloop-http/tests/fuzz_support/mod.rs"]
mod fuzz_support;

#[test]
fn scrapes_keep_their_promises() {
    fuzz_support::smoke("exporter_query", 1_000, prober::fuzzing::exporter_query);
}
