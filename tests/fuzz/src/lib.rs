//! What the targets share: from bytes to the texts of a comment, and what every evaluation must keep.

use std::sync::LazyLock;

use moderato_domain::intake::Arrival;
use moderato_domain::{
    Comment, CommentDraft, CommentId, Evaluation, Field, Revision, SiteId, SiteSettings, Timestamp,
};
use moderato_engine::{CompiledRuleSet, Facts, Guidelines, STARTER_GUIDELINES, STARTER_RULES, evaluate};

/// The time of every comment: 2026-01-01.
pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The guidelines that rule sets cite.
pub static GUIDELINES: LazyLock<Guidelines> =
    LazyLock::new(|| Guidelines::parse(STARTER_GUIDELINES).expect("the starter guidelines parse"));

/// The rules that a new site starts with.
pub static STARTER: LazyLock<CompiledRuleSet> = LazyLock::new(|| {
    CompiledRuleSet::compile(STARTER_RULES, &GUIDELINES).expect("the starter rules compile")
});

/// Texts in a row, each ended by a zero byte; what is not UTF-8 is replaced. After the last one come
/// empty ones.
pub fn texts(data: &[u8]) -> impl Iterator<Item = String> {
    data.split(|byte| *byte == 0)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .chain(std::iter::repeat(String::new()))
}

/// The arrival of a comment's first revision.
///
/// # Panics
///
/// Never: the ids are constant.
pub fn arrival() -> Arrival {
    Arrival {
        site: SiteId::parse("blog").expect("an id"),
        id: CommentId::parse("c1").expect("an id"),
        revision: Revision::FIRST,
        request_id: None,
        accept_time: NOW,
    }
}

/// A comment with this text, name and website, if intake lets it in.
pub fn comment(body: String, name: String, url: String) -> Option<Comment> {
    let draft =
        CommentDraft { thread: "post-1".into(), body, display_name: name, url, ..CommentDraft::default() };
    let settings = SiteSettings { name_required: false, body_max_chars: u32::MAX, ..SiteSettings::default() };
    draft.admit(&settings, arrival()).ok()
}

/// Judges a comment and checks what every evaluation promises.
///
/// # Panics
///
/// When a promise is broken.
pub fn judge(rules: &CompiledRuleSet, comment: &Comment) -> Evaluation {
    let facts = Facts::none(NOW);
    let evaluation = evaluate(rules, comment, &facts);
    let reasons = evaluation.reasons.iter().flat_map(|reason| &reason.spans);
    let signals = evaluation.signals.iter().flat_map(|signal| &signal.spans);
    for span in reasons.chain(signals) {
        let text = match span.field {
            Field::Body => comment.body.as_str(),
            Field::AuthorName => comment.author.display_name.as_str(),
            Field::AuthorUrl => comment.author.url.as_deref().unwrap_or_default(),
            Field::AuthorEmail => comment.author.email.as_ref().map_or("", |email| email.as_str()),
        };
        let part = text.get(span.start as usize..span.end as usize);
        assert!(part.is_some_and(|part| !part.is_empty()), "{span:?} does not slice {text:?}");
    }
    assert_eq!(evaluation, evaluate(rules, comment, &facts), "judged twice, differently");
    evaluation
}
