//! The review service over gRPC, on a store in a temporary file.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use moderato_access::mint;
use moderato_api::intake::to_timestamp;
use moderato_api::pb::review as pb;
use moderato_api::pb::review::review_service_client::ReviewServiceClient;
use moderato_api::pb::types;
use moderato_api::status::reason_of;
use moderato_console::ConsoleDeps;
use moderato_domain::{
    Action, Actor, AuditEntry, Author, AuthorKey, Circumstances, Client, Clock as _, Comment, CommentId,
    DecisionKind, DisplayName, Email, Evaluation, Facts, Ids as _, Preferences, PrivacyKey, Reason, Revision,
    Role, RuleSetVersion, Score, Site, SiteId, SiteSettings, State, SystemClock, SystemIds, TextFingerprint,
    ThreadId, Timestamp, User, UserId,
};
use moderato_runtime::shutdown;
use moderato_store::{
    Accounts as _, DecisionFilter, Directory, Insight as _, NewRecord, Pipeline as _, Reading as _,
    Review as _, SecondLook, SecondLooked, Tenants as _, Traces,
};
use moderato_store_sqlite::{SqliteFile, SqliteOptions, SqliteStore};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status};

const PARENT: &str = "sites/blog";

fn site() -> SiteId {
    SiteId::parse("blog").unwrap()
}

/// A running service. Dropping it stops the server.
struct Running {
    store: SqliteStore,
    client: ReviewServiceClient<Channel>,
    moderator: String,
    /// A key of Bob's.
    colleague: String,
    bob: User,
    reader: String,
    stranger: String,
    _trigger: shutdown::ShutdownTrigger,
    _folder: tempfile::TempDir,
}

async fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteFile::open(folder.path().join("review.db"), SqliteOptions::default()).await.unwrap();
    let store = file.store();
    let bob = person("Bob");
    let entry = AuditEntry {
        site: None,
        actor: Actor::operator(),
        action: "user.added".to_owned(),
        subject: "bob".to_owned(),
        details: "{}".to_owned(),
        time: bob.create_time,
    };
    assert!(store.add_user(&bob, &entry).await.unwrap());
    let moderator = key(&store, "blog", "ann", Role::Moderator, None).await;
    let colleague = key(&store, "blog", "bob", Role::Moderator, Some(bob.id)).await;
    let reader = key(&store, "blog", "platform", Role::Reader, None).await;
    let stranger = key(&store, "other", "eve", Role::Moderator, None).await;
    let (trigger, shutdown) = shutdown::channel();
    let service = moderato_console::reviews(ConsoleDeps {
        store: Arc::new(store.clone()),
        directory: Arc::new(Directory::load(&store).await.unwrap()),
        clock: Arc::new(SystemClock),
        shutdown: shutdown.clone(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let stop = async move { shutdown.requested().await };
        Server::builder().add_service(service).serve_with_incoming_shutdown(incoming, stop).await.unwrap();
    });
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let client = ReviewServiceClient::new(channel);
    Running { store, client, moderator, colleague, bob, reader, stranger, _trigger: trigger, _folder: folder }
}

/// A moderator of the blog.
fn person(name: &str) -> User {
    User {
        id: UserId::from_uuid(SystemIds.time_ordered()),
        mail: Email::parse(&format!("{name}@example.org")).unwrap(),
        display_name: DisplayName::parse(name).unwrap(),
        operator: false,
        disable_time: None,
        memberships: [(site(), Role::Moderator)].into(),
        preferences: Preferences::default(),
        create_time: Timestamp::from_millis(0),
    }
}

async fn key(store: &SqliteStore, site: &str, label: &str, role: Role, owner: Option<UserId>) -> String {
    let id = SiteId::parse(site).unwrap();
    let site = Site {
        id: id.clone(),
        display_name: site.to_owned(),
        settings: SiteSettings::default(),
        privacy_key: PrivacyKey::new([7; 32]),
    };
    store.put_site(&site).await.unwrap();
    let (mut key, secret) = mint(&SystemIds, id, label, vec![role], &SystemClock);
    key.owner = owner;
    store.add_key(&key).await.unwrap();
    secret.expose().to_owned()
}

fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    reason_of(&answer.unwrap_err()).unwrap()
}

fn author() -> AuthorKey {
    AuthorKey::from_bytes([9; 16])
}

/// A comment that a rule flagged.
fn flagged(id: &str, revision: i64, minute: i64) -> NewRecord {
    let time = Timestamp::from_millis(1_722_470_400_000 + minute * 60_000);
    let comment = Comment {
        site: SiteId::parse("blog").unwrap(),
        id: CommentId::parse(id).unwrap(),
        revision: Revision::new(revision).unwrap(),
        thread: ThreadId::parse("post-1").unwrap(),
        parent: None,
        author: Author { display_name: "Mallory".to_owned(), ..Author::default() },
        body: format!("buy my book, says {id} in version {revision}"),
        language: None,
        permalink: None,
        client: Client::default(),
        guidelines_version: None,
        circumstances: Circumstances::default(),
        request_id: None,
        create_time: time,
        accept_time: time,
    };
    let reason = Reason {
        rule: "promotion".to_owned(),
        category: "promotion".to_owned(),
        guideline: Some("honesty".to_owned()),
        score: Score::new(3.0),
        action: Some(Action::Review),
        message: "your comment is waiting".to_owned(),
        note: "promotes something".to_owned(),
        spans: Vec::new(),
    };
    NewRecord {
        content_hash: comment.content_hash(),
        submission_uid: comment.submission_uid(),
        author: Some(author()),
        mail_hash: None,
        ip_hash: None,
        ip_prefix: None,
        contact: None,
        fingerprint: TextFingerprint::of(&comment.body),
        traces: Traces::default(),
        evaluation: Evaluation {
            action: Action::Review,
            approved_by_rule: false,
            score: Score::new(3.0),
            reasons: vec![reason],
            signals: Vec::new(),
            rule_set: RuleSetVersion::parse("starter@0123456789ab").unwrap(),
            degraded: Vec::new(),
        },
        facts: Facts::none(time),
        state: State::Pending,
        evaluate_time: time,
        comment,
    }
}

fn name(id: &str) -> String {
    format!("sites/blog/comments/{id}")
}

fn target(id: &str, etag: &str) -> pb::Target {
    pb::Target { comment: name(id), revision: 1, etag: etag.to_owned() }
}

fn ruling(kind: pb::DecisionKind) -> pb::Ruling {
    let decision_id = SystemIds.time_ordered().to_string();
    pb::Ruling { decision_id, kind: kind as i32, ..pb::Ruling::default() }
}

fn list(page_size: i32, page_token: String) -> pb::ListQueueRequest {
    pb::ListQueueRequest { parent: PARENT.to_owned(), page_size, page_token, ..Default::default() }
}

impl Running {
    fn ask<T>(&self, message: T) -> Request<T> {
        with_key(&self.moderator, message)
    }

    async fn record(&self, ids: &[&str]) {
        let batch: Vec<NewRecord> = (0..).zip(ids).map(|(minute, id)| flagged(id, 1, minute)).collect();
        self.store.record(&batch).await.unwrap();
    }

    async fn decide(&mut self, target: pb::Target, ruling: pb::Ruling) -> Result<types::Comment, Status> {
        let request = pb::DecideCommentRequest { target: Some(target), ruling: Some(ruling) };
        let answer = self.client.decide_comment(with_key(&self.moderator, request)).await?;
        Ok(answer.into_inner().comment.unwrap())
    }

    async fn waiting(&mut self) -> Vec<(pb::Queue, i64)> {
        let request = pb::GetQueueCountsRequest { parent: PARENT.to_owned() };
        let counts = self.client.get_queue_counts(with_key(&self.moderator, request)).await.unwrap();
        let counts = counts.into_inner().counts;
        assert_eq!(counts.len(), 6);
        counts.iter().filter(|count| count.waiting > 0).map(|count| (count.queue(), count.waiting)).collect()
    }
}

#[tokio::test]
async fn what_waits_is_listed_in_pages_whose_tokens_fit_their_filter_alone() {
    let mut desk = start().await;
    desk.record(&["c1", "c2", "c3"]).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = desk.client.list_queue(desk.ask(list(2, token))).await.unwrap().into_inner();
        seen.extend(page.items.iter().map(|item| item.comment.as_ref().unwrap().name.clone()));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        let other = pb::ListQueueRequest { category: "promotion".into(), ..list(2, token.clone()) };
        assert_eq!(reason(desk.client.list_queue(desk.ask(other)).await), "TOKEN_INVALID");
        let all = pb::ListQueueRequest { queue: pb::Queue::Flagged as i32, ..list(2, token.clone()) };
        assert_eq!(reason(desk.client.list_queue(desk.ask(all)).await), "TOKEN_INVALID");
    }
    assert_eq!(seen, [name("c1"), name("c2"), name("c3")]);
    assert_eq!(desk.waiting().await, [(pb::Queue::Flagged, 3)]);
    let item = desk.client.list_queue(desk.ask(list(1, String::new()))).await.unwrap().into_inner();
    let item = &item.items[0];
    assert_eq!((item.queue(), item.priority()), (pb::Queue::Flagged, pb::Priority::Normal));
    assert_eq!(item.verdict.as_ref().unwrap().reasons[0].note, "promotes something");
    assert_eq!(item.author, format!("sites/blog/authors/{}", author()));
}

#[tokio::test]
async fn a_decision_is_made_once_seen_at_once_and_taken_back() {
    let mut desk = start().await;
    desk.record(&["c1", "c2"]).await;
    let approve = ruling(pb::DecisionKind::Approve);
    let decided = desk.decide(target("c1", "v1"), approve.clone()).await.unwrap();
    assert_eq!((decided.state(), decided.decided), (types::State::Published, true));
    assert_eq!(decided.etag, "v2");
    // Sent twice.
    assert_eq!(desk.decide(target("c1", "v1"), approve.clone()).await.unwrap(), decided);
    let kept = desk.store.decisions(&site(), &DecisionFilter::default(), None, 1).await.unwrap();
    let request =
        pb::DecideCommentRequest { target: Some(target("c1", "v1")), ruling: Some(approve.clone()) };
    let told = desk.client.decide_comment(desk.ask(request)).await.unwrap().into_inner().undo_until;
    assert_eq!(told, Some(to_timestamp(kept[0].undo_until)), "the time that is kept, not a new one");
    let other = pb::Ruling { kind: pb::DecisionKind::Reject as i32, ..approve.clone() };
    assert_eq!(reason(desk.decide(target("c1", "v1"), other).await), "CONTENT_CONFLICT");
    let late = desk.decide(target("c1", "v1"), ruling(pb::DecisionKind::Reject)).await.unwrap_err();
    assert_eq!(reason_of(&late).unwrap(), "ALREADY_SETTLED");
    assert!(late.message().starts_with("ann decided approve meanwhile"), "{}", late.message());
    let thread = ThreadId::parse("post-1").unwrap();
    let shown = desk.store.published(&site(), &thread, None, 10).await.unwrap();
    assert_eq!(shown.len(), 1);

    let undo = |id: &str| pb::UndoDecisionRequest { parent: PARENT.to_owned(), decision_id: id.to_owned() };
    let undone = desk.client.undo_decision(desk.ask(undo(&approve.decision_id))).await.unwrap().into_inner();
    assert_eq!(undone.comments[0].state(), types::State::Pending);
    let again = desk.client.undo_decision(desk.ask(undo(&approve.decision_id))).await;
    assert_eq!(reason(again), "UNDO_REFUSED");
    let unknown = SystemIds.time_ordered().to_string();
    assert_eq!(reason(desk.client.undo_decision(desk.ask(undo(&unknown))).await), "DECISION_NOT_FOUND");
    assert_eq!(reason(desk.client.undo_decision(desk.ask(undo("today"))).await), "INVALID_FIELDS");
    assert_eq!(desk.waiting().await, [(pb::Queue::Flagged, 2)]);

    let decisions = pb::ListDecisionsRequest { parent: PARENT.to_owned(), ..Default::default() };
    let listed = desk.client.list_decisions(desk.ask(decisions)).await.unwrap().into_inner().decisions;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].decision_id, approve.decision_id);
    assert!(listed[0].actor.as_ref().unwrap().id.starts_with("key:"));
    assert_eq!(listed[0].undone_by.as_ref().unwrap().display_name, "ann");
}

#[tokio::test]
async fn a_bulk_is_previewed_then_decided_and_each_refusal_is_told() {
    let mut desk = start().await;
    desk.record(&["c1", "c2", "c3"]).await;
    desk.store.record(&[flagged("c3", 2, 9)]).await.unwrap();
    let bulk = |validate_only| pb::BatchDecideCommentsRequest {
        parent: PARENT.to_owned(),
        targets: vec![target("c1", "v1"), target("nobody", ""), target("c3", "v1"), target("c2", "")],
        ruling: Some(ruling(pb::DecisionKind::MarkSpam)),
        validate_only,
    };
    let preview = desk.client.batch_decide_comments(desk.ask(bulk(true))).await.unwrap().into_inner();
    assert_eq!(preview.decided_count, 2);
    assert_eq!(desk.waiting().await, [(pb::Queue::Flagged, 3)], "nothing happened");
    let done = desk.client.batch_decide_comments(desk.ask(bulk(false))).await.unwrap().into_inner();
    assert_eq!(done.decided_count, 2);
    let refusals = |answer: &pb::BatchDecideCommentsResponse| -> Vec<String> {
        let reason = |result: &pb::batch_decide_comments_response::Result| {
            result.refusal.as_ref().map(|refusal| refusal.reason.clone()).unwrap_or_default()
        };
        answer.results.iter().map(reason).collect()
    };
    assert_eq!(refusals(&done), ["", "COMMENT_NOT_FOUND", "REVISION_STALE", ""]);
    assert_eq!(refusals(&preview), refusals(&done));
    assert_eq!(done.results[0].decided.as_ref().unwrap().state(), types::State::Spam);
    let foreign = pb::Target { comment: "sites/other/comments/c1".into(), revision: 1, etag: String::new() };
    let elsewhere = pb::BatchDecideCommentsRequest { targets: vec![foreign], ..bulk(false) };
    assert_eq!(reason(desk.client.batch_decide_comments(desk.ask(elsewhere)).await), "INVALID_FIELDS");
}

#[tokio::test]
async fn a_preview_says_what_the_decision_would_say() {
    let mut desk = start().await;
    desk.record(&["c1", "c2", "c3"]).await;
    desk.decide(target("c1", "v1"), ruling(pb::DecisionKind::Approve)).await.unwrap();
    let colleague = desk.colleague.clone();
    let claim =
        pb::ClaimCommentsRequest { parent: PARENT.to_owned(), comments: vec![name("c2")], take_over: false };
    desk.client.claim_comments(with_key(&colleague, claim)).await.unwrap();
    let spam = ruling(pb::DecisionKind::MarkSpam);
    let bulk = |validate_only| pb::BatchDecideCommentsRequest {
        parent: PARENT.to_owned(),
        targets: vec![target("c1", "v1"), target("c2", "v1"), target("c3", "v1")],
        ruling: Some(spam.clone()),
        validate_only,
    };
    let told = |answer: pb::BatchDecideCommentsResponse| -> Vec<(String, String)> {
        let refusal = |result: pb::batch_decide_comments_response::Result| {
            result.refusal.map(|refusal| (refusal.reason, refusal.message)).unwrap_or_default()
        };
        answer.results.into_iter().map(refusal).collect()
    };
    let preview = told(desk.client.batch_decide_comments(desk.ask(bulk(true))).await.unwrap().into_inner());
    let done = told(desk.client.batch_decide_comments(desk.ask(bulk(false))).await.unwrap().into_inner());
    assert_eq!(preview, done);
    let reasons: Vec<&str> = done.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, ["ALREADY_SETTLED", "CLAIMED", ""]);
    // An id that is taken is told beforehand, too.
    let mut other = bulk(true);
    other.ruling.as_mut().unwrap().kind = pb::DecisionKind::Approve as i32;
    assert_eq!(reason(desk.client.batch_decide_comments(desk.ask(other)).await), "CONTENT_CONFLICT");
}

#[tokio::test]
async fn claims_notes_and_what_stands_around_an_item() {
    let mut desk = start().await;
    desk.record(&["c1", "c2"]).await;
    let claim = |take_over| pb::ClaimCommentsRequest {
        parent: PARENT.to_owned(),
        comments: vec![name("c1"), name("nobody")],
        take_over,
    };
    let mine = desk.client.claim_comments(desk.ask(claim(false))).await.unwrap().into_inner().results;
    assert_eq!((mine[0].held, mine[1].held, mine[1].claim.is_some()), (true, false, false));
    let colleague = desk.colleague.clone();
    let theirs = desk.client.claim_comments(with_key(&colleague, claim(false))).await.unwrap().into_inner();
    let holder = theirs.results[0].claim.as_ref().unwrap().holder.as_ref().unwrap();
    assert_eq!((theirs.results[0].held, holder.display_name.as_str()), (false, "ann"));
    let decide = || pb::DecideCommentRequest {
        target: Some(target("c1", "v1")),
        ruling: Some(ruling(pb::DecisionKind::Approve)),
    };
    assert_eq!(reason(desk.client.decide_comment(with_key(&colleague, decide())).await), "CLAIMED");
    let release = pb::ReleaseCommentsRequest { parent: PARENT.to_owned(), comments: vec![name("c1")] };
    desk.client.release_comments(desk.ask(release)).await.unwrap();
    desk.client.decide_comment(with_key(&colleague, decide())).await.unwrap();

    let note = pb::AddNoteRequest { comment: name("c1"), text: "known from last week".into() };
    desk.client.add_note(desk.ask(note)).await.unwrap();
    let empty = pb::AddNoteRequest { comment: name("c1"), text: "  ".into() };
    assert_eq!(reason(desk.client.add_note(desk.ask(empty)).await), "INVALID_FIELDS");
    let lost = pb::AddNoteRequest { comment: name("nobody"), text: "hm".into() };
    assert_eq!(reason(desk.client.add_note(desk.ask(lost)).await), "COMMENT_NOT_FOUND");

    let get = |id: &str| pb::GetQueueItemRequest { name: name(id) };
    let detail = desk.client.get_queue_item(desk.ask(get("c1"))).await.unwrap().into_inner();
    assert_eq!(detail.item.as_ref().unwrap().queue(), pb::Queue::Unspecified);
    assert_eq!(detail.notes[0].text, "known from last week");
    assert_eq!(detail.decisions[0].actor.as_ref().unwrap().display_name, "bob");
    assert_eq!(detail.author_history.as_ref().unwrap().comment_count, 2);
    assert_eq!(detail.siblings.len(), 1);
    assert_eq!(reason(desk.client.get_queue_item(desk.ask(get("nobody"))).await), "COMMENT_NOT_FOUND");
}

#[tokio::test]
async fn a_persons_key_acts_as_that_person() {
    let mut desk = start().await;
    desk.record(&["c1", "c2"]).await;
    // Signed in, Bob looks at one and decides about it with a key.
    let ids = [CommentId::parse("c1").unwrap()];
    desk.store.claim(&site(), &ids, &desk.bob.actor(), false, SystemClock.now()).await.unwrap();
    let decide = pb::DecideCommentRequest {
        target: Some(target("c1", "v1")),
        ruling: Some(ruling(pb::DecisionKind::Reject)),
    };
    let colleague = desk.colleague.clone();
    desk.client.decide_comment(with_key(&colleague, decide)).await.expect("it is Bob's claim");
    let made = desk.store.decisions(&site(), &DecisionFilter::default(), None, 2).await.unwrap();
    assert_eq!(made[0].actor.id, desk.bob.actor().id);
    // It is his own decision, which somebody else looks at again.
    let look = SecondLook {
        decision: made[0].id,
        comment: made[0].comment.clone(),
        actor: desk.bob.actor(),
        kind: DecisionKind::Reject,
        time: SystemClock.now(),
    };
    assert_eq!(desk.store.look_again(&look).await.unwrap(), SecondLooked::Unknown);
    let look = SecondLook { actor: person("Cyd").actor(), ..look };
    assert_eq!(desk.store.look_again(&look).await.unwrap(), SecondLooked::Counted(DecisionKind::Reject));
}

#[tokio::test]
async fn authors_are_banned_and_bans_are_lifted() {
    let mut desk = start().await;
    desk.record(&["c1"]).await;
    let who = format!("sites/blog/authors/{}", author());
    let groundless = pb::BanAuthorRequest { author: who.clone(), reason: " ".into(), ..Default::default() };
    assert_eq!(reason(desk.client.ban_author(desk.ask(groundless)).await), "INVALID_FIELDS");
    let ban = |author: &str, expire_time| pb::BanAuthorRequest {
        author: author.to_owned(),
        expire_time,
        reason: "sells books".to_owned(),
    };
    let put = desk.client.ban_author(desk.ask(ban(&who, None))).await.unwrap().into_inner();
    assert_eq!((put.display_name.as_str(), put.expire_time), ("Mallory", None));
    let nobody = format!("sites/blog/authors/{}", AuthorKey::from_bytes([1; 16]));
    assert_eq!(reason(desk.client.ban_author(desk.ask(ban(&nobody, None))).await), "INVALID_FIELDS");
    let past = prost_types::Timestamp { seconds: 1, nanos: 0 };
    assert_eq!(reason(desk.client.ban_author(desk.ask(ban(&who, Some(past)))).await), "INVALID_FIELDS");
    let bans = || pb::ListBansRequest { parent: PARENT.to_owned(), ..Default::default() };
    assert_eq!(
        desk.client.list_bans(desk.ask(bans())).await.unwrap().into_inner().bans,
        std::slice::from_ref(&put)
    );
    let mut second = flagged("c2", 1, 3);
    second.author = Some(AuthorKey::from_bytes([2; 16]));
    desk.store.record(&[second]).await.unwrap();
    let other = format!("sites/blog/authors/{}", AuthorKey::from_bytes([2; 16]));
    let other = desk.client.ban_author(desk.ask(ban(&other, None))).await.unwrap().into_inner();
    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let ask = pb::ListBansRequest { page_size: 1, page_token, ..bans() };
        let page = desk.client.list_bans(desk.ask(ask)).await.unwrap().into_inner();
        assert_eq!(page.bans.len(), 1);
        paged.extend(page.bans);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, [other.clone(), put]);
    let foreign = pb::ListBansRequest { page_token: "x".into(), ..bans() };
    assert_eq!(reason(desk.client.list_bans(desk.ask(foreign)).await), "TOKEN_INVALID");
    desk.client.lift_ban(desk.ask(pb::LiftBanRequest { author: other.author })).await.unwrap();
    let lift = || pb::LiftBanRequest { author: who.clone() };
    assert!(desk.client.lift_ban(desk.ask(lift())).await.unwrap().into_inner().lifted);
    assert!(!desk.client.lift_ban(desk.ask(lift())).await.unwrap().into_inner().lifted);
    assert_eq!(desk.client.list_bans(desk.ask(bans())).await.unwrap().into_inner().bans, []);
}

#[tokio::test]
async fn only_moderators_of_the_site_get_in() {
    let mut desk = start().await;
    desk.record(&["c1"]).await;
    let (reader, stranger) = (desk.reader.clone(), desk.stranger.clone());
    assert_eq!(reason(desk.client.list_queue(Request::new(list(1, String::new()))).await), "KEY_MISSING");
    for key in [&reader, &stranger] {
        let refused = desk.client.list_queue(with_key(key, list(1, String::new()))).await;
        assert_eq!(reason(refused), "PERMISSION_DENIED");
        let decide = pb::DecideCommentRequest {
            target: Some(target("c1", "")),
            ruling: Some(ruling(pb::DecisionKind::Approve)),
        };
        assert_eq!(reason(desk.client.decide_comment(with_key(key, decide)).await), "PERMISSION_DENIED");
    }
    assert_eq!(desk.waiting().await, [(pb::Queue::Flagged, 1)]);
}
