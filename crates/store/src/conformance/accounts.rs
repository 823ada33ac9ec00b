//! People, sessions, links, attempts to sign in.

use std::time::Duration;

use moderato_domain::{
    Actor, AuditEntry, Digest, DisplayName, Email, Ids, Preferences, Role, SiteId, SystemIds, Theme,
    Timestamp, User, UserId,
};

use super::builders::{Case, at};
use crate::{
    AccountKey, ApiKey, ApiKeyId, Attempt, AttemptLimit, Changed, EndSessions, ForeignIdentity, LinkPurpose,
    LinkUse, OneTimeLink, PasswordHash, SESSIONS_KEPT, SecretHash, Session, UserChange,
};

pub(super) async fn a_person_is_found_by_id_address_and_identity(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    let mut impostor = person(&case, "Impostor");
    impostor.mail = ann.mail.clone();
    assert!(!add(&case, &impostor).await, "the address is somebody's");
    assert!(case.store.has_people().await.expect("read"));

    let identity = ForeignIdentity { issuer: "https://id.example".to_owned(), subject: ann.id.to_string() };
    assert_eq!(change(&case, &ann, UserChange::Identity(Some(identity.clone()))).await, Changed::Done);
    let upper = Email::parse(&ann.mail.as_str().to_uppercase()).expect("an address");
    for key in [AccountKey::Id(ann.id), AccountKey::Mail(upper), AccountKey::Identity(identity.clone())] {
        let found = case.store.account(&key).await.expect("read").expect("found");
        assert_eq!(found.user, ann, "{key:?}");
        assert_eq!((found.password, found.identity.as_ref()), (None, Some(&identity)));
    }
    let stranger = AccountKey::Identity(ForeignIdentity { subject: "other".to_owned(), ..identity.clone() });
    assert_eq!(case.store.account(&stranger).await.expect("read"), None);
    assert_eq!(case.store.account(&AccountKey::Id(impostor.id)).await.expect("read"), None);

    // One identity is one person's; it goes only from somebody who has another way in.
    let bob = person(&case, "Bob");
    assert!(add(&case, &bob).await);
    let link = UserChange::Identity(Some(identity.clone()));
    assert_eq!(change(&case, &bob, link.clone()).await, Changed::IdentityTaken);
    assert_eq!(change(&case, &ann, link.clone()).await, Changed::Done);
    assert_eq!(change(&case, &ann, UserChange::Identity(None)).await, Changed::OnlyWayIn);
    change(&case, &ann, UserChange::Password(Some(PasswordHash("$set".to_owned())))).await;
    assert_eq!(change(&case, &ann, UserChange::Identity(None)).await, Changed::Done);
    assert_eq!(case.store.account(&AccountKey::Identity(identity)).await.expect("read"), None);
    assert_eq!(change(&case, &bob, link).await, Changed::Done);
}

pub(super) async fn two_pages_of_preferences_do_not_undo_each_other(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    let shown = ann.preferences.clone();
    let dark = Preferences { theme: Theme::Dark, ..shown.clone() };
    let daily = Preferences { digest: Digest::Daily, ..shown.clone() };
    let save = async |chosen: &Preferences| {
        let step = UserChange::Preferences { shown: shown.clone(), chosen: chosen.clone() };
        assert_eq!(change(&case, &ann, step).await, Changed::Done);
    };
    let (one, other) = (save(&dark), save(&daily));
    tokio::join!(one, other);
    let stored = case.store.account(&AccountKey::Id(ann.id)).await.expect("read").expect("found");
    assert_eq!(stored.user.preferences, Preferences { digest: Digest::Daily, ..dark });
    let step = UserChange::Preferences { shown: shown.clone(), chosen: shown };
    assert_eq!(change(&case, &person(&case, "Nobody"), step).await, Changed::Unknown);
}

pub(super) async fn links_do_not_outlive_what_they_were_made_for(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    let identity = ForeignIdentity { issuer: "https://id.example".to_owned(), subject: ann.id.to_string() };
    let open = async || {
        let link = link(LinkPurpose::Invite, Some(&ann));
        put_link(&case, &link).await;
        link
    };
    let lives = async |link: &OneTimeLink| case.store.link(&link.token, at(1)).await.expect("read").is_some();
    for step in [
        UserChange::Role(case.site.clone(), Some(Role::Admin)),
        UserChange::Role(case.site.clone(), None),
        UserChange::Operator(true),
        UserChange::Operator(false),
        UserChange::Disabled(Some(at(1))),
        UserChange::Identity(Some(identity)),
        UserChange::Password(Some(PasswordHash("$other".to_owned()))),
        UserChange::Identity(None),
    ] {
        // Somebody stays who can do everything.
        let keeper = person(&case, "Keeper");
        assert!(add(&case, &keeper).await);
        change(&case, &keeper, UserChange::Operator(true)).await;
        let (older, others) = (open().await, link(LinkPurpose::Invite, Some(&keeper)));
        put_link(&case, &others).await;
        assert_eq!(change(&case, &ann, step.clone()).await, Changed::Done, "{step:?}");
        assert!(!lives(&older).await, "{step:?}");
        assert!(lives(&others).await, "{step:?}");
    }
    let newer = open().await;
    change(&case, &ann, UserChange::Disabled(None)).await;
    change(&case, &ann, UserChange::DisplayName(DisplayName::parse("Annie").expect("a name"))).await;
    assert!(lives(&newer).await, "these are no reason");
}

pub(super) async fn what_changes_about_a_person_reads_back(case: Case) {
    let mut ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    let other = SiteId::parse("other-site").expect("a site id");
    ann.memberships = [(case.site.clone(), Role::Admin), (other.clone(), Role::Moderator)].into();
    ann.display_name = DisplayName::parse("Ann the Admin").expect("a name");
    ann.preferences = Preferences { theme: Theme::Dark, ..Preferences::default() };
    ann.operator = true;
    for step in [
        UserChange::Role(case.site.clone(), Some(Role::Admin)),
        UserChange::Role(other.clone(), Some(Role::Moderator)),
        UserChange::DisplayName(ann.display_name.clone()),
        UserChange::Preferences { shown: Preferences::default(), chosen: ann.preferences.clone() },
        UserChange::Operator(true),
        UserChange::Password(Some(PasswordHash("$argon2id$x".to_owned()))),
    ] {
        assert_eq!(change(&case, &ann, step.clone()).await, Changed::Done, "{step:?}");
    }
    let stored = case.store.account(&AccountKey::Id(ann.id)).await.expect("read").expect("found");
    assert_eq!(stored.user, ann);
    assert_eq!(stored.password, Some(PasswordHash("$argon2id$x".to_owned())));

    change(&case, &ann, UserChange::Role(other.clone(), None)).await;
    let stored = case.store.account(&AccountKey::Id(ann.id)).await.expect("read").expect("found");
    assert_eq!(stored.user.role_on(&case.site), Some(Role::Admin));
    assert!(!stored.user.memberships.contains_key(&other));

    let nobody = person(&case, "Nobody");
    for step in [UserChange::Operator(true), UserChange::Role(case.site.clone(), Some(Role::Admin))] {
        assert_eq!(change(&case, &nobody, step).await, Changed::Unknown);
    }
}

pub(super) async fn people_of_a_site_come_by_address_in_pages(case: Case) {
    let mut people = vec![person(&case, "A"), person(&case, "B"), person(&case, "C")];
    people.sort_by(|left, right| left.mail.as_str().cmp(right.mail.as_str()));
    for person in &people {
        assert!(add(&case, person).await);
    }
    let mut elsewhere = person(&case, "D");
    elsewhere.memberships.clear();
    assert!(add(&case, &elsewhere).await);

    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = case.store.people(Some(&case.site), after.as_ref(), 2).await.expect("read");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.user.mail.clone());
        seen.extend(page.into_iter().map(|account| account.user));
    }
    assert_eq!(seen, people);
    let before = Email::parse(&format!("0{}", elsewhere.mail.as_str())).expect("an address");
    let all = case.store.people(None, Some(&before), 10_000).await.expect("read");
    assert!(all.iter().any(|account| account.user == elsewhere));
}

pub(super) async fn somebody_who_can_do_everything_stays(case: Case) {
    let (ann, bob) = (person(&case, "Ann"), person(&case, "Bob"));
    assert!(add(&case, &ann).await && add(&case, &bob).await);
    assert_eq!(change(&case, &ann, UserChange::Operator(true)).await, Changed::Done);
    // Whoever else is one in this database, so that the two are the last.
    for other in case.store.people(None, None, 10_000).await.expect("read") {
        if other.user.operator && other.user.id != ann.id {
            assert_eq!(change(&case, &other.user, UserChange::Operator(false)).await, Changed::Done);
        }
    }
    assert_eq!(change(&case, &ann, UserChange::Operator(false)).await, Changed::LastOperator);
    assert_eq!(change(&case, &ann, UserChange::Disabled(Some(at(1)))).await, Changed::LastOperator);
    assert_eq!(change(&case, &bob, UserChange::Operator(true)).await, Changed::Done);
    // Of two who go at once, one stays.
    let (one, other) = tokio::join!(
        change(&case, &ann, UserChange::Operator(false)),
        change(&case, &bob, UserChange::Disabled(Some(at(1)))),
    );
    let mut outcomes = [one, other];
    outcomes.sort_by_key(|outcome| *outcome != Changed::Done);
    assert_eq!(outcomes, [Changed::Done, Changed::LastOperator]);
}

pub(super) async fn a_session_lives_until_its_ends(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    let first = session(&ann, 0);
    begin(&case, &first, None).await;
    let (stored, user) = case.store.session(&first.id, at(1)).await.expect("read").expect("it lives");
    assert_eq!((&stored, &user), (&first, &ann));
    for ended in [first.idle_end, at(61)] {
        assert_eq!(case.store.session(&first.id, ended).await.expect("read"), None);
    }
    // Use moves the idle end, and never the other.
    case.store.touch_session(&first.id, at(20), at(500)).await.expect("noted");
    let (stored, _) = case.store.session(&first.id, at(59)).await.expect("read").expect("it lives");
    assert_eq!((stored.seen_time, stored.idle_end, stored.end_time), (at(20), at(500), first.end_time));
    assert_eq!(case.store.session(&first.id, first.end_time).await.expect("read"), None);
    assert_eq!(case.store.session(&SecretHash([0; 32]), at(1)).await.expect("read"), None);

    // Signing in again in the same browser replaces its session.
    let second = session(&ann, 2);
    begin(&case, &second, Some(&first.id)).await;
    assert_eq!(case.store.session(&first.id, at(3)).await.expect("read"), None);
    assert_eq!(case.store.sessions(ann.id, at(3)).await.expect("read"), [second]);
}

pub(super) async fn sessions_end_alone_together_and_by_number(case: Case) {
    let (ann, bob) = (person(&case, "Ann"), person(&case, "Bob"));
    assert!(add(&case, &ann).await && add(&case, &bob).await);
    let of_bob = session(&bob, 0);
    begin(&case, &of_bob, None).await;
    let sessions: Vec<Session> = (0..4).map(|minute| session(&ann, minute)).collect();
    for session in &sessions {
        begin(&case, session, None).await;
    }
    let end = async |which| case.store.end_sessions(ann.id, which, &entry(&case)).await.expect("ended");
    assert_eq!(end(EndSessions::One(sessions[0].id)).await, 1);
    assert_eq!(end(EndSessions::One(of_bob.id)).await, 0, "it is somebody else's");
    assert_eq!(end(EndSessions::AllBut(sessions[2].id)).await, 2);
    assert_eq!(case.store.sessions(ann.id, at(5)).await.expect("read"), [sessions[2].clone()]);

    // A changed password ends the others, a disabled person all.
    begin(&case, &session(&ann, 6), None).await;
    let password = UserChange::Password(Some(PasswordHash("$new".to_owned())));
    let changed = case.store.change_user(ann.id, &password, Some(&sessions[2].id), Some(&entry(&case))).await;
    assert_eq!(changed.expect("changed"), Changed::Done);
    assert_eq!(case.store.sessions(ann.id, at(7)).await.expect("read"), [sessions[2].clone()]);
    assert_eq!(change(&case, &ann, UserChange::Disabled(Some(at(8)))).await, Changed::Done);
    assert_eq!(case.store.sessions(ann.id, at(8)).await.expect("read"), []);
    // What begins nevertheless opens nothing, until they may again.
    begin(&case, &session(&ann, 9), None).await;
    let newest = case.store.sessions(ann.id, at(10)).await.expect("read").remove(0);
    assert_eq!(case.store.session(&newest.id, at(10)).await.expect("read"), None);
    assert_eq!(change(&case, &ann, UserChange::Disabled(None)).await, Changed::Done);
    assert!(case.store.session(&newest.id, at(10)).await.expect("read").is_some());

    for minute in 10..(12 + i64::from(SESSIONS_KEPT)) {
        begin(&case, &session(&ann, minute), None).await;
    }
    let kept = case.store.sessions(ann.id, at(40)).await.expect("read");
    assert_eq!(kept.len(), SESSIONS_KEPT as usize);
    assert!(kept.iter().all(|session| session.create_time > at(10)), "the oldest end");
    assert!(case.store.session(&of_bob.id, at(5)).await.expect("read").is_some());
}

pub(super) async fn a_link_works_once_and_until_it_expires(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    begin(&case, &session(&ann, 0), None).await;
    let invite = link(LinkPurpose::Invite, Some(&ann));
    put_link(&case, &invite).await;
    let other = link(LinkPurpose::PasswordReset, Some(&ann));
    put_link(&case, &other).await;
    assert_eq!(case.store.link(&invite.token, at(1)).await.expect("read"), Some(invite.clone()));
    assert_eq!(case.store.link(&invite.token, invite.expire_time).await.expect("read"), None);
    // Another one for the same takes its place.
    let newer = link(LinkPurpose::Invite, Some(&ann));
    put_link(&case, &newer).await;
    assert_eq!(case.store.link(&invite.token, at(1)).await.expect("read"), None);

    let chosen = LinkUse::Password {
        display_name: Some(DisplayName::parse("Annie").expect("a name")),
        password: PasswordHash("$chosen".to_owned()),
    };
    let late = AuditEntry { time: newer.expire_time, ..entry(&case) };
    assert_eq!(case.store.use_link(&newer.token, &chosen, &late).await.expect("asked"), None);
    let (one, two) = tokio::join!(use_link(&case, &newer, &chosen), use_link(&case, &newer, &chosen));
    assert_eq!(one.or(two), Some(ann.id));
    assert!(one.is_none() || two.is_none(), "of two at once, one gets it");
    assert_eq!(case.store.link(&other.token, at(1)).await.expect("read"), None, "every other went with it");
    let stored = case.store.account(&AccountKey::Id(ann.id)).await.expect("read").expect("found");
    assert_eq!(stored.password, Some(PasswordHash("$chosen".to_owned())));
    assert_eq!(stored.user.display_name.as_str(), "Annie");
    assert_eq!(case.store.sessions(ann.id, at(1)).await.expect("read"), [], "nobody else stays in");
}

pub(super) async fn the_first_person_is_made_once(case: Case) {
    let nobody_yet = !case.store.has_people().await.expect("read");
    let links = [link(LinkPurpose::FirstAdmin, None), link(LinkPurpose::FirstAdmin, None)];
    for link in &links {
        put_link(&case, link).await;
    }
    let first = |name| LinkUse::FirstAdmin {
        user: User { operator: true, ..person(&case, name) },
        password: PasswordHash("$first".to_owned()),
    };
    let (ann, bob) = (first("Ann"), first("Bob"));
    let (one, two) = tokio::join!(use_link(&case, &links[0], &ann), use_link(&case, &links[1], &bob));
    let made = [one, two].into_iter().flatten().count();
    // A database that is used for more than one run has somebody.
    assert_eq!(made, usize::from(nobody_yet));
    let late = link(LinkPurpose::FirstAdmin, None);
    put_link(&case, &late).await;
    if nobody_yet {
        assert_eq!(use_link(&case, &late, &first("Cid")).await, None);
    }
    // A link does only what it is for.
    let dan = person(&case, "Dan");
    assert!(add(&case, &dan).await);
    let invite = link(LinkPurpose::Invite, Some(&dan));
    put_link(&case, &invite).await;
    assert_eq!(use_link(&case, &invite, &first("Eve")).await, None);
}

pub(super) async fn failures_make_the_next_attempt_wait(case: Case) {
    let account = limit(2, Duration::from_mins(1));
    let network = limit(10, Duration::from_mins(15));
    let limits = [account, network];
    let attempt = async |now| case.store.attempt(&limits, now).await.expect("counted");
    let admitted = |begins_burst| Attempt::Admitted { begins_burst };
    assert_eq!(attempt(at(0)).await, admitted(false));
    assert_eq!(attempt(at(0)).await, admitted(false));
    assert_eq!(attempt(at(0)).await, admitted(true), "the third makes the next wait");
    let second = |n| at(0).plus(Duration::from_secs(n));
    assert_eq!(attempt(at(0)).await, Attempt::Wait(second(1)));
    assert_eq!(attempt(second(1)).await, admitted(false));
    assert_eq!(attempt(second(2)).await, Attempt::Wait(second(3)), "waits double");

    // Of many at once, those go through that the limit lets through.
    let (crowd, elsewhere) = (limit(3, Duration::from_mins(1)), limit(100, Duration::from_mins(1)));
    let tries = (0..12).map(|_| {
        let store = std::sync::Arc::clone(&case.store);
        tokio::spawn(async move { store.attempt(&[crowd, elsewhere], at(1)).await.expect("counted") })
    });
    let mut through = 0;
    for one in tries.collect::<Vec<_>>() {
        through += usize::from(matches!(one.await.expect("no panic"), Attempt::Admitted { .. }));
    }
    assert_eq!(through, 4);

    // Who gets in after all starts anew; the network has one failure less.
    case.store.forgive_attempt(&account.subject, &network.subject, second(1)).await.expect("forgiven");
    assert_eq!(attempt(second(2)).await, admitted(false));
}

pub(super) async fn an_account_of_ones_own_does_not_help_to_guess_others(case: Case) {
    let (own, network) = (limit(100, Duration::from_mins(1)), limit(2, Duration::from_mins(15)));
    let second = |n| at(0).plus(Duration::from_secs(n));
    let attempt = async |account, now| case.store.attempt(&[account, network], now).await.expect("counted");
    let guess = async |now| attempt(limit(100, Duration::from_mins(1)), now).await;
    for _ in 0..2 {
        assert!(matches!(guess(at(0)).await, Attempt::Admitted { .. }));
    }
    // A sign-in of one's own is under way while another password is tried; the wait is for that one.
    assert!(matches!(attempt(own, at(0)).await, Attempt::Admitted { .. }));
    assert!(matches!(guess(second(1)).await, Attempt::Admitted { .. }));
    assert_eq!(guess(second(1)).await, Attempt::Wait(second(3)));
    case.store.forgive_attempt(&own.subject, &network.subject, at(0)).await.expect("forgiven");
    assert_eq!(guess(second(1)).await, Attempt::Wait(second(3)));
    // However often that is done, guesses are not forgotten: with the fourth, waits grow.
    assert!(matches!(attempt(own, second(3)).await, Attempt::Admitted { .. }));
    case.store.forgive_attempt(&own.subject, &network.subject, second(3)).await.expect("forgiven");
    assert!(matches!(guess(second(3)).await, Attempt::Admitted { .. }), "one's own costs nothing");
    assert_eq!(guess(second(3)).await, Attempt::Wait(second(5)));
}

pub(super) async fn what_ended_is_forgotten(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    // Long before what other cases keep.
    let past = |minute: i64| at(minute - 1_000_000);
    let (mut old, mut lasting) = (session(&ann, 0), session(&ann, 0));
    (old.idle_end, old.end_time) = (past(30), past(60));
    (lasting.idle_end, lasting.end_time) = (past(300), past(600));
    begin(&case, &old, None).await;
    begin(&case, &lasting, None).await;
    let stale = limit(0, Duration::from_mins(1));
    case.store.attempt(&[stale], past(-2_000)).await.expect("counted");
    assert!(case.store.forget_ended(past(40)).await.expect("forgotten") >= 2);
    let kept = case.store.sessions(ann.id, past(1)).await.expect("read");
    assert_eq!(kept, [lasting]);
}

pub(super) async fn a_persons_key_lives_as_long_as_they_may_do_something(case: Case) {
    let ann = person(&case, "Ann");
    assert!(add(&case, &ann).await);
    let key = ApiKey {
        id: ApiKeyId(format!("mk_{}", SystemIds.time_ordered().simple())),
        site: case.site.clone(),
        label: "Ann's tool".to_owned(),
        owner: Some(ann.id),
        secret_sha256: SystemIds.secret_bytes(),
        roles: vec![Role::Moderator],
        create_time: at(0),
        expire_time: None,
        revoke_time: None,
    };
    case.store.add_key(&key).await.expect("added");
    assert_eq!(case.store.keys(Some(&case.site)).await.expect("read"), std::slice::from_ref(&key));
    assert_eq!(key.actor().id, ann.actor().id);
    let nobodys = ApiKey { owner: None, ..key.clone() };
    assert_ne!(nobodys.actor().id, ann.actor().id, "it acts as itself");

    let admins = ApiKey {
        id: ApiKeyId(format!("mk_{}", SystemIds.time_ordered().simple())),
        secret_sha256: SystemIds.secret_bytes(),
        roles: vec![Role::Reader, Role::Admin],
        ..key.clone()
    };
    case.store.add_key(&admins).await.expect("added");

    let mut version = None;
    let mut lives = async || {
        let directory = case.store.directory(version).await.expect("read").expect("it changed");
        version = Some(directory.version);
        [&key, &admins].map(|key| directory.keys.contains_key(&key.id))
    };
    assert_eq!(lives().await, [true, false], "she is a moderator");
    for (step, alive) in [
        (UserChange::Role(case.site.clone(), Some(Role::Admin)), [true, true]),
        (UserChange::Role(case.site.clone(), None), [false, false]),
        (UserChange::Role(case.site.clone(), Some(Role::Admin)), [true, true]),
        (UserChange::Disabled(Some(at(1))), [false, false]),
        (UserChange::Disabled(None), [true, true]),
        (UserChange::Role(case.site.clone(), Some(Role::Moderator)), [true, false]),
    ] {
        assert_eq!(change(&case, &ann, step.clone()).await, Changed::Done);
        assert_eq!(lives().await, alive, "{step:?}");
    }
}

/// Somebody new.
pub(super) async fn added(case: &Case, name: &str) -> UserId {
    let user = person(case, name);
    assert!(add(case, &user).await);
    user.id
}

async fn add(case: &Case, user: &User) -> bool {
    case.store.add_user(user, &entry(case)).await.expect("asked")
}

async fn change(case: &Case, user: &User, change: UserChange) -> Changed {
    case.store.change_user(user.id, &change, None, Some(&entry(case))).await.expect("asked")
}

async fn begin(case: &Case, session: &Session, replaces: Option<&SecretHash>) {
    case.store.begin_session(session, replaces, &entry(case)).await.expect("begun");
}

async fn put_link(case: &Case, link: &OneTimeLink) {
    case.store.put_link(link, &entry(case)).await.expect("kept");
}

async fn use_link(case: &Case, link: &OneTimeLink, link_use: &LinkUse) -> Option<UserId> {
    case.store.use_link(&link.token, link_use, &entry(case)).await.expect("asked")
}

fn entry(case: &Case) -> AuditEntry {
    AuditEntry {
        site: Some(case.site.clone()),
        actor: Actor::operator(),
        action: "test.done".to_owned(),
        subject: "nothing".to_owned(),
        details: "{}".to_owned(),
        time: at(0),
    }
}

fn person(case: &Case, name: &str) -> User {
    let id = SystemIds.time_ordered();
    User {
        id: UserId::from_uuid(id),
        mail: Email::parse(&format!("{}@example.org", id.simple())).expect("an address"),
        display_name: DisplayName::parse(name).expect("a name"),
        operator: false,
        disable_time: None,
        memberships: [(case.site.clone(), Role::Moderator)].into(),
        preferences: Preferences::default(),
        create_time: at(0),
    }
}

fn session(user: &User, minute: i64) -> Session {
    Session {
        id: SecretHash(SystemIds.secret_bytes()),
        user: user.id,
        create_time: at(minute),
        seen_time: at(minute),
        idle_end: at(minute + 30),
        end_time: at(minute + 60),
        network: "192.0.2.0/24".to_owned(),
        agent: "Firefox on Linux".to_owned(),
    }
}

fn link(purpose: LinkPurpose, user: Option<&User>) -> OneTimeLink {
    OneTimeLink {
        token: SecretHash(SystemIds.secret_bytes()),
        purpose,
        user: user.map(|user| user.id),
        create_time: at(0),
        expire_time: Timestamp::from_millis(at(0).as_millis() + 3_600_000),
    }
}

fn limit(free: u32, longest: Duration) -> AttemptLimit {
    AttemptLimit { subject: SystemIds.secret_bytes(), free, longest }
}
