//! What is kept, for how long, and how often is asked. Real sockets on the loop's real clock can't wait for TTLs, so
//! expiry is tested on the cache alone, where nothing but the virtual clock passes.

use std::cell::Cell;

use super::*;
use crate::resolver::cache::Cache;
use crate::resolver::error::ResolveError;
use crate::resolver::exchange::Reply;
use crate::resolver::message::{Addresses, RecordType};
use crate::resolver::names::wire_name;

fn cached_resolver(server: &NameServer) -> Resolver {
    resolver_of([server.address]).cache(100).build()
}

#[test]
fn an_answer_is_asked_for_once_and_says_that_it_was_known() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = cached_resolver(&server);
        let first = resolver.look_up("www.example", Family::Any).await.unwrap();
        assert!(!first.cached);
        for name in ["www.example", "WWW.example", "www.example."] {
            let again = resolver.look_up(name, Family::Any).await.unwrap();
            assert!(again.cached && again.addresses == first.addresses, "{name}");
        }
        assert!(resolver.look_up("www.example", Family::V4).await.unwrap().cached);
        assert_eq!(server.asked.borrow().len(), 2);
        Ok(())
    });
}

#[test]
fn a_ttl_of_zero_serves_once_and_failures_are_not_kept() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "zero.example" => vec![Send(asked.address_for(1, 0))],
            "high.example" => vec![Send(asked.address_for(1, 0x8000_0000))], // counts as zero (RFC 2181)
            "nosoa.example" => vec![Send(asked.reply(NXDOMAIN, &[]))],
            _ => vec![Send(asked.reply(SERVFAIL, &[]))],
        })?;
        let resolver = resolver_of([server.address]).cache(100).attempts(1).build();
        for (name, expected) in [
            ("zero.example", None),
            ("high.example", None),
            ("nosoa.example", Some(ResolveErrorKind::NxDomain)),
            ("servfail.example", Some(ResolveErrorKind::ServFail)),
        ] {
            for round in 1..=2 {
                let before = server.asked.borrow().len();
                let outcome = resolver.look_up(name, Family::V4).await;
                assert_eq!(outcome.as_ref().err().map(ResolveError::kind), expected, "{name}");
                assert_eq!(server.asked.borrow().len(), before + 1, "{name} in round {round}");
            }
        }
        assert_eq!(resolver.shared.cache.borrow().sizes(), (0, 0));
        Ok(())
    });
}

#[test]
fn negative_answers_hold_as_long_as_their_soa_says() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "gone.example" => vec![Send(asked.negative(NXDOMAIN, 60))],
            _ => vec![Send(asked.negative(0, 60))],
        })?;
        let resolver = cached_resolver(&server);
        for _ in 0..3 {
            assert_eq!(kind(resolver.addresses("gone.example", Family::V4).await), ResolveErrorKind::NxDomain);
            assert_eq!(kind(resolver.addresses("empty.example", Family::V6).await), ResolveErrorKind::NoData);
        }
        assert_eq!(server.names(), ["empty.example", "gone.example"]);
        Ok(())
    });
}

#[test]
fn a_name_has_one_query_in_flight_and_a_cancelled_asker_is_replaced() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "silent.example" => vec![],
            _ => vec![Send(asked.address_for(1, 0))],
        })?;
        let resolver = cached_resolver(&server);
        let start = |name: &'static str| {
            let resolver = resolver.clone();
            create_task(async move { Ok(resolver.addresses(name, Family::V4).await) })
        };
        // Even an answer that may not be kept serves all who wait for it.
        let tasks: Vec<_> = (0..50).map(|_| start("www.example")).collect();
        for task in tasks {
            assert_eq!(texts(task.await?), ["192.0.2.1"]);
        }
        assert_eq!(server.asked.borrow().len(), 1);

        let (first, second) = (start("silent.example"), start("silent.example"));
        server.was_asked(2).await?;
        assert_eq!(resolver.shared.cache.borrow().sizes(), (0, 1));
        first.cancel();
        match first.await {
            Ok(outcome) => assert!(outcome.unwrap_err().is_cancelled()),
            Err(error) => assert!(error.is_cancelled()),
        }
        // The second one was not cancelled, and asks for itself.
        server.was_asked(3).await?;
        assert!(!second.done());
        second.cancel();
        drop(second.await);
        assert_eq!(resolver.shared.cache.borrow().sizes(), (0, 0), "nobody asks any more");
        Ok(())
    });
}

#[test]
fn the_files_are_read_again_only_where_that_is_asked_for_and_when_they_have_changed() {
    run(async {
        let path = std::env::temp_dir().join(format!("oneloop-reread-{}", std::process::id()));
        std::fs::write(&path, "192.0.2.1 web.example\n").unwrap();
        let files = |builder: Builder| builder.hosts_path(&path).resolv_conf_path("/nowhere/resolv.conf").build();
        let (once, again) = (files(Resolver::builder()), files(Resolver::builder().reread(Duration::ZERO)));
        for resolver in [&once, &again] {
            assert_eq!(texts(resolver.addresses("web.example", Family::V4).await), ["192.0.2.1"]);
        }
        std::fs::write(&path, "192.0.2.22 web.example\n").unwrap();
        assert_eq!(texts(once.addresses("web.example", Family::V4).await), ["192.0.2.1"]);
        assert_eq!(texts(again.addresses("web.example", Family::V4).await), ["192.0.2.22"]);
        std::fs::remove_file(&path).unwrap();
        Ok(())
    });
}

#[test]
fn names_that_look_the_same_as_text_do_not_share_an_answer() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            // An alias of one label that holds dots: as text it is one of the names below, with or without its escapes.
            "evil.example" => vec![Send(asked.reply(0, &[(CNAME, b"\x05a.b.c\x00")]))],
            "a.b.c" if asked.head[12] == 5 => vec![Send(asked.negative(NXDOMAIN, 60))],
            _ => vec![Send(asked.address(1))],
        })?;
        let resolver = cached_resolver(&server);
        assert_eq!(kind(resolver.addresses("evil.example", Family::V4).await), ResolveErrorKind::NxDomain);
        for name in [r"a\.b\.c", "a.b.c"] {
            assert_eq!(texts(resolver.addresses(name, Family::V4).await), ["192.0.2.1"], "{name}");
        }
        Ok(())
    });
}

#[test]
fn what_the_old_servers_say_after_the_files_have_changed_is_not_kept() {
    run(async {
        let path = std::env::temp_dir().join(format!("oneloop-changed-{}", std::process::id()));
        std::fs::write(&path, "# empty\n").unwrap();
        let answer: Rc<RefCell<Option<Vec<u8>>>> = Rc::default();
        let held = answer.clone();
        // The first question is held back until the files have changed, which its repetition tells.
        let server = NameServer::start(move |asked| match asked.name.as_str() {
            "www.example" if held.borrow().is_none() => {
                *held.borrow_mut() = Some(asked.address_for(1, 60));
                vec![]
            }
            _ => vec![Send(asked.address_for(2, 60))],
        })?;
        let builder = resolver_of([server.address]).cache(100).hosts_path(&path).reread(Duration::ZERO);
        let resolver = builder.build();
        let early = {
            let resolver = resolver.clone();
            create_task(async move { Ok(resolver.addresses("www.example", Family::V4).await) })
        };
        server.was_asked(1).await?;
        std::fs::write(&path, "# changed, and longer\n").unwrap();
        assert_eq!(texts(resolver.addresses("www.example", Family::V4).await), ["192.0.2.2"], "it asks for itself");
        let client = server.asked.borrow()[0].from;
        let late = answer.take().unwrap();
        server.say(&late, client).await?;
        assert_eq!(texts(early.await?), ["192.0.2.1"]);
        assert_eq!(texts(resolver.addresses("www.example", Family::V4).await), ["192.0.2.2"]);
        std::fs::remove_file(&path).unwrap();
        Ok(())
    });
}

/// The cache alone, on the virtual clock; each question counts.
fn virtually(test: impl AsyncFnOnce(Cache, Rc<Cell<u32>>) + 'static) {
    let event_loop = oneloop::EventLoop::builder().virtual_clock(true).build().unwrap();
    event_loop
        .run_until_complete(async {
            test(Cache::new(3), Rc::default()).await;
            Ok(())
        })
        .unwrap();
}

async fn ask(cache: &Cache, asked: &Rc<Cell<u32>>, name: &str, ttl: u32) -> bool {
    let (reply, known) = cache
        .get_or_ask(&wire_name(name), RecordType::A, || async {
            asked.set(asked.get() + 1);
            Ok(Reply::Found(Addresses { addresses: vec![[192, 0, 2, 1].into()], ttl }))
        })
        .await;
    assert!(reply.is_ok());
    known
}

#[test]
fn an_entry_ends_with_its_ttl_and_a_day_is_the_longest() {
    virtually(async |cache, asked| {
        let pass = async |millis| oneloop::sleep(Duration::from_millis(millis)).await.unwrap();
        assert!(!ask(&cache, &asked, "a", 5).await);
        pass(4_999).await;
        assert!(ask(&cache, &asked, "a", 5).await);
        pass(1).await;
        assert!(!ask(&cache, &asked, "a", i32::MAX as u32).await, "five seconds are over");
        pass(86_400_000 - 1).await;
        assert!(ask(&cache, &asked, "a", 5).await);
        pass(1).await;
        assert!(!ask(&cache, &asked, "a", 5).await, "a day is over");
        assert_eq!((asked.get(), cache.sizes()), (3, (1, 0)));
    });
}

#[test]
fn the_number_of_entries_is_bounded_and_the_soonest_to_end_goes_first() {
    virtually(async |cache, asked| {
        for (name, ttl) in [("a", 50), ("b", 10), ("c", 30), ("d", 40)] {
            ask(&cache, &asked, name, ttl).await;
            assert!(cache.sizes().0 <= 3);
        }
        assert!(ask(&cache, &asked, "a", 50).await && ask(&cache, &asked, "c", 30).await);
        assert!(!ask(&cache, &asked, "b", 10).await, "it was the first to go");
        for number in 0..1_000 {
            ask(&cache, &asked, &number.to_string(), 1).await;
        }
        assert_eq!(cache.sizes(), (3, 0));
    });
}

/// A full cache was searched as a whole for each new name; what it holds by the end of its time keeps in step.
#[test]
fn in_a_full_cache_all_go_whose_time_is_over() {
    virtually(async |cache, asked| {
        for (name, ttl) in [("a", 1), ("b", 2), ("c", 30)] {
            ask(&cache, &asked, name, ttl).await;
        }
        oneloop::sleep(Duration::from_secs(2)).await.unwrap();
        ask(&cache, &asked, "d", 10).await;
        assert_eq!(cache.sizes(), (2, 0), "a and b are over");
        ask(&cache, &asked, "e", 10).await;
        ask(&cache, &asked, "f", 20).await;
        assert_eq!(cache.sizes(), (3, 0));
        let before = asked.get();
        assert!(ask(&cache, &asked, "c", 30).await && ask(&cache, &asked, "e", 10).await, "d went, the first of two");
        assert_eq!(asked.get(), before);
    });
}
