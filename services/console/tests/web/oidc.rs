//! Signing in with an identity provider, against one that runs.

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use moderato_console::Invitation;
use moderato_console::web::oidc::OidcOptions;
use moderato_domain::{Actor, DisplayName, Email, Role, User};
use reqwest::StatusCode;
use serde_json::json;

use crate::house::{Answer, Browser, HOUR, House, PASSWORD, site};
use crate::provider::{CLIENT, Lie, Provider, SECRET};

async fn house(role: &str) -> (House, Arc<Provider>) {
    let provider = Provider::start(1_800_000_000).await;
    let options = OidcOptions {
        issuer: provider.issuer.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: SECRET.to_owned(),
        roles_claim: "groups".to_owned(),
        required_role: role.to_owned(),
    };
    let house = House::open_with_provider(options).await;
    (house, provider)
}

async fn invite(house: &House, mail: &str) -> User {
    let invitation = Invitation {
        mail: Email::parse(mail).unwrap(),
        display_name: DisplayName::parse("Bob").unwrap(),
        memberships: vec![(site("blog"), Role::Moderator)],
        operator: false,
    };
    house.desk.invite(&invitation, HOUR, &Actor::operator()).await.unwrap().0
}

/// To the provider and to the address it sends back to.
async fn depart(browser: &mut Browser) -> String {
    let away = browser.get("/sign-in/oidc?next=/account").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER, "{}", away.body);
    let back = browser.visit(away.location()).await;
    let (_, path) = back.location().split_once("/sign-in/oidc/callback").expect("sent back");
    format!("/sign-in/oidc/callback{path}")
}

async fn sign_in(browser: &mut Browser) -> Answer {
    let back = depart(browser).await;
    browser.get(&back).await
}

#[tokio::test]
async fn an_invited_person_signs_in_by_verified_address_and_later_by_subject() {
    let (house, provider) = house("").await;
    let user = invite(&house, "bob@example.org").await;
    *provider.person.lock().unwrap() =
        json!({ "sub": "b-1", "email": "Bob@Example.org", "email_verified": true });
    let mut browser = house.browser();
    assert!(browser.get("/sign-in?next=/account").await.body.contains("/sign-in/oidc?next=%2Faccount"));
    let arrived = sign_in(&mut browser).await;
    assert_eq!(arrived.location(), "/account", "{}", arrived.body);
    assert!(browser.is_in().await && browser.cookies.len() == 1, "{:?}", browser.cookies);
    assert_eq!(house.audited("user.identity_linked").await, 1);

    // The address there may change; another subject with the old one is somebody else.
    *provider.algorithm.lock().unwrap() = Algorithm::RS256;
    *provider.person.lock().unwrap() = json!({ "sub": "b-1", "email": "bobby@example.org" });
    assert_eq!(sign_in(&mut house.browser()).await.location(), "/account");
    *provider.person.lock().unwrap() =
        json!({ "sub": "b-2", "email": "bob@example.org", "email_verified": true });
    let mut stranger = house.browser();
    let refused = sign_in(&mut stranger).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "oidc"));
    assert!(!stranger.is_in().await);

    house.desk.set_disabled(user.id, true, &Actor::operator()).await.unwrap();
    *provider.person.lock().unwrap() = json!({ "sub": "b-1" });
    assert_eq!(sign_in(&mut house.browser()).await.problem(), "oidc");
}

#[tokio::test]
async fn nobody_gets_an_account_or_somebody_elses_by_it() {
    let (house, provider) = house("").await;
    house.operator().await;
    invite(&house, "bob@example.org").await;
    for person in [
        json!({ "sub": "x", "email": "new@example.org", "email_verified": true }),
        json!({ "sub": "x", "email": "bob@example.org", "email_verified": false }),
        json!({ "sub": "x", "email": "bob@example.org" }),
        json!({ "sub": "x" }),
        // Has a password, and can do everything.
        json!({ "sub": "x", "email": "ann@example.org", "email_verified": true }),
    ] {
        *provider.person.lock().unwrap() = person.clone();
        let mut browser = house.browser();
        let refused = sign_in(&mut browser).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "oidc"), "{person}");
        assert!(browser.cookies.is_empty() && !browser.is_in().await);
    }
    assert_eq!(house.browser().sign_in("ann@example.org", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_required_role_keeps_others_out() {
    let (house, provider) = house("moderators").await;
    invite(&house, "bob@example.org").await;
    let person =
        |groups| json!({ "sub": "b", "email": "bob@example.org", "email_verified": true, "groups": groups });
    for groups in [json!(null), json!([]), json!(["authors"]), json!("moderator"), json!({ "moderators": 1 })]
    {
        *provider.person.lock().unwrap() = person(groups.clone());
        assert_eq!(sign_in(&mut house.browser()).await.problem(), "oidc", "{groups}");
    }
    for groups in [json!(["authors", "moderators"]), json!("moderators")] {
        *provider.person.lock().unwrap() = person(groups);
        assert_eq!(sign_in(&mut house.browser()).await.location(), "/account");
    }
}

#[tokio::test]
async fn tokens_that_cannot_be_trusted_let_nobody_in() {
    let (house, provider) = house("").await;
    invite(&house, "bob@example.org").await;
    *provider.person.lock().unwrap() =
        json!({ "sub": "b", "email": "bob@example.org", "email_verified": true });
    for lie in [
        Lie::Nonce,
        Lie::Audience,
        Lie::Issuer,
        Lie::Expired,
        Lie::Future,
        Lie::UnknownKey,
        Lie::KeyOfSomebodyElse,
        Lie::NoSignature,
        Lie::SignedWithTheSecret,
        Lie::AnotherParty,
    ] {
        provider.lies(lie);
        let mut browser = house.browser();
        let refused = sign_in(&mut browser).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "oidc"), "{lie:?}");
        assert!(browser.cookies.is_empty(), "{lie:?}");
    }
    provider.lies(Lie::Nothing);
    assert_eq!(sign_in(&mut house.browser()).await.location(), "/account");
}

#[tokio::test]
async fn an_answer_counts_once_and_only_in_the_browser_that_asked() {
    let (house, provider) = house("").await;
    invite(&house, "bob@example.org").await;
    *provider.person.lock().unwrap() =
        json!({ "sub": "b", "email": "bob@example.org", "email_verified": true });
    let mut browser = house.browser();
    let back = depart(&mut browser).await;
    let asked_with = browser.clone();
    // Somebody else's browser, also one that has begun a sign-in of its own.
    assert_eq!(house.browser().get(&back).await.problem(), "oidc");
    let mut victim = house.browser();
    depart(&mut victim).await;
    assert_eq!(victim.get(&back).await.problem(), "oidc");
    for state in ["", "0", &"0".repeat(64)] {
        let forged = format!("{}&state={state}", back.split("&state=").next().unwrap());
        assert_eq!(asked_with.clone().get(&forged).await.problem(), "oidc");
    }
    assert_eq!(browser.get(&back).await.location(), "/account");
    assert_eq!(browser.get(&back).await.problem(), "oidc", "the attempt is over");
    // With the cookie kept nevertheless: the code has been used.
    assert_eq!(asked_with.clone().get(&back).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let denied = depart(&mut house.browser()).await;
    let mut browser = house.browser();
    depart(&mut browser).await;
    assert_eq!(browser.get(&denied.replace("code=", "error=access_denied&c=")).await.problem(), "oidc");
}

#[tokio::test]
async fn a_provider_that_is_away_or_talks_too_much_is_told_about() {
    let (house, provider) = house("").await;
    for lie in [Lie::Away, Lie::Huge] {
        provider.lies(lie);
        let refused = house.browser().get("/sign-in/oidc").await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    }
    provider.lies(Lie::Nothing);
    assert_eq!(house.browser().get("/sign-in/oidc").await.status, StatusCode::SEE_OTHER);
    let without = House::open().await;
    assert_eq!(without.browser().get("/sign-in/oidc").await.status, StatusCode::NOT_FOUND);
    assert!(!without.browser().get("/sign-in").await.body.contains("organisation"));
}
