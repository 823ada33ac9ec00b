//! What analyzers saw: one value per field of the schema, and where.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use moderato_domain::{Field, Signal, SignalValue, Span};

use super::links::Link;
use super::passages::Passages;
use crate::bits::Bits;
use crate::rules::lists::EntryId;
use crate::rules::schema::{FieldId, FieldKind};

/// Most places kept per field and per list: what a moderator can look at, and a bound on what a
/// hostile text makes the store keep.
pub(crate) const SPANS_MAX: usize = 16;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'c> {
    /// Not known: every comparison with it is false.
    Absent,
    Flag(bool),
    Count(i64),
    Number(f64),
    Duration(Duration),
    Text(&'c str),
}

impl Value<'_> {
    /// Whether it is there and not zero, false or empty.
    pub(crate) fn is_telling(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Flag(flag) => *flag,
            Self::Count(count) => *count != 0,
            Self::Number(number) => *number != 0.0,
            Self::Duration(span) => !span.is_zero(),
            Self::Text(text) => !text.is_empty(),
        }
    }

    /// The value as a number, if it is one.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Number(number) => Some(*number),
            Self::Absent | Self::Flag(_) | Self::Duration(_) | Self::Text(_) => None,
        }
    }
}

/// The places where a list was hit in a field.
#[derive(Debug)]
struct ListHits {
    field: FieldId,
    list: u16,
    /// Different entries, up to `SPANS_MAX`.
    entries: Vec<EntryId>,
    /// How many more, of which only the number is known.
    unnamed: usize,
    spans: Vec<Span>,
}

/// Everything that was seen in one comment.
#[derive(Debug)]
pub(crate) struct Observed<'c> {
    values: [Value<'c>; FieldId::COUNT],
    spans: Vec<(FieldId, Span)>,
    /// Web addresses in the body, in order.
    pub(crate) links: Vec<Link>,
    /// Parts of the body that are said differently.
    pub(crate) passages: Passages,
    hits: Vec<ListHits>,
    /// The patterns of the rule set that match.
    patterns: Bits,
}

impl<'c> Observed<'c> {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self {
            values: [Value::Absent; FieldId::COUNT],
            spans: Vec::new(),
            links: Vec::new(),
            passages: Passages::default(),
            hits: Vec::new(),
            patterns: Bits::new(),
        }
    }

    /// Sets a field.
    pub(crate) const fn set(&mut self, field: FieldId, value: Value<'c>) {
        self.values[field as usize] = value;
    }

    /// Sets a field to a number of things.
    pub(crate) fn set_count(&mut self, field: FieldId, count: usize) {
        self.set(field, Value::Count(i64::try_from(count).unwrap_or(i64::MAX)));
    }

    /// Sets a field to the share that `part` has in `whole`, in ten-thousandths so that replays on
    /// other machines print alike.
    pub(crate) fn set_share(&mut self, field: FieldId, part: usize, whole: usize) {
        let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        self.set(field, Value::Number((share * 10_000.0).round() / 10_000.0));
    }

    /// Notes where a field was seen.
    pub(crate) fn seen_at(&mut self, field: FieldId, target: Field, origin: Range<usize>) {
        if self.spans_of(field).count() < SPANS_MAX {
            self.spans.push((field, span(target, origin)));
        }
    }

    /// Notes that a list was hit in a field, and where.
    pub(crate) fn hit(
        &mut self,
        field: FieldId,
        list: u16,
        entry: EntryId,
        place: impl FnOnce() -> Option<Span>,
    ) {
        let hits = self.hits_of(field, list);
        if hits.entries.len() < SPANS_MAX && !hits.entries.contains(&entry) {
            hits.entries.push(entry);
        }
        if hits.spans.len() < SPANS_MAX
            && let Some(place) = place()
            && !hits.spans.contains(&place)
        {
            hits.spans.push(place);
        }
    }

    /// Notes that a list was hit in a field by entries of which only the number is known.
    pub(crate) fn hit_unnamed(&mut self, field: FieldId, list: u16, entries: usize, place: Option<Span>) {
        let hits = self.hits_of(field, list);
        hits.unnamed += entries;
        hits.spans.extend(place);
    }

    fn hits_of(&mut self, field: FieldId, list: u16) -> &mut ListHits {
        let at = self.hits.iter().position(|hits| hits.field == field && hits.list == list);
        let at = at.unwrap_or_else(|| {
            self.hits.push(ListHits { field, list, entries: Vec::new(), unnamed: 0, spans: Vec::new() });
            self.hits.len() - 1
        });
        &mut self.hits[at]
    }

    /// Notes that a pattern matches.
    pub(crate) fn match_pattern(&mut self, pattern: u16) {
        self.patterns.insert(pattern as usize);
    }

    /// Whether a pattern matches.
    pub(crate) fn matched(&self, pattern: u16) -> bool {
        self.patterns.contains(pattern as usize)
    }

    /// The patterns that match.
    pub(crate) fn matched_patterns(&self) -> impl Iterator<Item = usize> {
        self.patterns.iter()
    }

    /// Which lists were hit in which fields.
    pub(crate) fn list_hits(&self) -> impl Iterator<Item = (FieldId, u16)> {
        self.hits.iter().map(|hits| (hits.field, hits.list))
    }

    /// The value of a field.
    pub(crate) const fn value(&self, field: FieldId) -> &Value<'c> {
        &self.values[field as usize]
    }

    /// Where a field was seen.
    pub(crate) fn spans_of(&self, field: FieldId) -> impl Iterator<Item = Span> {
        self.spans.iter().filter(move |(of, _)| *of == field).map(|(_, span)| *span)
    }

    /// The different entries of a list that were hit in a field, up to `SPANS_MAX`, and how many more there
    /// are of which only the number is known.
    pub(crate) fn entries_of(&self, field: FieldId, list: u16) -> (&[EntryId], usize) {
        let hits = self.hits.iter().find(|hits| hits.field == field && hits.list == list);
        hits.map_or((&[], 0), |hits| (&hits.entries, hits.unnamed))
    }

    /// Where a list was hit in a field.
    pub(crate) fn list_spans(&self, field: FieldId, list: u16) -> impl Iterator<Item = Span> {
        let hits = self.hits.iter().filter(move |hits| hits.field == field && hits.list == list);
        hits.flat_map(|hits| hits.spans.iter().copied())
    }

    /// The fields that say something, in schema order. Texts are the comment itself and left out.
    pub(crate) fn signals(&self) -> Vec<Signal> {
        let telling = |field: &FieldId| match self.value(*field) {
            Value::Text(_) => field.kind() == FieldKind::Domain,
            value => value.is_telling(),
        };
        FieldId::ALL.into_iter().filter(telling).map(|field| self.signal(field)).collect()
    }

    /// The value of a field as others read it; `None`: absent. Spans of time are in seconds.
    pub(crate) fn told(&self, field: FieldId) -> Option<SignalValue> {
        match self.value(field) {
            Value::Absent => None,
            Value::Flag(flag) => Some(SignalValue::Flag(*flag)),
            Value::Count(count) => Some(SignalValue::Count(*count)),
            Value::Number(number) => Some(SignalValue::Number(*number)),
            Value::Duration(span) => Some(SignalValue::Number(span.as_secs_f64())),
            Value::Text(text) => Some(SignalValue::Text((*text).to_owned())),
        }
    }

    fn signal(&self, field: FieldId) -> Signal {
        let value = self.told(field).unwrap_or(SignalValue::Flag(false));
        Signal { id: Cow::Borrowed(field.id()), value, spans: self.spans_of(field).collect() }
    }
}

/// A span of a text. Intake bounds texts to 64 KiB, so positions fit.
pub(crate) fn span(field: Field, origin: Range<usize>) -> Span {
    Span { field, start: origin.start as u32, end: origin.end as u32 }
}
