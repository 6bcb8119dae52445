//! Drives a headless Chromium over its debugging protocol.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// A browser with one page.
pub struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    next: u64,
    /// Exceptions and refusals that the page reported.
    pub complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

/// The browser to use: VOE_CHROMIUM, or the Chromium on PATH. `None`, and a word on what is skipped, without one, or if
/// VOE_CHROMIUM is empty.
pub fn program(skipped: &str) -> Option<String> {
    let program = match std::env::var("VOE_CHROMIUM") {
        Ok(named) => Some(named).filter(|named| !named.is_empty()),
        Err(_) => on_path(),
    };
    if program.is_none() {
        skip(skipped, "no Chromium on PATH; set VOE_CHROMIUM to one");
    }
    program
}

fn on_path() -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).collect::<Vec<_>>();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut found = names.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    // Some distributions put a script there that only says where the browser is to be had.
    let runs = |path: &std::path::PathBuf| {
        let mut asked = Command::new(path);
        asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    };
    found.find(|path| path.is_file() && runs(path)).map(|program| program.to_string_lossy().into_owned())
}

/// Says what is not run, past the test harness, which keeps what a passing test prints to itself.
#[expect(clippy::disallowed_methods, reason = "output of a test")]
pub fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what} ({why})");
}

impl Browser {
    pub fn start(program: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"])
            .args(["--disable-component-update", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The address is said on standard error; the rest must be read too, or the pipe fills.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("Chromium ended").unwrap();
            if let Some(address) = line.strip_prefix("DevTools listening on ws://") {
                break address.split('/').next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let mut http = TcpStream::connect(&address).unwrap();
        write!(http, "PUT /json/new?about:blank HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        http.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        let (mut answer, mut block) = (String::new(), [0; 4096]);
        while !answer.trim_end().ends_with('}') {
            let n = http.read(&mut block).unwrap();
            assert!(n > 0, "no page: {answer}");
            answer += &String::from_utf8_lossy(&block[..n]);
        }
        let page: Value = serde_json::from_str(&answer[answer.find('{').unwrap()..]).unwrap();
        let url = page["webSocketDebuggerUrl"].as_str().unwrap().to_owned();
        let stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let mut browser = Self { child, socket, next: 0, complaints: Vec::new(), _profile: profile };
        browser.call("Performance.enable", json!({"timeDomain": "threadTicks"}));
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method of the protocol.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.socket.send(Message::text(json!({"id": id, "method": method, "params": params}).to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => {
                    self.complaints.push(message["params"]["exceptionDetails"].to_string())
                }
                Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                    self.complaints.push(message["params"]["entry"]["text"].to_string());
                }
                Some("Page.javascriptDialogOpening") => self.complaints.push(format!("dialog {}", message["params"])),
                _ => {}
            }
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
        }
    }

    /// The value of an expression in the page, promises awaited.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].take()
    }

    /// Waits until an expression is true, at most five minutes: the machine may have other work.
    pub fn wait(&mut self, condition: &str) {
        let code = format!(
            "new Promise((yes, no) => {{ const began = Date.now(); const look = () => {{ let is = false; try {{ is = !!({condition}); }} catch {{}} \
             if (is) yes(true); else if (Date.now() - began > 300000) no(new Error('never true; the page says: ' + document.body.innerText.slice(0, 500))); else setTimeout(look, 20); }}; look(); }})"
        );
        self.eval(&code);
    }

    /// Opens an address and waits for the viewer to have shown it.
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.call("Page.navigate", json!({"url": url}));
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'");
    }

    /// Presses a key, as a keyboard does.
    pub fn key(&mut self, key: &str) {
        let text = if key == "Enter" {
            "\r"
        } else if key.len() == 1 {
            key
        } else {
            ""
        };
        let code = if key == "Enter" {
            13
        } else if key == "Escape" {
            27
        } else {
            0
        };
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code}),
        );
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// Sets the width and height of the page, and light or dark.
    pub fn look(&mut self, width: u32, height: u32, dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    /// Milliseconds of processor time that the page's main thread has used: unlike a clock, the same on a busy machine.
    pub fn page_cpu(&mut self) -> f64 {
        let metrics = self.call("Performance.getMetrics", json!({}));
        let metrics = metrics["metrics"].as_array().unwrap();
        metrics.iter().find(|m| m["name"] == "TaskDuration").unwrap()["value"].as_f64().unwrap() * 1000.0
    }

    /// A picture of what is in sight.
    pub fn shot(&mut self, path: &std::path::Path) {
        let result = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(result["data"].as_str().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.socket.close(None);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
