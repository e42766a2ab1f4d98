//! The static binary, for containers with nothing else in them: that it builds, needs no loader, and runs alone.
//!
//! Job: build `prober` for musl, see that it names no interpreter, and run its demo in an empty folder as its root,
//! where the system lets us make one. Neighbour: docs/operations.md has the container file that is made the same way.
//! The target is a part of the toolchain and comes from no package registry: where it is not installed, this is
//! skipped, in CI too.

use std::path::Path;
use std::process::Command;

use crate::shell::{self, cargo};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Builds and runs it; or says why not.
pub(crate) fn check() -> Result<String, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok("SKIPPED: the target is for x86-64 Linux".into());
    }
    let sysroot = shell::run(Command::new("rustc").args(["--print", "sysroot"]))?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(format!("SKIPPED: rustup target add {TARGET}"));
    }
    if !shell::is_there("musl-gcc", "--version") {
        let how = "musl-gcc is not installed (Debian's musl-tools)";
        return if shell::is_ci() { Err(how.into()) } else { Ok(format!("SKIPPED: {how}")) };
    }
    // Not optimised: what is to be seen is that it links and runs.
    shell::run(cargo().args(["build", "--locked", "--package", "prober", "--bin", "prober", "--target", TARGET]))?;
    let program = shell::root().join("target").join(TARGET).join("debug/prober");
    let headers = std::fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    if names_interpreter(&headers) {
        return Err(format!("{} asks for a loader: it is not static", program.display()));
    }
    run_alone(&program)
}

/// Has an ELF file of 64 bits, little-endian, a program header of the type PT_INTERP?
fn names_interpreter(file: &[u8]) -> bool {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, bytes: usize| {
        let field = file.get(at..at + bytes).unwrap_or_default();
        field.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (begin, size, count) = (number(0x20, 8) as usize, number(0x36, 2) as usize, number(0x38, 2) as usize);
    (0..count).any(|index| number(begin + index * size, 4) == PT_INTERP)
}

/// Runs the demo with nothing around it: no shell, no library, no certificates, no resolv.conf.
fn run_alone(program: &Path) -> Result<String, String> {
    let folder = std::env::temp_dir().join(format!("prober-static-{}", std::process::id()));
    let fails = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(fails)?;
    let copied = std::fs::copy(program, folder.join("prober")).map_err(fails);
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let outcome = copied.and_then(|_| match root {
        true => shell::run(Command::new("chroot").arg(&folder).args(["/prober", "demo", "-q"])),
        false => shell::run(Command::new(folder.join("prober")).args(["demo", "-q"]).env_clear()),
    });
    // Whatever came of it, the folder goes; one that stays behind is no failure of the program.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
        .map(|_| if root { "ran in an empty root".into() } else { "ran; only root can give it an empty root".into() })
}
