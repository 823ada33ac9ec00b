//! What readers say against a comment, and its author against what was decided.

use moderato_domain::{AppealStatus, CommentName, Notice};
use moderato_store::{AppealCase, ReportFold, StoreError};

use super::super::Web;
use super::super::view::{Frame, Moment};
use super::super::words;

/// Reports, folded, and the appeal.
#[derive(Debug, Clone)]
pub(crate) struct Objections {
    /// By reason, most often reported first.
    pub(crate) reports: Vec<Reported>,
    /// The newest appeal.
    pub(crate) appeal: Option<Appealed>,
}

/// What readers said for one reason.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    /// The reason.
    pub(crate) reason: String,
    /// How many people, such as `3 people, all answered`.
    pub(crate) people: String,
    /// When the newest came in.
    pub(crate) newest: Moment,
    /// Readers' own words.
    pub(crate) texts: Vec<String>,
    /// Notices of illegal content.
    pub(crate) notices: Vec<Notice>,
}

/// An author's objection.
#[derive(Debug, Clone)]
pub(crate) struct Appealed {
    /// The author's words.
    pub(crate) text: String,
    /// When it came in.
    pub(crate) when: Moment,
    /// What became of it.
    pub(crate) status: &'static str,
    /// Whoever looks decided what the author objects to.
    pub(crate) own: bool,
    /// Who decided that.
    pub(crate) by: String,
    /// What the author was told.
    pub(crate) told: String,
    /// The section that was cited.
    pub(crate) section: String,
    /// The moderator's words to the author.
    pub(crate) message: String,
}

impl Objections {
    /// What was said about a comment.
    pub(crate) async fn of(web: &Web, name: &CommentName, frame: &Frame) -> Result<Self, StoreError> {
        let (reports, appeal) = tokio::try_join!(web.store.reports(name), web.store.appeal(name))?;
        Ok(Self {
            reports: reports.into_iter().map(|fold| Reported::of(fold, frame)).collect(),
            appeal: appeal.map(|case| Appealed::of(case, frame)),
        })
    }
}

impl Reported {
    fn of(fold: ReportFold, frame: &Frame) -> Self {
        let people = |count: u32| match count {
            1 => "1 person".to_owned(),
            count => format!("{count} people"),
        };
        Self {
            reason: words::category(fold.reason.as_str()),
            people: match fold.open {
                0 => format!("{}, answered", people(fold.all)),
                open => people(open),
            },
            newest: Moment::of(fold.newest, frame.now),
            texts: fold.texts,
            notices: fold.notices,
        }
    }
}

impl Appealed {
    fn of(case: AppealCase, frame: &Frame) -> Self {
        let AppealCase { appeal, statement, original } = case;
        let open = appeal.status == AppealStatus::Open;
        Self {
            text: appeal.text,
            when: Moment::of(appeal.create_time, frame.now),
            status: match appeal.status {
                AppealStatus::Open => "waits for an answer",
                AppealStatus::Upheld => "was upheld: readers see the comment again",
                AppealStatus::Rejected => "was rejected: the decision stands",
            },
            own: open && original.as_ref().is_some_and(|original| original.actor.id == frame.me.id),
            by: original.map_or_else(|| "The engine".to_owned(), |original| original.actor.name),
            told: statement.facts,
            section: statement.guideline.map(|section| section.title).unwrap_or_default(),
            message: statement.message.unwrap_or_default(),
        }
    }
}
