//! Signing in with an identity provider, against one that runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use moderato_console::Invitation;
use moderato_console::web::oidc::OidcOptions;
use moderato_domain::{Actor, DisplayName, Email, Role, User};
use reqwest::StatusCode;
use serde_json::json;

use crate::house::{Answer, Browser, HOUR, House, PASSWORD, eventually, site};
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
    let asked = || provider.asked.load(Ordering::SeqCst);
    for (number, lie) in [Lie::Away, Lie::Huge].into_iter().enumerate() {
        provider.lies(lie);
        // Nobody is made to wait for it again at once.
        for _ in 0..3 {
            let refused = house.browser().get("/sign-in/oidc").await;
            assert_eq!((refused.status, refused.problem()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
            assert_eq!(asked(), number + 1);
        }
        house.clock.advance(Duration::from_secs(10));
    }
    provider.lies(Lie::Nothing);
    assert_eq!(house.browser().get("/sign-in/oidc").await.status, StatusCode::SEE_OTHER);
    let without = House::open().await;
    assert_eq!(without.browser().get("/sign-in/oidc").await.status, StatusCode::NOT_FOUND);
    assert!(!without.browser().get("/sign-in").await.body.contains("organisation"));
}

#[tokio::test]
async fn one_asks_the_provider_for_all_and_the_others_go_on() {
    let (house, provider) = house("").await;
    let asked = || provider.asked.load(Ordering::SeqCst);
    let visit = || {
        let mut browser = house.browser();
        tokio::spawn(async move { browser.get("/sign-in/oidc").await.status })
    };
    // Many come before anything is known: one question.
    let paused = provider.pause.lock().await;
    let crowd: Vec<_> = (0..8).map(|_| visit()).collect();
    eventually(async || asked() == 1).await;
    drop(paused);
    for visit in crowd {
        assert_eq!(visit.await.unwrap(), StatusCode::SEE_OTHER);
    }
    assert_eq!(asked(), 1);

    // Somebody's token names a key that is not known. While the provider is asked, others sign in.
    invite(&house, "bob@example.org").await;
    *provider.person.lock().unwrap() =
        json!({ "sub": "b", "email": "bob@example.org", "email_verified": true });
    house.clock.advance(Duration::from_mins(1));
    provider.lies(Lie::UnknownKey);
    let paused = provider.pause.lock().await;
    let mut odd = house.browser();
    let refused = tokio::spawn(async move { sign_in(&mut odd).await.status });
    eventually(async || asked() == 2).await;
    provider.lies(Lie::Nothing);
    assert_eq!(sign_in(&mut house.browser()).await.location(), "/account");
    assert!(!refused.is_finished());
    drop(paused);
    assert_eq!(refused.await.unwrap(), StatusCode::FORBIDDEN);
    assert_eq!(asked(), 2);
}

/// Goes to the provider as the page says, and comes back to the address that it sends to.
async fn depart_to_link(browser: &mut Browser, password: &str) -> String {
    let away = browser.submit("/account/identity", &[("old", password)]).await;
    assert_eq!(away.status, StatusCode::OK, "{}", away.body);
    let address = away.header("refresh").strip_prefix("0; url=").expect("goes on by itself").to_owned();
    assert!(away.body.contains("Go on"), "or by a link: {}", away.body);
    let back = browser.visit(&address).await;
    let (_, path) = back.location().split_once("/sign-in/oidc/callback").expect("sent back");
    format!("/sign-in/oidc/callback{path}")
}

#[tokio::test]
async fn somebody_with_a_password_links_their_account_and_takes_it_back() {
    let (house, provider) = house("").await;
    let mut ann = house.operator().await;
    *provider.person.lock().unwrap() = json!({ "sub": "a-1", "email": "somewhere@else.example" });
    assert_eq!(sign_in(&mut house.browser()).await.problem(), "oidc", "not yet");
    let offered = ann.get("/account").await;
    assert!(offered.body.contains("Sign in with your organisation from now on"), "{}", offered.body);
    assert!(ann.get("/account/identity").await.body.contains(&provider.issuer));
    // An open session alone does not open another way in; nor does another site's form.
    let wrong = ann.submit("/account/identity", &[("old", "a guess of mine")]).await;
    assert_eq!((wrong.status, wrong.headers.get("refresh")), (StatusCode::UNPROCESSABLE_ENTITY, None));
    assert_eq!(ann.post("/account/identity", &[("old", PASSWORD)]).await.problem(), "forged");

    let back = depart_to_link(&mut ann, PASSWORD).await;
    let linked = ann.get(&back).await;
    assert_eq!(linked.location(), "/account?told=linked", "{}", linked.body);
    assert!(ann.get("/account?told=linked").await.body.contains("with the password only"));
    let mut elsewhere = house.browser();
    assert_eq!(sign_in(&mut elsewhere).await.location(), "/account");
    assert!(elsewhere.get("/account").await.body.contains("ann@example.org"));
    assert_eq!(house.audited("user.identity_linked").await, 1);
    assert!(house.browser().sign_in("ann@example.org", PASSWORD).await.status.is_redirection());

    let back = ann.submit("/account/identity/unlink", &[]).await;
    assert_eq!(back.location(), "/account?told=unlinked");
    assert_eq!(sign_in(&mut house.browser()).await.problem(), "oidc");
    assert_eq!(house.audited("user.identity_unlinked").await, 1);
}

#[tokio::test]
async fn a_link_is_made_for_who_asked_and_of_nobody_elses_account() {
    let (house, provider) = house("").await;
    let mut ann = house.operator().await;
    let (_, mut eve) = house.person("eve", &[("blog", Role::Moderator)]).await;
    *provider.person.lock().unwrap() = json!({ "sub": "a-1" });
    // Eve's answer in Ann's browser, and Ann's attempt once somebody else is signed in there.
    let of_eve = depart_to_link(&mut eve, PASSWORD).await;
    assert_eq!(ann.get(&of_eve).await.problem(), "oidc");
    let of_ann = depart_to_link(&mut ann, PASSWORD).await;
    assert_eq!(ann.get(&of_eve).await.problem(), "oidc");
    let mut shared = ann.clone();
    shared.sign_in("eve@example.org", PASSWORD).await;
    assert_eq!(shared.get(&of_ann).await.problem(), "oidc");
    assert_eq!(house.audited("user.identity_linked").await, 0);

    // Whose account at the provider is linked already is told, and stays theirs.
    let back = depart_to_link(&mut eve, PASSWORD).await;
    assert_eq!(eve.get(&back).await.location(), "/account?told=linked");
    ann.sign_in("ann@example.org", PASSWORD).await;
    let back = depart_to_link(&mut ann, PASSWORD).await;
    let taken = ann.get(&back).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(
        taken.body.contains("another person&#39;s") || taken.body.contains("another person"),
        "{}",
        taken.body
    );

    // Who has no password keeps their only way in.
    invite(&house, "bob@example.org").await;
    *provider.person.lock().unwrap() =
        json!({ "sub": "b", "email": "bob@example.org", "email_verified": true });
    let mut bob = house.browser();
    assert_eq!(sign_in(&mut bob).await.location(), "/account");
    assert!(bob.get("/account").await.body.contains("You sign in with your organisation."));
    assert_eq!(bob.submit("/account/identity/unlink", &[]).await.status, StatusCode::CONFLICT);
    assert_eq!(sign_in(&mut house.browser()).await.location(), "/account");
}
