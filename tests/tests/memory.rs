//! How much memory a run takes, and that a long list takes no more than a short one.

use std::fmt::Write;
use std::time::Duration;

use oneloop_tests::folder::Folder;
use oneloop_tests::holding::Holding;
use oneloop_tests::nginx::Nginx;
use oneloop_tests::{need, program};

const IN_FLIGHT: usize = 5_000;
const HELD: Duration = Duration::from_secs(3);

/// The limit in KiB. It is promised for the optimised program; the other one's futures are up to twice as large.
fn limit(mib: u64) -> u64 {
    if program::is_release() { mib * 1024 } else { 2 * mib * 1024 }
}

/// Probes `IN_FLIGHT` URLs, all of which are held until the last has come, and returns the peak in KiB.
fn peak_of_all_in_flight(holding: &Holding, urls: impl Fn(usize) -> String, arguments: &[&str]) -> u64 {
    let folder = Folder::new();
    let mut list = String::new();
    for index in 0..IN_FLIGHT {
        writeln!(list, "{}", urls(index)).expect("a line");
    }
    let list = folder.write("urls.txt", list);
    let parallel = IN_FLIGHT.to_string();
    let outcome = program::run(
        program::prober()
            .args(["--parallel-max", &parallel, "-m", "120", "-q"])
            .args(arguments)
            .arg(format!("@{}", list.display())),
    );
    outcome.expect_code(0);
    assert_eq!(holding.most_at_once(), IN_FLIGHT, "all were in flight at once");
    outcome.peak_kib
}

#[test]
fn five_thousand_plain_probes_in_flight_take_at_most_30_mib() {
    let test = "five_thousand_plain_probes_in_flight_take_at_most_30_mib";
    if !need::open_files(test, 6_000) {
        return;
    }
    let holding = Holding::start(HELD, IN_FLIGHT);
    let peak = peak_of_all_in_flight(&holding, |index| format!("http://{}/{index}", holding.address()), &[]);
    assert!(peak <= limit(30), "{peak} KiB");
}

#[test]
fn five_thousand_https_probes_in_flight_take_at_most_70_mib() {
    let test = "five_thousand_https_probes_in_flight_take_at_most_70_mib";
    if !(need::nginx(test) && need::open_files(test, 12_000)) {
        return;
    }
    let holding = Holding::start(HELD, IN_FLIGHT);
    let nginx = Nginx::start(Some(holding.address()));
    let root = nginx.root().display().to_string();
    let peak = peak_of_all_in_flight(&holding, |index| nginx.https(&format!("/held/{index}")), &["--cacert", &root]);
    assert!(peak <= limit(70), "{peak} KiB");
}

/// The first URL never answers, so all behind it waits to be printed in order; text goes into a pipe.
fn peak_of_a_list(count: usize) -> u64 {
    let holding = Holding::start(HELD, usize::MAX);
    let nginx = Nginx::start(None);
    let folder = Folder::new();
    let mut list = format!("http://{}/stalled\n", holding.address());
    for index in 1..count {
        writeln!(list, "{}", nginx.http(&format!("/{index}"))).expect("a line");
    }
    let list = folder.write("urls.txt", list);
    let outcome = program::run(
        program::prober()
            .args(["--parallel-max", "100", "-m", "3", "--format", "text"])
            .arg(format!("@{}", list.display())),
    );
    outcome.expect_code(1);
    assert!(outcome.stdout.lines().count() >= count, "a line for each URL");
    outcome.peak_kib
}

#[test]
#[ignore = "takes minutes: the step 'heavy' of cargo xtask ci"]
fn a_million_urls_take_no_more_memory_than_ten_thousand() {
    let test = "a_million_urls_take_no_more_memory_than_ten_thousand";
    if !(need::nginx(test) && need::open_files(test, 4_096)) {
        return;
    }
    let short = peak_of_a_list(10_000);
    let long = peak_of_a_list(1_000_000);
    assert!(long as f64 <= short as f64 * 1.1, "{long} KiB after a million URLs, {short} KiB after ten thousand");
}
