//! Comments, verdicts and steps for the cases.

use std::sync::Arc;
use std::time::Duration;

use moderato_domain::{
    Action, Actor, Author, AuthorFacts, AuthorKey, Circumstances, Client, Comment, CommentId, CommentName,
    Decision, DecisionId, DecisionKind, Evaluation, Facts, Ids, Revision, RuleSetVersion, Score, SiteId,
    State, SystemIds, Target, TextFingerprint, ThreadId, Timestamp, Withdrawal,
};

use crate::{
    Answers, DecideRefusal, Decided, Event, EventCursor, NewRecord, Questions, Recorded, Store,
    StoredComment, Traces, Withdrawn,
};

/// Some time in 2024: what cases call `at(0)`.
const START_MS: i64 = 1_722_470_400_000;

/// Longest wait for an event that was committed: it may be held back by an older transaction of
/// somebody else.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store and a site that nobody else uses.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) store: Arc<dyn Store>,
    pub(super) site: SiteId,
}

impl Case {
    pub(super) fn new(store: Arc<dyn Store>, number: usize) -> Self {
        // Unique across runs too: a database may be used for more than one.
        let id = SystemIds.time_ordered().simple().to_string();
        let site = SiteId::parse(&format!("c{number}-{}", &id[8..])).expect("fits a site id");
        Self { store, site }
    }

    pub(super) fn name(&self, id: &str) -> CommentName {
        CommentName { site: self.site.clone(), comment: comment_id(id) }
    }

    /// A published first revision in thread `post`, to be changed by the case.
    pub(super) fn draft(&self, id: &str) -> Draft {
        Draft {
            state: State::Published,
            author: None,
            evaluation: evaluation(),
            traces: Traces::default(),
            facts: None,
            comment: Comment {
                site: self.site.clone(),
                id: comment_id(id),
                revision: Revision::FIRST,
                thread: thread("post"),
                parent: None,
                author: Author { display_name: "Ada".to_owned(), ..Author::default() },
                body: format!("text of {id}"),
                language: None,
                permalink: None,
                client: Client::default(),
                guidelines_version: None,
                circumstances: Circumstances::default(),
                request_id: None,
                create_time: at(0),
                accept_time: at(0),
            },
        }
    }

    pub(super) async fn record(&self, batch: impl IntoIterator<Item = Draft>) -> Vec<Recorded> {
        let batch: Vec<NewRecord> = batch.into_iter().map(Draft::build).collect();
        self.store.record(&batch).await.expect("recorded")
    }

    pub(super) async fn withdraw(&self, ids: &[&str], time: Timestamp) -> Vec<Withdrawn> {
        let batch: Vec<Withdrawal> =
            ids.iter().map(|id| Withdrawal { comment: self.name(id), accept_time: time }).collect();
        self.store.withdraw(&batch).await.expect("withdrawn")
    }

    /// By `mo`, at the 50th minute, to be undone for ten minutes; to be changed by the case.
    pub(super) fn decision(&self, id: &str, number: i64, kind: DecisionKind) -> Decision {
        let target = Target { comment: comment_id(id), revision: revision(number), version: None };
        Decision {
            id: DecisionId(SystemIds.time_ordered()),
            site: self.site.clone(),
            targets: vec![target],
            kind,
            actor: actor("mo"),
            guideline: Some("civility".to_owned()),
            message: None,
            note: None,
            over_claim: false,
            decide_time: at(50),
            undo_until: at(60),
        }
    }

    pub(super) async fn apply(&self, decision: &Decision) -> Vec<Decided> {
        self.store.decide(decision).await.expect("the store answers")
    }

    pub(super) async fn decide(&self, id: &str, number: i64, kind: DecisionKind) -> StoredComment {
        match self.apply(&self.decision(id, number, kind)).await.remove(0) {
            Decided::Applied { comment, .. } => comment,
            Decided::Refused(refusal) => panic!("refused: {refusal}"),
        }
    }

    pub(super) async fn refused(&self, decision: &Decision) -> DecideRefusal {
        match self.apply(decision).await.remove(0) {
            Decided::Refused(refusal) => refusal,
            Decided::Applied { comment, .. } => panic!("applied to {}", comment.name),
        }
    }

    pub(super) async fn facts(&self, questions: &Questions) -> Answers {
        self.store.facts(questions).await.expect("read")
    }

    pub(super) async fn authors(&self, authors: &[(SiteId, AuthorKey)]) -> Vec<Option<AuthorFacts>> {
        self.facts(&Questions { authors: authors.to_vec(), ..Questions::default() }).await.authors
    }

    pub(super) async fn comment(&self, id: &str) -> StoredComment {
        self.store.comment(&self.name(id)).await.expect("read").expect("there is such a comment")
    }

    /// Revisions of a comment that have a verdict, newest first.
    pub(super) async fn judged(&self, id: &str) -> Vec<i64> {
        let verdicts = self.store.verdicts(&self.name(id), None, 100).await.expect("read");
        verdicts.iter().map(|verdict| verdict.revision.get()).collect()
    }

    /// The first `count` events of the site after `cursor`, as soon as they can be seen.
    pub(super) async fn events(&self, cursor: EventCursor, count: usize) -> Vec<Event> {
        let wait = async {
            loop {
                let events = self.store.events_after(cursor, Some(&self.site), 1000).await.expect("read");
                if events.len() >= count {
                    return events;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the events can be seen in time")
    }
}

/// A record in the making.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) comment: Comment,
    pub(super) author: Option<AuthorKey>,
    pub(super) state: State,
    pub(super) evaluation: Evaluation,
    pub(super) traces: Traces,
    pub(super) facts: Option<Facts>,
}

impl Draft {
    pub(super) fn revision(mut self, number: i64) -> Self {
        self.comment.revision = revision(number);
        self.comment.body = format!("text of {} as of {number}", self.comment.id);
        self
    }

    pub(super) fn body(mut self, text: &str) -> Self {
        text.clone_into(&mut self.comment.body);
        self
    }

    pub(super) fn thread(mut self, id: &str) -> Self {
        self.comment.thread = thread(id);
        self
    }

    pub(super) fn state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    pub(super) fn action(mut self, action: Action) -> Self {
        self.evaluation.action = action;
        self
    }

    pub(super) fn by(mut self, author: AuthorKey) -> Self {
        self.author = Some(author);
        self
    }

    /// Accepted and evaluated then; for a first revision also written then.
    pub(super) fn at(mut self, minute: i64) -> Self {
        self.comment.accept_time = at(minute);
        if self.comment.revision == Revision::FIRST {
            self.comment.create_time = at(minute);
        }
        self
    }

    pub(super) fn build(self) -> NewRecord {
        NewRecord {
            content_hash: self.comment.content_hash(),
            submission_uid: self.comment.submission_uid(),
            author: self.author,
            mail_hash: None,
            ip_hash: None,
            ip_prefix: None,
            contact: None,
            fingerprint: TextFingerprint::of(&self.comment.body),
            traces: self.traces,
            evaluation: self.evaluation,
            facts: self.facts.unwrap_or_else(|| Facts::none(self.comment.accept_time)),
            state: self.state,
            evaluate_time: self.comment.accept_time,
            comment: self.comment,
        }
    }
}

/// An evaluation that found nothing.
pub(super) fn evaluation() -> Evaluation {
    Evaluation {
        action: Action::Allow,
        approved_by_rule: false,
        score: Score::default(),
        reasons: Vec::new(),
        signals: Vec::new(),
        rule_set: rule_set("starter@0123456789ab"),
        degraded: Vec::new(),
    }
}

/// So many minutes after the start.
pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + minute * 60_000)
}

pub(super) fn actor(name: &str) -> Actor {
    Actor { id: format!("user:{name}"), name: name.to_owned() }
}

pub(super) fn author(number: u8) -> AuthorKey {
    AuthorKey::from_bytes([number; 16])
}

pub(super) fn comment_id(id: &str) -> CommentId {
    CommentId::parse(id).expect("a comment id")
}

pub(super) fn thread(id: &str) -> ThreadId {
    ThreadId::parse(id).expect("a thread id")
}

pub(super) fn revision(number: i64) -> Revision {
    Revision::new(number).expect("a revision")
}

pub(super) fn rule_set(version: &str) -> RuleSetVersion {
    RuleSetVersion::parse(version).expect("a rule-set version")
}

pub(super) fn ids(comments: &[StoredComment]) -> Vec<&str> {
    comments.iter().map(|comment| comment.name.comment.as_str()).collect()
}

/// The same order for the same seed: xorshift64*, then Fisher-Yates.
pub(super) fn shuffled<T>(mut items: Vec<T>, seed: u64) -> Vec<T> {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for end in (1..items.len()).rev() {
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        let draw = random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        items.swap(end, draw as usize % (end + 1));
    }
    items
}
