//! Sessions: planted, ended, expired, and cookies that are none.

use std::time::Duration;

use moderato_domain::{Actor, Role};
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};

use crate::house::{HOUR, House, PASSWORD};

#[tokio::test]
async fn a_planted_session_never_becomes_a_signed_in_one() {
    let house = House::open().await;
    house.operator().await;
    let mut victim = house.browser();
    let planted = "ab".repeat(32);
    victim.cookies.insert("moderato".to_owned(), planted.clone());
    assert_eq!(victim.sign_in("ann@example.org", PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_ne!(victim.cookies["moderato"], planted);
    let mut attacker = house.browser();
    attacker.cookies.insert("moderato".to_owned(), planted);
    assert!(!attacker.is_in().await);

    // Signing in again ends the browser's session before: a secret that was copied earlier is worth
    // nothing.
    let mut copied = victim.clone();
    assert!(copied.is_in().await);
    victim.sign_in("ann@example.org", PASSWORD).await;
    assert!(victim.is_in().await && !copied.is_in().await);
}

#[tokio::test]
async fn sessions_end_when_idle_and_after_a_week_at_the_latest() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    house.clock.advance(13 * HOUR);
    assert!(!ann.is_in().await, "idle");
    ann.sign_in("ann@example.org", PASSWORD).await;
    for _ in 0..16 {
        house.clock.advance(10 * HOUR);
        assert!(ann.is_in().await, "used");
    }
    house.clock.advance(10 * HOUR);
    assert!(!ann.is_in().await, "a week is over");
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let mut phone = house.browser();
    phone.sign_in("ann@example.org", PASSWORD).await;
    let change = async |browser: &mut crate::house::Browser, old, new| {
        browser.submit("/account/password", &[("old", old), ("password", new), ("again", new)]).await
    };
    let wrong = change(&mut ann, "wrong horse battery", "quite another sentence").await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.body.contains("not your password"));
    let weak = change(&mut ann, PASSWORD, "short").await;
    assert!(weak.status == StatusCode::UNPROCESSABLE_ENTITY && phone.is_in().await);

    let changed = change(&mut ann, PASSWORD, "quite another sentence").await;
    assert!(changed.status.is_success() && changed.body.contains("Your password is changed"));
    assert!(ann.is_in().await && !phone.is_in().await);
    assert_eq!(phone.sign_in("ann@example.org", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let again = phone.sign_in("ann@example.org", "quite another sentence").await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert_eq!(house.audited("user.password_set").await, 1);
}

#[tokio::test]
async fn one_ends_ones_own_sessions_and_nobody_elses() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let (_, mut bob) = house.person("bob", &[("blog", Role::Moderator)]).await;
    let mut phone = house.browser();
    phone.sign_in("ann@example.org", PASSWORD).await;
    let page = phone.get("/account").await;
    let ids: Vec<&str> =
        page.body.split("name=\"session\" value=\"").skip(1).map(|rest| &rest[..64]).collect();
    assert_eq!(ids.len(), 2);
    for id in &ids {
        bob.submit("/account/sessions/end", &[("session", id)]).await;
    }
    for odd in ["x", "é", &"g".repeat(64)] {
        let refused = bob.submit("/account/sessions/end", &[("session", odd)]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{odd:?}");
    }
    assert!(ann.is_in().await && phone.is_in().await);
    phone.submit("/account/sessions/end", &[]).await;
    assert!(!ann.is_in().await && phone.is_in().await);
    let out = phone.submit("/sign-out", &[]).await;
    assert_eq!(out.location(), "/sign-in");
    assert!(phone.cookies.is_empty() && !phone.is_in().await);
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once() {
    let house = House::open().await;
    house.operator().await;
    let (user, mut bob) = house.person("bob", &[("blog", Role::Moderator)]).await;
    assert!(bob.is_in().await);
    house.desk.set_disabled(user.id, true, &Actor::operator()).await.unwrap();
    assert!(!bob.is_in().await);
    house.desk.set_disabled(user.id, false, &Actor::operator()).await.unwrap();
    assert!(!bob.is_in().await, "the session is gone");
    assert_eq!(bob.sign_in("bob@example.org", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn odd_cookies_are_nobodys_and_break_nothing() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let secret = ann.cookies["moderato"].clone();
    let mut browser = house.browser();
    let long = format!("moderato={}", "a".repeat(6_000));
    for odd in [
        "moderato",
        "moderato=",
        "=",
        ";;;",
        "moderato=\"",
        "moderato=%00",
        "moderato=../../x",
        "a=b; moderato=é",
        &format!("moderato={}", secret.to_uppercase()),
        &format!("__Host-moderato={secret}"),
        &long,
    ] {
        let answer =
            browser.send(browser.request(Method::GET, "/account").header(COOKIE, odd.as_bytes())).await;
        assert_eq!(answer.location(), "/sign-in?next=%2Faccount", "{odd:?}");
    }
    // One that was planted beside it does not lock its owner out.
    let both = format!("moderato={}; moderato={secret}", "0".repeat(64));
    let answer = browser.send(browser.request(Method::GET, "/account").header(COOKIE, both)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(ann.is_in().await);
}

#[tokio::test]
async fn behind_encryption_cookies_are_bound_to_this_very_host() {
    let house = House::open_with(|options| options.secure = true).await;
    let token = house.desk.first_admin_link(HOUR).await.unwrap().unwrap();
    let mut browser = house.browser();
    let fields = [("mail", "ann@example.org"), ("name", "Ann"), ("password", PASSWORD), ("again", PASSWORD)];
    let made = browser.post(&format!("/link/{}", token.expose()), &fields).await;
    let cookie = made.header("set-cookie");
    assert!(cookie.starts_with("__Host-moderato="), "{cookie}");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(made.header("strict-transport-security").starts_with("max-age="));
    assert!(browser.is_in().await);
}

#[tokio::test]
async fn an_expired_link_opens_nothing() {
    let house = House::open().await;
    let token = house.desk.first_admin_link(Duration::from_mins(1)).await.unwrap().unwrap();
    house.clock.advance(Duration::from_secs(61));
    for path in
        [format!("/link/{}", token.expose()), "/link/x".to_owned(), format!("/link/{}", "0".repeat(64))]
    {
        let answer = house.browser().get(&path).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::GONE, "dead-link"), "{path}");
    }
}
