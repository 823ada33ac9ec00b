//! From what the store counted to what the page and its downloads say.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::Duration;

use moderato_domain::{DecisionKind, SiteId, Timestamp};
use moderato_store::{
    ActorRecord, Agreement, HourOfWork, Period, Slot, StatisticsScope, Store, StoreError, WaitingTimes,
};

use super::plot::{Plot, Scale};

/// Moderators with a colour of their own; the rest shares one.
const SERIES: usize = 5;

/// Everything about a site and a period.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) work: Vec<HourOfWork>,
    pub(super) waits: WaitingTimes,
    pub(super) people: Vec<PersonLine>,
    pub(super) rules: Vec<RuleLine>,
    pub(super) agreement: Vec<Agreement>,
    pub(super) categories: Vec<CategoryLine>,
}

/// A moderator's line.
#[derive(Debug)]
pub(super) struct PersonLine {
    pub(super) record: ActorRecord,
    /// Hours in which they decided anything.
    pub(super) hours: u64,
}

impl PersonLine {
    /// Decisions in an hour of work.
    pub(super) fn per_hour(&self) -> String {
        match self.hours {
            0 => "–".to_owned(),
            hours => figure(self.record.waits.decisions as f64 / hours as f64),
        }
    }
}

/// A rule's line.
#[derive(Debug)]
pub(super) struct RuleLine {
    pub(super) rule: String,
    pub(super) decided: u64,
    pub(super) overturned: u64,
    pub(super) appeals: u64,
    pub(super) upheld: u64,
}

/// How second looks at comments of a category came out.
#[derive(Debug)]
pub(super) struct CategoryLine {
    pub(super) category: String,
    pub(super) looks: u64,
    pub(super) agreed: u64,
    /// Beyond what chance would give: 1 is always, 0 is chance; none where it says nothing.
    pub(super) kappa: Option<f64>,
}

impl CategoryLine {
    pub(super) fn kappa(&self) -> String {
        self.kappa.map_or_else(|| "–".to_owned(), |kappa| format!("{kappa:.2}"))
    }
}

impl Report {
    pub(super) async fn read(store: &dyn Store, site: &SiteId, period: Period) -> Result<Self, StoreError> {
        let by_people = async {
            let work = store.work(site, period).await?;
            let people = people(store, site, period, &work).await?;
            Ok((work, people))
        };
        let ((work, people), waits, rules, agreement) = tokio::try_join!(
            by_people,
            store.waiting_times(site, period),
            rules(store, site, period),
            store.agreement(site, period),
        )?;
        Ok(Self { categories: categories(&agreement), work, waits, people, rules, agreement })
    }

    pub(super) fn decisions(&self) -> u64 {
        self.waits.all.decisions
    }

    pub(super) fn overturned(&self) -> u64 {
        self.people.iter().map(|line| line.record.overturned).sum()
    }

    pub(super) fn appeals(&self) -> u64 {
        self.people.iter().map(|line| line.record.appeals).sum()
    }

    pub(super) fn upheld(&self) -> u64 {
        self.people.iter().map(|line| line.record.upheld).sum()
    }

    pub(super) fn looks(&self) -> u64 {
        self.agreement.iter().map(|line| line.looks).sum()
    }

    pub(super) fn agreed(&self) -> u64 {
        self.agreement.iter().filter(|line| line.first == line.second).map(|line| line.looks).sum()
    }

    /// Decisions by moderator: by the hour within a day, by the day otherwise.
    pub(super) fn work_plot(&self, period: Period, days: u32) -> Plot {
        let scale = Scale::new(period.since, days);
        let mut names: Vec<String> = Vec::new();
        for line in self.people.iter().filter(|line| line.record.waits.decisions > 0) {
            names.push(line.record.actor.name.clone());
        }
        if names.len() > SERIES {
            names.truncate(SERIES - 1);
            names.push("Others".to_owned());
        }
        let places: BTreeMap<&str, usize> = self
            .people
            .iter()
            .enumerate()
            .map(|(place, line)| (line.record.actor.id.as_str(), place.min(names.len().saturating_sub(1))))
            .collect();
        let mut stacks = vec![vec![0.0; names.len()]; scale.slots()];
        for hour in &self.work {
            let slot = scale.slot(hour.hour);
            let place = places.get(hour.actor.id.as_str());
            if let (Some(stack), Some(&place)) = (slot.and_then(|slot| stacks.get_mut(slot)), place)
                && let Some(part) = stack.get_mut(place)
            {
                *part += hour.decisions as f64;
            }
        }
        let unit = if days == 1 { "hour" } else { "day" };
        let title = format!("Decisions per {unit}, by moderator");
        Plot::stacks("work", title, &names, &stacks, &scale)
    }

    /// How long comments had waited, by day.
    pub(super) fn waits_plot(&self, period: Period, days: u32) -> Plot {
        let scale = Scale::of_days(period.since, days);
        let mut lines = vec![vec![None; scale.slots()]; 2];
        for (day, waits) in &self.waits.days {
            if let Some(slot) = scale.slot(*day) {
                for (line, wait) in lines.iter_mut().zip([waits.p50, waits.p90]) {
                    if let Some(point) = line.get_mut(slot) {
                        *point = Some(wait.as_secs_f64() / 60.0);
                    }
                }
            }
        }
        let names = ["Half within".to_owned(), "Nine of ten within".to_owned()];
        Plot::lines("waits", "Minutes from arrival to decision, by day".to_owned(), &names, &lines, &scale)
    }
}

/// Everybody who decided or whose decisions were appealed against, busiest first.
pub(super) async fn people(
    store: &dyn Store,
    site: &SiteId,
    period: Period,
    work: &[HourOfWork],
) -> Result<Vec<PersonLine>, StoreError> {
    let mut hours: BTreeMap<String, u64> = BTreeMap::new();
    for hour in work {
        *hours.entry(hour.actor.id.clone()).or_default() += 1;
    }
    let records = store.actor_records(site, period).await?;
    let mut people: Vec<PersonLine> = records
        .into_iter()
        .map(|record| PersonLine { hours: hours.remove(&record.actor.id).unwrap_or(0), record })
        .collect();
    people.sort_by(|left, right| {
        let decisions = |line: &PersonLine| line.record.waits.decisions;
        decisions(right)
            .cmp(&decisions(left))
            .then_with(|| left.record.actor.name.cmp(&right.record.actor.name))
    });
    Ok(people)
}

/// Rules that people decided about or that appeals were about, most overturned first.
pub(super) async fn rules(
    store: &dyn Store,
    site: &SiteId,
    period: Period,
) -> Result<Vec<RuleLine>, StoreError> {
    let scope = StatisticsScope {
        site: Some(site.clone()),
        version: None,
        slot: Slot::Active,
        decided_since: period.since,
    };
    let statistics = store.rule_statistics(&scope).await?;
    let mut lines: BTreeMap<String, RuleLine> = BTreeMap::new();
    let line =
        |rule: &str| RuleLine { rule: rule.to_owned(), decided: 0, overturned: 0, appeals: 0, upheld: 0 };
    for of_rule in statistics.iter().filter(|of_rule| of_rule.decided > 0) {
        let entry = lines.entry(of_rule.rule.clone()).or_insert_with(|| line(&of_rule.rule));
        entry.decided = of_rule.decided.unsigned_abs();
        entry.overturned = of_rule.overturned.unsigned_abs();
    }
    for of_rule in store.rule_appeals(site, period).await? {
        let entry = lines.entry(of_rule.rule.clone()).or_insert_with(|| line(&of_rule.rule));
        (entry.appeals, entry.upheld) = (of_rule.appeals, of_rule.upheld);
    }
    let mut lines: Vec<RuleLine> = lines.into_values().collect();
    lines.sort_by(|left, right| {
        // Cross-multiplied, so that no decisions divide by nothing.
        let (l, r) = (left.overturned * right.decided, right.overturned * left.decided);
        r.cmp(&l).then(right.decided.cmp(&left.decided)).then_with(|| left.rule.cmp(&right.rule))
    });
    Ok(lines)
}

fn categories(agreement: &[Agreement]) -> Vec<CategoryLine> {
    let mut by_category: BTreeMap<&str, Vec<&Agreement>> = BTreeMap::new();
    for line in agreement {
        by_category.entry(line.category.as_deref().unwrap_or("nothing found")).or_default().push(line);
    }
    by_category
        .into_iter()
        .map(|(category, lines)| CategoryLine {
            category: category.to_owned(),
            looks: lines.iter().map(|line| line.looks).sum(),
            agreed: lines.iter().filter(|line| line.first == line.second).map(|line| line.looks).sum(),
            kappa: kappa(&lines),
        })
        .collect()
}

/// Cohen's kappa: agreement beyond what two people would reach who decide at random, each as often as
/// they did.
fn kappa(lines: &[&Agreement]) -> Option<f64> {
    let all: u64 = lines.iter().map(|line| line.looks).sum();
    let share = |pick: &dyn Fn(&Agreement) -> bool| {
        let picked: u64 = lines.iter().filter(|line| pick(line)).map(|line| line.looks).sum();
        picked as f64 / all as f64
    };
    if all == 0 {
        return None;
    }
    let agreed = share(&|line| line.first == line.second);
    let by_chance: f64 = DecisionKind::ALL
        .into_iter()
        .map(|kind| share(&|line| line.first == kind) * share(&|line| line.second == kind))
        .sum();
    // Where both always said the same there is nothing that chance could have spoilt.
    (by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
}

/// A share in words, such as “3 of 4 (75 %)”. A template passes fields as references and results as
/// they are.
pub(super) fn share(part: impl Borrow<u64>, of: impl Borrow<u64>) -> String {
    let (part, of) = (*part.borrow(), *of.borrow());
    match of {
        0 => "–".to_owned(),
        _ => format!("{part} of {of} ({} %)", (part as f64 * 100.0 / of as f64).round()),
    }
}

/// A number with as many places as one can use.
pub(super) fn figure(number: f64) -> String {
    if number >= 10.0 || number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

/// A duration in words, such as “3 min”.
pub(super) fn lasting(duration: impl Borrow<Duration>) -> String {
    let seconds = duration.borrow().as_secs_f64();
    let (number, unit) = match seconds {
        s if s < 90.0 => (s, "s"),
        s if s < 90.0 * 60.0 => (s / 60.0, "min"),
        s if s < 48.0 * 3600.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    format!("{} {unit}", figure(number))
}

/// A day, such as “2026-11-25”.
pub(super) fn day(time: Timestamp) -> String {
    written(time, "%Y-%m-%d")
}

/// A time in a form of `chrono`'s.
pub(super) fn written(time: Timestamp, form: &str) -> String {
    chrono::DateTime::from_timestamp_millis(time.as_millis())
        .map_or_else(|| "–".to_owned(), |time| time.format(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(first: DecisionKind, second: DecisionKind, looks: u64) -> Agreement {
        Agreement { category: Some("spam".to_owned()), first, second, looks }
    }

    #[test]
    fn agreement_is_told_from_chance() {
        use DecisionKind::{Approve, Reject};
        // Fifty looks, 35 of them the same: the textbook's example has a kappa of 0.4.
        let lines = [
            line(Approve, Approve, 20),
            line(Approve, Reject, 5),
            line(Reject, Approve, 10),
            line(Reject, Reject, 15),
        ];
        let category = &categories(&lines)[0];
        assert_eq!((category.looks, category.agreed, category.kappa().as_str()), (50, 35, "0.40"));
        assert_eq!(categories(&[line(Reject, Reject, 9)])[0].kappa(), "–");
        assert!(categories(&[]).is_empty());
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(share(3, 4), "3 of 4 (75 %)");
        assert_eq!(share(0, 0), "–");
        for (seconds, words) in
            [(0, "0 s"), (61, "61 s"), (150, "2.5 min"), (7_200, "2 h"), (3 * 86_400, "3 days")]
        {
            assert_eq!(lasting(Duration::from_secs(seconds)), words);
        }
        assert_eq!(day(Timestamp::from_millis(86_400_000)), "1970-01-02");
    }
}
