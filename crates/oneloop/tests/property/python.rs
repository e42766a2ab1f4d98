//! CPython as the oracle: one process that runs all programs.
//!
//! Job: start `interpret.py` in it, and talk to it, a line a program and a line an answer. Neighbours: `main.rs`;
//! `harness/oracle.rs` has found it.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// The interpreter, as long as this lives.
pub(crate) struct Python {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it.
    pub(crate) fn start(program: &Path) -> Python {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/property/interpret.py");
        let mut command = Command::new(program);
        command.env_remove("PYTHONASYNCIODEBUG").arg("-B").arg(script);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it was just found");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Python { child, stdin, stdout }
    }

    /// What happens when `program` runs on asyncio.
    pub(crate) fn run(&mut self, program: &Value) -> Vec<String> {
        self.send(program);
        self.receive()
    }

    /// Hands a program over. Its answer comes when those before it have come.
    pub(crate) fn send(&mut self, program: &Value) {
        writeln!(self.stdin, "{program}").expect("the interpreter reads");
    }

    pub(crate) fn receive(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the interpreter answers");
        serde_json::from_str(&line).expect("the interpreter has not failed")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself, after a failure that it has told of.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
