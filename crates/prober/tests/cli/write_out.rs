//! `-w`, variable by variable: each beside what curl prints for the same server.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::server::{Server, TlsSite, respond};
use crate::{at, file, prober, ran};

/// Variables that curl has, too, and whose value is no time and no port of ours.
const SAME: [&str; 27] = [
    "content_type",
    "exitcode",
    "ftp_entry_path",
    "header_json",
    "http_code",
    "http_connect",
    "http_version",
    "local_ip",
    "method",
    "num_certs",
    "num_connects",
    "num_headers",
    "num_redirects",
    "proxy_ssl_verify_result",
    "redirect_url",
    "remote_ip",
    "remote_port",
    "response_code",
    "size_download",
    "size_header",
    "size_request",
    "size_upload",
    "ssl_verify_result",
    "url",
    "url_effective",
    "urlnum",
    "referer",
];

/// curl's own variables and how it is asked for them, if it is there and old or new enough.
fn curl(format: &str, options: &[&str], url: &str) -> Option<String> {
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--fail", "--max-time", "10", "--noproxy", "*", "--output", "/dev/null"]);
    match command.args(["-w", format]).args(options).arg(url).stdin(Stdio::null()).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).expect("UTF-8")),
        Err(_) => {
            eprintln!("skipped: curl is not installed");
            None
        }
    }
}

/// A site whose every answer says that it closes, as prober asks for and curl does not.
fn site() -> Server {
    Server::start(|stream, path| {
        let (status, headers, body) = match path.split('?').next().unwrap_or(path) {
            "/page" => {
                ("200 OK", "Content-Type: text/plain; charset=utf-8\r\nX-Twice: a\r\nx-twice: \"b\"\r\n", "hello")
            }
            "/none" => ("204 No Content", "", ""),
            "/moved" => ("302 Found", "Location: /page?to=here\r\n", "moved"),
            "/see" => ("303 See Other", "Location: page\r\n", ""),
            "/lost" => ("302 Found", "Location: http://127.0.0.1:1/\r\nContent-Type: text/x\r\n", "lost"),
            "/old" => ("404", "", "gone"),
            _ => ("503 Service Unavailable", "Retry-After: 1\r\n", "busy"),
        };
        respond(stream, status, headers, body);
        false
    })
}

/// Compares all of [`SAME`] but `differing` for one URL, with these options for both.
fn compare(options: &[&str], url: &str, differing: &[&str]) {
    let compared: Vec<_> = SAME.iter().filter(|name| !differing.contains(name)).collect();
    let format: String = compared.iter().map(|name| format!("{name}=[%{{{name}}}]\\n")).collect();
    let Some(theirs) = curl(&format, options, url) else { return };
    // Both send the same three headers; of prober's fourth, `Connection: close`, the length is known.
    let ours = ran(prober(&["-w", &format, "-A", "curl/x", "-H", "Accept: */*"]).args(options).arg(url));
    let version = curl_version();
    let requests = 1 + ours
        .stdout
        .split("num_redirects=[")
        .nth(1)
        .and_then(|rest| rest.split(']').next()?.parse().ok())
        .unwrap_or(0);
    let ours = ours.stdout.lines().map(|line| {
        match line.strip_prefix("size_request=[").and_then(|rest| rest.strip_suffix(']')) {
            Some(size) if size != "0" => {
                let (ours, theirs) = ("Connection: close\r\n".len() + "curl/x".len(), format!("curl/{version}").len());
                format!(
                    "size_request=[{}]",
                    size.parse::<usize>().expect("a number") + requests * theirs - requests * ours
                )
            }
            _ => line.to_owned(),
        }
    });
    assert_eq!(ours.collect::<Vec<_>>(), theirs.lines().collect::<Vec<_>>(), "{options:?} {url}");
}

fn curl_version() -> String {
    let output = Command::new("curl").arg("--version").output().expect("curl is there");
    String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).expect("a version").to_owned()
}

#[test]
fn each_variable_has_curls_value() {
    let site = site();
    // Behind the status of a failure curl stops reading (--fail), and prober reads on.
    let unread = ["size_download"];
    compare(&[], &site.url("/page"), &[]);
    compare(&[], &site.url("/page?a=b&c=%20"), &[]);
    compare(&[], &site.url("/page#fragment"), &[]);
    compare(&[], &site.url("/none"), &["exitcode"]);
    compare(&["-L"], &site.url("/moved"), &[]);
    compare(&["-L"], &site.url("/see"), &[]);
    compare(&["-L", "-d", "a=b"], &site.url("/see"), &["size_request"]);
    compare(&["-d", "a=b"], &site.url("/page"), &["size_request"]);
    compare(&["-X", "PUT", "-d", "abc"], &site.url("/page"), &["size_request"]);
    compare(&["-u", "me:pw"], &site.url("/page"), &[]);
    // Whether a blank stood behind a status without a reason is not kept.
    compare(&["-L"], &site.url("/old"), &["size_download", "size_header"]);
    compare(&["-L"], &site.url("/busy"), &unread);
    // What is of the last response is that of the redirect here; whom prober asked then, and what it sent, it still says.
    compare(&["-L"], &site.url("/lost"), &["local_ip", "remote_ip", "remote_port", "size_request"]);
    // Where nothing answers, prober still says whom it asked.
    compare(&[], "http://127.0.0.1:1/x", &["remote_ip", "remote_port"]);
    compare(&[], "http://nobody.invalid/", &[]);
}

#[test]
fn tls_has_curls_values_too() {
    let site = TlsSite::start(20);
    let ca = file("ca", &site.ca).display().to_string();
    // The demo's server says `Connection: close` only to those who asked for it.
    let closing = ["header_json", "num_headers", "size_header"];
    compare(&["--cacert", &ca], &site.url("/ok"), &closing);
    compare(
        &["--cacert", &ca, "-L"],
        &site.url("/redirect"),
        &["header_json", "num_headers", "size_header", "num_connects"],
    );
    // What prober saw of the chain it shows, although it was refused. curl's OpenSSL tells the root that was sent along.
    compare(&[], &site.url("/ok"), &["num_certs", "ssl_verify_result"]);
    let run = ran(&mut prober(&["-w", "%{ssl_verify_result} %{num_certs}", &site.url("/ok")]));
    assert_eq!(run.stdout, "20 2");
    let run = ran(&mut prober(&["-k", "-w", "%{certs}", &site.url("/ok")]));
    assert_eq!(run.stdout.matches("-----BEGIN CERTIFICATE-----").count(), 2, "{}", run.stdout);
    assert!(run.stdout.contains(site.ca.trim_end()), "{}", run.stdout);
}

#[test]
fn times_are_cumulative_and_nothing_where_curl_has_nothing() {
    let (plain, secure) = (site(), TlsSite::start(20));
    let ca = file("ca", &secure.ca).display().to_string();
    const TIMES: [&str; 7] =
        ["namelookup", "connect", "appconnect", "pretransfer", "starttransfer", "redirect", "total"];
    let format: String = TIMES.iter().map(|name| format!("%{{time_{name}}} ")).collect();
    for (options, url) in [
        (vec![], plain.url("/page")),
        (vec!["-L"], plain.url("/moved")),
        (vec!["--cacert", &ca], secure.url("/ok")),
        (vec!["--cacert", &ca, "-L"], secure.url("/redirect")),
        (vec![], "http://127.0.0.1:1/".to_owned()),
        (vec![], "http://nobody.invalid/".to_owned()),
    ] {
        let Some(theirs) = curl(&format, &options, &url) else { return };
        let ours = ran(prober(&["-w", &format]).args(&options).arg(&url)).stdout;
        let read =
            |text: &str| -> Vec<f64> { text.split_whitespace().map(|time| time.parse().expect("seconds")).collect() };
        let (ours, theirs) = (read(&ours), read(&theirs));
        assert!(ours.iter().all(|time| (0.0..10.0).contains(time)), "{ours:?}");
        for (nth, name) in TIMES.iter().enumerate() {
            // A name that is an address takes curl some microseconds to look up, and prober none that show.
            let zero = |times: &[f64]| times[nth] == 0.0 && *name != "namelookup";
            assert_eq!(zero(&ours), zero(&theirs), "{options:?} {url}: {name}: {ours:?} {theirs:?}");
        }
        let [name, connect, tls, before, first, redirect, total] = ours[..] else { panic!("{ours:?}") };
        let reached: Vec<_> =
            [name, connect, tls, before, first, total].into_iter().filter(|time| *time > 0.0).collect();
        assert!(reached.is_sorted() && redirect <= total, "{options:?} {url}: {ours:?}");
    }
    // Six decimals, as curl prints them.
    let one = ran(&mut prober(&["-w", "%{time_total}", &plain.url("/page")])).stdout;
    assert_eq!(one.split_once('.').map(|(_, decimals)| decimals.len()), Some(6), "{one}");
}

/// What curl 7.88 does not have, or says otherwise.
#[test]
fn the_other_variables_have_the_values_that_the_page_names() {
    let site = site();
    let values = |format: &str, options: &[&str], url: &str| ran(prober(&["-w", format]).args(options).arg(url)).stdout;
    let url = site.url("/page?a=b#c").replace("http://", "http://me:pw@");
    let port = site.url("").rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    assert_eq!(
        values("%{url.scheme} %{url.host} %{url.port} %{url.path} %{url.query} %{url.fragment} %{url.user}", &[], &url),
        format!("http 127.0.0.1 {port} /page a=b c <secret>")
    );
    assert_eq!(values("%{urle.path}?%{urle.query}", &["-L"], &site.url("/moved")), "/page?to=here");
    assert_eq!(values("%{scheme} %{conn_id} %{xfer_id} %{proxy_used} %{tls_earlydata}", &[], &url), "http 0 0 0 0");
    assert_eq!(values("%{index} %{urlnum} %{round} %{attempt} %{num_retries} %{kind}|", &[], &url), "0 0 0 1 0 |");
    assert_eq!(values("%{kind} %{errormsg}", &[], &site.url("/old")), "status 404: expected 200");
    assert_eq!(values("%{size_delivered} %header{X-Twice} %header{none}|", &[], &url), "5 a |");
    assert_eq!(values("%{filename_effective}%{stdout}%%{x", &[], &url), "%{x");
    assert_eq!(values(r"a\tb\n\q%{onerror}never", &[], &url), "a\tb\n\\q");
    assert!(values("%{onerror}%{http_code}", &[], &site.url("/old")).ends_with("404"));
    let speed: f64 = values("%{speed_download}", &[], &url).parse().expect("a number");
    assert!(speed > 0.0);
    assert_eq!(values("%{speed_upload} %{size_upload}", &[], &url), "0 0");
    assert_eq!(values("%{size_upload}", &["-d", "abc"], &url), "3");
    let json: serde_json::Value = serde_json::from_str(&values("%{json}", &[], &url)).expect("JSON");
    assert_eq!((&json["status"], &json["schema_version"]), (&200.into(), &1.into()));
    let queue: f64 = values("%{time_queue}", &[], &url).parse().expect("seconds");
    assert!((0.0..5.0).contains(&queue), "{queue}");
    let retried = values(r"%{attempt} %{num_retries}\n", &["--retry", "1", "--retry-delay", "0"], &site.url("/busy"));
    assert_eq!(retried, "1 0\n2 1\n");
    let rounds = values(r"%{round} %{xfer_id}\n", &["-c", "2", "-i", "0"], &site.url("/page"));
    assert_eq!(rounds, "0 0\n1 1\n");
    // A format of several lines from a file; the line break at its end counts, as in curl.
    let template = file("template", "%{http_code}\n%{method}\n");
    assert_eq!(values(&at(&template), &[], &url), "200\nGET\n");
}

/// DEL and the C1 controls were escaped in a way that JSON does not know.
#[test]
fn header_json_is_json_whatever_the_server_sends() {
    let server = Server::start(|stream, _| {
        let odd =
            b"HTTP/1.1 200 OK\r\nX-Odd: a\xc2\x9b\xffb\"\\\r\nSet-Cookie: id=hunter2\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(odd);
        false
    });
    let run = ran(&mut prober(&["-w", "%{header_json}", &server.url("/")]));
    let fields: serde_json::Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout));
    assert_eq!(fields["set-cookie"], serde_json::json!(["<secret>"]));
    assert!(run.stdout.is_ascii() && !run.stdout.contains("hunter2"), "{}", run.stdout);
}
