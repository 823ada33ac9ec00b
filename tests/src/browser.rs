//! A browser as a moderator sits before it: Debian's Chromium, driven over WebDriver.
//!
//! Everything waits for what it needs (an element, a condition in the page) with a deadline.
//! [`Browser::finish`] fails a test that left complaints behind: errors on the console, refused
//! content (CSP), dialogs that opened, scripts that threw.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, NewSessionError};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use url::{ParseError, Url};

use crate::server_process::{Launch, ServerProcess, clean_environment, tail};
use crate::{eventually, ports, within};

/// Longest wait for the driver and for a browser to start.
const START: Duration = Duration::from_mins(1);

/// Longest wait for something in a page; milliseconds are usual, a loaded machine needs more.
const PATIENCE: Duration = Duration::from_secs(20);

/// What Chromium is started with: no window, no calls home, and as root too.
const CHROMIUM: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--password-store=basic",
    "--force-color-profile=srgb",
    // The browser ends with the driver, whatever ends that.
    "--remote-debugging-pipe",
];

/// Runs before every page's own scripts: what would be lost with the page is said on the console, where
/// [`Browser::complaints`] finds it.
const LISTEN: &str = r"
    document.addEventListener('securitypolicyviolation', (event) =>
        console.error(`CSP: ${event.effectiveDirective} refused ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`));
    window.addEventListener('unhandledrejection', (event) => console.error('unhandled rejection: ' + event.reason));
    for (const dialog of ['alert', 'confirm', 'prompt', 'print'])
        window[dialog] = (text) => console.error(`dialog: ${dialog}(${text})`);
";

/// The success criteria of WCAG 2.2 up to level AA, and what axe-core leaves out unless asked.
const ACCESSIBILITY: &str = r"
    const done = arguments[arguments.length - 1];
    const options = {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'],
        rules: { 'target-size': { enabled: true } },
        resultTypes: ['violations'],
    };
    axe.run(document, options).then(
        (found) => done(found.violations.flatMap((violation) => violation.nodes.map((node) =>
            `${violation.id} (${violation.impact}): ${node.target.join(' ')}: ${node.html.slice(0, 200)}: `
                + (node.failureSummary || violation.help).replace(/\s+/g, ' ')))),
        (error) => done(['axe-core failed: ' + error]));
";

/// The driver that all tests of a binary share; each browser has a session and a profile of its own.
#[derive(Debug)]
struct Driver {
    url: String,
    log: PathBuf,
    // Before `_folder`: the process must be gone when its folder is deleted.
    _process: Mutex<ServerProcess>,
    _folder: TempDir,
}

impl Driver {
    async fn shared() -> &'static Self {
        static SHARED: OnceCell<Driver> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("moderato-browser-").tempdir().expect("a folder");
        let (port, log) = (ports::free(), folder.path().join("driver.log"));
        let mut command = Command::new("chromedriver");
        clean_environment(&mut command);
        // Profiles and sockets are made here, and removed with it.
        command.env("HOME", folder.path()).env("TMPDIR", folder.path());
        command.arg(format!("--port={port}"));
        let launch =
            Launch { command, log: log.clone(), folder: folder.path().to_owned(), end_signal: "TERM" };
        let process = ServerProcess::start(&launch).expect("chromedriver is installed");
        let url = format!("http://127.0.0.1:{port}/");
        let driver = Self { url, log, _process: Mutex::new(process), _folder: folder };
        let answers = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok();
        assert!(within(START, answers).await.is_some(), "no chromedriver:\n{}", tail(&driver.log));
        driver
    }

    async fn session(&self, capabilities: Map<String, Value>) -> Result<Client, NewSessionError> {
        ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&self.url).await
    }
}

/// What a person brings along.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Width and height of the window, in CSS pixels.
    pub window: (u32, u32),
    /// A phone: touch, no hover, and the width of `window` without a lower limit.
    pub phone: bool,
    /// Prefers dark pages.
    pub dark: bool,
    /// Lets pages run scripts.
    pub scripts: bool,
}

impl Person {
    /// Somebody at a desk.
    pub const AT_A_DESK: Self = Self { window: (1280, 900), phone: false, dark: false, scripts: true };

    /// Somebody with a phone.
    pub const ON_A_PHONE: Self = Self { window: (390, 844), phone: true, ..Self::AT_A_DESK };

    /// The same, with dark pages.
    #[must_use]
    pub const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    /// The same, without scripts.
    #[must_use]
    pub const fn without_scripts(self) -> Self {
        Self { scripts: false, ..self }
    }

    fn capabilities(&self) -> Map<String, Value> {
        let (width, height) = self.window;
        let mut arguments: Vec<String> = CHROMIUM.iter().map(ToString::to_string).collect();
        arguments.push(format!("--window-size={width},{height}"));
        let mut chromium = json!({ "args": arguments, "prefs": { "credentials_enable_service": false } });
        if Path::new("/usr/bin/chromium").exists() {
            chromium["binary"] = json!("/usr/bin/chromium");
        }
        if self.phone {
            chromium["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0 } });
        }
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": chromium,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        match capabilities {
            Value::Object(capabilities) => capabilities,
            _ => unreachable!("an object was written above"),
        }
    }
}

/// One browser with a profile of its own: cookies are not shared with any other.
#[derive(Debug)]
pub struct Browser {
    client: Client,
}

impl Browser {
    /// Starts one for somebody at a desk.
    pub async fn start() -> Self {
        Self::start_for(Person::AT_A_DESK).await
    }

    /// Starts one.
    pub async fn start_for(person: Person) -> Self {
        let driver = Driver::shared().await;
        let client = match driver.session(person.capabilities()).await {
            Ok(client) => client,
            Err(error) => panic!("chromium does not start: {error}\n{}", tail(&driver.log)),
        };
        let browser = Self { client };
        browser.devtools("Page.enable", json!({})).await;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": LISTEN })).await;
        let scheme = if person.dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        if !person.scripts {
            browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
        }
        browser
    }

    /// Fails if there were [`complaints`](Self::complaints), and closes the browser.
    pub async fn finish(self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "the browser complained: {complaints:#?}");
        self.client.close().await.expect("the browser closes");
    }

    /// Opens an address and waits until it is loaded.
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("the page loads");
    }

    /// Where the browser is.
    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("a page is open").into()
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.client.refresh().await.expect("the page loads");
    }

    /// Waits until the browser is at an address that ends like this.
    pub async fn until_at(&self, end: &str) {
        self.wait(&format!("the address ends with {end}"), async || {
            self.url().await.ends_with(end).then_some(())
        })
        .await;
    }

    /// The first element that a CSS selector finds, as soon as it is shown.
    pub async fn find(&self, css: &str) -> Element {
        self.wait(&format!("{css} is shown"), async || {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.is_displayed().await.ok()?.then_some(element)
        })
        .await
    }

    /// Waits until a CSS selector finds nothing that is shown.
    pub async fn until_gone(&self, css: &str) {
        let script = "return [...document.querySelectorAll(arguments[0])].every((e) => !e.checkVisibility())";
        self.wait(&format!("{css} is gone"), async || {
            (self.try_script(script, &[json!(css)]).await.ok()? == true).then_some(())
        })
        .await;
    }

    /// How many elements a CSS selector finds now.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect("a valid selector").len()
    }

    /// The text of an element as it is shown.
    pub async fn text(&self, css: &str) -> String {
        self.wait(&format!("the text of {css}"), async || {
            self.client.find(Locator::Css(css)).await.ok()?.text().await.ok()
        })
        .await
    }

    /// Waits until the text of an element holds this.
    pub async fn until_text(&self, css: &str, part: &str) {
        let shows = within(PATIENCE, async || {
            let text = self.client.find(Locator::Css(css)).await.ok()?.text().await.ok()?;
            text.contains(part).then_some(())
        })
        .await;
        if shows.is_none() {
            let (text, state) = (self.text(css).await, self.state().await);
            panic!("{css} does not show “{part}” but “{text}”\n{state}");
        }
    }

    /// Clicks on an element.
    pub async fn click(&self, css: &str) {
        self.find(css).await;
        // Found anew each time: the page may put another element in its place meanwhile.
        self.wait(&format!("{css} can be clicked"), async || {
            self.client.find(Locator::Css(css)).await.ok()?.click().await.ok()
        })
        .await;
    }

    /// Writes into a field, instead of what stands in it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.expect("a field");
        field.send_keys(text).await.expect("a field");
    }

    /// Presses a key, such as `"j"` or `"?"`, wherever the focus is.
    pub async fn press(&self, key: impl Into<char>) {
        self.press_with(&[], key).await;
    }

    /// Presses a key while others are held.
    pub async fn press_with(&self, held: &[Key], key: impl Into<char>) {
        let key = key.into();
        let mut actions = KeyActions::new("keyboard".to_owned());
        for held in held {
            actions = actions.then(KeyAction::Down { value: (*held).into() });
        }
        actions = actions.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        for held in held.iter().rev() {
            actions = actions.then(KeyAction::Up { value: (*held).into() });
        }
        self.client.perform_actions(actions).await.expect("a key is pressed");
    }

    /// Presses one key after another.
    pub async fn type_keys(&self, keys: &str) {
        for key in keys.chars() {
            self.press(key).await;
        }
    }

    /// Begins or continues to compose text with an input method in the field that has the focus; an
    /// empty text ends it.
    pub async fn compose(&self, text: &str) {
        let end = text.encode_utf16().count();
        let composition = json!({ "text": text, "selectionStart": end, "selectionEnd": end });
        self.devtools("Input.imeSetComposition", composition).await;
    }

    /// A key goes down that an input method composes with.
    pub async fn press_while_composing(&self, key: char) {
        let code = u32::from(key.to_ascii_uppercase());
        // What Chromium sends for a key that the input method took: code 229, and what it was.
        let event = json!({ "type": "rawKeyDown", "windowsVirtualKeyCode": 229, "nativeVirtualKeyCode": code,
            "key": key.to_string(), "code": format!("Key{}", key.to_ascii_uppercase()) });
        self.devtools("Input.dispatchKeyEvent", event).await;
    }

    /// Takes the network away from the page, or gives it back.
    pub async fn set_offline(&self, offline: bool) {
        self.devtools("Network.enable", json!({})).await;
        let conditions =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    /// What a script in the page returns.
    pub async fn script(&self, script: &str) -> Value {
        self.script_with(script, &[]).await
    }

    /// The same, with `arguments`.
    pub async fn script_with(&self, script: &str, arguments: &[Value]) -> Value {
        self.try_script(script, arguments).await.expect("the script runs")
    }

    async fn try_script(&self, script: &str, arguments: &[Value]) -> Result<Value, CmdError> {
        self.client.execute(script, arguments.to_vec()).await
    }

    /// Waits until an expression in the page is true.
    pub async fn until(&self, what: &str, expression: &str) {
        let script = format!("return Boolean({expression})");
        self.wait(what, async || (self.try_script(&script, &[]).await.ok()? == true).then_some(())).await;
    }

    /// Waits for a condition with a deadline; what the page looks like is part of the failure.
    pub async fn wait<T>(&self, what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
        match within(PATIENCE, ask).await {
            Some(answer) => answer,
            None => panic!("{what}: not within {PATIENCE:?}\n{}", self.state().await),
        }
    }

    /// Where the browser is, what has the focus, what the page says and what the browser complains about.
    async fn state(&self) -> String {
        let script = "const focus = document.activeElement; return document.title \
            + '\\nfocus: ' + (focus ? focus.outerHTML.slice(0, 300) : 'none') + '\\n' + document.body.innerText.slice(0, 3000)";
        let page = self.try_script(script, &[]).await;
        let page =
            page.as_ref().map_or_else(ToString::to_string, |page| page.as_str().unwrap_or("").to_owned());
        format!("{}\n{page}\n{:#?}", self.url().await, self.complaints().await)
    }

    /// A picture of what the window shows.
    pub async fn screenshot(&self, file: &Path) {
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(file, png).expect("the folder can be written to");
    }

    /// What the browser complained about since the last call: errors on the console, refused content,
    /// dialogs, requests that failed.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.filter_map(|entry| Some(entry["message"].as_str()?.to_owned())).collect()
    }

    /// Fails with a list of what axe-core finds wrong with the page as it stands (WCAG 2.2 AA).
    pub async fn assert_accessible(&self, what: &str) {
        let script = format!("{};{ACCESSIBILITY}", axe_core());
        let found = self.client.execute_async(&script, Vec::new()).await.expect("axe-core runs");
        let found: Vec<&str> = found.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(found.is_empty(), "{what} is not accessible:\n{}", found.join("\n"));
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Extension { path, body }).await.expect("the driver knows the command")
    }
}

/// A command beyond the WebDriver standard.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// What `tests/install-tools` fetched.
fn axe_core() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file).expect("tests/install-tools has run")
}

/// Waits for a condition outside the page as long as for one in it.
pub async fn soon<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    eventually(what, PATIENCE, ask).await
}
