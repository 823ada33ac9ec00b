//! Signing in: the first person, everybody after, and those who guess.

use std::time::Duration;

use reqwest::{Method, StatusCode};

use crate::house::{HOUR, House, PASSWORD};

#[tokio::test]
async fn the_first_person_is_made_by_a_link_that_works_once() {
    let house = House::open().await;
    let token = house.desk.first_admin_link(HOUR).await.unwrap().expect("nobody yet");
    let path = format!("/link/{}", token.expose());
    let mut browser = house.browser();
    let shown = browser.get(&path).await;
    assert!(shown.status.is_success() && shown.body.contains("You are the first person here"));
    let fields = |password, again| {
        [("mail", "Ann@Example.org"), ("name", "Ann <b>"), ("password", password), ("again", again)]
    };
    for (password, again, told) in [
        ("short", "short", "at least 12 characters"),
        (PASSWORD, "correct horse cavalry", "not the same"),
        ("Ann@example.ORG", "Ann@example.ORG", "must not be the mail address"),
    ] {
        let refused = browser.post(&path, &fields(password, again)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(told) && refused.body.contains("Ann &#60;b&#62;"), "{}", refused.body);
        assert!(!refused.body.contains(password));
    }
    assert_eq!(browser.post(&path, &fields(PASSWORD, PASSWORD)).await.status, StatusCode::SEE_OTHER);
    assert!(browser.is_in().await);
    assert!(browser.get("/").await.body.contains("The news"), "an operator is at home everywhere");

    let mut other = house.browser();
    let late = other.post(&path, &fields(PASSWORD, PASSWORD)).await;
    assert_eq!((late.status, late.problem()), (StatusCode::GONE, "dead-link"));
    assert_eq!(other.get(&path).await.status, StatusCode::GONE);
    assert!(house.desk.first_admin_link(HOUR).await.unwrap().is_none());
    assert_eq!(house.audited("link.used").await, 1);
}

#[tokio::test]
async fn who_follows_a_link_signs_in_and_goes_on_there() {
    let house = House::open().await;
    house.operator().await;
    let mut browser = house.browser();
    let sent = browser.get("/sites/blog/people?after=a%26b").await;
    assert_eq!(sent.location(), "/sign-in?next=%2Fsites%2Fblog%2Fpeople%3Fafter%3Da%2526b");
    let form = browser.get(sent.location()).await;
    assert!(form.body.contains("value=\"/sites/blog/people?after=a%26b\""), "{}", form.body);
    let fields = |next| [("mail", "ann@example.org"), ("password", PASSWORD), ("next", next)];
    let signed_in = browser.post("/sign-in", &fields("/sites/blog/people?after=a%26b")).await;
    assert_eq!(signed_in.location(), "/sites/blog/people?after=a%26b");

    // Not to other hosts, however written.
    for next in
        ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:1"]
    {
        let mut browser = house.browser();
        assert!(!browser.get(&format!("/sign-in?next={next}")).await.body.contains("evil"), "{next:?}");
        assert_eq!(browser.post("/sign-in", &fields(next)).await.location(), "/", "{next:?}");
        let again = browser.get(&format!("/sign-in?next={next}")).await;
        assert_eq!(again.location(), "/", "signed in already: {next:?}");
    }
}

#[tokio::test]
async fn an_unknown_address_a_wrong_password_and_a_closed_door_look_the_same() {
    let house = House::open().await;
    house.operator().await;
    let (bob, _) = house.person("bob", &[]).await;
    house.desk.set_disabled(bob.id, true, &moderato_domain::Actor::operator()).await.unwrap();
    let mut seen = Vec::new();
    for (mail, password) in [
        ("nobody@example.org", PASSWORD),
        ("ann@example.org", "wrong horse battery"),
        ("bob@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("ann@example.org", ""),
    ] {
        let answer = house.browser().sign_in(mail, password).await;
        assert!(answer.headers.get("set-cookie").is_none());
        seen.push((answer.status, answer.body.replace(mail, "MAIL")));
    }
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:#?}");
    assert_eq!(seen[0].0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn who_guesses_waits_and_it_is_noted_once() {
    let house = House::open().await;
    house.operator().await;
    let mut guesser = house.browser();
    for _ in 0..6 {
        let wrong = guesser.sign_in("ann@example.org", "wrong horse battery").await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    // Also with the right password, and from elsewhere.
    let mut elsewhere = house.browser();
    let request = elsewhere.request(Method::POST, "/sign-in").header("x-forwarded-for", "1.2.3.4, 192.0.2.9");
    let waits = elsewhere.send(request.form(&[("mail", "ANN@example.org"), ("password", PASSWORD)])).await;
    assert_eq!((waits.status, waits.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    assert!(waits.body.contains("Try again in 1 seconds"));
    assert_eq!(house.audited("sign_in.burst").await, 1);
    let told = format!("{:?}", house.audit().await);
    assert!(!told.contains("wrong horse") && !told.contains("ann@example.org"));

    house.clock.advance(Duration::from_secs(2));
    assert_eq!(elsewhere.sign_in("ann@example.org", PASSWORD).await.status, StatusCode::SEE_OTHER);
    // Who got in after all starts anew.
    let again = guesser.sign_in("ann@example.org", "wrong horse battery").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_network_that_tries_many_accounts_waits_too() {
    let house = House::open().await;
    house.operator().await;
    let mut statuses = Vec::new();
    for number in 0..22 {
        let mut browser = house.browser();
        let request = browser.request(Method::POST, "/sign-in").header("x-forwarded-for", "192.0.2.7");
        let mail = format!("nobody{number}@example.org");
        statuses.push(browser.send(request.form(&[("mail", mail.as_str()), ("password", "x")])).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count(), 1);
    let mut other = house.browser();
    let request = other.request(Method::POST, "/sign-in").header("x-forwarded-for", "192.0.2.8");
    let next_door = other.send(request.form(&[("mail", "ann@example.org"), ("password", PASSWORD)])).await;
    assert_eq!(next_door.status, StatusCode::SEE_OTHER, "another network does not wait");
}
