//! What the platform tells about form, files and page, and what public block lists say of the client.

use std::time::Duration;

use moderato_domain::Challenge;

use super::{Analyzer, Context, Observed, Value};
use crate::rules::schema::{FieldId, FieldSet};

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::ThreadAge,
        FieldId::ThreadClosed,
        FieldId::ThreadComments,
        FieldId::FormHoneypotFilled,
        FieldId::FormFillTime,
        FieldId::FormChallengePassed,
        FieldId::FormChallengeFailed,
        FieldId::AttachmentsCount,
        FieldId::AttachmentsBytes,
        FieldId::AttachmentsTypes,
        FieldId::GuidelinesAccepted,
        FieldId::BlockListsCount,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        form(context, seen);
        attachments(context, seen);
        thread(context, seen);
        if let Some(current) = &context.facts.guidelines {
            let accepted = context.comment.guidelines_version.as_ref() == Some(current);
            seen.set(FieldId::GuidelinesAccepted, Value::Flag(accepted));
        }
        if let Some(zones) = &context.facts.block_lists {
            seen.set_count(FieldId::BlockListsCount, zones.len());
        }
    },
};

fn form(context: &Context<'_>, seen: &mut Observed<'_>) {
    let form = &context.comment.circumstances.form;
    if let Some(filled) = form.honeypot_filled {
        seen.set(FieldId::FormHoneypotFilled, Value::Flag(filled));
    }
    if let Some(millis) = form.fill_time_ms {
        seen.set(FieldId::FormFillTime, Value::Duration(Duration::from_millis(millis)));
    }
    if form.challenge != Challenge::None {
        seen.set(FieldId::FormChallengePassed, Value::Flag(form.challenge == Challenge::Passed));
        seen.set(FieldId::FormChallengeFailed, Value::Flag(form.challenge == Challenge::Failed));
    }
}

fn attachments<'c>(context: &'c Context<'c>, seen: &mut Observed<'c>) {
    let files = &context.comment.circumstances.attachments;
    let bytes = files.iter().fold(0_u64, |bytes, file| bytes.saturating_add(file.size_bytes));
    seen.set_count(FieldId::AttachmentsCount, files.len());
    seen.set(FieldId::AttachmentsBytes, Value::Count(i64::try_from(bytes).unwrap_or(i64::MAX)));
    if let Some(types) = &context.attachment_types {
        seen.set(FieldId::AttachmentsTypes, Value::Text(types));
    }
}

fn thread(context: &Context<'_>, seen: &mut Observed<'_>) {
    let told = &context.comment.circumstances.thread;
    if let Some(closed) = told.closed {
        seen.set(FieldId::ThreadClosed, Value::Flag(closed));
    }
    let known = context.facts.thread;
    if let Some(begin) = told.create_time.or_else(|| known.and_then(|known| known.oldest)) {
        seen.set(FieldId::ThreadAge, Value::Duration(context.comment.accept_time.since(begin)));
    }
    if let Some(known) = known {
        seen.set(FieldId::ThreadComments, Value::Count(i64::from(known.published)));
    }
}
