//! Debian's nginx, started for one test.
//!
//! Job: a server that we did not write, over HTTP and HTTPS, one process. Neighbours: `certificates` makes its chain,
//! `holding` can stand behind it, so that requests are held over HTTPS too.
//! Invariants: it listens on loopback alone, on ports that were free; it ends when the value is dropped.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::certificates::Certificates;
use crate::folder::Folder;
use crate::need;

/// The running server.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    plain: u16,
    secure: u16,
    secure_12: u16,
    root: PathBuf,
    _folder: Folder,
}

impl Nginx {
    /// Starts it. Every path answers `ok` at once, but those under `/held`, which are passed to `held`.
    ///
    /// # Panics
    /// When nginx does not start.
    #[must_use]
    pub fn start(held: Option<SocketAddr>) -> Nginx {
        // It inherits the limit; a single process raises none by itself.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let certificates = Certificates::new();
        let mut complaint = String::new();
        // Between choosing a port and listening on it somebody else may take it: then the next ones are tried.
        for _ in 0..10 {
            let folder = Folder::new();
            let root = folder.write("root.pem", &certificates.root);
            folder.write("chain.pem", &certificates.chain);
            folder.write("key.pem", &certificates.key);
            let [plain, secure, secure_12] = free_ports();
            let config = folder.write("nginx.conf", configuration(folder.path(), [plain, secure, secure_12], held));
            let mut process = Command::new(need::nginx_path())
                .arg("-p")
                .arg(folder.path())
                .arg("-c")
                .arg(&config)
                // Where it writes before it has read its configuration.
                .arg("-e")
                .arg("stderr")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("nginx started");
            let log = process.stderr.take().expect("its log");
            match wait_until_it_listens(log) {
                Ok(()) => {
                    return Nginx { process, plain, secure, secure_12, root, _folder: folder };
                }
                Err(log) => complaint = log,
            }
            let _ = process.wait();
        }
        panic!("nginx does not start:\n{complaint}");
    }

    /// An HTTP URL of this path, which begins with a slash.
    #[must_use]
    pub fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.plain)
    }

    /// An HTTPS URL of this path, by name. The server speaks TLS 1.2 and 1.3.
    #[must_use]
    pub fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.secure)
    }

    /// An HTTPS URL of this path, where the server speaks TLS 1.2 alone.
    #[must_use]
    pub fn https_12(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.secure_12)
    }

    /// The file with the root certificate.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until the last is found, so that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

fn configuration(folder: &Path, [plain, secure, secure_12]: [u16; 3], held: Option<SocketAddr>) -> String {
    let folder = folder.display();
    // Port 9 is never asked: without a server to hold requests, no test uses that path.
    let held = held.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9)));
    format!(
        r#"daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
    client_header_timeout 300s;
    server {{
        listen 127.0.0.1:{plain} backlog=8192;
        listen 127.0.0.1:{secure} ssl backlog=8192;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "ok\n"; }}
        location /missing {{ return 404 "no\n"; }}
        location /held {{
            proxy_pass http://{held};
            proxy_read_timeout 300s;
        }}
    }}
    server {{
        listen 127.0.0.1:{secure_12} ssl backlog=8192;
        ssl_protocols TLSv1.2;
        location / {{ return 200 "ok\n"; }}
    }}
}}
"#
    )
}

/// Reads the log up to the line that nginx writes once it listens. Returns the log if it ends before.
fn wait_until_it_listens(log: ChildStderr) -> Result<(), String> {
    let mut reader = BufReader::new(log);
    let mut read = String::new();
    loop {
        let begin = read.len();
        match reader.read_line(&mut read) {
            Ok(count) if count > 0 => {}
            Ok(_) | Err(_) => return Err(read),
        }
        if read.get(begin..).is_some_and(|line| line.contains("getrlimit(RLIMIT_NOFILE)")) {
            // From here on nobody needs it, but a full pipe would stop nginx.
            std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holding::Holding;
    use std::io::Write;
    use std::time::Duration;

    #[test]
    fn it_answers_by_itself_and_for_the_server_behind_it() {
        if !need::nginx("it_answers_by_itself_and_for_the_server_behind_it") {
            return;
        }
        let holding = Holding::start(Duration::ZERO, 1);
        let nginx = Nginx::start(Some(holding.address()));
        for path in ["/", "/held"] {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", nginx.plain)).expect("a connection");
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
        }
        assert_eq!(holding.most_at_once(), 1);
    }
}
