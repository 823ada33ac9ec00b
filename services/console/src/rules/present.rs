//! Rule sets and what they do, on the wire.

use moderato_api::intake::to_timestamp;
use moderato_api::pb::rules as pb;
use moderato_api::view;
use moderato_domain::{Action, Branch, ExplainedRule, RuleSetVersion, SignalValue};
use moderato_engine::TestFailure;
use moderato_store::{RulesInForce, ShadowDifference};

use crate::rules::backtest::{Agreement, BacktestReport, Example, Nearest, Progress};
use crate::rules::health::{RuleHealth, Standing};

/// Writes `ruleSets/{version}`.
pub(crate) fn name(version: &RuleSetVersion) -> String {
    format!("ruleSets/{version}")
}

/// What a version is used for.
pub(crate) fn slot_of(version: &RuleSetVersion, in_force: &RulesInForce) -> i32 {
    let slot = match (&in_force.active, &in_force.shadow) {
        (Some(active), _) if active == version => pb::Slot::Active,
        (_, Some(shadow)) if shadow == version => pb::Slot::Shadow,
        _ => pb::Slot::Unspecified,
    };
    slot as i32
}

pub(crate) fn failure(failure: TestFailure) -> pb::TestFailure {
    pb::TestFailure {
        line: i32::try_from(failure.line).unwrap_or(i32::MAX),
        body: failure.body,
        mismatches: failure.mismatches,
    }
}

pub(crate) fn progress(progress: Progress) -> pb::BacktestRuleSetResponse {
    let progress = pb::BacktestProgress { done: count(progress.done), total: count(progress.total) };
    pb::BacktestRuleSetResponse { news: Some(pb::backtest_rule_set_response::News::Progress(progress)) }
}

pub(crate) fn report(report: &BacktestReport) -> pb::BacktestRuleSetResponse {
    let told = pb::BacktestReport {
        comments: count(report.comments),
        changed: count(report.changed()),
        actions: report
            .actions
            .iter()
            .map(|((before, after), comments)| pb::ActionChange {
                before: action(*before),
                after: action(*after),
                comments: count(*comments),
            })
            .collect(),
        rules: report
            .rules
            .iter()
            .map(|(rule, change)| pb::RuleChange {
                rule: rule.clone(),
                before: count(change.before),
                after: count(change.after),
                hidden: count(change.hidden),
                approved: count(change.approved),
            })
            .collect(),
        before: Some(agreement(report.before)),
        after: Some(agreement(report.after)),
        sterner: examples(&report.sterner),
        milder: examples(&report.milder),
        above: examples(&report.above),
        below: examples(&report.below),
    };
    pb::BacktestRuleSetResponse { news: Some(pb::backtest_rule_set_response::News::Report(told)) }
}

fn agreement(agreement: Agreement) -> pb::Agreement {
    pb::Agreement {
        approved: count(agreement.approved),
        hidden: count(agreement.hidden),
        held_approved: count(agreement.held_approved),
        held_hidden: count(agreement.held_hidden),
        rejected_approved: count(agreement.rejected_approved),
        rejected_hidden: count(agreement.rejected_hidden),
    }
}

fn examples(nearest: &Nearest) -> Vec<pb::BacktestExample> {
    let example = |example: &Example| pb::BacktestExample {
        comment: example.comment.to_string(),
        before: action(example.before),
        after: action(example.after),
        score: example.score,
        rules: example.rules.clone(),
    };
    nearest.iter().map(example).collect()
}

pub(crate) fn statistics(health: RuleHealth) -> pb::RuleStatistics {
    use pb::rule_statistics::Standing as Told;
    let standing = match health.standing {
        Standing::Fine => Told::Fine,
        Standing::Dead => Told::Dead,
        Standing::Bad => Told::Bad,
    };
    let statistics = health.statistics;
    pb::RuleStatistics {
        rule: statistics.rule,
        hits: statistics.hits,
        last_hit_time: statistics.last_hit.map(to_timestamp),
        decided: statistics.decided,
        overturned: statistics.overturned,
        standing: standing as i32,
    }
}

pub(crate) fn difference(difference: ShadowDifference) -> pb::ShadowDifference {
    pb::ShadowDifference {
        comment: difference.comment.to_string(),
        revision: difference.revision.get(),
        active: action(difference.active),
        shadow: action(difference.shadow),
        only_active: difference.rules.only_active,
        only_shadow: difference.rules.only_shadow,
        time: Some(to_timestamp(difference.time)),
    }
}

pub(crate) fn explained(rule: ExplainedRule) -> pb::ExplainedRule {
    pb::ExplainedRule {
        rule: rule.rule,
        category: rule.category,
        guideline: rule.guideline.unwrap_or_default(),
        matched: rule.matched,
        points: rule.points.get(),
        added: rule.added.get(),
        group: rule.group.unwrap_or_default(),
        action: rule.action.map_or(0, action),
        condition: Some(branch(rule.condition)),
    }
}

fn branch(part: Branch) -> pb::Branch {
    let seen = part.seen.into_iter().map(|seen| pb::SeenValue {
        field: seen.field,
        known: seen.value.is_some(),
        value: seen.value.map(value).unwrap_or_default(),
    });
    let entries = part.entries.into_iter().map(|entry| pb::MatchedEntry {
        list: entry.list,
        entry: entry.entry,
        note: entry.note.unwrap_or_default(),
    });
    pb::Branch {
        text: part.text,
        holds: part.holds,
        seen: seen.collect(),
        entries: entries.collect(),
        spans: view::spans(part.spans),
        parts: part.parts.into_iter().map(branch).collect(),
    }
}

fn value(value: SignalValue) -> String {
    match value {
        SignalValue::Flag(flag) => flag.to_string(),
        SignalValue::Count(count) => count.to_string(),
        SignalValue::Number(number) => number.to_string(),
        SignalValue::Text(text) => text,
    }
}

fn action(action: Action) -> i32 {
    view::action(action) as i32
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
