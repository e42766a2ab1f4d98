//! Each piece of the museum prints the same lines on every machine, mended and with its fault.

use std::process::Command;

/// The piece, its program, and what it prints: mended, with the fault.
macro_rules! piece {
    ($name:literal) => {
        (
            $name,
            env!(concat!("CARGO_BIN_EXE_", $name)),
            include_str!(concat!("../museum/expected/", $name, ".txt")),
            include_str!(concat!("../museum/expected/", $name, ".bug.txt")),
        )
    };
}

const PIECES: [(&str, &str, &str, &str); 10] = [
    piece!("blocked_loop"),
    piece!("borrowed_callback"),
    piece!("lifo_starvation"),
    piece!("lost_wake"),
    piece!("nested_run"),
    piece!("no_snapshot"),
    piece!("reused_descriptor"),
    piece!("spinning_timer"),
    piece!("stale_waker"),
    piece!("undrained_edge"),
];

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_mended_piece_does_what_its_page_says() {
    for (name, program, mended, _) in PIECES {
        assert_eq!(printed(program, &[]), mended, "{name}");
    }
}

#[test]
fn the_fault_shows_itself_every_time() {
    for (name, program, mended, fault) in PIECES {
        for _ in 0..3 {
            assert_eq!(printed(program, &["bug"]), fault, "{name}");
        }
        assert_ne!(mended, fault, "{name}: a fault that nobody can see teaches nothing");
    }
}
