//! `prober`: see the library of the same name, which is all of it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    prober::main()
}
