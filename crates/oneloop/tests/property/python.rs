//! CPython as the oracle: one process that runs all programs.
//!
//! Job: find a CPython of 3.13 or later (the loop mirrors its rules), start `interpret.py` in it, and talk to it, a line
//! a program and a line an answer. Neighbours: `main.rs`.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
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
    /// Starts it, or says why not.
    pub(crate) fn start() -> Result<Python, String> {
        let program = find().ok_or("no CPython of 3.13 or later was found")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/property/interpret.py");
        let mut command = Command::new(program);
        command.env_remove("PYTHONASYNCIODEBUG").arg("-B").arg(script);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Ok(Python { child, stdin, stdout })
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

fn find() -> Option<PathBuf> {
    if let Some(chosen) = std::env::var_os("ONELOOP_PYTHON") {
        return Some(chosen.into());
    }
    let mut programs: Vec<PathBuf> = ["python3", "python3.14", "python3.13"].map(PathBuf::from).to_vec();
    let manager = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    if let Some(versions) = manager.and_then(|root| std::fs::read_dir(root.join("versions")).ok()) {
        programs.extend(versions.flatten().map(|version| version.path().join("bin/python3")));
    }
    programs.into_iter().find(|program| is_at_least(program, (3, 13)))
}

/// Whether the machine has what can be installed.
pub(crate) fn is_an_older_one_here() -> bool {
    is_at_least(Path::new("python3"), (3, 11))
}

fn is_at_least(program: &Path, (major, minor): (u32, u32)) -> bool {
    let check = format!("import sys; sys.exit(sys.version_info < ({major}, {minor}))");
    let status = Command::new(program).args(["-c", &check]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
