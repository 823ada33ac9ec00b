//! The audit log as it is stored, and whether it is whole.

use moderato_domain::{
    Actor, AuditEntry, AuditHash, AuthorKey, CommentId, Decision, DecisionId, Revision, SiteId, Timestamp,
};
use serde_json::json;

use crate::Audit;
use crate::insight::SecondLook;
use crate::review::Sanction;
use crate::types::StoreError;

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number; they have no gaps.
    pub sequence: i64,
    /// The entry.
    pub entry: AuditEntry,
    /// What it and everything before it add up to.
    pub hash: AuditHash,
}

/// Where the audit log is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// Entries were taken out.
    #[error("entry {0} is missing")]
    Missing(i64),
    /// An entry was changed, or one was put in.
    #[error("entry {0} is not what was written")]
    Changed(i64),
    /// The newest entries were taken out, or the note of the newest one was changed.
    #[error("the log ends at entry {end}, and should end at {head}")]
    Cut {
        /// The last entry that is there.
        end: i64,
        /// The last entry that was written.
        head: i64,
    },
}

/// Entries read at once.
const PAGE: u32 = 1_000;

/// Goes through the whole log. `Ok(Ok(n))`: its `n` entries are as they were written.
pub async fn verify_audit(store: &(impl Audit + ?Sized)) -> Result<Result<u64, AuditFault>, StoreError> {
    // Read first: entries that come meanwhile stand behind it.
    let (head, head_hash) = store.audit_head().await?;
    let (mut sequence, mut hash, mut at_head) = (0, AuditHash::START, AuditHash::START);
    loop {
        let page = store.audit_entries(None, sequence, PAGE).await?;
        for record in &page {
            if record.sequence != sequence + 1 {
                return Ok(Err(AuditFault::Missing(sequence + 1)));
            }
            sequence = record.sequence;
            hash = hash.chain(sequence, &record.entry);
            if hash != record.hash {
                return Ok(Err(AuditFault::Changed(sequence)));
            }
            if sequence == head {
                at_head = hash;
            }
        }
        if page.len() < PAGE as usize {
            break;
        }
    }
    if sequence < head || at_head != head_hash {
        return Ok(Err(AuditFault::Cut { end: sequence, head }));
    }
    Ok(Ok(sequence.unsigned_abs()))
}

/// That a decision was made about these comments.
pub fn decision_entry<'c>(
    decision: &Decision,
    decided: impl Iterator<Item = (&'c CommentId, Revision)>,
) -> AuditEntry {
    let comments: Vec<_> =
        decided.map(|(comment, revision)| json!([comment.as_str(), revision.get()])).collect();
    let details = json!({
        "kind": decision.kind.as_str(),
        "guideline": decision.guideline,
        "over_claim": decision.over_claim,
        "comments": comments,
    });
    AuditEntry {
        site: Some(decision.site.clone()),
        actor: decision.actor.clone(),
        action: "decision.made".to_owned(),
        subject: subject(decision.id),
        details: details.to_string(),
        time: decision.decide_time,
    }
}

/// That a decision was taken back.
pub fn undo_entry(
    site: &SiteId,
    decision: DecisionId,
    actor: &Actor,
    comments: usize,
    now: Timestamp,
) -> AuditEntry {
    AuditEntry {
        site: Some(site.clone()),
        actor: actor.clone(),
        action: "decision.undone".to_owned(),
        subject: subject(decision),
        details: json!({ "comments": comments }).to_string(),
        time: now,
    }
}

/// That a second look was taken at a decision. Without what came out: that is for the numbers.
pub fn second_look_entry(look: &SecondLook) -> AuditEntry {
    AuditEntry {
        site: Some(look.comment.site.clone()),
        actor: look.actor.clone(),
        action: "decision.looked_at_again".to_owned(),
        subject: subject(look.decision),
        details: json!({ "comment": look.comment.comment.as_str() }).to_string(),
        time: look.time,
    }
}

/// That an author was banned or suspended. Without the reason, which is free text.
pub fn ban_entry(site: &SiteId, sanction: &Sanction) -> AuditEntry {
    AuditEntry {
        site: Some(site.clone()),
        actor: sanction.actor.clone(),
        action: "author.banned".to_owned(),
        subject: format!("authors/{}", sanction.author),
        details: json!({ "until_ms": sanction.until.map(Timestamp::as_millis) }).to_string(),
        time: sanction.time,
    }
}

/// That a ban was lifted.
pub fn lift_entry(site: &SiteId, author: &AuthorKey, actor: &Actor, now: Timestamp) -> AuditEntry {
    AuditEntry {
        site: Some(site.clone()),
        actor: actor.clone(),
        action: "author.ban_lifted".to_owned(),
        subject: format!("authors/{author}"),
        details: "{}".to_owned(),
        time: now,
    }
}

fn subject(decision: DecisionId) -> String {
    format!("decisions/{}", decision.0)
}
