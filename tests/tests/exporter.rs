//! `prober serve` beside Debian's blackbox_exporter, and under Debian's Prometheus.
//!
//! Both exporters probe the same targets by the same modules, and must agree in names, labels, types and all values that
//! are not times. The differences that there may be are those that docs/exporter.md declares, and are listed here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use oneloop_tests::folder::Folder;
use oneloop_tests::nginx::Nginx;
use oneloop_tests::service::{Service, escaped};
use oneloop_tests::{need, program};
use serde_json::Value;

/// Modules that each ask for something else; `{root}` is the file with the root certificate.
const MODULES: &str = "modules:
  http_2xx: {prober: http}
  http_post_2xx: {prober: http, http: {method: POST, body: a=1, headers: {X-A: b}}}
  ip4: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, ip_protocol_fallback: false, tls_config: {ca_file: '{root}'}}}
  trusted: {prober: http, http: {tls_config: {ca_file: '{root}'}}}
  insecure: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}
  only_12: {prober: http, http: {tls_config: {ca_file: '{root}', max_version: TLS12}}}
  stay: {prober: http, http: {follow_redirects: false}}
  missing: {prober: http, http: {valid_status_codes: [404]}}
  version: {prober: http, http: {valid_http_versions: [HTTP/2.0]}}
  no_ssl: {prober: http, http: {fail_if_ssl: true, tls_config: {ca_file: '{root}'}}}
  ssl: {prober: http, http: {fail_if_not_ssl: true, tls_config: {ca_file: '{root}'}}}
  body: {prober: http, http: {fail_if_body_matches_regexp: ['o.']}}
  no_body: {prober: http, http: {fail_if_body_not_matches_regexp: ['^no']}}
  header: {prober: http, http: {fail_if_header_matches: [{header: Server, regexp: nginx}]}}
  no_header: {prober: http, http: {fail_if_header_not_matches: [{header: X-Absent, regexp: x}]}}
  may_lack: {prober: http, http: {fail_if_header_not_matches: [{header: X-Absent, regexp: x, allow_missing: true}]}}
  basic: {prober: http, http: {basic_auth: {username: me, password: hunter2}}}
  large: {prober: http, http: {body_size_limit: 1MB}}
  named: {prober: http, http: {headers: {Host: localhost}, tls_config: {ca_file: '{root}'}}}
";

/// Name and labels of a sample, and its value.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads the text format: samples, and the type of each family.
fn read(text: &str) -> (Samples, BTreeMap<String, String>) {
    let (mut samples, mut types) = (Samples::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            types.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') && !line.is_empty() {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty()).map(|label| {
                let (name, value) = label.split_once("=\"").expect("a label");
                (name.to_owned(), value.trim_end_matches('"').to_owned())
            });
            samples.insert((name.to_owned(), labels.collect()), value.parse().expect("a number"));
        }
    }
    (samples, types)
}

/// Takes out what may differ between our exporter and Debian's blackbox_exporter, which is version 0.23.
fn without_declared(mut samples: Samples) -> Samples {
    // Ours alone; and a later version's.
    samples.retain(|(name, _), _| !["probe_failure_info", "probe_tls_cipher_info"].contains(&name.as_str()));
    // 0.23 has no serial number.
    let infos: Vec<_> = samples.keys().filter(|(name, _)| name == "probe_ssl_last_chain_info").cloned().collect();
    for (name, mut labels) in infos {
        let value = samples.remove(&(name.clone(), labels.clone())).expect("it was there");
        labels.remove("serialnumber");
        samples.insert((name, labels), value);
    }
    // Of a chain that was refused, only ours tells anything.
    if !samples.keys().any(|(name, _)| name == "probe_tls_version_info") {
        samples.retain(|(name, _), _| !name.starts_with("probe_ssl_"));
    }
    samples
}

/// Is the value of this family a time that it took?
fn is_duration(name: &str) -> bool {
    ["probe_duration_seconds", "probe_dns_lookup_time_seconds", "probe_http_duration_seconds"].contains(&name)
}

/// Our exporter with these modules.
fn prober_serve(modules: &Path) -> Service {
    let mut command = program::prober();
    command.args(["serve", "--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(modules);
    Service::start(&mut command, "serving at http://")
}

/// The demo site, with every kind of trouble, until it is dropped; and its URLs.
struct Site(Child, Vec<String>);

impl Site {
    fn start() -> Site {
        let mut command = program::prober();
        command.args(["demo", "--serve"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the program starts");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let urls = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        Site(process, urls)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn both_exporters_say_the_same_of_the_same_targets() {
    const NAME: &str = "both_exporters_say_the_same_of_the_same_targets";
    if !need::nginx(NAME) || !need::blackbox_exporter(NAME) {
        return;
    }
    let (nginx, site, folder) = (Nginx::start(None), Site::start(), Folder::new());
    let modules = folder.write("modules.yml", MODULES.replace("{root}", &nginx.root().display().to_string()));
    let mut blackbox = Command::new("prometheus-blackbox-exporter");
    blackbox.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&modules);
    let theirs = Service::start(&mut blackbox, "msg=\"Listening on\" address=");
    let ours = prober_serve(&modules);

    let by_address = |url: String| url.replace("localhost", "127.0.0.1");
    let mut targets = vec![
        nginx.http("/"),
        nginx.http("/").trim_start_matches("http://").to_owned(),
        nginx.http("/missing"),
        by_address(nginx.https("/")),
        by_address(nginx.https_12("/")),
    ];
    let demo = |url: &&String| ["/ok", "/redirect", "/chunked"].iter().any(|path| url.ends_with(path));
    targets.extend(site.1.iter().filter(demo).cloned());
    let names = MODULES.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(':').map(|(name, _)| name));
    let mut differences = Vec::new();
    let mut compared = 0;
    for module in names {
        // The whole demo once with verification and once without; the stalling endpoint would take two minutes.
        let all = ["http_2xx", "insecure"].contains(&module);
        let others = site.1.iter().filter(|url| all && !url.ends_with("/stall"));
        for target in targets.iter().chain(others) {
            let query = format!("/probe?module={module}&target={}", escaped(target));
            let ((status, ours), (their_status, theirs)) = (ours.get(&query), theirs.get(&query));
            assert_eq!((status, their_status), (200, 200), "{query}: {ours}");
            let ((ours, our_types), (theirs, their_types)) = (read(&ours), read(&theirs));
            let (ours, theirs) = (without_declared(ours), without_declared(theirs));
            for key in ours.keys().chain(theirs.keys()) {
                let pair = (ours.get(key), theirs.get(key));
                let same = match pair {
                    (Some(_), Some(_)) if is_duration(&key.0) => true,
                    (one, other) => one == other,
                };
                if !same {
                    differences.push(format!("{module} {target} {key:?}: {pair:?}"));
                }
            }
            for (name, kind) in our_types {
                let other = their_types.get(&name).unwrap_or(&kind);
                assert_eq!(*other, kind, "the type of {name}");
            }
            compared += ours.len();
        }
    }
    differences.sort();
    differences.dedup();
    assert!(differences.is_empty(), "ours and theirs:\n{}", differences.join("\n"));
    assert!(compared > 1_000, "only {compared} samples were compared");
}

/// The first fenced block of docs/operations.md that holds `mark`.
fn documented(mark: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let text = std::fs::read_to_string(path).expect("the page");
    let blocks = text.split("\n```").skip(1).step_by(2);
    let block =
        blocks.filter_map(|block| block.split_once('\n')).map(|(_, block)| block).find(|block| block.contains(mark));
    format!("{}\n", block.unwrap_or_else(|| panic!("docs/operations.md has no block with {mark}")))
}

#[test]
fn prometheus_scrapes_it_as_the_page_says() {
    const NAME: &str = "prometheus_scrapes_it_as_the_page_says";
    if !need::nginx(NAME) || !need::prometheus(NAME) {
        return;
    }
    let (nginx, folder) = (Nginx::start(None), Folder::new());
    let modules = folder.write("modules.yml", "modules:\n  http_2xx: {prober: http}\n");
    let exporter = prober_serve(&modules);
    let (good, bad) = (nginx.http("/"), nginx.http("/missing"));
    // The page's own configuration, with other addresses, other targets, and a shorter interval.
    let mut config = documented("scrape_configs:");
    for (before, after) in [
        ("127.0.0.1:9115", exporter.address().to_string()),
        ("https://example.org/", good.clone()),
        ("https://example.com/health", bad.clone()),
        ("scrape_interval: 30s", "scrape_interval: 1s".to_owned()),
        ("scrape_timeout: 15s", "scrape_timeout: 1s".to_owned()),
        ("rule_files:", "# rule_files:".to_owned()),
        ("  - prober.rules.yml", String::new()),
    ] {
        assert!(config.contains(before), "the page's configuration has no {before}");
        config = config.replace(before, &after);
    }
    let config = folder.write("prometheus.yml", config);
    let mut command = Command::new("prometheus");
    command.arg("--web.listen-address=127.0.0.1:0").arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    let prometheus = Service::start(&mut command, "msg=\"Listening on\" address=");

    let ask = |query: &str| -> Vec<Value> {
        let (_, body) = prometheus.get(&format!("/api/v1/query?query={}", escaped(query)));
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    };
    // It scrapes when it likes, at most a second later; a minute means never.
    let give_up = Instant::now() + Duration::from_secs(60);
    let results = loop {
        let results = ask("probe_success");
        if results.len() == 2 && !ask("prober_probes_total").is_empty() {
            break results;
        }
        assert!(Instant::now() < give_up, "Prometheus has not scraped it: {results:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let value = |instance: &str| {
        let result = results.iter().find(|result| result["metric"]["instance"] == instance);
        result.unwrap_or_else(|| panic!("no result for {instance}: {results:?}"))["value"][1].clone()
    };
    assert_eq!((value(&good), value(&bad)), ("1".into(), "0".into()));
    assert!(results.iter().all(|result| result["metric"]["job"] == "prober"));
    let phases = ask(&format!("probe_http_duration_seconds{{instance=\"{good}\"}}"));
    assert_eq!(phases.len(), 5, "{phases:?}");
    assert_eq!(ask("probe_failure_info{kind=\"status\"}").len(), 1);
    assert!(ask("up").iter().all(|result| result["value"][1] == "1"), "{:?}", ask("up"));
}

#[test]
fn the_pages_modules_and_command_lines_are_good_ones() {
    let folder = Folder::new();
    let manifest = documented("kind: ConfigMap");
    let (_, rest) = manifest.split_once("modules.yml: |\n").expect("the modules");
    let modules: String =
        rest.lines().take_while(|line| line.starts_with("    ")).map(|line| format!("{}\n", &line[4..])).collect();
    let modules = folder.write("modules.yml", modules);
    program::run(program::prober().arg("check-config").arg(&modules)).expect_code(0);
    // The arguments of the pod and of the service, with a port of the system's choice.
    let args =
        manifest.lines().find_map(|line| line.trim().strip_prefix("args: [serve, ")).expect("the pod's arguments");
    let args = args.trim_end_matches(']').split(", ").map(|word| word.trim_matches('"').replace(":9115", ":0"));
    let args: Vec<_> =
        args.map(|word| word.replace("/etc/prober/modules.yml", &modules.display().to_string())).collect();
    let unit = documented("ExecStart=");
    let line =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/prober serve ")).expect("the unit");
    let line = line.replace(":9115", ":0").replace("/etc/prober/modules.yml", &modules.display().to_string());
    // The image has nothing but the program, which is told to serve; the port is the one that is exposed.
    let image = documented("FROM scratch");
    let words = |instruction: &str| -> Vec<String> {
        let line = image.lines().find_map(|line| line.strip_prefix(instruction)).expect(instruction);
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{instruction}{line}: {error}"))
    };
    assert_eq!(words("ENTRYPOINT "), ["/prober"]);
    assert!(image.contains("COPY --from=build /src/target/release/prober /prober\n"), "{image}");
    assert!(image.contains("USER 65534:65534\n") && image.contains("EXPOSE 9115\n"), "{image}");
    let toolchain = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../rust-toolchain.toml"));
    let toolchain = toolchain.expect("the toolchain");
    let version =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a version").trim_matches('"');
    assert!(image.contains(&format!("rust:{version}-alpine")), "{version}: {image}");
    assert!(image.contains(&format!("RUSTUP_TOOLCHAIN={version}\n")), "{version}: {image}");
    let command: Vec<_> = words("CMD ").iter().map(|word| word.replace(":9115", ":0")).collect();
    assert_eq!(command.first().map(String::as_str), Some("serve"));
    for words in [args, line.split(' ').map(str::to_owned).collect(), command[1..].to_vec()] {
        let service = Service::start(program::prober().arg("serve").args(&words), "serving at http://");
        assert_ne!(service.address().port(), 0, "{words:?}");
    }
}

#[test]
fn promtool_finds_no_fault_in_the_pages_rules_configurations_and_metrics() {
    const NAME: &str = "promtool_finds_no_fault_in_the_pages_rules_configurations_and_metrics";
    if !need::promtool(NAME) {
        return;
    }
    let folder = Folder::new();
    let promtool = |arguments: &[&str], path: &Path, input: Option<&str>| {
        let mut command = Command::new("promtool");
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
        match input {
            None => {
                command.arg(path);
            }
            Some(_) => {
                command.stdin(File::open(path).expect("the text"));
            }
        }
        program::run(&mut command).expect_code(0);
    };
    let rules = folder.write("prober.rules.yml", documented("groups:"));
    promtool(&["check", "rules"], &rules, None);
    let config = folder.write("prometheus.yml", documented("scrape_configs:"));
    promtool(&["check", "config"], &config, None);
    let sharded = folder.write("sharded.yml", format!("scrape_configs:\n{}", documented("hashmod")));
    promtool(&["check", "config"], &sharded, None);
    // What the exporter and the command line print is what the format allows.
    let exporter = prober_serve(&folder.write("modules.yml", "modules: {http_2xx: {prober: http}}"));
    let url = format!("http://{}/-/healthy", exporter.address());
    let probe = exporter.get(&format!("/probe?target={}", escaped(&url))).1;
    let run = program::run(program::prober().args(["--format", "prom", &url]));
    run.expect_code(0);
    for text in [probe, exporter.get("/metrics").1, run.stdout] {
        let path = folder.write("metrics.txt", &text);
        promtool(&["check", "metrics"], &path, Some(&text));
    }
}
