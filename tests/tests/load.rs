//! `prober serve` under load: what a scrape costs, and that memory does not grow with their number.

use std::fmt::Write;

use oneloop_tests::folder::Folder;
use oneloop_tests::nginx::Nginx;
use oneloop_tests::service::{Service, escaped};
use oneloop_tests::{need, program};

/// Scrapes in one go.
const SCRAPES: usize = 10_000;

/// Has every URL of a list asked for on kept connections, `at_once` of them at a time; each must be answered, be it 503.
fn scrape(exporter: &Service, target: impl Fn(&str) -> String, at_once: &str) {
    let folder = Folder::new();
    let mut list = String::new();
    for index in 0..SCRAPES {
        let target = escaped(&target(&format!("/{index}")));
        writeln!(list, "http://{}/probe?target={target}", exporter.address()).expect("a line");
    }
    let list = folder.write("urls.txt", list);
    let mut client = program::prober();
    client.args(["--keepalive", "--expect-status", "200,503", "-m", "60", "-q", "--parallel-max", at_once]);
    program::run(client.arg(format!("@{}", list.display()))).expect_code(0);
}

#[test]
#[ignore = "keeps the machine busy: the step 'heavy' of cargo xtask ci"]
fn the_exporter_can_probe_a_thousand_times_a_second_on_one_core_in_bounded_memory() {
    if !need::nginx("the_exporter_can_probe_a_thousand_times_a_second_on_one_core_in_bounded_memory") {
        return;
    }
    let nginx = Nginx::start(None);
    let mut command = program::prober();
    command.args(["serve", "--web.listen-address", "127.0.0.1:0", "--parallel-max", "50"]);
    let exporter = Service::start(&mut command, "serving at http://");
    // As many at once as it takes, then four times as many: those beyond are told so, and cost nothing that stays.
    scrape(&exporter, |path| nginx.http(path), "50");
    let (before, first) = (exporter.processor_time(), exporter.peak_kib());
    scrape(&exporter, |path| nginx.http(path), "50");
    let spent = exporter.processor_time() - before;
    let second = exporter.peak_kib();
    scrape(&exporter, |path| nginx.http(path), "200");
    scrape(&exporter, |path| nginx.http(path), "200");
    let overloaded = exporter.peak_kib();
    let each = spent / SCRAPES as u32;
    println!("{each:?} of processor time a scrape; {first} KiB, {second} KiB, overloaded {overloaded} KiB");
    assert!(second <= first + first / 10, "twice as many scrapes: {first} KiB have become {second}");
    assert!(overloaded <= first + 4 * 1024, "more at once than it takes: {first} KiB have become {overloaded}");
    // Its own time on the processor, not the clock's: other work on the machine does not count. Promised for the
    // optimised program; the other one is several times slower.
    let most = if program::is_release() { 1 } else { 5 };
    assert!(each.as_millis() < most, "{each:?} a scrape: fewer than {} a second", 1000 / most);
}

/// What is left of a second is the handshake's: a key exchange, a signature and two certificates to verify, each time
/// anew.
#[test]
#[ignore = "keeps the machine busy: the step 'heavy' of cargo xtask ci"]
fn over_https_it_can_probe_several_hundred_times_a_second_on_one_core_in_bounded_memory() {
    if !need::nginx("over_https_it_can_probe_several_hundred_times_a_second_on_one_core_in_bounded_memory") {
        return;
    }
    let nginx = Nginx::start(None);
    let folder = Folder::new();
    let root = nginx.root().display();
    // As blackbox_exporter does, it takes one address of a name, of IPv6 unless told: nginx listens at the other.
    let http = format!("{{preferred_ip_protocol: ip4, tls_config: {{ca_file: '{root}'}}}}");
    let modules = format!("modules: {{http_2xx: {{prober: http, http: {http}}}}}");
    let modules = folder.write("modules.yml", modules);
    let mut command = program::prober();
    command
        .args(["serve", "--web.listen-address", "127.0.0.1:0", "--parallel-max", "50", "--config.file"])
        .arg(modules);
    let exporter = Service::start(&mut command, "serving at http://");
    let target = |path: &str| nginx.https(path);
    let passes = || {
        let said = exporter.get(&format!("/probe?target={}", escaped(&target("/")))).1;
        assert!(said.contains("probe_success 1\n"), "{said}");
    };
    passes();
    scrape(&exporter, target, "50");
    let (before, first) = (exporter.processor_time(), exporter.peak_kib());
    scrape(&exporter, target, "50");
    let each = (exporter.processor_time() - before) / SCRAPES as u32;
    let second = exporter.peak_kib();
    passes();
    println!("{each:?} of processor time an https scrape; {first} KiB, {second} KiB");
    assert!(second <= first + first / 10, "twice as many scrapes: {first} KiB have become {second}");
    let most = if program::is_release() { 2_000 } else { 50_000 };
    assert!(each.as_micros() < most, "{each:?} a scrape: fewer than {} a second", 1_000_000 / most);
}
