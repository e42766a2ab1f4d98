//! The interpreters of the trios: where they are, and how a program is started in each.
//!
//! Job: find CPython 3.11 or later (the newest on the machine), Mono, and .NET Core; compile C# with `mcs`; run a
//! program and give back what it printed. Neighbours: `parity` calls; `.ci/run` installs.
//! Invariants: a program that exits with another code than 0, prints a wrong first line in C# or does not end is a
//! failure; so is one that can't be compiled.
//!
//! .NET Core is a runtime without a compiler: PyPI's wheel `dotnetcore2` has it. `mcs` compiles against the runtime's own
//! assemblies, `dotnet exec` runs what comes out. A newer `dotnet` on `PATH` runs the same file, rolled forward.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::trio::Trio;
use crate::shell::{self, Limited};

/// The wheel, exactly: what ran yesterday runs tomorrow.
const WHEEL: &str = "dotnetcore2==3.1.23";
const FRAMEWORK: &str = "Microsoft.NETCore.App";
/// The assemblies of .NET Core that the trios need.
const REFERENCES: [&str; 17] = [
    "Microsoft.Win32.Primitives",
    "System.Private.CoreLib",
    "System.Private.Uri",
    "System.Runtime",
    "System.Runtime.Extensions",
    "System.Console",
    "System.Collections",
    "System.Collections.Concurrent",
    "System.Linq",
    "System.Threading",
    "System.Threading.Thread",
    "System.Threading.ThreadPool",
    "System.Threading.Tasks",
    "System.Threading.Channels",
    "System.Net.Sockets",
    "System.Net.Primitives",
    "System.Net.NameResolution",
];
/// A program that has not ended after this long never will: the longest takes about a second.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a C# program's first line begins with: it says where its continuations run.
const CONTEXT: &str = "# context: ";

/// A column of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    Python,
    Mono,
    Core,
    Oneloop,
}

impl Language {
    pub(crate) const ALL: [Language; 4] = [Language::Python, Language::Mono, Language::Core, Language::Oneloop];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Language::Python => "Python",
            Language::Mono => "Mono",
            Language::Core => ".NET Core",
            Language::Oneloop => "oneloop",
        }
    }
}

/// Where the recorders of the three languages are.
const RECORDERS: &str = "examples/recorded";

/// A thing that may be missing: what it is, or why it isn't there.
type Found<T> = Result<T, String>;

struct Python {
    program: PathBuf,
    version: (u32, u32),
    text: String,
}

struct Core {
    /// What runs: the wheel's, or a newer one on `PATH`.
    host: PathBuf,
    version: String,
    /// What `mcs` compiles against.
    assemblies: PathBuf,
}

/// What this machine has.
pub(crate) struct Toolbox {
    python: Found<Python>,
    mono: Found<String>,
    core: Found<Core>,
    examples: PathBuf,
    /// Where compiled C# is kept.
    compiled: PathBuf,
}

impl Toolbox {
    pub(crate) fn find() -> Result<Toolbox, String> {
        let target = target_folder()?;
        let mono = find_mono();
        Ok(Toolbox {
            python: find_python(),
            core: mono.as_ref().map_err(Clone::clone).and_then(|_| find_core()),
            mono,
            examples: target.join("debug/examples"),
            compiled: target.join("parity"),
        })
    }

    /// Why programs of this language can't be run here, if they can't.
    pub(crate) fn lacks(&self, language: Language) -> Option<String> {
        match language {
            Language::Python => self.python.as_ref().err().cloned(),
            Language::Mono => self.mono.as_ref().err().cloned(),
            Language::Core => self.core.as_ref().err().cloned(),
            Language::Oneloop => None,
        }
    }

    /// Why this trio can't be run by a Python that is there.
    pub(crate) fn too_old(&self, language: Language, trio: &Trio) -> Option<String> {
        let python = self.python.as_ref().ok().filter(|_| language == Language::Python)?;
        let (major, minor) = trio.python;
        (python.version < trio.python).then(|| format!("it needs Python {major}.{minor}, and {} is here", python.text))
    }

    /// What is missing, each once.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = Language::ALL.iter().filter_map(|language| self.lacks(*language)).collect();
        missing.dedup();
        missing
    }

    /// What there is, with versions.
    pub(crate) fn versions(&self) -> Vec<String> {
        let core = self.core.as_ref().ok().map(|core| format!(".NET Core {}", core.version));
        let found = [self.python.as_ref().ok().map(|python| python.text.clone()), self.mono.clone().ok(), core];
        let ours = format!("oneloop {}", env!("CARGO_PKG_VERSION"));
        found.into_iter().flatten().chain([ours]).collect()
    }

    /// Runs a trio's program, and gives what it printed, without the line in which C# names its context.
    pub(crate) fn run(&self, language: Language, trio: &Trio) -> Result<String, String> {
        let printed = self.output(language, trio, false)?;
        match language {
            Language::Mono | Language::Core => without_context(&printed),
            _ => Ok(printed),
        }
    }

    /// Runs a trio's program under the recorder of its language; the log follows what it has printed.
    pub(crate) fn record(&self, language: Language, trio: &Trio) -> Result<(String, String), String> {
        let printed = self.output(language, trio, true)?;
        let log = printed.rfind("{\"dropped\"").ok_or_else(|| format!("there is no log behind this:\n{printed}"))?;
        let (printed, log) = printed.split_at(log);
        Ok((printed.to_owned(), log.to_owned()))
    }

    fn output(&self, language: Language, trio: &Trio, recorded: bool) -> Result<String, String> {
        let mut command = match language {
            Language::Python => {
                let mut command = Command::new(&self.python.as_ref().map_err(Clone::clone)?.program);
                // Warnings are part of what some programs show, and must not depend on the environment.
                command.env_remove("PYTHONASYNCIODEBUG").env_remove("PYTHONWARNINGS").arg("-B");
                if recorded {
                    command.arg(shell::root().join(RECORDERS).join("recorder.py"));
                }
                command.arg(trio.path("main.py"));
                command
            }
            Language::Mono => {
                let mut command = Command::new("mono");
                command.arg(self.compile(trio, None, recorded)?);
                command
            }
            Language::Core => {
                let core = self.core.as_ref().map_err(Clone::clone)?;
                let program = self.compile(trio, Some(core), recorded)?;
                let mut command = Command::new(&core.host);
                command.args(["exec", "--roll-forward", "LatestMajor", "--runtimeconfig"]);
                command.arg(program.with_extension("runtimeconfig.json")).arg(program);
                command.env("DOTNET_CLI_TELEMETRY_OPTOUT", "1");
                command
            }
            Language::Oneloop if recorded => {
                let mut command = Command::new(self.examples.join("recorded"));
                command.arg(&trio.name);
                command
            }
            Language::Oneloop => Command::new(self.examples.join(trio.example())),
        };
        command.current_dir(shell::root());
        shell::output_within(&mut command, PATIENCE).map_err(Limited::into_text)
    }

    /// Compiles `Program.cs`, unless what was compiled before is newer than all that it was made of.
    fn compile(&self, trio: &Trio, core: Option<&Core>, recorded: bool) -> Result<PathBuf, String> {
        let mut sources = vec![trio.path("Program.cs")];
        if recorded {
            sources.push(shell::root().join(RECORDERS).join("Recorder.cs"));
        }
        let folder = self.compiled.join(if core.is_some() { "core" } else { "mono" });
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let kind = if recorded { "recorded." } else { "" };
        let program = folder.join(format!("{}.{kind}{}", trio.name, if core.is_some() { "dll" } else { "exe" }));
        if sources.iter().all(|source| is_newer(&program, source)) {
            return Ok(program);
        }
        let mut command = Command::new("mcs");
        command.args(["-nologo", "-langversion:latest"]).arg(format!("-out:{}", program.display()));
        if let Some(core) = core {
            command.args(["-nostdlib", "-noconfig"]);
            for name in REFERENCES {
                command.arg(format!("-r:{}", core.assemblies.join(format!("{name}.dll")).display()));
            }
            let config = format!(
                "{{\"runtimeOptions\": {{\"framework\": {{\"name\": \"{FRAMEWORK}\", \"version\": \"3.1.0\"}}, \
                 \"configProperties\": {{\"System.Globalization.Invariant\": true}}}}}}\n"
            );
            fs::write(program.with_extension("runtimeconfig.json"), config)
                .map_err(|error| format!("cannot write the runtime's settings: {error}"))?;
        }
        if recorded {
            command.arg("-main:Recorder"); // the program has a Main of its own
        }
        shell::run(command.args(sources))?;
        Ok(program)
    }
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    time(made).zip(time(source)).is_some_and(|(made, source)| made > source)
}

/// A C# program names its context first, since nothing else in its text does.
fn without_context(printed: &str) -> Result<String, String> {
    let (first, rest) = printed.split_once('\n').unwrap_or((printed, ""));
    if !first.starts_with(CONTEXT) {
        return Err(format!("its first line must begin with '{CONTEXT}', and is '{first}'"));
    }
    Ok(rest.to_owned())
}

/// The newest CPython of 3.11 or later: on `PATH`, or among a version manager's.
fn find_python() -> Found<Python> {
    let mut programs: Vec<PathBuf> =
        ["python3", "python3.14", "python3.13", "python3.12", "python3.11"].map(PathBuf::from).to_vec();
    let manager = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    if let Some(versions) = manager.and_then(|root| fs::read_dir(root.join("versions")).ok()) {
        programs.extend(versions.flatten().map(|version| version.path().join("bin/python3")));
    }
    if let Some(chosen) = std::env::var_os("ONELOOP_PYTHON") {
        programs = vec![chosen.into()];
    }
    let newest = programs.into_iter().filter_map(python).max_by_key(|python| python.version);
    newest.ok_or_else(|| "no CPython of 3.11 or later was found".to_owned())
}

fn python(program: PathBuf) -> Option<Python> {
    let text = words(
        Command::new(&program)
            .args(["-c", "import platform as p; print(p.python_implementation(), p.python_version())"]),
    )?;
    let mut parts = text.strip_prefix("CPython ")?.split('.');
    let version = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (version >= (3, 11)).then_some(Python { program, version, text })
}

fn find_mono() -> Found<String> {
    for program in ["mcs", "mono"] {
        if !shell::is_there(program, "--version") {
            return Err(format!("{program} is not there: install Debian's mono-mcs and mono-runtime"));
        }
    }
    let text = words(Command::new("mono").arg("--version")).unwrap_or_default();
    let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    Ok(format!("Mono {}", version.unwrap_or("?")))
}

fn find_core() -> Found<Core> {
    let wheel = tools_folder()?.join("dotnetcore2/bin");
    let assemblies = newest_folder(&wheel.join("shared").join(FRAMEWORK))
        .ok_or("the .NET Core runtime is not there: run cargo xtask parity --install")?;
    let version = assemblies.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match newer_runtime(&version) {
        Some(newer) => Ok(Core { host: PathBuf::from("dotnet"), version: newer, assemblies }),
        None => Ok(Core { host: wheel.join("dotnet"), version, assemblies }),
    }
}

/// The newest runtime of the `dotnet` on `PATH`, if it is newer than `than`.
fn newer_runtime(than: &str) -> Option<String> {
    let output = Command::new("dotnet").arg("--list-runtimes").stderr(Stdio::null()).output().ok()?;
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let versions = list.lines().filter_map(|line| line.strip_prefix(FRAMEWORK)?.split_whitespace().next());
    let newest = versions.max_by_key(|version| numbers(version))?;
    (numbers(newest) > numbers(than)).then(|| newest.to_owned())
}

fn newest_folder(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.max_by_key(|path| numbers(&path.file_name().unwrap_or_default().to_string_lossy()))
}

/// A version as numbers, so that 10 is more than 9.
fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

/// Fetches the wheel with pip, unless it is there. Says where it is.
pub(crate) fn install() -> Result<String, String> {
    if let Ok(core) = find_core() {
        return Ok(format!(".NET Core {} is in {}", core.version, core.assemblies.display()));
    }
    let folder = tools_folder()?;
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    shell::run(command.arg("--target").arg(&folder).arg(WHEEL))?;
    find_core().map(|core| format!(".NET Core {} is in {}", core.version, core.assemblies.display()))
}

fn tools_folder() -> Result<PathBuf, String> {
    Ok(target_folder()?.join("tools"))
}

/// Where cargo builds, which may be elsewhere than in the workspace.
fn target_folder() -> Result<PathBuf, String> {
    let output = shell::cargo()
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(shell::root())
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    metadata["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| "cargo metadata names no target".to_owned())
}

/// The first line that a command prints, if it succeeds.
fn words(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned);
    text.filter(|_| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("10.0.1") > numbers("9.0.12"));
        assert_eq!(numbers("10.0.0-rc.1"), [10, 0, 0]);
    }

    #[test]
    fn the_context_is_named_and_left_out() {
        assert_eq!(without_context("# context: none\na\n").as_deref(), Ok("a\n"));
        assert!(without_context("a\n").is_err());
    }
}
