//! Several ask for one name, and one of them goes: at every place where it can wait, cancelled or dropped, whether it is
//! the one who asks the servers or one who waits for that. The others get their answer, and no question stays open.

use std::cell::Cell;
use std::future::{IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

use oneloop::SettableFuture;

use super::*;
use crate::resolver::cache::Cache;
use crate::resolver::exchange::Reply;
use crate::resolver::message::{Addresses, RecordType};
use crate::resolver::names::wire_name;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Awaits `work`, or drops it when it is told to leave.
async fn unless<T>(leave: SettableFuture<()>, work: impl Future<Output = T>) -> Option<T> {
    let (mut leave, mut work) = (pin!(leave.into_future()), pin!(work));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => leave.as_mut().poll(cx).map(|_| None),
    })
    .await
}

/// Three ask; `leaver` goes when so much time and so many turns have passed. Gives whether it went before its answer.
async fn three_ask_and_one_leaves(leaver: usize, time: u32, turns: u32, is_cancelled: bool) -> bool {
    let what = format!("asker {leaver} leaves after {time} ms and {turns} turns, cancelled: {is_cancelled}");
    let (cache, asked) = (Rc::new(Cache::new(10)), Rc::new(Cell::new(0)));
    let leave = oneloop::get_running_loop().unwrap().create_future();
    let start = |place: usize| {
        let (cache, asked) = (cache.clone(), asked.clone());
        let leave = if place == leaver { leave.clone() } else { oneloop::get_running_loop().unwrap().create_future() };
        create_task(async move {
            let name = wire_name("www.example");
            let question = cache.get_or_ask(&name, RecordType::A, || async {
                asked.set(asked.get() + 1);
                for _ in 0..3 {
                    yield_now().await?;
                    oneloop::sleep(MILLISECOND).await?;
                }
                Ok(Reply::Found(Addresses { addresses: vec![[192, 0, 2, 1].into()], ttl: 5 }))
            });
            let answer = if is_cancelled { Some(question.await) } else { unless(leave, question).await };
            match answer {
                Some((Ok(Reply::Found(found)), _)) => Ok(Some(found.addresses.len())),
                Some((Err(error), _)) if error.is_cancelled() => Err(error.loop_error().unwrap().clone()),
                Some((other, _)) => panic!("{other:?}"),
                None => Ok(None),
            }
        })
    };
    let tasks: Vec<_> = (0..3).map(start).collect();
    oneloop::sleep(MILLISECOND * time).await.unwrap();
    for _ in 0..turns {
        yield_now().await.unwrap();
    }
    if is_cancelled {
        tasks[leaver].cancel();
    } else {
        leave.set_result(()).unwrap();
    }
    let mut went = false;
    for (place, task) in tasks.into_iter().enumerate() {
        match task.await {
            Ok(Some(found)) => assert_eq!(found, 1, "{what}: asker {place}"),
            outcome => {
                assert!(place == leaver && outcome.is_err() == is_cancelled, "{what}: asker {place}: {outcome:?}");
                went = true;
            }
        }
    }
    assert_eq!(cache.sizes(), (1, 0), "{what}: one answer and no open question");
    let again = u32::from(went && leaver == 0);
    assert_eq!(asked.get(), 1 + again, "{what}: asked once, and once more if the one who asked went");
    went
}

#[test]
fn whoever_leaves_at_whatever_place_the_others_get_their_answer() {
    let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build().unwrap();
    event_loop
        .run_until_complete(async {
            let mut went = 0;
            for (leaver, time, turns) in (0..3).flat_map(|a| (0..5).flat_map(move |b| (0..6).map(move |c| (a, b, c)))) {
                for is_cancelled in [true, false] {
                    went += u32::from(three_ask_and_one_leaves(leaver, time, turns, is_cancelled).await);
                }
            }
            assert!((60..180).contains(&went), "{went} of 180 left before and others after the answer");
            Ok(())
        })
        .unwrap();
}

/// The same through a whole lookup: both families, an alias, a truncated answer that leads to TCP; on real sockets.
async fn two_look_up_and_one_leaves(server: &NameServer, turns: u32, leaver: usize) -> bool {
    let resolver = resolver_of([server.address]).cache(10).build();
    let start = || {
        let resolver = resolver.clone();
        create_task(async move { Ok(resolver.addresses("www.example", Family::Any).await) })
    };
    let mut tasks = vec![start(), start()];
    for _ in 0..turns {
        yield_now().await.unwrap();
    }
    let went = tasks[leaver].cancel();
    let stays = tasks.remove(1 - leaver);
    assert_eq!(texts(stays.await.unwrap()), BOTH, "asker {leaver} left after {turns} turns");
    drop(tasks.remove(0).await);
    assert_eq!(resolver.shared.cache.borrow().sizes(), (2, 0), "asker {leaver} left after {turns} turns");
    went
}

#[test]
fn a_lookup_that_is_cancelled_anywhere_leaves_the_other_its_answer() {
    run(async {
        let server = NameServer::start(|asked| match (asked.name.as_str(), asked.tcp) {
            ("www.example", _) => vec![Send(asked.reply(0, &[(CNAME, b"\x05other\x07example\x00")]))],
            (_, false) => vec![Send(asked.reply(TRUNCATED, &[]))],
            (_, true) => vec![Send(asked.address(1))],
        })?;
        for leaver in [0, 1] {
            let mut turns = 0;
            while two_look_up_and_one_leaves(&server, turns, leaver).await {
                turns += 1;
            }
            assert!(turns > 10, "{turns} places are too few");
        }
        Ok(())
    });
}
