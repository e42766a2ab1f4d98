//! `prober --report` and `--trace`: the page in a real browser, the trace as JSON.

use std::process::{Command, Stdio};

use oneloop_tests::folder::Folder;
use oneloop_tests::{need, program};

/// Steps through every event of the demo's page in chromium: the page compares its own fold with the loop's snapshot at
/// the beginning of each turn, and says what it found.
#[test]
fn the_page_replays_the_demo_as_the_loop_saw_it() {
    let test = "the_page_replays_the_demo_as_the_loop_saw_it";
    if !need::program(test, "chromium", &["--version"]) {
        return;
    }
    let folder = Folder::new();
    let (page, trace) = (folder.path().join("run.html"), folder.path().join("run.json"));
    let mut command = program::prober();
    command.arg("demo").arg("--report").arg(&page).arg("--trace").arg(&trace);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
    assert!(status.success());
    let size = std::fs::metadata(&page).expect("a page").len();
    assert!(size < 1 << 20, "{size} bytes are more than a page of the demo may have");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&trace).expect("a trace")).expect("JSON");

    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]);
    browser.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    let output = browser.arg(format!("file://{}#selftest", page.display())).output().expect("chromium runs");
    let dom = String::from_utf8_lossy(&output.stdout);
    let found = dom.split_once("<pre id=\"selftest\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.expect("the page came to its end");
    let found: serde_json::Value = serde_json::from_str(found).expect("JSON");
    assert_eq!(found["faults"], serde_json::json!([]), "{found}");
    assert_eq!(found["seeks"], true, "{found}");
    assert_eq!(found["counts"], json["otherData"]["counts"], "the page and the trace count differently");
}
