//! Who writes, as far as the platform and the facts tell, and where the comment stands.

use std::time::Duration;

use moderato_domain::{Field, Revision, TextFingerprint};

use super::{Analyzer, Context, Observed, Value};
use crate::rules::schema::{FieldId, FieldSet};

/// How long an author's text counts as just said.
const REPEAT_WINDOW: Duration = Duration::from_hours(24);

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::AuthorKnown,
        FieldId::AuthorComments,
        FieldId::AuthorPublished,
        FieldId::AuthorRejected,
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
    seen.set(FieldId::AuthorGuest, Value::Flag(comment.author.user_id.is_none()));
    seen.set(FieldId::AuthorHasUrl, Value::Flag(comment.author.url.is_some()));
    seen.set(FieldId::CommentIsReply, Value::Flag(comment.parent.is_some()));
    seen.set(FieldId::CommentRevision, Value::Count(comment.revision.get()));
    if let Some(language) = &comment.language {
        seen.set(FieldId::CommentLanguage, Value::Text(language));
    }
    let Some(facts) = &context.facts.author else {
        // Unknown because nobody looked is not the same as unknown to the site.
        if context.facts.unavailable.is_empty() {
            seen.set(FieldId::AuthorKnown, Value::Flag(false));
        }
        return;
    };
    seen.set(FieldId::AuthorKnown, Value::Flag(true));
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
