//! What leads to the next server, the next name, the other family, or the end.

use super::*;

#[test]
fn failures_have_different_kinds() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "no-name.example" => vec![Send(asked.reply(NXDOMAIN, &[]))],
            "no-data.example" => vec![Send(asked.reply(0, &[]))],
            "servfail.example" => vec![Send(asked.reply(SERVFAIL, &[]))],
            "refused.example" => vec![Send(asked.reply(REFUSED, &[]))],
            "malformed.example" => vec![Send(asked.reply(0, &[(A, &[1, 2, 3])]))],
            _ => vec![],
        })?;
        let (patient, hasty) = (server.resolver(), resolver_of([server.address]).timeout(SOON).build());
        for (name, expected) in [
            ("no-name.example", ResolveErrorKind::NxDomain),
            ("no-data.example", ResolveErrorKind::NoData),
            ("servfail.example", ResolveErrorKind::ServFail),
            ("refused.example", ResolveErrorKind::Refused),
            ("malformed.example", ResolveErrorKind::Malformed),
            ("silent.example", ResolveErrorKind::Timeout),
        ] {
            let resolver = if expected == ResolveErrorKind::Timeout { &hasty } else { &patient };
            let error = resolver.addresses(name, Family::Any).await.unwrap_err();
            assert_eq!(error.kind(), expected, "{error}");
            assert!(error.host() == name && error.to_string().contains(name), "{error}");
        }
        let nobody = resolver_of([]).build();
        assert_eq!(kind(nobody.addresses("www.example", Family::Any).await), ResolveErrorKind::NoServers);
        Ok(())
    });
}

#[test]
fn the_next_server_is_asked_when_one_fails() {
    run(async {
        let answers: [fn(&Asked) -> Vec<Act>; 3] = [
            |asked| vec![Send(asked.reply(SERVFAIL, &[]))],
            |asked| vec![Send(asked.reply(0, &[(CNAME, &[0xC0, 12])]))],
            |_| vec![],
        ];
        for answer in answers {
            let (bad, good) = (NameServer::start(answer)?, NameServer::start(|asked| vec![Send(asked.address(1))])?);
            let resolver = resolver_of([bad.address, good.address]).timeout(LATER).build();
            assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), BOTH);
            assert_eq!((bad.asked.borrow().len(), good.asked.borrow().len()), (2, 2));
        }
        Ok(())
    });
}

#[test]
fn a_name_that_does_not_exist_is_no_reason_to_ask_another_server() {
    run(async {
        let first = NameServer::start(|asked| vec![Send(asked.reply(NXDOMAIN, &[]))])?;
        let second = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = resolver_of([first.address, second.address]).build();
        assert_eq!(kind(resolver.addresses("www.example", Family::V4).await), ResolveErrorKind::NxDomain);
        assert_eq!((first.asked.borrow().len(), second.asked.borrow().len()), (1, 0));
        Ok(())
    });
}

#[test]
fn a_server_that_is_not_there_is_unreachable_at_once() {
    run(async {
        let gone = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?.local_addr()?;
        let resolver = resolver_of([gone]).build();
        assert_eq!(kind(resolver.addresses("www.example", Family::Any).await), ResolveErrorKind::Unreachable);
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = resolver_of([gone, server.address]).build();
        assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), BOTH);
        Ok(())
    });
}

#[test]
fn rotate_begins_with_the_next_server_each_time() {
    run(async {
        let start = || NameServer::start(|asked| vec![Send(asked.address(1))]);
        let (one, two) = (start()?, start()?);
        let resolver = resolver_of([one.address, two.address]).rotate(true).build();
        for _ in 0..4 {
            resolver.addresses("www.example", Family::V4).await.unwrap();
        }
        assert_eq!((one.asked.borrow().len(), two.asked.borrow().len()), (2, 2));
        Ok(())
    });
}

#[test]
fn attempts_are_counted() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.reply(SERVFAIL, &[]))])?;
        let resolver = resolver_of([server.address]).attempts(3).build();
        assert_eq!(kind(resolver.addresses("www.example", Family::V4).await), ResolveErrorKind::ServFail);
        assert_eq!(server.asked.borrow().len(), 3);
        Ok(())
    });
}

#[test]
fn one_family_failing_or_silent_does_not_fail_the_other() {
    run(async {
        let answers: [fn(&Asked) -> Vec<Act>; 3] = [
            |asked| vec![Send(asked.reply(SERVFAIL, &[]))],
            |asked| vec![Send(asked.reply(NXDOMAIN, &[]))],
            |_| vec![],
        ];
        for answer in answers {
            for silent in [A, AAAA] {
                let server = NameServer::start(move |asked| match asked.kind == silent {
                    true => answer(asked),
                    false => vec![Send(asked.address(1))],
                })?;
                let left = if silent == A { &BOTH[..1] } else { &BOTH[1..] };
                // Half a minute for each server: RFC 8305's delay is what ends the waiting.
                let resolver = resolver_of([server.address]).resolution_delay(RESOLUTION_DELAY).build();
                assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), left);
            }
        }
        Ok(())
    });
}

#[test]
fn the_search_list_is_gone_through() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "web.two.example" => vec![Send(asked.address(1))],
            "web.one.example" => vec![Send(asked.reply(0, &[]))],
            "dead.one.example" => vec![Send(asked.reply(REFUSED, &[]))],
            _ => vec![Send(asked.reply(NXDOMAIN, &[]))],
        })?;
        let resolver = resolver_of([server.address]).search(["one.example", "two.example."]).attempts(1).build();
        assert_eq!(texts(resolver.addresses("web", Family::V4).await), BOTH[1..]);
        assert_eq!(server.names(), ["web.one.example", "web.two.example"]);
        server.asked.borrow_mut().clear();
        assert_eq!(kind(resolver.addresses("web.", Family::V4).await), ResolveErrorKind::NxDomain);
        assert_eq!(server.names(), ["web"]);
        server.asked.borrow_mut().clear();
        // A server that refuses one name is not asked for the others.
        assert_eq!(kind(resolver.addresses("dead", Family::V4).await), ResolveErrorKind::Refused);
        assert_eq!(server.names(), ["dead.one.example"]);
        Ok(())
    });
}

#[test]
fn aliases_across_answers_are_followed_and_end() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "www.example" => vec![Send(asked.reply(0, &[(CNAME, b"\x01b\x07example\x00")]))],
            "b.example" => vec![Send(asked.address(1))],
            // tick is tock's alias, and tock is tick's.
            "tick.example" => vec![Send(asked.reply(0, &[(CNAME, b"\x04tock\x07example\x00")]))],
            _ => vec![Send(asked.reply(0, &[(CNAME, b"\x04tick\x07example\x00")]))],
        })?;
        let resolver = server.resolver();
        assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), BOTH);
        assert_eq!(server.names(), ["b.example", "b.example", "www.example", "www.example"]);
        assert_eq!(kind(resolver.addresses("tick.example", Family::V4).await), ResolveErrorKind::Malformed);
        Ok(())
    });
}

#[test]
fn the_name_that_an_alias_leads_to_is_told_when_it_is_the_one_that_is_missing() {
    run(async {
        const GONE: (u16, &[u8]) = (CNAME, b"\x04gone\x07example\x00");
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "at-once.example" => vec![Send(asked.reply(NXDOMAIN, &[GONE]))],
            "later.example" => vec![Send(asked.reply(0, &[GONE]))],
            "gone.example" => vec![Send(asked.reply(NXDOMAIN, &[]))],
            "empty.example" => vec![Send(asked.reply(0, &[(CNAME, b"\x04void\x07example\x00")]))],
            _ => vec![Send(asked.reply(0, &[]))],
        })?;
        let resolver = server.resolver();
        let sentence = async |name, family| resolver.addresses(name, family).await.unwrap_err().to_string();
        for name in ["at-once.example", "later.example"] {
            assert_eq!(
                sentence(name, Family::Any).await,
                format!(
                    "no address for {name}: the name {name} is an alias of gone.example, which does not exist (NXDOMAIN)"
                )
            );
        }
        let alias = "no address for empty.example: the name empty.example is an alias of void.example, which has";
        assert_eq!(sentence("empty.example", Family::Any).await, format!("{alias} neither AAAA nor A records"));
        assert_eq!(sentence("empty.example", Family::V4).await, format!("{alias} no A record"));
        Ok(())
    });
}

#[test]
fn an_error_without_its_question_is_the_servers_answer() {
    run(async {
        for (code, expected) in [(SERVFAIL, ResolveErrorKind::ServFail), (REFUSED, ResolveErrorKind::Refused)] {
            let server = NameServer::start(move |asked| {
                let mut header = asked.reply(code, &[]);
                header.truncate(12);
                header[5] = 0;
                vec![Send(header)]
            })?;
            // Half a minute for each server, which nobody waits for.
            assert_eq!(kind(server.resolver().addresses("www.example", Family::Any).await), expected);
        }
        Ok(())
    });
}

#[test]
fn a_tcp_server_that_closes_early_or_lies_about_the_length_is_an_error_of_that_server() {
    run(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let _server = create_task(async move {
            for answer in [&b""[..], b"\x01", b"\xFF\xFFabc", b"\x00\x00", b"\x00\x03abc"] {
                let (mut stream, _) = listener.accept().await?;
                let mut question = [0; 64];
                stream.read(&mut question).await?;
                stream.write_all(answer).await?;
            }
            Ok(())
        });
        let resolver = resolver_of([address]).use_tcp(true).attempts(1).build();
        for _ in 0..5 {
            assert_eq!(kind(resolver.addresses("www.example", Family::V4).await), ResolveErrorKind::Malformed);
        }
        Ok(())
    });
}

#[test]
fn options_of_resolv_conf_change_what_is_asked() {
    run(async {
        let server = NameServer::start(|asked| match asked.name.as_str() {
            "web.example" => vec![Send(asked.address(1))],
            _ => vec![Send(asked.reply(NXDOMAIN, &[]))],
        })?;
        let port = server.address.port();
        let path = std::env::temp_dir().join(format!("oneloop-options-{}-{port}", std::process::id()));
        let with = |options: &str| {
            std::fs::write(&path, options).unwrap();
            resolver_of([server.address]).resolv_conf_path(&path).build()
        };
        let kinds = || server.asked.borrow_mut().drain(..).map(|asked| asked.kind).collect::<Vec<_>>();
        let resolver = with("options no-aaaa");
        assert_eq!(texts(resolver.addresses("web.example", Family::Any).await), BOTH[1..]);
        assert_eq!(kind(resolver.addresses("web.example", Family::V6).await), ResolveErrorKind::NoData);
        assert_eq!(kinds(), [A]);
        let resolver = with("options single-request");
        assert_eq!(texts(resolver.addresses("web.example", Family::Any).await), BOTH);
        assert_eq!(kinds(), [AAAA, A]);
        let resolver = with("options no-tld-query");
        assert_eq!(kind(resolver.addresses("web", Family::V4).await), ResolveErrorKind::NxDomain);
        assert!(kinds().is_empty());
        std::fs::remove_file(&path).unwrap();
        Ok(())
    });
}
