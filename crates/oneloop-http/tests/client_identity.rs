//! Who trusts whom: client certificates, revocation lists, other authorities, versions, another server name.

mod client_support;
mod tls_support;

use std::rc::Rc;
use std::sync::Arc;

use client_support::{Names, OK, spawn, virtually};
use oneloop::net::duplex;
use oneloop_http::{ClientSession, ErrorKind, Exchange, SessionBuilder, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa};
use rustls::ServerConfig;
use tls_support::{Authority, ServerSetup, TlsPeer, file};

/// A session whose connections lead to a server with `config`, which answers every request, and after `/away` with a
/// redirect to plain http.
fn session_to(config: Arc<ServerConfig>) -> SessionBuilder {
    ClientSession::builder().resolver(Names::one()).connector(move |remote: std::net::SocketAddr| {
        let (ours, theirs) = duplex(65536);
        let config = config.clone();
        spawn(async move {
            if remote.port() == 80 {
                client_support::Peer::on(theirs).answer_all(OK).await;
                return Ok(());
            }
            let mut peer = TlsPeer::new(theirs, &config);
            while let Some(request) = peer.request().await {
                if request.starts_with("GET /away") {
                    peer.send("HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n").await;
                } else {
                    peer.send(OK).await;
                }
            }
            peer.closed().await;
            Ok(())
        });
        std::future::ready(Ok(ours))
    })
}

/// What a request comes to: the status, or kind and detail of its error; and the record.
async fn outcome(session: ClientSession, url: &str) -> (Result<u16, (ErrorKind, String)>, Exchange) {
    let exchange = Exchange::new();
    let outcome = async {
        let mut response = session.get(url).exchange(&exchange).send().await?;
        response.read().await?;
        Ok(response.status().as_u16())
    }
    .await;
    (outcome.map_err(|error: oneloop_http::Error| (error.kind(), error.detail().to_owned())), exchange)
}

const URL: &str = "https://example.org/";

#[test]
fn our_certificate_is_shown_where_it_is_asked_for_and_a_refusal_is_told_apart() {
    let (authority, stranger) = (Authority::new(), Authority::named("Stranger"));
    let for_clients = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let expired = |params: &mut CertificateParams| {
        for_clients(params);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    };
    let refused = Err(ErrorKind::TlsClientCert);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for (identity, expected) in [
            (authority.server(&["me"], for_clients).pem(), Ok(200)),
            (stranger.server(&["me"], for_clients).pem(), refused),
            (authority.server(&["me"], expired).pem(), refused),
        ] {
            let mut setup = authority.server(&["example.org"], |_| ());
            setup.versions = vec![version];
            setup.client_root = Some(authority.root());
            let config = setup.build();
            let ca = authority.root_pem.clone();
            virtually(async move {
                let session = session_to(config).ca_pem(ca).identity_pem(identity).build().unwrap();
                let (outcome, exchange) = outcome(session, URL).await;
                assert_eq!(outcome.map_err(|(kind, _)| kind), expected);
                let tls = exchange.hops()[0].tls.clone().unwrap();
                assert!(tls.verified && tls.chain.len() == 2);
            });
        }
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let identity = authority.server(&["me"], |_| ());
    let other = authority.server(&["me"], |_| ());
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    let chain_file = file("identity-chain.pem", &chain);
    let key_file = file("identity-key.pem", &key);
    let other_key = file("identity-other-key.pem", other.key_pem());
    let encrypted = file(
        "identity-encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let missing = std::path::PathBuf::from("/nowhere/at-all.pem");
    let new = ClientSession::builder;
    assert!(new().identity_file(&chain_file, Some(key_file.clone())).build().is_ok());
    assert!(new().identity_pem(format!("{key}{chain}")).build().is_ok());
    for (builder, expected) in [
        (new().identity_file(&chain_file, None), "no private key"),
        (new().identity_file(&chain_file, Some(other_key)), "does not go with"),
        (new().identity_file(&chain_file, Some(encrypted)), "encrypted"),
        (new().identity_file(&key_file, None), "no certificate"),
        (new().identity_file(&missing, None), "/nowhere/at-all.pem"),
        (new().crl_file(&missing), "/nowhere/at-all.pem"),
        (new().crl_file(&chain_file), "no revocation list"),
        (new().crl_pem("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), "a revocation list that cannot"),
        (new().extra_ca_file(&key_file), "no certificate"),
        (new().ca_file("/"), "cannot read"),
        (new().server_name("not a name"), "not a name"),
        (new().min_tls(TlsVersion::Tls13).max_tls(TlsVersion::Tls12), "above the highest"),
    ] {
        let debug = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        assert!(error.message().contains(expected), "{error}");
        assert!(!debug.contains("PRIVATE"), "keys are not printed");
    }
}

#[test]
fn a_certificate_on_a_revocation_list_is_refused_with_its_chain() {
    let authority = Authority::new();
    for (revoked, expected) in [(true, Err((ErrorKind::TlsRevoked, "Revoked".to_owned()))), (false, Ok(200))] {
        for insecure in [false, true] {
            let setup = authority.server(&["example.org"], |params| params.serial_number = Some(77.into()));
            let list = authority.revocation_list(if revoked { 77 } else { 78 });
            let (config, ca, expected) = (setup.build(), authority.root_pem.clone(), expected.clone());
            virtually(async move {
                let session = session_to(config).ca_pem(ca).crl_pem(list).insecure(insecure).build().unwrap();
                let (outcome, exchange) = outcome(session, URL).await;
                assert_eq!(outcome, if insecure { Ok(200) } else { expected });
                let tls = exchange.hops()[0].tls.clone().unwrap();
                assert_eq!((tls.chain.len(), tls.verified), (2, !revoked));
                assert_eq!(tls.verify_error.is_some(), revoked);
            });
        }
    }
}

/// The list names the issuer, and somebody else has signed it.
#[test]
fn a_forged_revocation_list_is_told_as_that_and_its_kind_is_that_of_the_report() {
    let (authority, forger) = (Authority::new(), Authority::new());
    let (config, ca) = (authority.server(&["example.org"], |_| ()).build(), authority.root_pem.clone());
    let list = forger.revocation_list(77);
    virtually(async move {
        let exchange = Exchange::new();
        let session = session_to(config).ca_pem(ca).crl_pem(list).build().unwrap();
        let error = session.get(URL).exchange(&exchange).send().await.unwrap_err();
        assert!(error.message().contains("the list given for its issuer is not signed by that issuer"), "{error}");
        let told = (error.kind(), error.detail().to_owned());
        assert_eq!(told, (ErrorKind::TlsUntrusted, "InvalidCertRevocationList".to_owned()));
        assert_eq!(exchange.hops()[0].tls.as_ref().unwrap().verify_error, Some(told));
    });
}

#[test]
fn versions_stay_in_their_range() {
    let authority = Rc::new(Authority::new());
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    for (server, min, max, expected) in [
        (vec![old], Some(TlsVersion::Tls13), None, None),
        (vec![new], None, Some(TlsVersion::Tls12), None),
        (vec![old, new], None, Some(TlsVersion::Tls12), Some("TLSv1.2")),
        (vec![old, new], Some(TlsVersion::Tls13), None, Some("TLSv1.3")),
        (vec![old], None, None, Some("TLSv1.2")),
    ] {
        let authority = authority.clone();
        virtually(async move {
            let mut setup = authority.server(&["example.org"], |_| ());
            setup.versions = server;
            let mut session = session_to(setup.build()).ca_pem(authority.root_pem.clone());
            if let Some(min) = min {
                session = session.min_tls(min);
            }
            if let Some(max) = max {
                session = session.max_tls(max);
            }
            let (outcome, exchange) = outcome(session.build().unwrap(), URL).await;
            assert_eq!(outcome.is_ok(), expected.is_some());
            assert_eq!(
                exchange.hops()[0].tls.as_ref().and_then(|tls| tls.version.filter(|_| outcome.is_ok())),
                expected
            );
            if let Err((kind, _)) = outcome {
                assert_eq!(kind, ErrorKind::TlsHandshake);
            }
        });
    }
}

#[test]
fn another_server_name_is_sent_and_verified() {
    let authority = Rc::new(Authority::new());
    for (name, url, accepted) in [
        (Some("example.org"), "https://other.example/", true),
        (Some("example.org."), "https://192.0.2.1/", true),
        (None, "https://other.example/", false),
        (Some("other.example"), URL, false),
    ] {
        let authority = authority.clone();
        virtually(async move {
            let setup = authority.server(&["example.org"], |_| ());
            let mut session = session_to(setup.build()).ca_pem(authority.root_pem.clone());
            if let Some(name) = name {
                session = session.server_name(name);
            }
            let (outcome, _) = outcome(session.build().unwrap(), url).await;
            assert_eq!(
                outcome.map_err(|(kind, _)| kind),
                if accepted { Ok(200) } else { Err(ErrorKind::TlsWrongHost) }
            );
        });
    }
}

#[test]
fn authorities_replace_the_bundled_ones_or_come_on_top() {
    let (one, two) = (Rc::new(Authority::new()), Authority::named("Two"));
    let two_file = two.ca_file("authorities-two.pem");
    type Change = Box<dyn Fn(SessionBuilder) -> SessionBuilder>;
    let (one_pem, two_path) = (one.root_pem.clone(), two_file.clone());
    let cases: Vec<(Change, bool)> = vec![
        (Box::new(|s| s), false),
        (Box::new(move |s| s.ca_file(&two_path).ca_pem(one_pem.clone())), true),
        (
            Box::new({
                let path = one.ca_file("authorities-one.pem");
                move |s| s.extra_ca_file(&path)
            }),
            true,
        ),
        (
            Box::new({
                let path = one.ca_file("authorities-one.pem");
                move |s| s.ca_file(&two_file).extra_ca_file(&path)
            }),
            true,
        ),
        (
            Box::new({
                let two = two.root_pem.clone();
                move |s| s.ca_pem(two.clone())
            }),
            false,
        ),
    ];
    for (change, accepted) in cases {
        let one = one.clone();
        virtually(async move {
            let session = change(session_to(one.server(&["example.org"], |_| ()).build())).build().unwrap();
            let (outcome, _) = outcome(session, URL).await;
            assert_eq!(outcome.is_ok(), accepted);
        });
    }
}

/// What signs the server's certificate, or the certificate itself, breaks a rule.
#[test]
fn rules_about_chains_are_enforced_and_the_chain_is_shown() {
    let critical = |params: &mut CertificateParams| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    let no_authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages.clear();
    };
    let constrained = |params: &mut CertificateParams| {
        params.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.com".into())],
            excluded_subtrees: Vec::new(),
        });
    };
    let excluded = |params: &mut CertificateParams| {
        params.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".into())],
        });
    };
    let same: fn(&mut CertificateParams) = |_| ();
    let old = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    type Case = (&'static str, Authority, fn(&mut CertificateParams), ErrorKind);
    let cases: Vec<Case> = vec![
        ("an unknown critical extension", Authority::new(), critical, ErrorKind::TlsUntrusted),
        ("an issuer that is no authority", Authority::with(same, no_authority), same, ErrorKind::TlsUntrusted),
        ("a name that the issuer may not sign", Authority::with(same, constrained), same, ErrorKind::TlsUntrusted),
        ("a name that the issuer must not sign", Authority::with(same, excluded), same, ErrorKind::TlsUntrusted),
        ("an issuer that has expired", Authority::with(same, old), same, ErrorKind::TlsExpired),
    ];
    for (case, authority, leaf, kind) in cases {
        let config = authority.server(&["example.org"], leaf).build_unchecked();
        let ca = authority.root_pem.clone();
        virtually(async move {
            let (outcome, exchange) = outcome(session_to(config).ca_pem(ca).build().unwrap(), URL).await;
            assert_eq!(outcome.map_err(|(kind, _)| kind), Err(kind), "{case}");
            assert_eq!(exchange.hops()[0].tls.as_ref().unwrap().chain.len(), 2, "{case}: the chain is kept");
        });
    }
}

#[test]
fn a_path_longer_than_an_issuer_allows_is_untrusted() {
    for (allowed, expected) in [(0, Err(ErrorKind::TlsUntrusted)), (1, Ok(200))] {
        let authority =
            Authority::with(|_| (), |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(allowed)));
        let (config, ca) = (authority.server_below(&["example.org"]).build(), authority.root_pem.clone());
        virtually(async move {
            let (outcome, exchange) = outcome(session_to(config).ca_pem(ca).build().unwrap(), URL).await;
            assert_eq!(outcome.map_err(|(kind, _)| kind), expected);
            assert_eq!(exchange.hops()[0].tls.as_ref().unwrap().chain.len(), 3);
        });
    }
}

/// As curl and Go have it: what the caller has given as trusted needs no path, whoever has signed it and whatever it is
/// marked as. But its dates and its name must be right, and another of the same name is not meant.
#[test]
fn a_servers_own_certificate_can_be_what_is_trusted() {
    let authority = Authority::new();
    let names = ["example.org"].as_slice();
    let issued = authority.server(names, |_| ());
    let leaf_only = ServerSetup { chain: issued.chain[..1].to_vec(), ..issued };
    let expired = Authority::self_signed_as(names, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let other = Authority::self_signed_authority(names).pem();
    for (case, setup, given, expected) in [
        ("self-signed", Authority::self_signed(names), None, Ok(200)),
        ("self-signed, as an authority", Authority::self_signed_authority(names), None, Ok(200)),
        ("issued by another", leaf_only, None, Ok(200)),
        ("issued by another, with its chain", authority.server(names, |_| ()), None, Ok(200)),
        ("another name", Authority::self_signed_authority(&["example.net"]), None, Err(ErrorKind::TlsWrongHost)),
        ("expired", expired, None, Err(ErrorKind::TlsExpired)),
        ("another key", Authority::self_signed_authority(names), Some(other), Err(ErrorKind::TlsUntrusted)),
    ] {
        let given = given.unwrap_or_else(|| setup.pem());
        let config = setup.build();
        virtually(async move {
            let (outcome, _) = outcome(session_to(config).ca_pem(given).build().unwrap(), URL).await;
            assert_eq!(outcome.map_err(|(kind, _)| kind), expected, "{case}");
        });
    }
}

#[test]
fn self_signed_and_incomplete_chains_are_untrusted_and_the_sentence_tells_them_apart() {
    let authority = Authority::new();
    let setup = authority.server(&["example.org"], |_| ());
    let leaf_only = ServerSetup { chain: setup.chain[..1].to_vec(), ..setup };
    let own = Authority::self_signed(&["example.org"]);
    let marked = Authority::self_signed_authority(&["example.org"]);
    let stranger = Authority::named("Stranger");
    let no_root = stranger.server(&["example.org"], |_| ());
    let mut with_root = stranger.server(&["example.org"], |_| ());
    with_root.chain.push(stranger.root());
    let mut padded = Authority::self_signed(&["example.org"]);
    padded.chain.push(authority.root());
    for (setup, detail, sentence) in [
        (leaf_only, "IncompleteChain", "is an intermediate missing"),
        (own, "SelfSigned", "signed itself"),
        (marked, "SelfSigned", "signed itself"),
        (padded, "SelfSigned", "signed itself"),
        (no_root, "UnknownIssuer", "leads to no trusted root (if it is a private CA"),
        (with_root, "UnknownIssuer", "leads to a root which is not trusted (if it is a private CA"),
    ] {
        let count = setup.chain.len();
        let (config, ca) = (setup.build(), authority.root_pem.clone());
        virtually(async move {
            let exchange = Exchange::new();
            let session = session_to(config).ca_pem(ca).build().unwrap();
            let error = session.get(URL).exchange(&exchange).send().await.unwrap_err();
            assert_eq!((error.kind(), error.detail()), (ErrorKind::TlsUntrusted, detail), "{error}");
            assert!(error.message().contains(sentence), "{error}");
            let tls = exchange.hops()[0].tls.clone().unwrap();
            assert_eq!(tls.chain.len(), count);
            assert_eq!(
                tls.verify_error,
                Some((ErrorKind::TlsUntrusted, detail.to_owned())),
                "the report says the same"
            );
        });
    }
}

#[test]
fn https_to_http_is_refused_unless_it_is_allowed_and_then_loses_credentials() {
    let authority = Rc::new(Authority::new());
    for allowed in [false, true] {
        let authority = authority.clone();
        virtually(async move {
            let config = authority.server(&["example.org"], |_| ()).build();
            let session = session_to(config).ca_pem(authority.root_pem.clone()).allow_downgrade(allowed);
            let session = session.header("Authorization", "Basic c2VjcmV0").build().unwrap();
            let (outcome, exchange) = outcome(session, "https://example.org/away").await;
            if allowed {
                assert_eq!((outcome, exchange.hops().len()), (Ok(200), 2));
            } else {
                assert_eq!(outcome, Err((ErrorKind::UnsupportedScheme, "Downgrade".to_owned())));
                assert_eq!(exchange.hops()[0].status().unwrap(), 302);
            }
        });
    }
}

#[test]
fn a_server_without_the_key_of_its_certificate_has_a_bad_signature() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (mut setup, other) =
            (authority.server(&["example.org"], |_| ()), authority.server(&["example.org"], |_| ()));
        setup.versions = vec![version];
        setup.key = other.key;
        let (config, ca) = (setup.build_unchecked(), authority.root_pem.clone());
        virtually(async move {
            let (outcome, exchange) = outcome(session_to(config).ca_pem(ca).build().unwrap(), URL).await;
            assert_eq!(outcome, Err((ErrorKind::TlsBadSignature, "BadSignature".to_owned())));
            let tls = exchange.hops()[0].tls.clone().unwrap();
            assert!(!tls.verified && tls.chain.len() == 2);
            assert_eq!(tls.verify_error.as_ref().unwrap().0, ErrorKind::TlsBadSignature);
        });
    }
}

/// An RSA key of so many bits, to be certified; nobody has its private half.
struct RsaKey(Vec<u8>);

impl RsaKey {
    fn of_bits(bits: usize) -> RsaKey {
        let modulus = [&[0x00, 0x80][..], &vec![1; bits / 8 - 1]].concat();
        let length = |bytes: usize| (bytes as u16).to_be_bytes();
        let mut der = vec![0x30, 0x82];
        der.extend(length(modulus.len() + 9));
        der.extend([0x02, 0x82]);
        der.extend(length(modulus.len()));
        der.extend(modulus);
        der.extend([0x02, 0x03, 1, 0, 1]);
        RsaKey(der)
    }
}

impl rcgen::PublicKeyData for RsaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// Signs as such a key would, as far as its sort goes.
#[derive(Clone, Copy, Debug)]
struct RsaSigner(rustls::SignatureScheme);

impl rustls::sign::SigningKey for RsaSigner {
    fn choose_scheme(&self, _: &[rustls::SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        Some(Box::new(*self))
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        rustls::SignatureAlgorithm::RSA
    }
}

impl rustls::sign::Signer for RsaSigner {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![1; 128])
    }

    fn scheme(&self) -> rustls::SignatureScheme {
        self.0
    }
}

/// Nothing that such a key has signed verifies, which looks like a forgery.
#[test]
fn an_rsa_key_that_is_too_short_is_told_with_its_bits() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for (bits, detail, sentence) in [
            (1024, "KeySize", "whose RSA key has 1024 bits"),
            (16384, "KeySize", "whose RSA key has 16384 bits"),
            (2048, "BadSignature", "a signature that does not verify"),
        ] {
            let mut setup = authority.server_with_key(&["example.org"], &RsaKey::of_bits(bits));
            setup.versions = vec![version];
            let config = setup.build_with(Arc::new(RsaSigner(rustls::SignatureScheme::RSA_PSS_SHA256)));
            let ca = authority.root_pem.clone();
            virtually(async move {
                let exchange = Exchange::new();
                let session = session_to(config).ca_pem(ca).build().unwrap();
                let error = session.get(URL).exchange(&exchange).send().await.unwrap_err();
                let told = (error.kind(), error.detail().to_owned());
                assert_eq!(told, (ErrorKind::TlsBadSignature, detail.to_owned()), "{error}");
                assert!(error.message().contains(sentence), "{error}");
                assert_eq!(exchange.hops()[0].tls.as_ref().unwrap().verify_error, Some(told));
            });
        }
    }
}

#[test]
fn the_systems_authorities_can_be_used_where_there_are_some() {
    match ClientSession::builder().native_roots(true).build() {
        Ok(_) => {}
        // A bare container has none, and says so.
        Err(error) => assert!(error.message().contains("no certificates to trust"), "{error}"),
    }
}
