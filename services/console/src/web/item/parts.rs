//! What stands around a comment: why it waits, its conversation, its author, its past.

use moderato_domain::{Attachment, CommentId, Timestamp, Verdict};
use moderato_store::{
    AuthorHistory, Conversation, DecisionFilter, Note, QueueItem, Sanction, StoreError, StoredComment,
};

use super::super::Web;
use super::super::queue::Question;
use super::super::view::{Frame, Mini, Moment, Outcome, Why, author_hex};
use super::super::words;
use super::objections::Objections;

/// An author's newest comments.
const RECENT: u32 = 8;
/// Decisions and verdicts about a comment.
const PAST: u32 = 20;
/// Comments of a campaign.
const CAMPAIGN: u32 = 50;

/// What stands around a comment.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// Why it waits, every reason.
    pub(crate) reasons: Vec<Why>,
    /// What readers and its author say against it, or against what was decided.
    pub(crate) objections: Objections,
    /// Checks that could not be made.
    pub(crate) degraded: String,
    /// When it was judged.
    pub(crate) judged: Moment,
    /// By which rules.
    pub(crate) rule_set: String,
    /// Comments that wait with a text like its own, if there are others.
    pub(crate) campaign: Vec<Mini>,
    /// There are more of them.
    pub(crate) campaign_is_cut: bool,
    /// What it answers, topmost first.
    pub(crate) parents: Vec<Mini>,
    /// Its neighbours before it.
    pub(crate) siblings_before: Vec<Mini>,
    /// Its neighbours after it.
    pub(crate) siblings_after: Vec<Mini>,
    /// Its answers.
    pub(crate) replies: Vec<Mini>,
    /// Who wrote it, if the site can tell.
    pub(crate) author: Option<Writer>,
    /// Files that came with it, as declared.
    pub(crate) attachments: Vec<String>,
    /// What was decided about it, newest first.
    pub(crate) decisions: Vec<Outcome>,
    /// What the engine said about it, newest first.
    pub(crate) verdicts: Vec<Said>,
    /// What moderators wrote about it.
    pub(crate) notes: Vec<Said>,
}

/// An author and what they did on the site.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    /// Since when they are known.
    pub(crate) since: String,
    /// Their comments.
    pub(crate) comments: String,
    /// Of them visible.
    pub(crate) published: String,
    /// Of them hidden.
    pub(crate) rejected: String,
    /// What is in force against them.
    pub(crate) sanction: Option<String>,
    /// What of them waits.
    pub(crate) href: String,
    /// Their newest comments.
    pub(crate) recent: Vec<Mini>,
}

/// Something that was said at some time.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Who; empty for the engine.
    pub(crate) who: String,
    /// What.
    pub(crate) text: String,
    /// When.
    pub(crate) when: Moment,
}

impl Parts {
    /// Everything around an item.
    pub(crate) async fn of(web: &Web, item: &QueueItem, frame: &Frame) -> Result<Self, StoreError> {
        let name = &item.comment.name;
        let about = DecisionFilter { comment: Some(name.comment.clone()), ..DecisionFilter::default() };
        let history = async {
            match &item.author {
                Some(author) => {
                    web.store.author_history(&name.site, author, RECENT, frame.now).await.map(Some)
                }
                None => Ok(None),
            }
        };
        let campaign = async {
            if item.campaign > 1 { web.store.campaign(name, CAMPAIGN + 1).await } else { Ok(Vec::new()) }
        };
        let (conversation, history, campaign, decisions, verdicts, notes, judged, objections) = tokio::try_join!(
            web.store.conversation(name),
            history,
            campaign,
            web.store.decisions(&name.site, &about, None, PAST),
            web.store.verdicts(name, None, PAST),
            web.store.notes(name),
            web.store.judged_comment(name, None),
            Objections::of(web, name, frame),
        )?;
        let evaluation = &item.verdict.evaluation;
        let around = Around::of(web, item, &conversation, &campaign, history.as_ref(), frame).await?;
        let minis = |comments: &[StoredComment]| around.minis(comments, frame);
        let Conversation { parents, siblings, replies } = conversation;
        let (before, after): (Vec<StoredComment>, Vec<StoredComment>) =
            siblings.into_iter().partition(|sibling| sibling.create_time <= item.comment.create_time);
        let attachments = judged.map(|judged| judged.comment.circumstances.attachments).unwrap_or_default();
        Ok(Self {
            reasons: evaluation.reasons.iter().map(|reason| Why::of(reason, frame)).collect(),
            objections,
            degraded: evaluation.degraded.join(", "),
            judged: Moment::of(item.verdict.evaluate_time, frame.now),
            rule_set: evaluation.rule_set.to_string(),
            campaign_is_cut: campaign.len() > CAMPAIGN as usize,
            campaign: minis(&campaign[..campaign.len().min(CAMPAIGN as usize)]),
            parents: minis(&parents),
            siblings_before: minis(&before),
            siblings_after: minis(&after),
            replies: minis(&replies),
            author: history.map(|history| Writer::of(&history, item, &around, frame)),
            attachments: attachments.iter().map(attachment).collect(),
            decisions: decisions.iter().map(|record| Outcome::of(record, frame)).collect(),
            verdicts: verdicts.iter().map(|verdict| verdict_said(verdict, frame.now)).collect(),
            notes: notes.iter().map(|note| note_said(note, frame.now)).collect(),
        })
    }

    /// Whether nothing stands around it.
    pub(crate) fn talk_is_empty(&self) -> bool {
        [&self.parents, &self.siblings_before, &self.siblings_after, &self.replies]
            .into_iter()
            .all(Vec::is_empty)
    }
}

/// What rules said about the comments around an item: they may have to be veiled, too.
struct Around {
    items: Vec<QueueItem>,
}

impl Around {
    async fn of(
        web: &Web,
        item: &QueueItem,
        conversation: &Conversation,
        campaign: &[StoredComment],
        history: Option<&AuthorHistory>,
        frame: &Frame,
    ) -> Result<Self, StoreError> {
        let Conversation { parents, siblings, replies } = conversation;
        let recent = history.map(|history| history.recent.as_slice()).unwrap_or_default();
        let all = [parents.as_slice(), siblings, replies, campaign, recent].concat();
        let mut ids: Vec<CommentId> = all.into_iter().map(|comment| comment.name.comment).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self { items: web.store.queue_items(&item.comment.name.site, &ids, frame.now).await? })
    }

    fn minis(&self, comments: &[StoredComment], frame: &Frame) -> Vec<Mini> {
        let mini = |comment: &StoredComment| match self
            .items
            .iter()
            .find(|item| item.comment.name == comment.name)
        {
            Some(item) => Mini::of_item(item, frame),
            None => Mini::of(comment, &[], frame),
        };
        comments.iter().map(mini).collect()
    }
}

impl Writer {
    fn of(history: &AuthorHistory, item: &QueueItem, around: &Around, frame: &Frame) -> Self {
        let author = item.author.as_ref().map(author_hex).unwrap_or_default();
        let counted = |count: i64| words::number(count.max(0).unsigned_abs());
        let mut others = history.recent.clone();
        others.retain(|comment| comment.name != item.comment.name);
        Self {
            since: history.first_seen.map_or_else(|| "now".to_owned(), words::date),
            comments: counted(history.comments),
            published: counted(history.published),
            rejected: counted(history.rejected),
            sanction: history.sanction.as_ref().map(in_force),
            href: Question { author, ..Question::default() }.path(&frame.base),
            recent: around.minis(&others, frame),
        }
    }
}

/// A ban in a sentence.
pub(in super::super) fn in_force(sanction: &Sanction) -> String {
    let end = match sanction.until {
        Some(until) => format!("suspended until {}", words::date(until)),
        None => "banned until somebody lifts it".to_owned(),
    };
    format!("The author is {end}, by {}: {}.", sanction.actor.name, sanction.reason.trim_end_matches('.'))
}

fn attachment(attachment: &Attachment) -> String {
    format!("{}, {}", attachment.mime_type, words::bytes(attachment.size_bytes))
}

fn verdict_said(verdict: &Verdict, now: Timestamp) -> Said {
    let evaluation = &verdict.evaluation;
    let reasons = words::count(evaluation.reasons.len() as u64, "reason", "reasons");
    Said {
        who: String::new(),
        text: format!(
            "Revision {}: the rules say {} ({} points, {reasons})",
            verdict.revision,
            evaluation.action.as_str(),
            evaluation.score
        ),
        when: Moment::of(verdict.evaluate_time, now),
    }
}

fn note_said(note: &Note, now: Timestamp) -> Said {
    Said { who: note.actor.name.clone(), text: note.text.clone(), when: Moment::of(note.time, now) }
}
