//! The fuzz targets over their corpus and its mutations, with the stable compiler and without a clock: the same inputs in
//! every run. `cargo fuzz` (folder `fuzz`) goes on from there for as long as one likes.

mod fuzz_support;

use fuzz_support::smoke;
use oneloop_http::fuzzing;

#[test]
fn the_response_reader_keeps_its_promises() {
    smoke("response", 150, fuzzing::response);
}

#[test]
fn chunked_bodies_keep_their_promises() {
    smoke("chunked", 300, fuzzing::chunked);
}

#[test]
fn dns_messages_keep_their_promises() {
    smoke("dns_message", 2_000, fuzzing::dns_message);
}

#[test]
fn requests_of_urls_keep_their_promises() {
    smoke("url_to_request", 3_000, fuzzing::url_to_request);
}

#[test]
fn content_codings_keep_their_promises() {
    smoke("content_coding", 200, fuzzing::content_coding);
}
