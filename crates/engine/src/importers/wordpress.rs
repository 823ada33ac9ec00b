//! WordPress: *Disallowed Comment Keys* and *Comment Moderation*, one key a line.
//!
//! A key is looked for, whatever its case, in author, mail address, website, text, IP address and user
//! agent, inside words too (`wp-includes/comment.php`): `press` trashes every *WordPress*.

use super::Refusal;
use super::document::{Draft, Scope, Weight};

pub(super) fn read(source: &str, refusal: Refusal, draft: &mut Draft) {
    for line in source.lines() {
        draft.add(line, Weight::Refused(refusal), Scope::EveryField);
    }
}
