//! The harness of the end-to-end tests: `prober` as a person runs it, against servers of other people's making.
//!
//! Job: build the program once, start nginx with a certificate chain made on the spot, hold thousands of requests open,
//! watch the program's memory and threads from outside, read what strace wrote, and use
//! its pages in chromium. The tests are in `tests/tests/`.
//! Neighbours: `cargo xtask ci` sets the variables that [`need`] and [`program`] read.
//! Invariants: no fixed ports; everything is started on loopback and ends with the value that owns it; a test that lacks
//! what it needs says so and passes, unless nothing may be skipped.

#![forbid(unsafe_code)]

pub mod browser;
pub mod certificates;
pub mod folder;
pub mod holding;
pub mod need;
pub mod nginx;
pub mod program;
pub mod service;
pub mod strace;
