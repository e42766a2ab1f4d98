//! Lays the functions that a probe runs through side by side in the program's file, and packs its relocations.
//!
//! Job: of the program's code a probe runs through about a third, and a linker leaves it spread over all of it. The
//! kernel maps a file in windows of 64 KiB around each page that is touched, so most of the file ended up in memory.
//! `hot.txt` names those functions, `cargo xtask layout` writes it, and here it becomes a linker script. Neighbours:
//! `crates/xtask/src/layout.rs`, which also checks in CI that the list is not stale. Invariants: it changes where code
//! lies and nothing else; a name that is not found is passed over; a linker that can't do this is not asked to.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=hot.txt");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    let Some(folder) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let argument = format!("-Wl,-T,{}", folder.join("hot.ld").display());
    let written = fs::read_to_string("hot.txt").and_then(|names| fs::write(folder.join("hot.ld"), script(&names)));
    if written.is_ok() && linker_takes(&argument, &folder) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    // What the loader has to adjust, in a fortieth of the room: it reads all of it, so all of it would be in memory.
    let relative = "-Wl,-z,pack-relative-relocs";
    if env::var("HOST") == env::var("TARGET") && linker_takes(relative, &folder) && loader_takes_it(&folder) {
        println!("cargo::rustc-link-arg-bins={relative}");
    }
}

/// A script that puts one section before `.text` and leaves the rest to the linker's own rules.
fn script(names: &str) -> String {
    let mut script = "SECTIONS\n{\n  .text.hot :\n  {\n    *(.text)\n".to_owned(); // the cryptography's assembly
    for name in names.lines().filter(|line| !line.starts_with('#')) {
        // A legacy name goes on with a hash, of which each compiler has its own.
        let pattern = if name.starts_with("_ZN") { format!("{name}17h*") } else { format!("{name} .text.{name}.*") };
        let cold = pattern.replace(".text.", ".text.unlikely.");
        script += &format!("    *(.text.{pattern} .text.unlikely.{cold})\n");
    }
    // The rest of our own code, which changes oftener than the list: what begins to run in it lies together, too.
    for of_ours in ["7oneloop", "12oneloop_http", "6prober"] {
        script += &format!("    *(.text.*{of_ours}* .text.unlikely.*{of_ours}*)\n");
    }
    script + "  }\n}\nINSERT BEFORE .text;\n"
}

/// Whether the linker that will be used links an empty program so. People choose other linkers, and not all know this.
fn linker_takes(argument: &str, folder: &Path) -> bool {
    let program = folder.join("empty.rs");
    let Some(rustc) = env::var_os("RUSTC").filter(|_| fs::write(&program, "fn main() {}").is_ok()) else {
        return false;
    };
    let mut command = Command::new(rustc);
    command.arg(&program).arg("-o").arg(folder.join("empty")).args(["-C", &format!("link-arg={argument}")]);
    if let Ok(target) = env::var("TARGET") {
        command.args(["--target", &target]);
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        command.args(["-C", &format!("linker={linker}")]);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    command.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    succeeds(&mut command)
}

/// Whether the empty program that was linked last starts: an old C library refuses what a new linker makes.
fn loader_takes_it(folder: &Path) -> bool {
    succeeds(&mut Command::new(folder.join("empty")))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
