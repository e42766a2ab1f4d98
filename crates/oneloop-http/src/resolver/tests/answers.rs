//! What is asked, and which answers count.

use std::collections::HashSet;
use std::fs;

use super::*;

#[test]
fn both_families_are_asked_and_ipv6_comes_first() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = server.resolver();
        assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), BOTH);
        assert_eq!(server.names(), ["www.example"; 2]);
        assert_eq!(texts(resolver.addresses("www.example.", Family::V4).await), BOTH[1..]);
        assert_eq!(texts(resolver.addresses("WWW.example", Family::V6).await), BOTH[..1]);
        let asked = server.asked.borrow();
        assert_eq!(asked.len(), 4);
        assert_eq!((asked[2].kind, asked[3].kind), (A, AAAA));
        assert!(asked.iter().all(|asked| asked.edns && !asked.tcp));
        Ok(())
    });
}

#[test]
fn every_query_has_a_fresh_port_and_id() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = server.resolver();
        for _ in 0..16 {
            resolver.addresses("www.example", Family::Any).await.unwrap();
        }
        let asked = server.asked.borrow();
        let ids: HashSet<u16> = asked.iter().map(|asked| asked.id).collect();
        let ports: HashSet<u16> = asked.iter().map(|asked| asked.from.port()).collect();
        // Repeats by chance are rare: 32 of 65,536, and of some 28,000.
        assert!(asked.len() == 32 && ids.len() > 28 && ports.len() > 24, "{ids:?} {ports:?}");
        Ok(())
    });
}

#[test]
fn what_is_known_without_asking_asks_nobody() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(9))])?;
        let resolver = resolver_of([server.address]).host("Known.example", "192.0.2.7".parse().unwrap()).build();
        let resolve = async |host, family| resolver.addresses(host, family).await;
        assert_eq!(texts(resolve("localhost", Family::Any).await), ["::1", "127.0.0.1"]);
        assert_eq!(texts(resolve("a.LocalHost.", Family::V4).await), ["127.0.0.1"]);
        assert_eq!(kind(resolve("some.invalid", Family::Any).await), ResolveErrorKind::NxDomain);
        assert_eq!(texts(resolve("192.0.2.1", Family::Any).await), ["192.0.2.1"]);
        assert_eq!(texts(resolve("[2001:db8::1]", Family::V6).await), ["2001:db8::1"]);
        assert_eq!(kind(resolve("192.0.2.1", Family::V6).await), ResolveErrorKind::NoData);
        assert_eq!(kind(resolve("a..b", Family::Any).await), ResolveErrorKind::BadName);
        assert_eq!(texts(resolve("known.EXAMPLE.", Family::Any).await), ["192.0.2.7"]);
        assert!(server.asked.borrow().is_empty());
        // A family that the hosts file does not have is asked for, as in libc.
        assert_eq!(texts(resolve("known.example", Family::V6).await), ["2001:db8::9"]);
        assert_eq!(server.asked.borrow().len(), 1);
        Ok(())
    });
}

#[test]
fn both_files_are_read_once() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let name = format!("oneloop-resolver-{}-{}", std::process::id(), server.address.port());
        let (hosts, conf) = (std::env::temp_dir().join(format!("{name}.hosts")), std::env::temp_dir().join(name));
        fs::write(&hosts, "192.0.2.1 web\n2001:db8::1 web\n").unwrap();
        fs::write(&conf, "search one.example\n").unwrap();
        let files = Resolver::builder().hosts_path(&hosts).resolv_conf_path(&conf);
        let resolver = files.servers([server.address]).build();
        assert_eq!(texts(resolver.addresses("WEB", Family::Any).await), BOTH);
        resolver.addresses("short", Family::V4).await.unwrap();
        fs::remove_file(&hosts).unwrap();
        fs::remove_file(&conf).unwrap();
        assert_eq!(texts(resolver.clone().addresses("web", Family::Any).await), BOTH);
        resolver.addresses("other", Family::V4).await.unwrap();
        assert_eq!(server.names(), ["other.one.example", "short.one.example"]);
        Ok(())
    });
}

#[test]
fn spoofed_answers_are_ignored_and_waiting_goes_on() {
    run(async {
        let server = NameServer::start(|asked| {
            let mut wrong_id = asked.address(66);
            wrong_id[0] ^= 1;
            let mut wrong_name = asked.address(67);
            wrong_name[13] ^= 1;
            let mut no_response = asked.address(68);
            no_response[2] = 1;
            vec![
                SendFromElsewhere(asked.address(65)),
                Send(wrong_id),
                Send(wrong_name),
                Send(no_response),
                Send(b"garbage".to_vec()),
                Send(vec![]),
                Send(asked.address(1)),
            ]
        })?;
        assert_eq!(texts(server.resolver().addresses("www.example", Family::Any).await), BOTH);
        assert_eq!(server.asked.borrow().len(), 2);
        Ok(())
    });
}

#[test]
fn a_flood_of_wrong_answers_leads_to_tcp() {
    run(async {
        let server = NameServer::start(|asked| {
            if asked.tcp {
                return vec![Send(asked.address(1))];
            }
            let guess = |i: u16| {
                let mut guess = asked.address(66);
                guess[..2].copy_from_slice(&asked.id.wrapping_add(i).to_be_bytes());
                Send(guess)
            };
            (1..64).map(guess).collect()
        })?;
        assert_eq!(texts(server.resolver().addresses("www.example", Family::V4).await), BOTH[1..]);
        Ok(())
    });
}

#[test]
fn truncation_leads_to_tcp_at_the_same_server() {
    run(async {
        let server = NameServer::start(|asked| match asked.tcp {
            true => vec![Send(asked.address(1))],
            false => vec![Send(asked.reply(TRUNCATED, &[]))],
        })?;
        assert_eq!(texts(server.resolver().addresses("www.example", Family::Any).await), BOTH);
        let asked = server.asked.borrow();
        assert_eq!(asked.iter().filter(|asked| asked.tcp).count(), 2);
        assert_eq!(asked.len(), 4);
        Ok(())
    });
}

#[test]
fn a_message_longer_than_offered_is_asked_for_over_tcp() {
    run(async {
        let server = NameServer::start(|asked| {
            let data = [192, 0, 2, 1];
            vec![Send(asked.reply(0, &[(A, &data[..]); 100]))]
        })?;
        assert_eq!(texts(server.resolver().addresses("www.example", Family::V4).await), BOTH[1..]);
        assert!(server.asked.borrow()[1].tcp);
        Ok(())
    });
}

#[test]
fn use_vc_means_tcp_from_the_start() {
    run(async {
        let server = NameServer::start(|asked| vec![Send(asked.address(1))])?;
        let resolver = resolver_of([server.address]).use_tcp(true).build();
        assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), BOTH);
        assert!(server.asked.borrow().iter().all(|asked| asked.tcp));
        Ok(())
    });
}

#[test]
fn a_format_error_that_counts_an_opt_record_which_it_does_not_hold_is_understood() {
    run(async {
        let server = NameServer::start(|asked| match asked.edns {
            true => {
                let mut bytes = asked.reply(FORMERR, &[]);
                bytes[11] = 1; // the query's count of additional records, without the record
                vec![Send(bytes)]
            }
            false => vec![Send(asked.address(1))],
        })?;
        assert_eq!(texts(server.resolver().addresses("www.example", Family::V4).await), ["192.0.2.1"]);
        Ok(())
    });
}

#[test]
fn a_server_without_edns_is_asked_once_without_it() {
    run(async {
        let server = NameServer::start(|asked| match asked.edns {
            true => vec![Send(asked.reply(FORMERR, &[]))],
            false => vec![Send(asked.address(1))],
        })?;
        assert_eq!(texts(server.resolver().addresses("www.example", Family::V4).await), BOTH[1..]);
        let never = NameServer::start(|asked| vec![Send(asked.reply(FORMERR, &[]))])?;
        let resolver = resolver_of([never.address]).attempts(1).build();
        assert_eq!(kind(resolver.addresses("www.example", Family::V4).await), ResolveErrorKind::ServFail);
        assert_eq!(never.asked.borrow().len(), 2);
        Ok(())
    });
}

#[test]
fn a_server_on_ipv6_is_asked_from_ipv6() {
    run(async {
        let Ok(socket) = UdpSocket::bind(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0))) else {
            eprintln!("skipped: no IPv6 on this machine");
            return Ok(());
        };
        let resolver = resolver_of([socket.local_addr()?]).build();
        drop(create_task(answer_udp(socket.into(), Rc::new(|asked| vec![Send(asked.address(1))]), Log::default())));
        assert_eq!(texts(resolver.addresses("www.example", Family::Any).await), BOTH);
        Ok(())
    });
}
