//! A thousand random schedules: each log keeps the promises of the loop, and each picture counts the same.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use oneloop::net::UdpSocket;
use oneloop::{EventLoop, LoopEvent, Observer, Stamp, gather, yield_now};
use oneloop_trace::{By, Ended, Log, Record, Recorder, State, What, check, chrome_trace};

mod schedule;
use schedule::{drawn, schedule};

#[test]
fn a_thousand_random_schedules_keep_every_promise_in_every_picture() {
    let mut events = 0;
    for seed in 1..=1_000 {
        let log = schedule(seed, Recorder::default());
        assert_eq!(check(&log), Vec::<String>::new(), "seed {seed}");
        promises(&log, seed);
        events += log.records.len();
        let counted = |is: fn(&What) -> bool| log.records.iter().filter(|record| is(&record.what)).count();
        let mut state = State::of(&log);
        log.records.iter().for_each(|record| state.apply(record).expect("checked above"));
        let polls = counted(|what| matches!(what, What::PollBegin { .. }));
        assert_eq!(state.counts.polls as usize, polls, "seed {seed}");
        assert_eq!(state.tasks.values().map(|task| task.polls).sum::<u64>() as usize, polls, "seed {seed}");
        if seed % 10 == 0 {
            let drawn = drawn(&chrome_trace(&log));
            let turns = counted(|what| matches!(what, What::TurnBegin { .. }));
            let wakes = counted(|what| matches!(what, What::Wake { .. }));
            assert_eq!(drawn, (turns, polls, wakes), "seed {seed}");
        }
    }
    assert!(events > 100_000, "{events} events are too few to say much");
}

/// The four promises, read off the log of a loop that is closed without the fold, which could be wrong in the same way.
fn promises(log: &Log, seed: u64) {
    let (mut born, mut gone) = (BTreeSet::new(), BTreeSet::new());
    let mut woken: BTreeMap<u32, u32> = BTreeMap::new();
    let mut spans: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for record in &log.records {
        let task = met(&record.what);
        assert!(task.is_none_or(|task| born.contains(&task)), "seed {seed}: before it is made: {record:?}");
        assert!(task.is_none_or(|task| !gone.contains(&task)), "seed {seed}: after its end: {record:?}");
        match &record.what {
            What::Spawn { task, .. } => assert!(born.insert(*task), "seed {seed}: {record:?}"),
            What::Wake { wake, task, coalesced: false, .. } => {
                assert_eq!(woken.insert(*task, *wake), None, "seed {seed}: queued twice: {record:?}");
            }
            What::Wake { wake, task, .. } => assert_eq!(woken.get(task), Some(wake), "seed {seed}: {record:?}"),
            What::PollBegin { task, wake } => {
                assert!(wake.is_some() && woken.remove(task) == *wake, "seed {seed}: nobody asked: {record:?}");
            }
            What::SpanBegin { task: Some(task), name } => spans.entry(*task).or_default().push(name),
            What::SpanEnd { task: Some(task), name } => {
                assert_eq!(spans.entry(*task).or_default().pop(), Some(name.as_str()), "seed {seed}: {record:?}");
            }
            What::Drop { task, reason } => {
                woken.remove(task);
                gone.insert(*task);
                let open = spans.remove(task).unwrap_or_default();
                // One that is dropped between the two ends of a span can't close it.
                assert!(open.is_empty() || *reason == Ended::Cancelled, "seed {seed}: {record:?} in {open:?}");
            }
            _ => {}
        }
    }
    assert!(woken.is_empty(), "seed {seed}: woken, and neither polled nor dropped: {woken:?}");
    assert_eq!(born, gone, "seed {seed}");
}

/// The task to which an event happens.
fn met(what: &What) -> Option<u32> {
    match *what {
        What::Wake { task, .. } | What::PollBegin { task, .. } | What::PollEnd { task, .. } => Some(task),
        What::Name { task, .. } | What::Drop { task, .. } => Some(task),
        What::SpanBegin { task, .. } | What::SpanEnd { task, .. } => task,
        What::Await { task, .. } | What::Wait { task, .. } => task,
        _ => None,
    }
}

#[test]
fn a_small_ring_keeps_the_end_and_counts_what_it_lost() {
    let whole = schedule(7, Recorder::default());
    let end = schedule(7, Recorder::with_capacity(50));
    assert_eq!(end.records.len(), 50);
    assert_eq!(end.dropped as usize, whole.records.len() - 50);
    assert_eq!(end.records.first().map(|record| record.n), Some(end.dropped));
    assert_eq!(check(&end), Vec::<String>::new(), "what is not known is no fault");
}

/// What differs in length (a turn's queue, a name) is kept beside the ring, and must stay with its event: also where the
/// ring ends between the two.
#[test]
fn every_end_of_a_run_is_the_end_of_the_whole() {
    let whole = schedule(7, Recorder::default());
    for capacity in 1..whole.records.len() {
        let end = schedule(7, Recorder::with_capacity(capacity));
        for (a, b) in whole.records[whole.records.len() - capacity..].iter().zip(&end.records) {
            assert_eq!((a.n, a.t, a.turn), (b.n, b.t, b.turn), "capacity {capacity}");
            match a.what {
                // Numbered in the order in which they appear in the log.
                What::Wake { .. } | What::PollBegin { .. } => {}
                _ => assert_eq!(a.what, b.what, "capacity {capacity}"),
            }
        }
    }
}

/// A callback has no event of its own, and may take long: what it does must not have the time of what was before it.
#[test]
fn what_a_callback_does_is_stamped_after_what_it_did_before() {
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().observer(recorder.clone()).build().expect("a selector");
    let takes = Duration::from_millis(3);
    let inner = event_loop.clone();
    event_loop.call_soon(move || {
        let begun = std::time::Instant::now();
        while begun.elapsed() < takes {}
        let _task = inner.create_task(yield_now());
        inner.stop();
    });
    event_loop.run_forever().expect("it stops");
    let records = recorder.log().records;
    let time = |is: fn(&What) -> bool| records.iter().find(|it| is(&it.what)).expect("an event").t;
    let (before, after) =
        (time(|what| matches!(what, What::Unpark { .. })), time(|what| matches!(what, What::Spawn { .. })));
    assert!(after - before >= takes.as_nanos() as u64, "{before} {after}");
    let falls = records.windows(2).find(|pair| pair[0].t > pair[1].t);
    assert_eq!(falls, None, "time goes back");
}

/// Tells a thread when the loop parks for as long as it takes.
struct Parks(Rc<Recorder>, std::sync::mpsc::Sender<()>);

impl Observer for Parks {
    fn event(&self, stamp: &Stamp<'_>, event: &LoopEvent<'_>) {
        self.0.event(stamp, event);
        if matches!(event, LoopEvent::Park { timeout: None }) {
            self.1.send(()).expect("it listens");
        }
    }
}

/// Its time was that of the park's beginning: a task that had waited for a server seemed to have been ready all the
/// while.
#[test]
fn what_comes_while_the_loop_is_parked_is_stamped_when_it_has_come() {
    let recorder = Rc::new(Recorder::default());
    let (parks, parked) = std::sync::mpsc::channel();
    let observer = Rc::new(Parks(recorder.clone(), parks));
    let event_loop = EventLoop::builder().observer(observer).build().expect("a selector");
    let (begun, sent) = event_loop
        .run_until_complete(async {
            let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())?;
            let to = socket.local_addr()?;
            let begun = std::time::Instant::now();
            let sender = std::thread::spawn(move || {
                parked.recv().expect("the loop parks");
                let sent = std::time::Instant::now();
                let from = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
                from.send_to(b"!", to).expect("it is sent");
                sent
            });
            socket.recv_from(&mut [0]).await?;
            Ok((begun, sender.join().expect("it has sent")))
        })
        .expect("nothing fails");
    let log = recorder.log();
    let wake = |record: &&Record| matches!(record.what, What::Wake { by: By::Io(_), .. });
    // Not that it can be written to, which it could from the beginning.
    let news = |record: &&Record| matches!(record.what, What::IoEvent { readable: true, .. });
    let (news, wake) = (log.records.iter().find(news).expect("news"), log.records.iter().find(wake).expect("a wake"));
    // Counted from the first event, which was before `begun`.
    assert!(u128::from(news.t) >= (sent - begun).as_nanos(), "{news:?}, sent after {:?}", sent - begun);
    assert_eq!(wake.t, news.t);
}

#[test]
fn a_log_that_lies_is_found_out() {
    let log = schedule(11, Recorder::default());
    let mut without = log.clone();
    let wake = without.records.iter().position(|it| matches!(it.what, What::Wake { coalesced: false, .. }));
    without.records.remove(wake.expect("a wake"));
    assert!(!check(&without).is_empty(), "a poll that nobody asked for");
    let mut twice = log.clone();
    let end = twice.records.iter().position(|it| matches!(it.what, What::Drop { .. })).expect("an end");
    let again = twice.records[end].clone();
    twice.records.insert(end + 1, again);
    assert!(!check(&twice).is_empty(), "a second end");
}

#[test]
fn a_log_comes_back_from_json() {
    let log = schedule(3, Recorder::default());
    let json = serde_json::to_string(&log).expect("JSON");
    assert_eq!(serde_json::from_str::<Log>(&json).expect("the same schema"), log);
}

#[test]
fn a_task_that_a_combinator_makes_is_placed_where_the_program_called_it() {
    let recorder = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().virtual_clock(true).observer(recorder.clone()).build().expect("a selector");
    let all = async {
        gather([yield_now(), yield_now()]).await?;
        oneloop::gather_tuple((yield_now(), yield_now())).await?;
        oneloop::shield(yield_now()).await
    };
    event_loop.run_until_complete(all).expect("nothing fails");
    let places = recorder.log().records.into_iter().filter_map(|record| match record.what {
        What::Spawn { at, .. } => Some(at),
        _ => None,
    });
    let elsewhere: Vec<String> = places.filter(|at| !at.contains("schedules.rs")).collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

/// A slice that is open on a track while a trace is read: its name, its arguments, and when it began and ends.
type Open = (String, serde_json::Value, i64, i64);

/// Reads a trace as Perfetto's importer does: in the file's order; a slice closes what ends before it on its track, or at
/// the same time unless both have no length; an end of an arrow is tied to the slice that was opened last on its track.
/// Gives, for each arrow, what it begins and ends in.
fn imported(trace: &serde_json::Value) -> Vec<(u64, Option<Open>, Option<Open>)> {
    let mut tracks: BTreeMap<u64, Vec<Open>> = BTreeMap::new();
    let mut arrows: BTreeMap<u64, (Option<Open>, Option<Open>)> = BTreeMap::new();
    let mut spans: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut last = 0;
    for event in trace["traceEvents"].as_array().expect("a list") {
        let name = event["name"].as_str().expect("a name").to_string();
        let phase = event["ph"].as_str().expect("a phase");
        if phase == "M" {
            continue;
        }
        let time = |key: &str| (event[key].as_f64().unwrap_or_default() * 1000.0).round() as i64;
        let (at, length) = (time("ts"), time("dur"));
        assert!(at >= last, "{event} stands behind what is later");
        last = at;
        let open = tracks.entry(event["tid"].as_u64().unwrap_or_default()).or_default();
        let id = || event["id"].as_u64().expect("a number");
        match phase {
            "X" | "i" => {
                open.retain(|(_, _, from, end)| *end > at || (*end == at && end == from && length == 0));
                let within = open.last().is_none_or(|(_, _, _, end)| at + length <= *end);
                assert!(within, "{event} overlaps {open:?}");
                open.push((name, event["args"].clone(), at, at + length));
            }
            "s" => assert!(arrows.insert(id(), (open.last().cloned(), None)).is_none(), "{event} a second time"),
            "f" => {
                assert_eq!(event["bp"], "e");
                arrows.get_mut(&id()).expect("it has begun").1 = open.last().cloned();
            }
            "b" => spans.entry(id()).or_default().push(name),
            "e" => assert_eq!(spans.entry(id()).or_default().pop(), Some(name)),
            "C" => {}
            other => panic!("phase {other} is not one of ours"),
        }
    }
    assert!(spans.values().all(Vec::is_empty), "a span is left open");
    arrows.into_iter().map(|(id, (tail, head))| (id, tail, head)).collect()
}

/// Slices nest, spans close, and each arrow leads from its wake to the very step that it led to. (Perfetto dropped nearly
/// all arrows: a step's slice stood behind the arrow that was to end in it.)
#[test]
fn an_arrow_leads_from_the_wake_to_the_step_as_importers_read_it() {
    let real = Rc::new(Recorder::default());
    let event_loop = EventLoop::builder().observer(real.clone()).build().expect("a selector");
    event_loop.run_until_complete(async { gather((0..9).map(|_| yield_now())).await.map(drop) }).expect("it ends");
    let schedules = (1..=50).map(|seed| schedule(seed, Recorder::default()));
    let mut all = 0;
    for log in schedules.chain([real.log(), schedule(7, Recorder::with_capacity(60))]) {
        let trace: serde_json::Value = serde_json::from_str(&chrome_trace(&log)).expect("JSON");
        let polls: BTreeMap<u32, (u32, i64)> = log
            .records
            .iter()
            .filter_map(|record| match record.what {
                What::PollBegin { task, wake: Some(wake) } => Some((wake, (task, record.t as i64))),
                _ => None,
            })
            .collect();
        let mut led = 0;
        for (wake, tail, head) in imported(&trace) {
            let (name, arguments, ..) = tail.expect("an arrow begins in something");
            assert_eq!((name.as_str(), arguments["wake"].as_u64()), ("wake", Some(wake)));
            let Some((task, at)) = polls.get(&(wake as u32)) else {
                assert_eq!(head, None, "wake {wake} led to no step");
                continue;
            };
            let (name, arguments, from, _) = head.expect("an arrow ends in something");
            assert_eq!((name.as_str(), from), ("running", *at), "wake {wake}, task {task}: {arguments}");
            led += 1;
        }
        assert_eq!(led, polls.len());
        all += led;
    }
    assert!(all > 1_000, "{all} arrows are too few to say much");
}
