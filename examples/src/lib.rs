//! Nothing is here: the programs are in `ladder/` and `seed/`, and `cargo ladder NAME` runs one of the former.

#![forbid(unsafe_code)]
