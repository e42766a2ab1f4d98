//! The servers: Debian's nginx with one worker and a certificate of a private CA, and one that holds its answers.
//!
//! Neighbours: `works` probes them. Invariants: ports are free ones, files are in a folder of their own, and dropping
//! `Servers` ends each server by its own process and removes the folder.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::on_server_core;
use super::programs::Programs;
use crate::shell;

/// Addresses of the loopback network that nginx listens on. A fresh connection each uses up a port of the client
/// for a while, and there are some 28,000 for each address of the server.
const ADDRESSES: usize = 16;

pub(crate) struct Servers {
    folder: Folder,
    _nginx: Process,
    http: u16,
    https: u16,
    telling: u16,
}

impl Servers {
    pub(crate) fn start() -> Result<Servers, String> {
        let folder = Folder::new()?;
        certificates(&folder.0)?;
        // A free port may be taken by another between our look and nginx's: then look again.
        for _ in 0..5 {
            let ports = [free_port()?, free_port()?, free_port()?];
            let [http, https, telling] = ports;
            fs::write(folder.0.join("nginx.conf"), configuration(&folder.0, ports))
                .map_err(|error| format!("nginx.conf: {error}"))?;
            let mut nginx = start_nginx(&folder.0)?;
            if answers(https, &mut nginx) {
                return Ok(Servers { folder, _nginx: nginx, http, https, telling });
            }
        }
        let log = fs::read_to_string(folder.0.join("error.log")).unwrap_or_default();
        Err(format!("nginx does not start: {log}"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// A list of `count` URLs in a file. They differ, as the lists of users do, and go round the server's addresses,
    /// or all to one, where connections are to be kept.
    pub(crate) fn list(&self, https: bool, count: usize, one_host: bool) -> Result<PathBuf, String> {
        let (scheme, port) = if https { ("https", self.https) } else { ("http", self.http) };
        let urls = (0..count).map(|n| {
            let host = if one_host { 1 } else { 1 + n % ADDRESSES };
            format!("{scheme}://127.0.0.{host}:{port}/probe/{n}")
        });
        self.write_list(&format!("{scheme}-{count}-{one_host}.txt"), urls)
    }

    /// A list with one URL before the others that nobody answers in time.
    pub(crate) fn list_after(&self, first: &str, count: usize) -> Result<PathBuf, String> {
        let rest = (1..count).map(|n| format!("http://127.0.0.{}:{}/probe/{n}", 1 + n % ADDRESSES, self.http));
        self.write_list(&format!("stalled-{count}.txt"), std::iter::once(first.to_owned()).chain(rest))
    }

    pub(crate) fn write_list(&self, name: &str, urls: impl Iterator<Item = String>) -> Result<PathBuf, String> {
        use std::io::Write;
        let path = self.file(name);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = std::io::BufWriter::new(fs::File::create(&path).map_err(failed)?);
        for url in urls {
            writeln!(file, "{url}").map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        Ok(path)
    }

    /// The URL of a server that writes down who came with which TLS.
    pub(crate) fn telling_url(&self) -> String {
        format!("https://127.0.0.1:{}/", self.telling)
    }

    /// What the clients of [`telling_url`](Servers::telling_url) negotiated, one line a client.
    pub(crate) fn told(&self) -> Vec<String> {
        let log = fs::read_to_string(self.file("telling.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Starts a server that holds each answer for `hold`, over TLS or not.
    pub(crate) fn hold(&self, programs: &Programs, hold: Duration, tls: bool) -> Result<Holding, String> {
        let program = programs.peer("hold-server");
        let mut command = on_server_core(&program.to_string_lossy());
        command.args(["--hold", &hold.as_secs_f64().to_string()]);
        if tls {
            command.arg("--chain").arg(self.file("chain.pem"));
            command.arg("--key").arg(self.file("leaf.key"));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().map_err(|e| format!("hold-server: {e}"))?);
        let stdout = process.0.stdout.take().ok_or("hold-server has no stdout")?;
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
            .map_err(|e| format!("hold-server: {e}"))?;
        let port: u16 = line.trim().parse().map_err(|_| "hold-server said no port")?;
        let scheme = if tls { "https" } else { "http" };
        Ok(Holding { _process: process, url: format!("{scheme}://127.0.0.1:{port}") })
    }
}

pub(crate) struct Holding {
    _process: Process,
    pub(crate) url: String,
}

fn start_nginx(folder: &Path) -> Result<Process, String> {
    let mut command = on_server_core("nginx");
    command.arg("-p").arg(folder).args(["-c", "nginx.conf"]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    // taskset becomes nginx, so the child's id is nginx's own: one process, no master, no daemon.
    command.spawn().map(Process).map_err(|error| format!("nginx (apt-get install nginx): {error}"))
}

fn configuration(folder: &Path, [http, https, telling]: [u16; 3]) -> String {
    let folder = folder.display();
    let listen = |port: u16, option: &str| {
        let lines = (1..=ADDRESSES).map(|host| format!("    listen 127.0.0.{host}:{port}{option} backlog=4096;\n"));
        lines.collect::<String>()
    };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    let certificate = format!("    ssl_certificate {folder}/chain.pem;\n    ssl_certificate_key {folder}/leaf.key;\n");
    let answer = "    location / { default_type text/plain; return 200 \"ok\\n\"; }\n";
    let (plain, secure) = (listen(http, ""), listen(https, " ssl"));
    format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\n\
         pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{ worker_connections 16384; }}\n\
         http {{\n  access_log off;\n  ssl_protocols TLSv1.2 TLSv1.3;\n  keepalive_requests 10000000;\n{temporary}\
         \x20 log_format telling '$ssl_protocol $ssl_cipher, $http_user_agent, resumed $ssl_session_reused';\n\
         \x20 server {{\n{plain}{secure}{certificate}{answer}  }}\n\
         \x20 server {{\n    listen 127.0.0.1:{telling} ssl;\n    access_log {folder}/telling.log telling;\n{certificate}{answer}  }}\n}}\n"
    )
}

/// Whether the server takes connections. It is asked until it does or has ended.
fn answers(port: u16, server: &mut Process) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        if !matches!(server.0.try_wait(), Ok(None)) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn free_port() -> Result<u16, String> {
    let probe = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    probe.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// A private CA, an intermediate and a leaf, each with a key on P-256, made by openssl.
fn certificates(folder: &Path) -> Result<(), String> {
    let addresses: Vec<String> = (1..=ADDRESSES).map(|n| format!("IP:127.0.0.{n}")).collect();
    let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
    let leaf = format!(
        "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,{}\n",
        addresses.join(",")
    );
    let openssl = |arguments: &str| {
        let words = arguments.split(' ').map(|word| word.replace('_', " "));
        let mut command = Command::new("openssl");
        command.args(words).current_dir(folder).stdin(Stdio::null());
        match command.output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr))),
            Err(error) => Err(format!("openssl: {error}")),
        }
    };
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"));
    write("ca.ext", ca)?;
    write("leaf.ext", &leaf)?;
    for name in ["ca", "intermediate", "leaf"] {
        openssl(&format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"))?;
        openssl(&format!("req -new -key {name}.key -subj /CN=oneloop_bench_{name} -out {name}.csr"))?;
    }
    openssl("x509 -req -in ca.csr -signkey ca.key -sha256 -days 7 -extfile ca.ext -out ca.pem")?;
    openssl(
        "x509 -req -in intermediate.csr -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days 7 -extfile ca.ext -out intermediate.pem",
    )?;
    openssl(
        "x509 -req -in leaf.csr -CA intermediate.pem -CAkey intermediate.key -CAcreateserial -sha256 -days 7 -extfile leaf.ext -out leaf.pem",
    )?;
    let chain = ["leaf.pem", "intermediate.pem"].map(|name| fs::read_to_string(folder.join(name)));
    let chain: Result<Vec<_>, _> = chain.into_iter().collect();
    write("chain.pem", &chain.map_err(|error| format!("chain.pem: {error}"))?.concat())
}

/// A child that is ended, by its own id, when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself: then there is only its exit to collect.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!("oneloop-bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the tools of this file are there: what is missing is said once, at the start.
pub(crate) fn check_tools() -> Result<(), String> {
    let missing: Vec<&str> = [("nginx", "-v"), ("openssl", "version"), ("taskset", "-V"), ("setpriv", "-V")]
        .into_iter()
        .filter(|(tool, flag)| !shell::is_there(tool, flag))
        .map(|(tool, _)| tool)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("the benchmarks need {} (apt-get install nginx openssl util-linux)", missing.join(", ")))
}
