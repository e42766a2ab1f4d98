//! In the place of the prober's `serve`: the files of it that read what a scrape asks.

#[path = "../../../crates/prober/src/serve/allow.rs"]
mod allow;
#[path = "../../../crates/prober/src/serve/fuzzing.rs"]
mod fuzzing;
#[path = "../../../crates/prober/src/serve/query.rs"]
mod query;

pub(crate) use fuzzing::judge_scrape;
