//! Looks up in the lists and patterns of the rule set what its rules want to know of each field.

use std::ops::Range;

use moderato_domain::{Email, Field, Span};

use super::addresses::{authors, clients};
use super::{Analyzer, Context, Observed, SPANS_MAX, Value, span};
use crate::rules::lists::EntryId;
use crate::rules::patterns::Progress;
use crate::rules::schema::{FieldId, FieldKind, FieldSet};
use crate::rules::texts::{Owner, Place};
use crate::text::fold::folded;
use crate::text::words::is_whole;
use crate::text::{Reading, Views};

/// The texts and hosts that are looked up.
pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::Body,
        FieldId::AuthorName,
        FieldId::AuthorEmailDomain,
        FieldId::AuthorUrlHost,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        seen.set(FieldId::Body, Value::Text(context.body.raw()));
        seen.set(FieldId::AuthorName, Value::Text(&context.comment.author.display_name));
        if let Some(host) = &context.email_domain {
            seen.set(FieldId::AuthorEmailDomain, Value::Text(host));
        }
        if let Some(host) = &context.url_host {
            seen.set(FieldId::AuthorUrlHost, Value::Text(host));
        }
    },
};

/// The body and its parts.
const BODY_FIELDS: [FieldId; 3] = [FieldId::Body, FieldId::BodyUnquoted, FieldId::BodyAddressed];

/// Looks up every field that some rule looks up, after all fields are set.
pub(crate) fn look_up<'c>(context: &Context<'c>, seen: &mut Observed<'c>) {
    let looked_up = context.rules.looked_up();
    // The parts of the body are looked up with the body, in one go.
    let is_wanted = |field: &FieldId| looked_up.contains(field);
    let of_body = BODY_FIELDS.into_iter().filter(is_wanted).fold(FieldSet::default(), |mut all, field| {
        all.insert(field);
        all
    });
    if of_body != FieldSet::default() {
        in_views(of_body, &context.body, Field::Body, context, seen);
    }
    for field in looked_up {
        match field.kind() {
            FieldKind::Text if BODY_FIELDS.contains(field) => {}
            FieldKind::Text => texts(*field, context, seen),
            FieldKind::Domain | FieldKind::Domains => domains(*field, context, seen),
            FieldKind::Address => clients(*field, context, seen),
            FieldKind::Author => authors(*field, context, seen),
            FieldKind::Flag | FieldKind::Count | FieldKind::Number | FieldKind::Duration => {}
        }
    }
}

/// Adds where a pattern matches.
pub(crate) fn pattern_spans(pattern: u16, context: &Context<'_>, seen: &Observed<'_>, spans: &mut Vec<Span>) {
    let pattern = context.rules.patterns().get(pattern);
    let Some((views, target)) = views_of(pattern.field, context) else { return };
    for layer in layers(views) {
        let found = pattern.compiled.find_iter(layer.text()).map(|range| layer.origin(range));
        let there = found.filter(|origin| seen.passages.has(pattern.field, origin));
        spans.extend(there.take(SPANS_MAX).map(|origin| span(target, origin)));
    }
}

/// One way to read a text.
#[derive(Clone, Copy)]
enum Layer<'v> {
    Folded(&'v Views<'v>),
    Skeleton(&'v Views<'v>, &'v str),
    Reading(&'v Views<'v>, &'v Reading),
    /// A text of which only the folded form matters.
    Bare(&'v str),
}

impl<'v> Layer<'v> {
    fn text(self) -> &'v str {
        match self {
            Self::Folded(views) => views.folded(),
            Self::Skeleton(_, text) | Self::Bare(text) => text,
            Self::Reading(_, reading) => reading.text(),
        }
    }

    fn origin(self, range: Range<usize>) -> Range<usize> {
        match self {
            Self::Folded(views) => views.folded_origin(range),
            Self::Skeleton(views, _) => views.skeleton_origin(range),
            Self::Reading(views, reading) => views.reading_origin(reading, range),
            Self::Bare(_) => range,
        }
    }

    /// Whether what stands there is a word of a language whose accents are part of its spelling, and so
    /// not the word that it is without them.
    fn is_foreign(self, range: Range<usize>) -> bool {
        match self {
            Self::Folded(views) | Self::Skeleton(views, _) | Self::Reading(views, _) => {
                views.is_accented() && views.has_accents(self.origin(range))
            }
            Self::Bare(_) => false,
        }
    }
}

/// The layers of a text in which phrases and patterns are looked for. Look-alikes can only add hits: a
/// list may hold words of the script they are from.
fn layers<'v>(views: &'v Views<'v>) -> impl Iterator<Item = Layer<'v>> {
    let skeleton = views.skeleton().map(|text| Layer::Skeleton(views, text));
    std::iter::once(Layer::Folded(views)).chain(skeleton)
}

/// The views of a field that has some, and where their spans point.
fn views_of<'v>(field: FieldId, context: &'v Context<'_>) -> Option<(&'v Views<'v>, Field)> {
    match field {
        _ if BODY_FIELDS.contains(&field) => Some((&context.body, Field::Body)),
        FieldId::AuthorName => context.name.as_ref().map(|name| (name, Field::AuthorName)),
        _ => None,
    }
}

fn texts(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    let only = FieldSet::of(&[field]);
    if let Some((views, target)) = views_of(field, context) {
        in_views(only, views, target, context, seen);
    } else if let Value::Text(text) = seen.value(field) {
        let text = folded(text);
        Search { fields: only, layer: Layer::Bare(&text), target: None, context }.scan(seen);
    }
}

fn in_views(
    fields: FieldSet,
    views: &Views<'_>,
    target: Field,
    context: &Context<'_>,
    seen: &mut Observed<'_>,
) {
    for layer in layers(views) {
        Search { fields, layer, target: Some(target), context }.scan(seen);
    }
    if context.rules.lists().entry_count() > 0 {
        for reading in views.readings() {
            let layer = Layer::Reading(views, &reading);
            Search { fields, layer, target: Some(target), context }.scan_words(&reading, seen);
        }
    }
}

/// A search of one layer of a text, for fields that are the text or parts of it.
struct Search<'s> {
    fields: FieldSet,
    layer: Layer<'s>,
    /// What spans point into; `None` if nobody could look there.
    target: Option<Field>,
    context: &'s Context<'s>,
}

impl Search<'_> {
    /// Finds phrases and patterns. A pattern is only tried when the literals that it needs were seen; those
    /// without literals are sifted by one automaton for all of them.
    fn scan(&self, seen: &mut Observed<'_>) {
        let text = self.layer.text();
        let texts = self.context.rules.lists().texts();
        let patterns = self.context.rules.patterns();
        let mut progress = Progress::default();
        for place in texts.places(text) {
            for owner in texts.owners(place) {
                match *owner {
                    Owner::Word(entry) => self.take_word(entry, place, seen),
                    Owner::Substring(entry) => self.hit(entry, place.range(), seen),
                    Owner::Step { sequence, group, ends, .. } => {
                        let next = text.as_bytes().get(place.range().end);
                        if !(ends && next.is_some_and(u8::is_ascii_alphanumeric)) {
                            progress.take(patterns, sequence, group, &place.range());
                        }
                    }
                }
            }
        }
        let mut candidates = progress.candidates(patterns, text);
        candidates.retain(|(pattern, _)| self.fields.contains(patterns.get(*pattern).field));
        for field in self.fields.iter() {
            patterns.sift(field, text, |pattern| candidates.push((pattern, 0)));
        }
        for (pattern, from) in candidates {
            self.try_pattern(pattern, from, seen);
        }
    }

    fn try_pattern(&self, index: u16, from: usize, seen: &mut Observed<'_>) {
        let text = self.layer.text();
        let pattern = self.context.rules.patterns().get(index);
        if !pattern.compiled.is_match(text, from) {
            return;
        }
        let found = pattern.compiled.find_iter(text);
        let mut there =
            found.filter(|range| seen.passages.has(pattern.field, &self.layer.origin(range.clone())));
        let Some(entry) = pattern.entry else {
            if pattern.field == FieldId::Body || there.next().is_some() {
                seen.match_pattern(index);
            }
            return;
        };
        let ranges: Vec<_> = there.take(SPANS_MAX).collect();
        if !ranges.is_empty() {
            seen.match_pattern(index);
        }
        for range in ranges {
            let place = || self.target.map(|target| span(target, self.layer.origin(range)));
            hit(pattern.field, entry, self.context, seen, place);
        }
    }

    /// Finds phrases that are whole words, near what reads otherwise than in the other layers: a game undone in
    /// the wrong place must not make half a word a hit.
    fn scan_words(&self, reading: &Reading, seen: &mut Observed<'_>) {
        let texts = self.context.rules.lists().texts();
        for place in texts.places_near(self.layer.text(), reading.changed()) {
            for owner in texts.owners(place) {
                if let Owner::Word(entry) = *owner {
                    self.take_word(entry, place, seen);
                }
            }
        }
    }

    /// Notes a phrase that has to be whole words, if it is meant.
    fn take_word(&self, entry: EntryId, place: Place, seen: &mut Observed<'_>) {
        let range = place.range();
        if is_whole(self.layer.text(), range.clone()) && self.is_meant(entry, &range) {
            self.hit(entry, range, seen);
        }
    }

    /// Notes a hit in each field that the place belongs to.
    fn hit(&self, entry: EntryId, range: Range<usize>, seen: &mut Observed<'_>) {
        let origin = || self.layer.origin(range.clone());
        for field in self.fields.iter() {
            if field == FieldId::Body || seen.passages.has(field, &origin()) {
                hit(field, entry, self.context, seen, || self.target.map(|target| span(target, origin())));
            }
        }
    }

    /// Whether an entry is meant by what stands there: one typed without accents is not by a word that is
    /// another one for its accents.
    fn is_meant(&self, entry: EntryId, range: &Range<usize>) -> bool {
        !(self.layer.is_foreign(range.clone()) && self.context.rules.lists().entry(entry).value.is_ascii())
    }
}

fn domains(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    let lists = context.rules.lists();
    if field == FieldId::LinksHosts {
        let links = std::mem::take(&mut seen.links);
        for link in &links {
            let place = || Some(span(Field::Body, link.origin.clone()));
            lists.domain(&link.host, |entry| hit(field, entry, context, seen, place));
        }
        seen.links = links;
    } else if let Value::Text(host) = *seen.value(field) {
        let author = &context.comment.author;
        let place = match field {
            FieldId::AuthorEmailDomain => whole(Field::AuthorEmail, author.email.as_ref().map(Email::as_str)),
            FieldId::AuthorUrlHost => whole(Field::AuthorUrl, author.url.as_deref()),
            _ => None,
        };
        lists.domain(host, |entry| hit(field, entry, context, seen, || place));
    }
}

/// Notes a hit, unless the entry has expired.
pub(super) fn hit(
    field: FieldId,
    id: EntryId,
    context: &Context<'_>,
    seen: &mut Observed<'_>,
    place: impl FnOnce() -> Option<Span>,
) {
    let entry = context.rules.lists().entry(id);
    if entry.is_in_force(context.facts.now) {
        seen.hit(field, entry.list, id, place);
    }
}

pub(super) fn whole(field: Field, text: Option<&str>) -> Option<Span> {
    text.map(|text| span(field, 0..text.len()))
}
