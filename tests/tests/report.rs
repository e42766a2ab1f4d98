//! `prober --report` and `--trace`: the page in a real browser, the trace as JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use oneloop::{EventLoop, create_task, gather, sleep, yield_now};
use oneloop_tests::browser::Browser;
use oneloop_tests::folder::Folder;
use oneloop_tests::program;
use oneloop_trace::{Log, Recorder, Side, State, TaskState, chrome_trace, report, side_by_side};
use serde_json::json;

#[path = "../../crates/oneloop-trace/tests/schedule/mod.rs"]
mod schedule;
use schedule::{drawn, schedule};

/// The demo's page, and the trace of the same run.
fn demo(folder: &Folder) -> (PathBuf, serde_json::Value) {
    let (page, trace) = (folder.path().join("run.html"), folder.path().join("run.json"));
    let mut command = program::prober();
    command.arg("demo").arg("--report").arg(&page).arg("--trace").arg(&trace);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
    assert!(status.success());
    let json = serde_json::from_slice(&std::fs::read(&trace).expect("a trace")).expect("JSON");
    (page, json)
}

/// Steps through every event of the demo's page in chromium: the page compares its own fold with the loop's snapshot at
/// the beginning of each turn, and says what it found.
#[test]
fn the_page_replays_the_demo_as_the_loop_saw_it() {
    let folder = Folder::new();
    let (page, json) = demo(&folder);
    let size = std::fs::metadata(&page).expect("a page").len();
    assert!(size < 1 << 20, "{size} bytes are more than a page of the demo may have");
    let Some(found) = selftest("the_page_replays_the_demo_as_the_loop_saw_it", &page) else { return };
    assert_eq!(found["faults"], json!([]), "{found}");
    assert_eq!(found["seeks"], true, "{found}");
    assert_eq!(found["counts"], json["otherData"]["counts"], "the page and the trace count differently");
}

/// Opens a page in chromium and reads what it has found out about itself.
fn selftest(test: &str, page: &Path) -> Option<serde_json::Value> {
    let mut browser = Browser::open(test, page, "#selftest")?;
    let found = browser.evaluate("document.getElementById('selftest').textContent");
    Some(serde_json::from_str(found.as_str().expect("the page came to its end")).expect("JSON"))
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
    let logs = [log(2, 1), log(5, 1)];
    let side = |title: &str, log| Side { title: title.to_owned(), log, ours: title == "long" };
    let folder = Folder::new();
    let page = folder.path().join("side.html");
    let text = side_by_side("two", &[side("short", &logs[0]), side("long", &logs[1])]);
    std::fs::write(&page, text).expect("a file");
    let Some(found) = selftest(test, &page) else { return };
    let turns = logs.each_ref().map(|log| log.records.iter().map(|record| record.turn).max().unwrap_or(0));
    assert!(turns[0] < turns[1], "{turns:?}");
    let expected: Vec<[u64; 2]> = (1..=turns[1]).map(|turn| [turn.min(turns[0]), turn]).collect();
    assert_eq!(found["turns"], json!(expected), "{found}");
    assert_eq!(found["first"], json!([0, 0]), "{found}");
    for (end, log) in found["ends"].as_array().expect("two").iter().zip(&logs) {
        let mut state = State::of(log);
        log.records.iter().for_each(|record| state.apply(record).expect("a log of our loop's"));
        assert_eq!(end["counts"], serde_json::to_value(state.counts).expect("JSON"), "{found}");
        assert_eq!((&end["over"], &end["faults"]), (&json!(true), &json!([])), "{found}");
    }
}

/// Turns, polls and wakes, counted by the page's fold, by the one in Rust and in what a Chrome trace draws; and at an
/// event between, all that both folds keep of each task.
#[test]
fn on_a_thousand_random_schedules_the_page_counts_as_all_others_do() {
    let folder = Folder::new();
    let page = folder.write("fold.html", format!("<!doctype html><script>{FOLD}</script>"));
    let test = "on_a_thousand_random_schedules_the_page_counts_as_all_others_do";
    let Some(mut browser) = Browser::open(test, &page, "") else { return };
    let mut wakes = 0;
    for seed in 1..=1_000 {
        // Of some only the end was kept.
        let recorder = if seed % 7 == 0 { Recorder::with_capacity(60) } else { Recorder::default() };
        let log = schedule(seed, recorder);
        let (mut state, middle) = (State::of(&log), log.records.len() * (seed as usize % 11) / 10);
        let mut between = kept(&state);
        for (at, record) in log.records.iter().enumerate() {
            state.apply(record).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
            if at + 1 == middle {
                between = kept(&state);
            }
        }
        let found = browser.evaluate(&format!("tried({}, {middle})", serde_json::to_string(&log).expect("JSON")));
        assert_eq!(found["faults"], json!([]), "seed {seed}");
        assert_eq!(found["end"], kept(&state), "seed {seed}");
        assert_eq!(found["between"], between, "seed {seed}, event {middle}");
        let turns_polls_wakes = drawn(&chrome_trace(&log));
        let counts = state.counts;
        assert_eq!(turns_polls_wakes, (counts.turns as usize, counts.polls as usize, counts.wakes as usize));
        wakes += counts.wakes;
    }
    assert!(wakes > 10_000, "{wakes} wakes are too few to say much");
}

/// The page's fold, and what asks it: forward to the end, and then back to an event between.
const FOLD: &str = concat!(
    include_str!("../../crates/oneloop-trace/page/fold.js"),
    r#"
    function kept({ counts, ready, timers, sources, tasks }) {
      const all = [...tasks].sort((a, b) => a[0] - b[0]).map(([number, task]) => [number, task.name, task.state, task.polls, task.wakes, task.spans, task.awaits]);
      return { counts, ready, timers: timers.size, sources: [...sources.keys()].sort((a, b) => a - b), tasks: all };
    }
    function tried(log, middle) {
      const replay = new Replay(log, 50);
      while (replay.forward());
      const end = kept(replay.state);
      replay.seek(middle);
      return { end, between: kept(replay.state), faults: replay.faults };
    }"#
);

fn kept(state: &State) -> serde_json::Value {
    let tasks = state.tasks.iter().map(|(number, task)| {
        let is = match task.state {
            TaskState::Ended(how) => json!(how),
            other => json!(other),
        };
        json!([number, task.name, is, task.polls, task.wakes, task.spans, task.awaits.as_deref().unwrap_or_default()])
    });
    json!({
        "counts": state.counts,
        "ready": state.ready,
        "timers": state.timers.len(),
        "sources": state.sources.keys().collect::<Vec<_>>(),
        "tasks": tasks.collect::<Vec<_>>(),
    })
}

/// What a page of a long run does at a step must not be felt: at none of them.
#[test]
#[ignore = "measures time: the step 'heavy' of cargo xtask ci"]
fn ten_thousand_events_are_stepped_without_a_stutter() {
    let log = log(20, 160);
    assert!(log.records.len() >= 10_000, "{} events", log.records.len());
    let folder = Folder::new();
    let page = folder.write("long.html", report(&log, "long"));
    let Some(found) = selftest("ten_thousand_events_are_stepped_without_a_stutter", &page) else { return };
    assert_eq!((&found["faults"], &found["seeks"]), (&json!([]), &json!(true)), "{found}");
    assert_eq!(found["events"], log.records.len());
    assert!(found["slowest_ms"].as_f64().is_some_and(|time| time < 16.0), "{found}");
}
