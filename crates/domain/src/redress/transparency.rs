//! A statement as the DSA Transparency Database wants it: its field names, its closed sets, its
//! bounds, and nothing that tells who wrote, moderated or reported.

use serde::Serialize;

use super::statement::{Source, Statement};
use crate::clock::Timestamp;
use crate::table::text_cell;

/// Where the restriction holds: it is the same for every reader, so in every member state.
const EVERYWHERE: [&str; 27] = [
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT",
    "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
];

/// Bounds of the database, in characters.
const GROUND_CHARS: usize = 500;
const EXPLANATION_CHARS: usize = 2_000;
const FACTS_CHARS: usize = 5_000;

/// One row. Serialised in the order of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransparencyRecord {
    /// Unique for the platform.
    pub puid: String,
    /// What happened to the content.
    pub decision_visibility: [&'static str; 1],
    /// On which ground.
    pub decision_ground: &'static str,
    /// The section of the guidelines.
    pub incompatible_content_ground: String,
    /// Its text.
    pub incompatible_content_explanation: String,
    /// What the content is.
    pub content_type: [&'static str; 1],
    /// Kind of harm.
    pub category: &'static str,
    /// Where.
    pub territorial_scope: &'static [&'static str],
    /// ISO 639-1, upper case; empty if unknown.
    pub content_language: String,
    /// Day on which it was written.
    pub content_date: String,
    /// Day on which the restriction began.
    pub application_date: String,
    /// What was found.
    pub decision_facts: String,
    /// What drew attention to it.
    pub source_type: &'static str,
    /// Whether a rule found it.
    pub automated_detection: &'static str,
    /// Whether a person decided.
    pub automated_decision: &'static str,
}

impl TransparencyRecord {
    /// The fields' names, in order.
    pub const FIELDS: [&'static str; 15] = [
        "puid",
        "decision_visibility",
        "decision_ground",
        "incompatible_content_ground",
        "incompatible_content_explanation",
        "content_type",
        "category",
        "territorial_scope",
        "content_language",
        "content_date",
        "application_date",
        "decision_facts",
        "source_type",
        "automated_detection",
        "automated_decision",
    ];

    /// The record of a statement. The moderator's own words are left out: they were written to one
    /// person.
    pub fn of(statement: &Statement) -> Self {
        let (ground, explanation) = match &statement.guideline {
            Some(section) => (section.title.as_str(), section.text.as_str()),
            None => ("Guidelines of the site", "The guidelines that authors accept when they comment."),
        };
        Self {
            puid: statement.puid.as_str().to_owned(),
            decision_visibility: ["DECISION_VISIBILITY_CONTENT_DISABLED"],
            decision_ground: "DECISION_GROUND_INCOMPATIBLE_CONTENT",
            incompatible_content_ground: cut(ground, GROUND_CHARS),
            incompatible_content_explanation: cut(explanation, EXPLANATION_CHARS),
            content_type: ["CONTENT_TYPE_TEXT"],
            category: category(&statement.category),
            territorial_scope: &EVERYWHERE,
            content_language: language(statement.language.as_deref()),
            content_date: date(statement.content_time),
            application_date: date(statement.restrict_time),
            decision_facts: cut(&statement.facts, FACTS_CHARS),
            source_type: match statement.source {
                Source::Notice => "SOURCE_ARTICLE_16",
                Source::Report => "SOURCE_TYPE_OTHER_NOTIFICATION",
                Source::Own => "SOURCE_VOLUNTARY",
            },
            automated_detection: if statement.automated_detection { "Yes" } else { "No" },
            automated_decision: if statement.automated_decision {
                "AUTOMATED_DECISION_FULLY"
            } else {
                "AUTOMATED_DECISION_NOT_AUTOMATED"
            },
        }
    }

    /// The fields as cells of a table, lists as JSON, in the order of [`FIELDS`](Self::FIELDS). None is a
    /// formula for a spreadsheet: a moderator's or a rule's words that look like one get an apostrophe.
    pub fn cells(&self) -> [String; 15] {
        let list = |items: &[&str]| format!("[\"{}\"]", items.join("\",\""));
        [
            self.puid.clone(),
            list(&self.decision_visibility),
            self.decision_ground.to_owned(),
            self.incompatible_content_ground.clone(),
            self.incompatible_content_explanation.clone(),
            list(&self.content_type),
            self.category.to_owned(),
            list(self.territorial_scope),
            self.content_language.clone(),
            self.content_date.clone(),
            self.application_date.clone(),
            self.decision_facts.clone(),
            self.source_type.to_owned(),
            self.automated_detection.to_owned(),
            self.automated_decision.to_owned(),
        ]
        .map(|cell| text_cell(&cell).into_owned())
    }
}

/// The database's category of a rule's one.
fn category(category: &str) -> &'static str {
    match category {
        "hate" => "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
        "harassment" => "STATEMENT_CATEGORY_CYBER_VIOLENCE",
        "threat" => "STATEMENT_CATEGORY_VIOLENCE",
        "privacy" | "address" => "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "crisis" | "self_harm" => "STATEMENT_CATEGORY_SELF_HARM",
        "sexual" => "STATEMENT_CATEGORY_PORNOGRAPHY_OR_SEXUALIZED_CONTENT",
        "spam" | "keys" => "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        _ => "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// `de-AT` is `DE`.
fn language(tag: Option<&str>) -> String {
    let primary = tag.and_then(|tag| tag.split('-').next()).filter(|primary| primary.len() == 2);
    primary.map(str::to_ascii_uppercase).unwrap_or_default()
}

/// `2026-02-03`, in UTC.
pub fn date(time: Timestamp) -> String {
    // Days since 1970-01-01 to the proleptic Gregorian calendar, by eras of 400 years that start in
    // March, so that the leap day is the last one of its year.
    let days = time.as_millis().div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The beginning of a day that is written as [`date`] does, in UTC.
pub fn midnight(day: &str) -> Option<Timestamp> {
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day_of_month) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day_of_month) {
        return None;
    }
    // The reverse of `date`.
    let (year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * march_month + 2) / 5 + day_of_month - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = year.div_euclid(400) * 146_097 + day_of_era - 719_468;
    let midnight = Timestamp::from_millis(days * 86_400_000);
    // A day that does not exist would be another one.
    (date(midnight) == day).then_some(midnight)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::statement::tests::{restricted, section, verdict};
    use super::*;

    #[test]
    fn days_are_days() {
        let at = |millis| date(Timestamp::from_millis(millis));
        assert_eq!(at(0), "1970-01-01");
        assert_eq!(at(-1), "1969-12-31");
        assert_eq!(at(951_782_400_000), "2000-02-29");
        assert_eq!(at(1_709_251_199_999), "2024-02-29");
        assert_eq!(at(1_772_323_200_000), "2026-03-01");
        for day in [0, 951_782_400_000, 1_709_164_800_000, 1_772_323_200_000] {
            assert_eq!(midnight(&at(day)), Some(Timestamp::from_millis(day)));
        }
        for nonsense in [
            "",
            "2026-02-30",
            "2026-13-01",
            "2026-1-1",
            "yesterday",
            "99999-01-01",
            "2026-01-9223372036854775807",
        ] {
            assert_eq!(midnight(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_record_has_the_fields_of_the_database_within_its_bounds() {
        let mut statement = Statement::of_verdict(restricted(&verdict()), section, Timestamp::from_millis(9));
        statement.facts = "ä".repeat(6_000);
        statement.message = Some("to one person".to_owned());
        let formula = Statement { facts: "=1+1".to_owned(), ..statement.clone() };
        assert!(TransparencyRecord::of(&formula).cells().contains(&"'=1+1".to_owned()));
        let record = TransparencyRecord::of(&statement);
        let json = serde_json::to_string(&record).unwrap();
        assert!(!json.contains("to one person"));
        for field in TransparencyRecord::FIELDS {
            assert!(json.contains(&format!("\"{field}\":")), "{field}");
        }
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value.as_object().unwrap().len(), record.cells().len());
        assert_eq!(value["content_language"], "DE");
        assert_eq!(value["category"], "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH");
        assert_eq!(value["automated_decision"], "AUTOMATED_DECISION_FULLY");
        assert_eq!(value["decision_facts"].as_str().unwrap().chars().count(), 5_000);
        assert_eq!(record.cells()[1], "[\"DECISION_VISIBILITY_CONTENT_DISABLED\"]");
    }
}
