//! The browser support itself, on a small page.

use fantoccini::key::Key;
use moderato_tests::browser::{Browser, Person, soon};
use moderato_tests::ports;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const SCRIPT: &str = "
    document.addEventListener('keydown', (event) => {
        if (event.isComposing || event.key === 'Shift' || event.target.matches('input')) return;
        document.getElementById('keys').textContent += event.shiftKey ? event.key + '!' : event.key;
    });
    document.getElementById('ask').addEventListener('click', () => {
        document.getElementById('answer').textContent = '…';
        fetch('/pong').then((answer) => answer.text(), () => 'nobody answers')
            .then((text) => { document.getElementById('answer').textContent = text; });
    });
    document.getElementById('keys').textContent = '>';
";

const GOOD: &str = "<!doctype html><html lang=en><meta name=viewport content='width=device-width'>\
    <link rel=icon href='data:,'><title>A page</title><style>body { background: white; color: black }\
    @media (prefers-color-scheme: dark) { body { background: black; color: white } }\
    button { min-height: 24px }</style>\
    <main><h1>A page</h1><p id=keys></p><label>Name <input id=name></label>\
    <button id=ask>Ask</button><p id=answer></p><noscript><p id=without>No scripts</p></noscript></main>\
    <script src=/script.js></script>";

const BAD: &str = "<!doctype html><html><link rel=icon href='data:,'><title>A bad page</title>\
    <style>p { color: #ccc; background: white }</style><p>Pale<img src='data:,' alt></p><input>\
    <script>alert('inline')</script><script src=/attack.js></script>";

/// Answers with the pages above, scripts only from files.
async fn serve() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", ports::free())).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let length = connection.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]);
                let (kind, body) = match request.split(' ').nth(1).unwrap_or("") {
                    "/script.js" => ("text/javascript", SCRIPT),
                    "/attack.js" => ("text/javascript", "alert('from a file')"),
                    "/pong" => ("text/plain", "pong"),
                    "/bad" => ("text/html", BAD),
                    _ => ("text/html", GOOD),
                };
                let policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {}\r\n\
                     content-security-policy: {policy}\r\nset-cookie: visited=yes\r\nconnection: close\r\n\r\n",
                    body.len(),
                );
                let _ = connection.write_all((head + body).as_bytes()).await;
                let _ = connection.shutdown().await;
            });
        }
    });
    (url, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_side_by_side_press_keys_and_share_nothing() {
    let (url, _server) = serve().await;
    let (one, other) = tokio::join!(Browser::start(), Browser::start());
    one.goto(&url).await;
    assert_eq!(one.script("return document.cookie").await, "visited=yes");
    assert_eq!(other.script("return location.href").await, "data:,");
    other.goto(&url).await;

    one.type_keys("jk").await;
    one.press_with(&[Key::Shift], 'x').await;
    one.until_text("#keys", ">jkX!").await;
    one.press(Key::Escape).await;
    one.until_text("#keys", ">jkX!Escape").await;
    assert_eq!(other.text("#keys").await, ">", "keys reach one browser");

    one.fill("#name", "Ada").await;
    assert_eq!(one.script("return document.getElementById('name').value").await, "Ada");
    one.compose("か").await;
    one.press_while_composing('a').await;
    assert_eq!(one.script("return document.getElementById('name').value").await, "Adaか");
    one.assert_accessible("a page").await;
    tokio::join!(one.finish(), other.finish());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_goes_away_and_comes_back() {
    let (url, _server) = serve().await;
    let browser = Browser::start().await;
    browser.goto(&url).await;
    browser.click("#ask").await;
    browser.until_text("#answer", "pong").await;
    browser.set_offline(true).await;
    browser.click("#ask").await;
    browser.until_text("#answer", "nobody answers").await;
    let complaints = browser.complaints().await;
    assert!(
        complaints.iter().all(|complaint| complaint.contains("ERR_INTERNET_DISCONNECTED")),
        "{complaints:?}"
    );
    browser.set_offline(false).await;
    browser.click("#ask").await;
    browser.until_text("#answer", "pong").await;
    browser.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_dark_pages_and_no_scripts() {
    let (url, _server) = serve().await;
    let phone = Browser::start_for(Person::ON_A_PHONE.dark()).await;
    phone.goto(&url).await;
    assert_eq!(phone.script("return [innerWidth, devicePixelRatio]").await, json!([390, 2]));
    let colour = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(phone.script(colour).await, "rgb(0, 0, 0)");
    let folder = tempfile::tempdir().unwrap();
    phone.screenshot(&folder.path().join("phone.png")).await;
    assert!(std::fs::read(folder.path().join("phone.png")).unwrap().starts_with(b"\x89PNG"));
    phone.finish().await;

    let plain = Browser::start_for(Person::AT_A_DESK.without_scripts()).await;
    plain.goto(&url).await;
    assert_eq!(plain.text("#without").await, "No scripts");
    assert_eq!(plain.text("#keys").await, "");
    assert_eq!(plain.script(colour).await, "rgb(255, 255, 255)");
    plain.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_page_is_found_out() {
    let (url, _server) = serve().await;
    let browser = Browser::start().await;
    browser.goto(&format!("{url}/bad")).await;
    let mut complaints = Vec::new();
    soon("dialogs and refused scripts are told", async || {
        complaints.extend(browser.complaints().await);
        let tells = |part| complaints.iter().any(|complaint: &String| complaint.contains(part));
        (tells("dialog: alert(from a file)") && tells("CSP: script-src-elem refused inline")).then_some(())
    })
    .await;
    assert!(!complaints.iter().any(|complaint| complaint.contains("alert(inline)")), "{complaints:#?}");

    let browser = std::sync::Arc::new(browser);
    let check = tokio::spawn({
        let browser = browser.clone();
        async move { browser.assert_accessible("the bad page").await }
    });
    let failure = check.await.unwrap_err().into_panic();
    let message = failure.downcast_ref::<String>().unwrap();
    for rule in ["color-contrast", "label", "html-has-lang"] {
        assert!(message.contains(rule), "{rule} is not in {message}");
    }
    std::sync::Arc::into_inner(browser).unwrap().finish().await;
}
