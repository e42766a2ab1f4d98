//! What is wrong with the words: a sentence on stderr that says what to write instead, nothing probed, exit status 2.

use crate::server::Server;
use crate::{file, prober, ran, shell};

/// Each is refused with a sentence that holds these words, before anything is probed.
#[test]
fn what_is_wrong_or_contradicts_itself_is_refused_with_what_to_write() {
    let server = Server::accept(|_| panic!("nothing is probed"));
    let url = server.url("/");
    for (arguments, words) in [
        (vec!["--formt", "json"], "'--format'"),
        (vec!["--parallel", "3"], "'--parallel-max'"),
        (vec!["--format", "jsno"], "'json'"),
        (vec!["-w", "%{time_totl}"], "did you mean 'time_total'?"),
        (vec!["-w", "%{time}"], "there are time_appconnect, time_connect"),
        (vec!["-w", "x", "--format", "csv"], "cannot be used with"),
        (vec!["-4", "-6"], "cannot be used with"),
        (vec!["-q", "-v"], "cannot be used with"),
        (vec!["--until-ok", "--fail-early"], "cannot be used with"),
        (vec!["--all-addresses", "--keepalive"], "cannot be used with"),
        (vec!["--all-addresses", "--resolve", "a:1:127.0.0.1"], "cannot be used with"),
        (vec!["--oauth2-bearer", "t", "-u", "a:b"], "cannot be used with"),
        (vec!["--tlsv1.3", "--tls-max", "1.2"], "no version of TLS is left"),
        (vec!["--resolver", "system", "--dns-servers", "9.9.9.9"], "--resolver stub"),
        (vec!["--key", "k.pem"], "--cert"),
        (vec!["--proxy-user", "a:b"], "--proxy"),
        (vec!["--config.file", "m.yml"], "--module"),
        (vec!["-m", "-1"], "not a duration"),
        (vec!["-i", "-1"], "not a duration"),
        (vec!["-c", "-1"], "not a number from 1"),
        (vec!["--cert-days", "-5"], "write a whole number from 0 to 36500"),
        (vec!["--rate", "-2"], "not a rate"),
        (vec!["--max-filesize", "-1"], "not a size"),
        (vec!["--cert-days", "x"], "write a whole number from 0 to 36500"),
        (vec!["--retry", "-1"], "write a whole number from 0"),
        (vec!["--retry", "x"], "write a whole number from 0"),
        (vec!["--max-redirs", "-1"], "write a whole number from 0"),
        (vec!["--max-redirs", "99999999999"], "write a whole number from 0"),
        (vec!["--slo", "totl=1"], "headers (= ttfb) and total"),
        (vec!["--expect-status", "2yy"], "write 200, 2xx or 200-204"),
        (vec!["--fail-if-body-matches", "("], "unclosed group"),
        (vec!["--fail-if-body-matches", ""], "an empty regular expression matches everything"),
        (vec!["--fail-if-body-not-matches", ""], "an empty regular expression matches everything"),
        (vec!["--oauth2-bearer", ""], "the token of --oauth2-bearer is empty"),
        (vec!["-d", "@"], "-d @ names no file"),
        (vec!["-H", "@"], "-H @ names no file"),
        (vec!["-w", "@"], "-w @ names no file"),
        (vec!["-", "-d", "@-"], "- and -d @-: standard input can be read once only"),
        (vec!["@-", "-H", "@-"], "- and -H @-: standard input can be read once only"),
        (vec!["-", "-w", "@-"], "- and -w @-: standard input can be read once only"),
        (vec!["-d", "@-", "-w", "@-"], "-d @- and -w @-: standard input can be read once only"),
        (vec!["-d", "@-", "-d", "@-"], "-d @- and -d @-: standard input can be read once only"),
        (vec!["--fail-if-header-matches", "Server"], "'Name: regex'"),
        (vec!["-x", "socks5://h:1"], "only http proxies"),
        (vec!["-H", "Accept"], "'Name: value'"),
        (vec!["-H", "Host: a", "-H", "host: b"], "the header 'Host' is given more than once"),
        (vec!["-X", "TRACE", "-d", "x"], "a TRACE request must not have a body"),
    ] {
        let run = ran(prober(&arguments).arg(&url));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn a_host_that_looks_like_a_command_is_probed_and_remarked_upon() {
    let run = ran(&mut prober(&["serv", "--resolve", "serv:80:127.0.0.1", "--connect-to", "serv:80:127.0.0.1:1"]));
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("did you mean the command 'serve'?"), "{}", run.stderr);
    assert!(!ran(&mut prober(&["nowhere.invalid"])).stderr.contains("did you mean"));
}

/// curl takes headers from there, too; here a file called `-` was looked for.
#[test]
fn headers_and_a_format_come_from_standard_input() {
    let url = Server::site().url("/echo");
    let run = ran(&mut shell(&format!("echo 'X-Mine: yes' | prober -H @- -w '%header{{x-echo}}' {url}")));
    assert!(run.code == Some(0) && run.stdout.contains("| X-Mine: yes |"), "{}{}", run.stdout, run.stderr);
    let run = ran(&mut shell(&format!("echo '%{{http_code}}' | prober -w @- {url}")));
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "200\n"), "{}", run.stderr);
}

/// It was 0.00009999999999999999 ms.
#[test]
fn a_limit_is_repeated_as_it_was_given() {
    let url = Server::site().url("/stall");
    for (limit, said) in [("0.0000001", "within 0.0001 ms:"), ("0.3ms", "within 0.3 ms:")] {
        let run = ran(&mut prober(&["-m", limit, &url]));
        assert!(run.stdout.contains(said), "{}", run.stdout);
    }
}

/// As these tools' formats are called elsewhere.
#[test]
fn formats_have_the_names_that_others_give_them() {
    let url = Server::site().url("/ok");
    for (name, sign) in [("ndjson", "{\"schema_version\":1,"), ("prometheus", "# HELP probe_")] {
        let run = ran(&mut prober(&["--format", name, &url]));
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        assert!(run.stdout.starts_with(sign), "{name}: {}", run.stdout);
    }
}

/// It was taken for a URL: only a name of a file that is UTF-8 was recognised behind the @.
#[test]
fn a_list_whose_name_is_no_utf8_is_read() {
    let list = file("list", &Server::site().url("/ok"));
    let run = ran(&mut shell(&format!(
        "name=$(printf '%s-caf\\351' '{list}'); cp '{list}' \"$name\"; prober \"@$name\" && prober \"@$name.missing\"",
        list = list.display()
    )));
    assert_eq!(run.code, Some(2), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("1 probed: 1 ok") && run.stderr.contains("cannot read the list"), "{}", run.stderr);
}

/// Help that could not be printed ended with 0.
#[test]
fn help_that_cannot_be_printed_is_an_error() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full here");
        return;
    }
    for what in ["--help", "--version", "man", "completions bash"] {
        let run = ran(&mut shell(&format!("prober {what} >/dev/full")));
        assert_eq!(run.code, Some(2), "{what}");
        assert!(run.stderr.contains("cannot write to standard output"), "{what}: {}", run.stderr);
    }
}
