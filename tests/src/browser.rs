//! A page in Debian's chromium, as somebody at a keyboard meets it.
//!
//! Job: open a page without a window, press its keys, and read what it shows: its rendered text, the place of the
//! focus, what a screen reader is told. Neighbours: `tests/report.rs`. Invariants: a key goes through the browser's own
//! input, so that what has the focus gets it; the browser talks through two pipes, so there is no port; it ends with
//! the value. Source: the Chrome DevTools Protocol, one JSON document after another with a zero byte behind each.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::need;

/// A browser with one page open.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    asked: u64,
    /// What the browser has told without being asked, since the page that is open was asked for.
    told: Vec<Value>,
    _profile: Folder,
}

impl Browser {
    /// Starts a browser and opens `page`, with what follows its name in the address (`#selftest`); `None` where there is
    /// no chromium: then the test called `test` is skipped. The page's scripts have run when this returns.
    ///
    /// # Panics
    /// When the browser does not do what it is told to.
    #[must_use]
    pub fn open(test: &str, page: &Path, part: &str) -> Option<Browser> {
        if !need::program(test, "chromium", &["--version"]) {
            return None;
        }
        let profile = Folder::new();
        // The browser speaks on descriptors 3 and 4, which only a shell can make of its own input and output.
        let mut command = Command::new("sh");
        command.args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"]);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
        command.arg("--remote-debugging-pipe").arg(format!("--user-data-dir={}", profile.path().display()));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("chromium starts");
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut browser = Browser { process, to, from, session: None, asked: 0, told: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached =
            browser.call("Target.attachToTarget", &json!({ "targetId": target["targetId"].as_str(), "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", &json!({}));
        browser.call("Page.setLifecycleEventsEnabled", &json!({ "enabled": true }));
        browser.call("Runtime.enable", &json!({}));
        browser.go(page, part);
        Some(browser)
    }

    /// Opens another page instead.
    ///
    /// # Panics
    /// When the browser is gone.
    pub fn go(&mut self, page: &Path, part: &str) {
        self.told.clear();
        let going = self.call("Page.navigate", &json!({ "url": format!("file://{}{part}", page.display()) }));
        // The news of it may be there before the answer is, and the page before may still have had some of its own.
        let loaded = |told: &Value| {
            told["method"] == "Page.lifecycleEvent"
                && told["params"]["name"] == "load"
                && told["params"]["loaderId"] == going["loaderId"]
        };
        while !self.told.iter().any(loaded) {
            let message = self.message();
            self.told.push(message);
        }
    }

    /// Presses a key and lets it go: its name as the page is told it (`ArrowRight`, `Tab`, `Enter`), or what it types.
    ///
    /// # Panics
    /// When the browser is gone, or the key has no name here.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ if key.len() == 1 => u32::from(key.as_bytes()[0].to_ascii_uppercase()),
            _ => panic!("{key} is not known here"),
        };
        let text = if key == "Enter" { "\r" } else { key };
        let kind = if key.len() == 1 || key == "Enter" { "keyDown" } else { "rawKeyDown" };
        let mut down = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
        if kind == "keyDown" {
            down["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", &down);
        self.call("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }));
    }

    /// The value of an expression in the page's scripts.
    ///
    /// # Panics
    /// When it throws.
    pub fn evaluate(&mut self, script: &str) -> Value {
        let mut found = self.call("Runtime.evaluate", &json!({ "expression": script, "returnByValue": true }));
        assert_eq!(found["exceptionDetails"], Value::Null, "{script}");
        found["result"]["value"].take()
    }

    /// What the page's scripts have thrown so far, and not caught.
    pub fn thrown(&self) -> Vec<&Value> {
        self.told.iter().filter(|told| told["method"] == "Runtime.exceptionThrown").collect()
    }

    /// The text of the first element that a selector finds, as it is rendered: without what is hidden.
    ///
    /// # Panics
    /// When there is none.
    pub fn text(&mut self, selector: &str) -> String {
        let found = self.evaluate(&format!("document.querySelector({}).innerText", json!(selector)));
        found.as_str().unwrap_or_else(|| panic!("{selector} has no text")).trim().to_owned()
    }

    /// Gives the page a screen of another width, in light or dark colours.
    ///
    /// # Panics
    /// When the browser is gone.
    pub fn look(&mut self, width: u32, dark: bool) {
        let size = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        self.call("Emulation.setEmulatedMedia", &json!({ "features": [scheme] }));
    }

    /// What a screen reader is told of: role and name of each thing that can have the focus.
    ///
    /// # Panics
    /// When the browser is gone.
    pub fn told(&mut self) -> Vec<(String, String)> {
        self.call("Accessibility.enable", &json!({}));
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let focusable = |node: &&Value| {
            let properties = node["properties"].as_array().into_iter().flatten();
            node["ignored"] != true
                && properties.into_iter().any(|it| it["name"] == "focusable" && it["value"]["value"] == true)
        };
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let nodes = tree["nodes"].as_array().into_iter().flatten().filter(focusable);
        nodes.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
    }

    /// Asks the browser for something, and waits for its answer.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let mut question = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = &self.session {
            question["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{question}\0").as_bytes()).expect("the browser listens");
        loop {
            let mut message = self.message();
            if message["id"] == self.asked {
                assert_eq!(message["error"], Value::Null, "{method} {params}");
                return message["result"].take();
            }
            self.told.push(message);
        }
    }

    fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).expect("the browser speaks");
        assert_eq!(bytes.pop(), Some(0), "the browser is gone");
        serde_json::from_slice(&bytes).expect("JSON")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself when nobody speaks to it any more; but then it would still write into its folder.
        let close = json!({ "id": 0, "method": "Browser.close" });
        let asked = self.to.write_all(format!("{close}\0").as_bytes());
        let mut rest = Vec::new();
        while asked.is_ok() && self.from.read_until(0, &mut rest).is_ok_and(|count| count > 0) {
            rest.clear();
        }
        let _ = self.process.kill(); // it has ended, or never will
        let _ = self.process.wait();
    }
}
