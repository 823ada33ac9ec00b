//! The people of a site: invited, promoted, sent away; and admins who reach for more than is theirs.

use std::sync::Arc;

use moderato_domain::Role;
use moderato_notify::{MailOptions, Mailer, Relay};
use moderato_store::{AccountKey, Accounts as _, Directory};
use reqwest::StatusCode;

use crate::house::{House, PASSWORD, site};
use crate::mail_sink::MailSink;

#[tokio::test]
async fn an_admin_invites_somebody_who_then_moderates() {
    let house = House::open().await;
    house.operator().await;
    let (_, mut ann) = house.person("annika", &[("blog", Role::Admin)]).await;
    let fields = |mail| [("mail", mail), ("name", "Bob"), ("role", "moderator")];
    let bad = ann.submit("/sites/blog/people/invite", &fields("no address")).await;
    assert!(bad.status == StatusCode::UNPROCESSABLE_ENTITY && bad.body.contains("not a mail address"));
    assert!(bad.body.contains("value=\"Bob\""), "what was typed is kept");
    let invited = ann.submit("/sites/blog/people/invite", &fields("Bob@example.org")).await;
    assert_eq!(invited.status, StatusCode::OK, "{}", invited.body);
    let (_, link) = invited.body.split_once(&format!("value=\"{}", house.base)).unwrap();
    let link = link.split_once('"').unwrap().0;
    assert!(ann.get("/sites/blog/people").await.body.contains("invited"));
    let twice = ann.submit("/sites/blog/people/invite", &fields("bob@EXAMPLE.org")).await;
    assert!(twice.status == StatusCode::UNPROCESSABLE_ENTITY && twice.body.contains("here already"));

    let mut bob = house.browser();
    assert!(bob.get(link).await.body.contains("bob@example.org"));
    bob.post(link, &[("name", "Bobby"), ("password", PASSWORD), ("again", PASSWORD)]).await;
    assert!(bob.is_in().await);
    assert_eq!(bob.get(link).await.status, StatusCode::GONE);
    let forbidden = bob.get("/sites/blog/people").await;
    assert_eq!((forbidden.status, forbidden.problem()), (StatusCode::FORBIDDEN, "forbidden"));
    assert!(ann.get("/sites/blog/people").await.body.contains("Bobby"));
    let log = ann.get("/audit?site=blog").await;
    assert!(log.body.contains("user.added") && log.body.contains("annika"), "{}", log.body);
    assert_eq!(ann.get("/audit").await.status, StatusCode::NOT_FOUND, "the whole is for operators");
}

#[tokio::test]
async fn other_sites_are_not_told_from_ones_that_do_not_exist() {
    let house = House::open().await;
    house.operator().await;
    let (bob, _) = house.person("bob", &[("news", Role::Moderator)]).await;
    let (_, mut eve) = house.person("eve", &[("blog", Role::Admin)]).await;
    let csrf = eve.csrf().await;
    let id = bob.id.to_string();
    let nobody = "00000000-0000-0000-0000-000000000000";
    for path in ["people", "people/invite", &format!("people/{id}/role"), &format!("people/{id}/link")] {
        let mut seen = Vec::new();
        for guessed in ["news", "nowhere"] {
            let path = format!("/sites/{guessed}/{path}");
            let fields =
                [("csrf", csrf.as_str()), ("mail", "m@example.org"), ("name", "M"), ("role", "admin")];
            let answer =
                if path.ends_with("people") { eve.get(&path).await } else { eve.post(&path, &fields).await };
            seen.push((answer.status, answer.body));
        }
        assert_eq!(seen[0].0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(seen[0], seen[1], "{path}");
    }
    assert_eq!(eve.get("/audit?site=news").await.status, StatusCode::NOT_FOUND);
    // Somebody else's people, through one's own site.
    for user in [id.as_str(), nobody, "x"] {
        for act in ["role", "link", "disable", "sessions"] {
            let path = format!("/sites/blog/people/{user}/{act}");
            let answer = eve.submit(&path, &[("role", "admin")]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    let stored = house.store.account(&AccountKey::Id(bob.id)).await.unwrap().unwrap();
    assert_eq!(stored.user, bob);
}

#[tokio::test]
async fn an_admin_of_one_site_cannot_become_the_admin_of_another() {
    let house = House::open().await;
    house.operator().await;
    let roles = [("blog", Role::Moderator), ("news", Role::Admin)];
    let (both, mut works_on_both) = house.person("both", &roles).await;
    let (user, mut eve) = house.person("eve", &[("blog", Role::Admin)]).await;
    // A link that sets the password would open the other site too.
    for act in ["link", "disable", "sessions"] {
        let refused = eve.submit(&format!("/sites/blog/people/{}/{act}", both.id), &[]).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "forbidden"), "{act}");
    }
    assert!(works_on_both.is_in().await);
    // Nor can anybody name a role that is for keys, or raise themselves.
    let role = async |eve: &mut crate::house::Browser, id: &str, role| {
        eve.submit(&format!("/sites/blog/people/{id}/role"), &[("role", role)]).await.status
    };
    assert_eq!(role(&mut eve, &both.id.to_string(), "ingest").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(role(&mut eve, &user.id.to_string(), "moderator").await, StatusCode::FORBIDDEN);
    // What they are on one's own site is one's own business.
    assert_eq!(role(&mut eve, &both.id.to_string(), "none").await, StatusCode::SEE_OTHER);
    let stored = house.store.account(&AccountKey::Id(both.id)).await.unwrap().unwrap();
    assert_eq!(stored.user.memberships, [(site("news"), Role::Admin)].into());
    assert_eq!(house.audited("user.role_set").await, 1);

    // Nor are accounts let in whose password somebody else may know: an operator does that.
    let invite = [("mail", "both@example.org"), ("name", "Both"), ("role", "moderator")];
    let refused = eve.submit("/sites/blog/people/invite", &invite).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let stored = house.store.account(&AccountKey::Id(both.id)).await.unwrap().unwrap();
    assert_eq!(stored.user.memberships, [(site("news"), Role::Admin)].into());
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_with_the_next_request() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let (user, mut bob) = house.person("bob", &[("blog", Role::Admin)]).await;
    assert!(bob.get("/sites/blog/people").await.status.is_success());
    ann.submit(&format!("/sites/blog/people/{}/role", user.id), &[("role", "none")]).await;
    assert_eq!(bob.get("/sites/blog/people").await.status, StatusCode::NOT_FOUND);
    assert!(bob.is_in().await);
    let last = ann.submit("/sites/blog/people/x/role", &[("role", "none")]).await;
    assert_eq!(last.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn links_are_mailed_if_mails_go_out() {
    let house = House::open_with(|options| options.mails = true).await;
    let sink = MailSink::start().await.unwrap();
    let options = MailOptions { smtp: sink.url(), from: "comments@blog.example".to_owned() };
    let mut relay = Relay::new(
        Arc::new(house.store.clone()),
        Arc::new(Directory::load(&house.store).await.unwrap()),
        house.clock.clone(),
        Some(Mailer::new(&options).unwrap()),
        house.base.clone(),
    );
    let mut ann = house.operator().await;
    let fields = [("mail", "bob@example.org"), ("name", "Bob"), ("role", "moderator")];
    let invited = ann.submit("/sites/blog/people/invite", &fields).await;
    assert!(invited.body.contains("on its way to bob@example.org"), "{}", invited.body);
    relay.pass().await.unwrap();
    relay.pass().await.unwrap();
    let arrived = sink.arrived();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    assert_eq!(arrived[0].recipient, "bob@example.org");
    assert!(arrived[0].header("Subject").unwrap().contains("invited"), "{arrived:?}");
    let body = arrived[0].body();
    let link = body.lines().find_map(|line| line.strip_prefix(&house.base)).unwrap().trim();
    assert!(invited.body.contains(&format!("{}{link}", house.base)), "the same link is shown");
    let mut bob = house.browser();
    bob.post(link, &[("name", "Bob"), ("password", PASSWORD), ("again", PASSWORD)]).await;
    assert!(bob.is_in().await);

    let key = AccountKey::Mail(moderato_domain::Email::parse("bob@example.org").unwrap());
    let user = house.store.account(&key).await.unwrap().unwrap().user;
    let shown = ann.submit(&format!("/sites/blog/people/{}/link", user.id), &[]).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    relay.pass().await.unwrap();
    let arrived = sink.arrived();
    assert_eq!(arrived.len(), 2, "{arrived:?}");
    assert_eq!(arrived[1].header("Subject"), Some("A new password"));
}

#[tokio::test]
async fn a_link_that_was_made_for_less_does_not_open_more() {
    let house = House::open().await;
    let mut ann = house.operator().await;
    let fields = [("mail", "bob@example.org"), ("name", "Bob"), ("role", "moderator")];
    let link = |answer: &crate::house::Answer| {
        let (_, rest) = answer.body.split_once(&format!("value=\"{}", house.base)).expect("a link");
        rest.split_once('"').unwrap().0.to_owned()
    };
    let first = link(&ann.submit("/sites/blog/people/invite", &fields).await);
    let key = AccountKey::Mail(moderato_domain::Email::parse("bob@example.org").unwrap());
    let bob = house.store.account(&key).await.unwrap().unwrap().user;
    let raised =
        link(&ann.submit(&format!("/sites/blog/people/{}/role", bob.id), &[("role", "admin")]).await);
    assert_eq!(house.browser().get(&first).await.status, StatusCode::GONE);
    assert_eq!(house.browser().get(&raised).await.status, StatusCode::OK);
    // Let in elsewhere before they came: the link that is shown then works.
    let second = link(&ann.submit("/sites/news/people/invite", &fields).await);
    assert_eq!(house.browser().get(&raised).await.status, StatusCode::GONE);
    let mut browser = house.browser();
    browser.post(&second, &[("name", "Bob"), ("password", PASSWORD), ("again", PASSWORD)]).await;
    assert!(browser.is_in().await);
    let stored = house.store.account(&key).await.unwrap().unwrap().user;
    assert_eq!(stored.memberships, [(site("blog"), Role::Admin), (site("news"), Role::Moderator)].into());
}
