//! What is kept of CPython's output is what CPython prints.
//!
//! Job: run the programs whose output this crate's are compared with (`scenarios.py`, `messages.py`, `hops.py`) under
//! CPython, so that neither a changed program nor another CPython goes unseen. Neighbours: `in_order.py` runs them
//! there, with what asyncio leaves open settled, so each run prints the same.

use std::{path::Path, process::Command};

use crate::oracle;

#[test]
fn the_outputs_that_are_kept_are_those_of_cpython() {
    let Some(python) = oracle::python("the_outputs_that_are_kept_are_those_of_cpython") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cpython");
    let kept = [
        ("scenarios.py", include_str!("scenarios.txt")),
        ("messages.py", include_str!("messages.txt")),
        ("hops.py", include_str!("hops.txt")),
    ];
    let print = |program: &str| {
        let mut command = Command::new(&python);
        command.env_remove("PYTHONASYNCIODEBUG").arg("-B").arg(folder.join(program));
        let ran = command.output().expect("it was just found");
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    for (program, kept) in kept {
        assert_eq!(print(program), kept, "{program}");
    }
}
