//! What leaves the house, to a real mail server, from a real store.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[expect(unreachable_pub, reason = "the scenarios share it as a library")]
#[path = "../../../tests/src/mail_sink.rs"]
mod mail_sink;

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{
    Action, Actor, AppealText, AuditEntry, Author, Circumstances, Client, Clock, Comment, CommentId,
    CommentName, Decision, DecisionId, DecisionKind, Digest, DisplayName, Email, Evaluation, Facts, Ids as _,
    ManualClock, Notice, Preferences, PrivacyKey, Reason, Report, ReportReason, Reporter, Revision, Role,
    RuleSetVersion, Score, Site, SiteId, SiteSettings, State, StatusLink, SystemIds, Target, TextFingerprint,
    ThreadId, Timestamp, User, UserId,
};
use moderato_notify::{MailOptions, Mailer, Relay};
use moderato_store::{
    Accounts as _, Contact, Directory, NewRecord, Pipeline as _, Redress as _, Review as _, RuleSetDocument,
    RuleSets as _, Slot, Store, Tenants as _, Traces, UNASKED_PER_DAY,
};
use moderato_store_sqlite::{SqliteFile, SqliteOptions, SqliteStore};

use mail_sink::{MailSink, Mood};

const URL: &str = "https://moderation.example";
const UNDO: Duration = Duration::from_secs(30);

struct House {
    store: Arc<SqliteStore>,
    site: Site,
    clock: Arc<ManualClock>,
    relay: Relay,
    sink: MailSink,
    directory: tempfile::TempDir,
}

async fn house() -> House {
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteFile::open(directory.path().join("m.db"), SqliteOptions::default()).await.unwrap();
    let store = Arc::new(file.store());
    let site = Site {
        id: SiteId::parse("blog").unwrap(),
        display_name: "The Blog\r\nBcc: all@example.org".to_owned(),
        settings: SiteSettings { keep_contact_details: true, ..SiteSettings::default() },
        privacy_key: PrivacyKey::new([7; 32]),
    };
    store.put_site(&site).await.unwrap();
    let version = RuleSetVersion::parse("starter@0123456789ab").unwrap();
    let rules = RuleSetDocument {
        version: version.clone(),
        document: String::new(),
        guidelines: "# House {#house}\n\n## Be kind {#be-kind}\nNo insults.\n".to_owned(),
        create_time: Timestamp::from_millis(0),
    };
    store.put_rule_set(&rules).await.unwrap();
    store.activate_rule_set(Slot::Active, &version, Timestamp::from_millis(0)).await.unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_772_323_200_000)));
    let sink = MailSink::start().await.unwrap();
    let options = MailOptions { smtp: sink.url(), from: "The Blog <comments@blog.example>".to_owned() };
    let directory_of_sites = Arc::new(Directory::load(&*store).await.unwrap());
    let relay = Relay::new(
        Arc::clone(&store) as Arc<dyn Store>,
        directory_of_sites,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Some(Mailer::new(&options).unwrap()),
        URL.to_owned(),
    );
    House { store, site, clock, relay, sink, directory }
}

impl House {
    fn name(&self, id: &str) -> CommentName {
        CommentName { site: self.site.id.clone(), comment: CommentId::parse(id).unwrap() }
    }

    async fn comment(&self, id: &str, state: State, mail: Option<&str>) {
        let now = self.clock.now();
        let comment = Comment {
            site: self.site.id.clone(),
            id: CommentId::parse(id).unwrap(),
            revision: Revision::FIRST,
            thread: ThreadId::parse("post").unwrap(),
            parent: None,
            author: Author {
                display_name: "Ada".to_owned(),
                email: mail.and_then(Email::parse),
                ..Author::default()
            },
            body: "BUY PILLS at evil.example".to_owned(),
            language: Some("en".to_owned()),
            permalink: None,
            client: Client::default(),
            guidelines_version: None,
            circumstances: Circumstances::default(),
            request_id: None,
            create_time: now,
            accept_time: now,
        };
        let reason = Reason {
            rule: "insult-7".to_owned(),
            category: "harassment".to_owned(),
            guideline: Some("be-kind".to_owned()),
            score: Score::new(9.0),
            action: None,
            message: "It insults somebody.".to_owned(),
            note: "matched: pills".to_owned(),
            spans: Vec::new(),
        };
        let record = NewRecord {
            content_hash: comment.content_hash(),
            submission_uid: comment.submission_uid(),
            author: None,
            mail_hash: None,
            ip_hash: None,
            ip_prefix: None,
            contact: mail.map(|mail| Contact { email: Some(mail.to_owned()), ip: None }),
            fingerprint: TextFingerprint::of(&comment.body),
            traces: Traces::default(),
            evaluation: Evaluation {
                action: if state == State::Pending { Action::Review } else { Action::Reject },
                approved_by_rule: false,
                score: Score::new(9.0),
                reasons: vec![reason],
                signals: Vec::new(),
                rule_set: RuleSetVersion::parse("starter@0123456789ab").unwrap(),
                degraded: Vec::new(),
            },
            facts: Facts::none(now),
            state,
            evaluate_time: now,
            comment,
        };
        self.store.record(&[record]).await.unwrap();
    }

    async fn decide(&self, id: &str, kind: DecisionKind, who: &str) -> DecisionId {
        let now = self.clock.now();
        let decision = Decision {
            id: DecisionId(SystemIds.time_ordered()),
            site: self.site.id.clone(),
            targets: vec![Target {
                comment: CommentId::parse(id).unwrap(),
                revision: Revision::FIRST,
                version: None,
            }],
            kind,
            actor: actor(who),
            guideline: None,
            message: Some("Please stay polite. Grüße".to_owned()),
            note: Some("secret note".to_owned()),
            over_claim: false,
            decide_time: now,
            undo_until: now.plus(UNDO),
        };
        self.store.decide(&decision).await.unwrap();
        decision.id
    }

    async fn moderator(&self, mail: &str, preferences: Preferences) {
        let user = User {
            id: UserId::from_uuid(SystemIds.time_ordered()),
            mail: Email::parse(mail).unwrap(),
            display_name: DisplayName::parse("Ann").unwrap(),
            operator: false,
            disable_time: None,
            memberships: [(self.site.id.clone(), Role::Moderator)].into(),
            preferences,
            create_time: self.clock.now(),
        };
        let entry = AuditEntry {
            site: None,
            actor: Actor::operator(),
            action: "user.added".to_owned(),
            subject: "users/ann".to_owned(),
            details: "{}".to_owned(),
            time: self.clock.now(),
        };
        self.store.add_user(&user, &entry).await.unwrap();
    }

    /// A comment that a moderator passed on.
    async fn escalated(&self, id: &str) {
        self.comment(id, State::Pending, Some("ada@example.org")).await;
        self.decide(id, DecisionKind::Escalate, "mo").await;
    }

    async fn pass(&mut self) {
        self.relay.pass().await.unwrap();
    }

    /// Does to the file what this release would not.
    async fn tamper(&self, statement: &'static str) {
        let file = self.directory.path().join("m.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }

    async fn is_stated(&self, id: &str) -> bool {
        self.store.statement(&self.name(id)).await.unwrap().is_some()
    }

    fn recipients(&self) -> Vec<String> {
        self.sink.arrived().into_iter().map(|mail| mail.recipient).collect()
    }
}

fn actor(name: &str) -> Actor {
    Actor { id: format!("user:{name}"), name: format!("Moderator {name}") }
}

#[tokio::test]
async fn an_author_is_told_why_once_the_decision_cannot_be_undone() {
    let mut house = house().await;
    house.comment("c1", State::Pending, Some("ada@example.org")).await;
    house.decide("c1", DecisionKind::Reject, "mo").await;
    house.pass().await;
    house.clock.advance(UNDO);
    house.pass().await;
    assert_eq!(house.sink.arrived(), [], "it can still be undone");
    house.clock.advance(Duration::from_millis(1));
    house.pass().await;
    house.pass().await;
    let arrived = house.sink.arrived();
    let [mail] = &arrived[..] else { panic!("one mail: {arrived:?}") };
    assert_eq!(mail.recipient, "ada@example.org");
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(mail.header("Bcc"), None);
    let body = mail.body();
    let link = StatusLink::to(&house.name("c1"), &house.site.privacy_key).uri(URL);
    for told in ["Be kind", "No insults.", "Please stay polite. Grüße", "decided by a person", &link] {
        assert!(body.contains(told), "{told}: {body}");
    }
    for untold in ["PILLS", "Moderator", "insult-7", "matched", "secret note", "Ada"] {
        assert!(!mail.text.contains(untold) && !body.contains(untold), "{untold}: {body}");
    }
    let statement = house.store.statement(&house.name("c1")).await.unwrap().unwrap();
    assert_eq!(statement.guideline.unwrap().id, "be-kind");
}

#[tokio::test]
async fn nothing_is_told_of_what_was_undone_or_is_advertising() {
    let mut house = house().await;
    for id in ["undone", "spam", "approved"] {
        house.comment(id, State::Pending, Some("ada@example.org")).await;
    }
    let undone = house.decide("undone", DecisionKind::Reject, "mo").await;
    house.decide("spam", DecisionKind::Spam, "mo").await;
    house.decide("approved", DecisionKind::Approve, "mo").await;
    house.store.undo(&house.site.id, undone, &actor("mo"), house.clock.now()).await.unwrap();
    house.comment("engine-spam", State::Spam, Some("ada@example.org")).await;
    house.clock.advance(UNDO * 2);
    house.pass().await;
    assert_eq!(house.sink.arrived(), []);
    for id in ["undone", "spam", "approved", "engine-spam"] {
        assert_eq!(house.store.statement(&house.name(id)).await.unwrap(), None, "{id}");
    }
    assert_eq!(house.store.due_effects(house.clock.now(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_the_engine_rejects_is_told_at_once() {
    let mut house = house().await;
    house.comment("c1", State::Rejected, Some("ada@example.org")).await;
    house.comment("c2", State::Rejected, None).await;
    house.pass().await;
    let arrived = house.sink.arrived();
    assert_eq!(arrived.len(), 1, "no address, no mail");
    assert!(arrived[0].body().contains("No person has looked at it yet"), "{}", arrived[0].body());
    for id in ["c1", "c2"] {
        let statement = house.store.statement(&house.name(id)).await.unwrap().unwrap();
        assert!(statement.automated_decision && statement.facts.contains("It insults somebody."));
    }
}

#[tokio::test]
async fn the_answers_to_an_appeal_and_to_a_notice_are_mailed() {
    let mut house = house().await;
    house.comment("c1", State::Pending, Some("ada@example.org")).await;
    let notice = Notice {
        name: "Eve".to_owned(),
        mail: "eve@example.org".to_owned(),
        legal_reason: "libel".to_owned(),
    };
    let report = Report {
        comment: house.name("c1"),
        revision: None,
        reporter: Reporter::from_bytes([1; 16]),
        reason: ReportReason::Illegal,
        text: None,
        notice: Some(notice),
        request_id: None,
        time: house.clock.now(),
    };
    house.store.report(&report).await.unwrap();
    house.decide("c1", DecisionKind::Reject, "mo").await;
    house.clock.advance(UNDO * 2);
    house.pass().await;
    assert_eq!(house.recipients(), ["eve@example.org", "ada@example.org"]);

    let statement = house.store.statement(&house.name("c1")).await.unwrap().unwrap();
    let words = AppealText::parse("It was a quote.").unwrap();
    house.store.file_appeal(&statement.puid, &house.name("c1"), &words, house.clock.now()).await.unwrap();
    house.decide("c1", DecisionKind::Approve, "ann").await;
    house.clock.advance(UNDO * 2);
    house.pass().await;
    let arrived = house.sink.arrived();
    assert_eq!(arrived.len(), 3, "the notice was answered before");
    assert_eq!(arrived[2].recipient, "ada@example.org");
    assert!(arrived[2].body().contains("You were right"), "{}", arrived[2].body());
}

#[tokio::test]
async fn a_mail_is_sent_again_until_it_is_taken_and_keeps_its_name() {
    let mut house = house().await;
    house.comment("c1", State::Rejected, Some("ada@example.org")).await;
    house.sink.be([Mood::Busy, Mood::GoneAfterTaking]);
    house.pass().await;
    assert_eq!(house.sink.arrived(), []);
    for expected in [1, 2, 2] {
        house.clock.advance(Duration::from_hours(1));
        house.pass().await;
        assert_eq!(house.sink.arrived().len(), expected);
    }
    let arrived = house.sink.arrived();
    assert_eq!(arrived[0].header("Message-ID"), arrived[1].header("Message-ID"), "one mail that came twice");
}

#[tokio::test]
async fn a_mail_to_nobody_is_given_up() {
    let mut house = house().await;
    house.comment("c1", State::Rejected, Some("nobody@example.org")).await;
    house.sink.be([Mood::Unknown]);
    for _ in 0..3 {
        house.pass().await;
        house.clock.advance(Duration::from_hours(10));
    }
    assert_eq!(house.sink.arrived(), []);
}

#[tokio::test]
async fn an_effect_that_fails_is_set_aside_until_it_can_be_carried_out() {
    let mut house = house().await;
    for (id, mail) in [("read", "r@example.org"), ("write", "w@example.org"), ("fine", "f@example.org")] {
        house.comment(id, State::Pending, Some(mail)).await;
        house.decide(id, DecisionKind::Reject, "mo").await;
        house.clock.advance(Duration::from_secs(1));
    }
    // One cannot be read, one cannot be written; both stand before the others.
    house.tamper("UPDATE verdicts SET reasons = 'nonsense' WHERE comment_seq IN (SELECT comment_seq FROM comments WHERE comment_id = 'read')").await;
    house.tamper("CREATE TRIGGER broken BEFORE INSERT ON statements WHEN new.comment_id = 'write' BEGIN SELECT raise(ABORT, 'no'); END").await;
    house.clock.advance(UNDO * 2);
    house.pass().await;
    assert_eq!(house.recipients(), ["f@example.org"]);
    assert!(!house.is_stated("read").await && !house.is_stated("write").await);
    // Not at once again, and later and later.
    assert_eq!(house.store.due_effects(house.clock.now(), 10).await.unwrap(), []);
    house.clock.advance(Duration::from_mins(1));
    assert_eq!(house.store.due_effects(house.clock.now(), 10).await.unwrap().len(), 2);
    house.pass().await;
    house.clock.advance(Duration::from_mins(1));
    assert_eq!(house.store.due_effects(house.clock.now(), 10).await.unwrap(), []);

    house.tamper("UPDATE verdicts SET reasons = '[]' WHERE reasons = 'nonsense'").await;
    house.tamper("DROP TRIGGER broken").await;
    house.clock.advance(Duration::from_mins(1));
    house.pass().await;
    assert!(house.is_stated("read").await && house.is_stated("write").await);
    assert_eq!(house.recipients(), ["f@example.org", "r@example.org", "w@example.org"]);
    assert_eq!(house.store.due_effects(house.clock.now(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_rejection_that_cannot_be_stated_holds_nothing_up_and_is_not_forgotten() {
    let mut house = house().await;
    for (id, mail) in [("read", "r@example.org"), ("write", "w@example.org"), ("fine", "f@example.org")] {
        house.comment(id, State::Rejected, Some(mail)).await;
    }
    house.tamper("UPDATE verdicts SET reasons = 'nonsense' WHERE comment_seq IN (SELECT comment_seq FROM comments WHERE comment_id = 'read')").await;
    house.tamper("CREATE TRIGGER broken BEFORE INSERT ON statements WHEN new.comment_id = 'write' BEGIN SELECT raise(ABORT, 'no'); END").await;
    for _ in 0..2 {
        house.pass().await;
        assert_eq!(house.recipients(), ["f@example.org"]);
    }
    assert_eq!(house.store.rejections(10).await.unwrap(), []);
    let now = house.clock.now().plus(Duration::from_mins(1));
    assert_eq!(house.store.rejections_set_aside(now, 10).await.unwrap().len(), 2);

    house.tamper("UPDATE verdicts SET reasons = '[]' WHERE reasons = 'nonsense'").await;
    house.tamper("DROP TRIGGER broken").await;
    house.clock.advance(Duration::from_mins(1));
    house.pass().await;
    assert!(house.is_stated("read").await && house.is_stated("write").await);
    assert_eq!(house.recipients().len(), 3);
    assert_eq!(house.store.rejections_set_aside(now, 10).await.unwrap(), []);
}

#[tokio::test]
async fn kinds_of_effects_do_not_wait_for_each_other() {
    let mut house = house().await;
    house.comment("c1", State::Pending, Some("a@example.org")).await;
    house.decide("c1", DecisionKind::Reject, "mo").await;
    house.comment("c2", State::Rejected, Some("b@example.org")).await;
    // Nothing about any decision can be read.
    house.tamper("ALTER TABLE decisions RENAME TO gone").await;
    house.clock.advance(UNDO * 2);
    assert!(house.relay.pass().await.is_err());
    assert_eq!(house.recipients(), ["b@example.org"]);
    house.tamper("ALTER TABLE gone RENAME TO decisions").await;
    house.pass().await;
    assert_eq!(house.recipients(), ["b@example.org", "a@example.org"]);
}

#[tokio::test]
async fn nobody_is_bombed_with_mails_about_comments_of_others() {
    let mut house = house().await;
    for number in 0..8 {
        // The same mailbox, whatever is typed.
        let typed = format!("victim+{number}@example.org");
        house.comment(&format!("c{number}"), State::Rejected, Some(&typed)).await;
    }
    house.comment("c9", State::Rejected, Some("ada@example.org")).await;
    house.comment("c10", State::Pending, Some("victim@example.org")).await;
    house.decide("c10", DecisionKind::Reject, "mo").await;
    house.pass().await;
    let told = |house: &House, who: &str| {
        house.recipients().iter().filter(|recipient| recipient.starts_with(who)).count()
    };
    assert_eq!((told(&house, "victim"), told(&house, "ada")), (UNASKED_PER_DAY as usize, 1));
    assert!(house.is_stated("c7").await, "the statement is there for who has the link");
    house.clock.advance(UNDO * 2);
    house.pass().await;
    assert_eq!(told(&house, "victim"), UNASKED_PER_DAY as usize + 1, "a person's decision is always told");
    house.clock.advance(Duration::from_hours(25));
    house.comment("c11", State::Rejected, Some("victim@example.org")).await;
    house.pass().await;
    assert_eq!(told(&house, "victim"), UNASKED_PER_DAY as usize + 2);
}

#[tokio::test]
async fn a_moderator_who_asked_is_told_what_waits_once_an_hour() {
    let mut house = house().await;
    for (mail, digest) in [("ann@example.org", Digest::Hourly), ("mo@example.org", Digest::Never)] {
        house.moderator(mail, Preferences { digest, ..Preferences::default() }).await;
    }
    house.pass().await;
    assert_eq!(house.sink.arrived(), [], "nothing waits");
    house.comment("c1", State::Pending, None).await;
    for _ in 0..3 {
        house.clock.advance(Duration::from_mins(5));
        house.pass().await;
    }
    let arrived = house.sink.arrived();
    let [digest] = &arrived[..] else { panic!("one digest: {arrived:?}") };
    assert_eq!(digest.recipient, "ann@example.org");
    let body = digest.body();
    assert!(
        body.contains("1 flagged, the oldest for 5 min") && body.contains("/sites/blog/queue?queue=flagged"),
        "{body}"
    );
    assert!(!body.contains("PILLS"), "{body}");
    assert!(!body.contains("should not wait"), "{body}");
    house.escalated("c2").await;
    house.clock.advance(Duration::from_hours(1));
    house.pass().await;
    let arrived = house.sink.arrived();
    assert_eq!(arrived.len(), 2);
    let body = arrived[1].body();
    let link = format!("{URL}/sites/blog/comments/c2");
    assert!(body.contains("escalated, waiting for 1 h") && body.contains(&link), "{body}");
}

#[tokio::test]
async fn a_moderator_who_asked_is_told_at_once_and_once_of_what_is_urgent() {
    let mut house = house().await;
    house.moderator("ann@example.org", Preferences { urgent: true, ..Preferences::default() }).await;
    house.moderator("mo@example.org", Preferences::default()).await;
    house.comment("calm", State::Pending, None).await;
    house.pass().await;
    assert_eq!(house.recipients(), [] as [&str; 0], "nothing is urgent");
    house.escalated("c1").await;
    for _ in 0..3 {
        house.clock.advance(Duration::from_secs(15));
        house.pass().await;
    }
    let arrived = house.sink.arrived();
    let [mail] = &arrived[..] else { panic!("one mail: {arrived:?}") };
    assert_eq!(mail.recipient, "ann@example.org");
    let body = mail.body();
    assert!(body.contains(&format!("{URL}/sites/blog/comments/c1")), "{body}");
    for untold in ["PILLS", "Ada", "ada@", "insult", "secret"] {
        assert!(!mail.text.contains(untold) && !body.contains(untold), "{untold}: {body}");
    }

    // Many at once are one mail, and many one after the other not many mails.
    for number in 0..13 {
        house.escalated(&format!("d{number}")).await;
    }
    for number in 0..20 {
        house.clock.advance(Duration::from_mins(1));
        house.escalated(&format!("e{number}")).await;
        house.pass().await;
    }
    let arrived = house.sink.arrived();
    assert_eq!(arrived.len(), 6, "in one hour");
    let second = arrived[1].body();
    assert_eq!(second.matches("/comments/").count(), 10, "{second}");
    assert!(
        second.contains("and 4 more") && second.contains("/sites/blog/queue?queue=escalated"),
        "{second}"
    );
    // None is lost: what came after the sixth is told with the next hour's first.
    house.clock.advance(Duration::from_hours(1));
    house.pass().await;
    let arrived = house.sink.arrived();
    assert_eq!(arrived.len(), 7);
    assert!(
        arrived[6].body().contains("/comments/e5") && arrived[6].body().contains("and 5 more"),
        "{}",
        arrived[6].body()
    );
}
