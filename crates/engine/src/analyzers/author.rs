//! Who writes, as far as the platform and the facts tell, and where the comment stands.

use std::time::Duration;

use moderato_domain::{FactKind, Field, History, Revision, TextFingerprint};

use super::{Analyzer, Context, Observed, Value};
use crate::rules::schema::{FieldId, FieldSet};

/// How long an author's text counts as just said.
const REPEAT_WINDOW: Duration = Duration::from_hours(24);

/// A share of fewer comments says nothing.
const SETTLED_MIN: u32 = 3;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::AuthorKnown,
        FieldId::AuthorComments,
        FieldId::AuthorPublished,
        FieldId::AuthorRejected,
        FieldId::AuthorVerified,
        FieldId::AuthorAge,
        FieldId::AuthorRejectionRate,
        FieldId::AuthorGuest,
        FieldId::AuthorRepeatsText,
        FieldId::AuthorHasUrl,
        FieldId::CommentIsReply,
        FieldId::CommentLanguage,
        FieldId::CommentRevision,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| tell(context, seen),
};

fn tell<'c>(context: &Context<'c>, seen: &mut Observed<'c>) {
    let comment = context.comment;
    let verified = comment.author.user_id.is_some() || comment.circumstances.verified;
    seen.set(FieldId::AuthorVerified, Value::Flag(verified));
    seen.set(FieldId::AuthorGuest, Value::Flag(comment.author.user_id.is_none()));
    seen.set(FieldId::AuthorHasUrl, Value::Flag(comment.author.url.is_some()));
    seen.set(FieldId::CommentIsReply, Value::Flag(comment.parent.is_some()));
    seen.set(FieldId::CommentRevision, Value::Count(comment.revision.get()));
    if let Some(language) = &comment.language {
        seen.set(FieldId::CommentLanguage, Value::Text(language));
    }
    if let Some(History { settled, rejected }) = context.facts.history
        && settled >= SETTLED_MIN
    {
        seen.set_share(FieldId::AuthorRejectionRate, rejected as usize, settled as usize);
    }
    let Some(facts) = &context.facts.author else {
        // Unknown because nobody looked is not the same as unknown to the site.
        if !context.facts.lacks(FactKind::Author) {
            seen.set(FieldId::AuthorKnown, Value::Flag(false));
        }
        return;
    };
    seen.set(FieldId::AuthorKnown, Value::Flag(verified));
    seen.set(FieldId::AuthorAge, Value::Duration(comment.accept_time.since(facts.first_seen)));
    seen.set(FieldId::AuthorComments, Value::Count(facts.comments));
    seen.set(FieldId::AuthorPublished, Value::Count(facts.published));
    seen.set(FieldId::AuthorRejected, Value::Count(facts.rejected));
    // An edit is compared with the version it replaces, which is no repetition.
    let repeats = comment.revision == Revision::FIRST
        && context.facts.now.since(facts.last_seen) <= REPEAT_WINDOW
        && TextFingerprint::of(&comment.body) == facts.last_text;
    seen.set(FieldId::AuthorRepeatsText, Value::Flag(repeats));
    if repeats {
        seen.seen_at(FieldId::AuthorRepeatsText, Field::Body, 0..comment.body.len());
    }
}
