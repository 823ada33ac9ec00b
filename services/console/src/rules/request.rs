//! What a request asks for, or what is wrong with it.

use std::time::Duration;

use moderato_api::pb::rules as pb;
use moderato_api::status::Refusal;
use moderato_api::{names, token};
use moderato_domain::{CommentName, ErrorCode, Revision, RuleSetVersion, SiteId, Timestamp, Violation};
use moderato_engine::STARTER_GUIDELINES;
use moderato_store::{RuleSetEntry, Slot};

use crate::rules::Rpc;
use crate::rules::health::HealthLimits;

/// Items of a page if the caller does not say.
const DEFAULT_PAGE: u32 = 50;
/// Most items of a page.
const MAX_PAGE: u32 = 500;
/// Comments of a backtest if the caller does not say: some minutes.
const DEFAULT_BACKTEST: u64 = 100_000;

/// Documents of a rule set.
pub(crate) struct Documents {
    pub(crate) document: String,
    pub(crate) guidelines: String,
}

/// What to try.
pub(crate) enum Tried {
    Stored(RuleSetVersion),
    Draft(Documents),
}

/// What to try on which comments.
pub(crate) struct Backtest {
    pub(crate) site: SiteId,
    pub(crate) rules: Tried,
    pub(crate) since: Timestamp,
    pub(crate) limit: u64,
}

/// Whose statistics.
pub(crate) struct Stats {
    pub(crate) site: SiteId,
    pub(crate) slot: Slot,
    pub(crate) limits: HealthLimits,
}

/// A page of versions.
pub(crate) struct Versions {
    pub(crate) after: Option<RuleSetEntry>,
    pub(crate) size: u32,
}

/// Reads `ruleSets/{version}`.
pub(crate) fn version(field: &'static str, name: &str) -> Result<RuleSetVersion, Refusal> {
    let version = name.strip_prefix("ruleSets/").and_then(|version| RuleSetVersion::parse(version).ok());
    version.ok_or_else(|| wrong(field, "MALFORMED", "is not of the form ruleSets/{version}"))
}

/// Reads the documents of a rule set to be.
pub(crate) fn documents(field: &'static str, rule_set: Option<pb::RuleSet>) -> Result<Documents, Refusal> {
    let rule_set = rule_set.filter(|rule_set| !rule_set.document.is_empty());
    let pb::RuleSet { document, guidelines, .. } =
        rule_set.ok_or_else(|| wrong(field, "REQUIRED", "needs a document"))?;
    let guidelines = if guidelines.is_empty() { STARTER_GUIDELINES.to_owned() } else { guidelines };
    Ok(Documents { document, guidelines })
}

pub(crate) fn tested(request: pb::TestRuleSetRequest) -> Result<Tried, Refusal> {
    use pb::test_rule_set_request::RuleSet;
    match request.rule_set {
        Some(RuleSet::Name(name)) => stored(&name),
        Some(RuleSet::Draft(draft)) => drafted(draft),
        None => Err(nothing_to_try()),
    }
}

fn stored(name: &str) -> Result<Tried, Refusal> {
    Ok(Tried::Stored(version("name", name)?))
}

fn drafted(draft: pb::RuleSet) -> Result<Tried, Refusal> {
    Ok(Tried::Draft(documents("draft", Some(draft))?))
}

fn nothing_to_try() -> Refusal {
    wrong("rule_set", "REQUIRED", "is a name or a draft")
}

pub(crate) fn slot(slot: i32) -> Result<Slot, Refusal> {
    match pb::Slot::try_from(slot) {
        Ok(pb::Slot::Unspecified | pb::Slot::Active) => Ok(Slot::Active),
        Ok(pb::Slot::Shadow) => Ok(Slot::Shadow),
        Err(_) => Err(wrong("slot", "OUT_OF_RANGE", "is ACTIVE or SHADOW")),
    }
}

pub(crate) fn versions(request: &pb::ListRuleSetsRequest) -> Result<Versions, Refusal> {
    let size = page_size(request.page_size)?;
    if request.page_token.is_empty() {
        return Ok(Versions { after: None, size });
    }
    let invalid = |error: token::InvalidToken| Refusal::Error(ErrorCode::TokenInvalid, error.to_string());
    let payload = token::open(&[Rpc::ListRuleSets.name()], &request.page_token).map_err(invalid)?;
    let entry = payload.split_once(' ').and_then(|(time, version)| {
        let create_time = Timestamp::from_millis(time.parse().ok()?);
        Some(RuleSetEntry { create_time, version: RuleSetVersion::parse(version).ok()? })
    });
    Ok(Versions { after: Some(entry.ok_or(token::InvalidToken).map_err(invalid)?), size })
}

/// The token of the page after this entry.
pub(crate) fn versions_after(entry: &RuleSetEntry) -> String {
    let payload = format!("{} {}", entry.create_time.as_millis(), entry.version);
    token::seal(&[Rpc::ListRuleSets.name()], &payload)
}

pub(crate) fn site(parent: &str) -> Result<SiteId, Refusal> {
    names::site("parent", parent).map_err(|violation| Refusal::Invalid(vec![violation]))
}

pub(crate) fn page_size(asked: i32) -> Result<u32, Refusal> {
    match u32::try_from(asked) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) => Ok(size.min(MAX_PAGE)),
        Err(_) => Err(wrong("page_size", "OUT_OF_RANGE", "is between 0 and 500")),
    }
}

pub(crate) fn backtest(request: pb::BacktestRuleSetRequest) -> Result<Backtest, Refusal> {
    use pb::backtest_rule_set_request::RuleSet;
    let limit = match u64::try_from(request.limit) {
        Ok(0) => DEFAULT_BACKTEST,
        Ok(limit) => limit,
        Err(_) => return Err(wrong("limit", "OUT_OF_RANGE", "is not below zero")),
    };
    let since = request.since.map_or(0, |since| since.seconds.saturating_mul(1000));
    Ok(Backtest {
        site: site(&request.parent)?,
        rules: match request.rule_set {
            Some(RuleSet::Name(name)) => stored(&name)?,
            Some(RuleSet::Draft(draft)) => drafted(draft)?,
            None => return Err(nothing_to_try()),
        },
        since: Timestamp::from_millis(since),
        limit,
    })
}

pub(crate) fn stats(request: &pb::GetRuleStatsRequest) -> Result<Stats, Refusal> {
    let mut limits = HealthLimits::default();
    if let Some(asked) = &request.dead_after {
        let seconds = u64::try_from(asked.seconds)
            .map_err(|_| wrong("dead_after", "OUT_OF_RANGE", "is not below zero"))?;
        limits.dead_after = Duration::from_secs(seconds);
    }
    match request.overturned_above {
        0.0 => {}
        share if (0.0..=1.0).contains(&share) => limits.overturned_above = share,
        _ => return Err(wrong("overturned_above", "OUT_OF_RANGE", "is between 0 and 1")),
    }
    Ok(Stats { site: site(&request.parent)?, slot: slot(request.slot)?, limits })
}

pub(crate) fn explained(
    request: &pb::ExplainCommentRequest,
) -> Result<(CommentName, Option<Revision>), Refusal> {
    let name =
        names::comment("comment", &request.comment).map_err(|violation| Refusal::Invalid(vec![violation]))?;
    let revision = match request.revision {
        0 => None,
        given => Some(
            Revision::new(given)
                .map_err(|_| wrong("revision", "OUT_OF_RANGE", "is at least 1, or 0 for the newest"))?,
        ),
    };
    Ok((name, revision))
}

fn wrong(field: &'static str, reason: &'static str, description: &str) -> Refusal {
    Refusal::Invalid(vec![Violation::new(field, reason, description)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_slots_and_shares_are_checked() {
        assert!(version("name", "ruleSets/starter@0123456789ab").is_ok());
        for bad in ["", "starter@0123456789ab", "ruleSets/", "ruleSets/a b"] {
            assert!(version("name", bad).is_err(), "{bad}");
        }
        assert_eq!(slot(0), Ok(Slot::Active));
        assert!(slot(7).is_err());
        let request = |overturned_above| pb::GetRuleStatsRequest {
            parent: "sites/blog".into(),
            overturned_above,
            ..Default::default()
        };
        for (share, fine) in [(0.0, true), (1.0, true), (1.1, false), (-0.1, false), (f64::NAN, false)] {
            assert_eq!(stats(&request(share)).is_ok(), fine, "{share}");
        }
    }

    #[test]
    fn pages_go_on_after_their_last_entry() {
        let entry = RuleSetEntry {
            version: RuleSetVersion::parse("a@0123456789ab").unwrap(),
            create_time: Timestamp::from_millis(7),
        };
        let request = |page_token| pb::ListRuleSetsRequest { page_size: 1, page_token };
        assert_eq!(versions(&request(versions_after(&entry))).unwrap().after, Some(entry));
        assert!(versions(&request("garbage".into())).is_err());
    }
}
