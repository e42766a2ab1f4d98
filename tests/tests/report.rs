//! `prober --report` and `--trace`: the page in a real browser, the trace as JSON.

use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use oneloop::{EventLoop, create_task, gather, sleep, yield_now};
use oneloop_tests::folder::Folder;
use oneloop_tests::{need, program};
use oneloop_trace::{Log, Recorder, Side, State, report, side_by_side};

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

    let found = selftest(&page, folder.path());
    assert_eq!(found["faults"], serde_json::json!([]), "{found}");
    assert_eq!(found["seeks"], true, "{found}");
    assert_eq!(found["counts"], json["otherData"]["counts"], "the page and the trace count differently");
}

/// Opens a page in chromium and reads what it has found out about itself.
fn selftest(page: &Path, folder: &Path) -> serde_json::Value {
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]);
    browser.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    let output = browser.arg(format!("file://{}#selftest", page.display())).output().expect("chromium runs");
    let dom = String::from_utf8_lossy(&output.stdout);
    let found = dom.split_once("<pre id=\"selftest\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.expect("the page came to its end");
    serde_json::from_str(found).expect("JSON")
}

/// A log of `count` tasks that yield so often, and then sleep.
fn log(count: u64, yields: usize) -> Log {
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build().expect("a selector");
    let main = async move {
        let each = (0..count).map(|number| {
            create_task(async move {
                for _ in 0..yields {
                    yield_now().await?;
                }
                sleep(Duration::from_millis(number)).await
            })
        });
        gather(each).await.map(drop)
    };
    event_loop.run_until_complete(main).expect("nothing fails");
    recorder.log()
}

/// A log that is longer than the other, so that one column is over while the other still moves.
#[test]
fn columns_side_by_side_are_stepped_together_to_the_end_of_each() {
    let test = "columns_side_by_side_are_stepped_together_to_the_end_of_each";
    if !need::program(test, "chromium", &["--version"]) {
        return;
    }
    let logs = [log(2, 1), log(5, 1)];
    let side = |title: &str, log| Side { title: title.to_owned(), log, ours: title == "long" };
    let folder = Folder::new();
    let page = folder.path().join("side.html");
    let text = side_by_side("two", &[side("short", &logs[0]), side("long", &logs[1])]);
    std::fs::write(&page, text).expect("a file");
    let found = selftest(&page, folder.path());
    let turns = logs.each_ref().map(|log| log.records.iter().map(|record| record.turn).max().unwrap_or(0));
    assert!(turns[0] < turns[1], "{turns:?}");
    let expected: Vec<[u64; 2]> = (1..=turns[1]).map(|turn| [turn.min(turns[0]), turn]).collect();
    assert_eq!(found["turns"], serde_json::json!(expected), "{found}");
    assert_eq!(found["first"], serde_json::json!([0, 0]), "{found}");
    for (end, log) in found["ends"].as_array().expect("two").iter().zip(&logs) {
        let mut state = State::of(log);
        log.records.iter().for_each(|record| state.apply(record).expect("a log of our loop's"));
        assert_eq!(end["counts"], serde_json::to_value(state.counts).expect("JSON"), "{found}");
        assert_eq!((&end["over"], &end["faults"]), (&serde_json::json!(true), &serde_json::json!([])), "{found}");
    }
}

/// What a page of a long run does at each step must not be felt. Half of the steps: the others share a machine.
#[test]
fn ten_thousand_events_are_stepped_without_a_stutter() {
    let test = "ten_thousand_events_are_stepped_without_a_stutter";
    if !need::program(test, "chromium", &["--version"]) {
        return;
    }
    let log = log(20, 160);
    assert!(log.records.len() >= 10_000, "{} events", log.records.len());
    let folder = Folder::new();
    let page = folder.path().join("long.html");
    std::fs::write(&page, report(&log, "long")).expect("a file");
    let found = selftest(&page, folder.path());
    assert_eq!((&found["faults"], &found["seeks"]), (&serde_json::json!([]), &serde_json::json!(true)), "{found}");
    assert!(found["half_under_ms"].as_f64().is_some_and(|time| time < 16.0), "{found}");
}
