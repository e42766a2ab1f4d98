//! What a probe asks of the kernel: six calls over HTTP, nine over HTTPS.
//!
//! Counted as the difference between a long run and a short one, so that what is done once does not count; red lines
//! alone are printed, so that neither does writing to the terminal.

use oneloop_tests::folder::Folder;
use oneloop_tests::nginx::Nginx;
use oneloop_tests::strace::{self, Calls};
use oneloop_tests::{need, program};

const SHORT: usize = 50;
const LONG: usize = 250;
/// Not counted: waiting, since how often the selector returns depends on how the packets fall; and random numbers, which
/// the TLS provider asks for when it pleases (ring does so four times a handshake).
const NOT_COUNTED: [&str; 3] = ["epoll_wait", "epoll_pwait", "getrandom"];
/// Without optimisation the standard library looks whether a descriptor is open before it closes it.
const NOT_COUNTED_IN_DEBUG: &str = "fcntl";

fn calls(nginx: &Nginx, count: usize, url: impl Fn(&Nginx, &str) -> String) -> Calls {
    let folder = Folder::new();
    let list: String = (0..count).map(|index| url(nginx, &format!("/{index}")) + "\n").collect();
    let list = folder.write("urls.txt", list);
    let log = folder.path().join("strace.log");
    let mut command = strace::command(program::path(), &log, &[]);
    let outcome = program::run(command.args(["-q", "--cacert"]).arg(nginx.root()).arg(format!("@{}", list.display())));
    outcome.expect_code(0);
    Calls::read(&std::fs::read_to_string(log).expect("strace's log"))
}

fn of_a_probe(url: impl Fn(&Nginx, &str) -> String) -> (f64, Calls) {
    let nginx = Nginx::start(None);
    let short = calls(&nginx, SHORT, &url);
    let beyond = calls(&nginx, LONG, &url).beyond(&short);
    let mut left_out = NOT_COUNTED.to_vec();
    if !program::is_release() {
        left_out.push(NOT_COUNTED_IN_DEBUG);
    }
    let each = beyond.total_without(&left_out) as f64 / (LONG - SHORT) as f64;
    (each, beyond)
}

#[test]
fn an_http_probe_makes_six() {
    let test = "an_http_probe_makes_six";
    if !(need::nginx(test) && need::strace(test)) {
        return;
    }
    let (each, calls) = of_a_probe(Nginx::http);
    // A little room: memory is asked for now and then, and a packet may come in two.
    assert!((5.9..6.1).contains(&each), "{each} calls a probe: {calls:?}");
    for name in ["socket", "connect", "epoll_ctl", "close"] {
        assert_eq!(calls.of(name), (LONG - SHORT) as u64, "{name}: {calls:?}");
    }
}

#[test]
fn an_https_probe_makes_nine() {
    let test = "an_https_probe_makes_nine";
    if !(need::nginx(test) && need::strace(test)) {
        return;
    }
    // By address: a name would be looked up, which is not what is counted here.
    let (each, calls) = of_a_probe(|nginx, path| nginx.https(path).replace("localhost", "127.0.0.1"));
    assert!((8.9..9.1).contains(&each), "{each} calls a probe: {calls:?}");
}
