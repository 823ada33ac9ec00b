//! Forms that are not ours, too large, broken, or of a session that has ended; and what every answer has.

use moderato_domain::Role;
use reqwest::{Method, StatusCode};

use crate::house::{Browser, House, PASSWORD};

async fn name(browser: &mut Browser) -> String {
    let state = browser.get("/session").await;
    serde_json::from_str::<serde_json::Value>(&state.body).unwrap()["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_forged_form_changes_nothing() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let (_, mut bob) = house.person("bob", &[("blog", Role::Moderator)]).await;
    let own = ann.csrf().await;
    let of_bob = bob.csrf().await;
    let before_sign_in = own.clone();
    ann.sign_in("ann@example.org", PASSWORD).await;
    let own = ann.csrf().await;
    assert_ne!(own, before_sign_in, "a token ends with its session");

    let fields = [("name", "Mallory"), ("theme", "dark")];
    for token in ["", "x", &of_bob, &before_sign_in, &own[..63], &own.to_uppercase()] {
        let forged = ann.post("/account/profile", &[&fields[..], &[("csrf", token)]].concat()).await;
        assert_eq!((forged.status, forged.problem()), (StatusCode::FORBIDDEN, "forged"), "{token:?}");
        assert!(forged.body.contains("nothing was changed"));
    }
    assert_eq!(ann.post("/account/profile", &fields).await.problem(), "forged");
    // With the right token, but begun on somebody else's page.
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", &format!("{}.evil.example", house.base)),
    ] {
        let fields = [&fields[..], &[("csrf", own.as_str())]].concat();
        let request = ann.request(Method::POST, "/account/profile").header(header, value).form(&fields);
        assert_eq!(ann.send(request).await.problem(), "forged", "{header}: {value}");
    }
    // Signing somebody in as somebody else is a forgery too.
    let mut browser = house.browser();
    let request = browser.request(Method::POST, "/sign-in").header("sec-fetch-site", "cross-site");
    let forged = browser.send(request.form(&[("mail", "bob@example.org"), ("password", PASSWORD)])).await;
    assert!(forged.problem() == "forged" && browser.cookies.is_empty());
    assert_eq!(name(&mut ann).await, "Ann");

    // What browsers send with our own pages gets through; the script sends the token in a header.
    let fields = [("name", "Ann Two"), ("theme", "dark"), ("csrf", own.as_str())];
    let request = ann.request(Method::POST, "/account/profile").header("origin", &house.base).form(&fields);
    assert_eq!(ann.send(request).await.status, StatusCode::SEE_OTHER);
    let request = ann.request(Method::POST, "/account/profile").header("x-csrf-token", &own);
    let request =
        request.header("sec-fetch-site", "same-origin").form(&[("name", "Ann"), ("theme", "light")]);
    assert_eq!(ann.send(request).await.status, StatusCode::SEE_OTHER);
    assert_eq!(name(&mut ann).await, "Ann");
    assert!(ann.get("/account").await.body.contains("data-theme=\"light\""));
}

#[tokio::test]
async fn an_ended_session_gives_back_what_was_typed() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let csrf = ann.csrf().await;
    let mut phone = house.browser();
    phone.sign_in("ann@example.org", PASSWORD).await;
    phone.submit("/account/sessions/end", &[]).await;

    let text = "A long <b>note</b> about\nthis comment";
    let fields = [
        ("csrf", csrf.as_str()),
        ("name", "x"),
        ("theme", "dark"),
        ("note", text),
        ("password", "my secret!"),
    ];
    let request = ann.request(Method::POST, "/account/profile").form(&fields);
    let request = request.header("referer", format!("{}/sites/blog/queue?queue=spam", house.base));
    let refused = ann.send(request).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "signed-out"));
    assert!(
        refused.body.contains("A long &#60;b&#62;note&#60;/b&#62; about\nthis comment"),
        "{}",
        refused.body
    );
    assert!(!refused.body.contains("my secret!"));
    assert!(refused.body.contains("/sign-in?next=%2Fsites%2Fblog%2Fqueue%3Fqueue%3Dspam"));

    let request = ann.request(Method::POST, "/account/profile").header("x-fragment", "1").form(&fields);
    let fragment = ann.send(request).await;
    assert_eq!(fragment.problem(), "signed-out");
    assert!(!fragment.body.contains("<html") && fragment.body.contains("A long"), "{}", fragment.body);
    let request = ann.request(Method::GET, "/account").header("x-fragment", "1");
    assert_eq!(ann.send(request).await.status, StatusCode::UNAUTHORIZED, "the script is not redirected");

    // After another sign-in the script asks for the new token and sends the form again.
    ann.sign_in("ann@example.org", PASSWORD).await;
    let state = ann.get("/session").await;
    assert!(state.body.contains(&ann.csrf().await));
}

#[tokio::test]
async fn what_is_too_large_or_broken_is_refused_in_words() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let large = "x".repeat(300 * 1024);
    let refused = ann.post("/account/profile", &[("name", &large)]).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    let refused = house.browser().post("/sign-in", &[("mail", &large)]).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);

    let csrf = ann.csrf().await;
    let form = "application/x-www-form-urlencoded";
    for (kind, body, status) in [
        ("application/json", "{}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("multipart/form-data; boundary=x", "--x".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (form, format!("csrf={csrf}"), StatusCode::UNPROCESSABLE_ENTITY),
        (form, format!("csrf={csrf}&name=%ff%fe&theme=loud"), StatusCode::UNPROCESSABLE_ENTITY),
        (form, format!("csrf={csrf}&name=%E2%80%AEevil&theme=dark"), StatusCode::UNPROCESSABLE_ENTITY),
        (form, "&=&%&csrf".to_owned(), StatusCode::FORBIDDEN),
    ] {
        let request = ann.request(Method::POST, "/account/profile").header("content-type", kind);
        let refused = ann.send(request.body(body.clone())).await;
        assert_eq!(refused.status, status, "{body}");
    }
    assert_eq!(name(&mut ann).await, "Ann");
    assert_eq!(ann.get("/audit?before=soon").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(ann.get("/sites/%2e%2e%2f/people").await.status, StatusCode::NOT_FOUND);
    let put = ann.send(ann.request(Method::PUT, "/account/profile").header("x-csrf-token", &csrf)).await;
    assert_eq!((put.status, put.problem()), (StatusCode::METHOD_NOT_ALLOWED, ""));
    assert!(put.body.contains("cannot be used that way"));
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_hostile_comments_harmless() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let page = ann.get("/account").await;
    for word in ["<script>", " style=", " onclick", "<style", "javascript:"] {
        assert!(!page.body.contains(word), "{word} is inline");
    }
    let (_, rest) = page.body.split_once("<script src=\"").unwrap();
    let script = rest.split_once('"').unwrap().0.to_owned();
    let asset = ann.get(&script).await;
    assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(page.header("cache-control"), "no-store");
    let large = "x".repeat(300 * 1024);
    for answer in [
        page,
        asset,
        ann.get("/nowhere").await,
        ann.get("/assets/console-0.js").await,
        ann.post("/sign-in", &[("mail", &large)]).await,
        house.browser().get("/").await,
        house.browser().post("/account/profile", &[]).await,
    ] {
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{answer:?}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("data:"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
    }
}
