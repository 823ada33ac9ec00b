//! Looks up in the lists and patterns of the rule set what its rules want to know of each field.

use std::ops::Range;

use moderato_domain::{Email, Field, Span};

use super::{Analyzer, Context, Observed, SPANS_MAX, Value, span};
use crate::bits::Bits;
use crate::rules::lists::{EntryId, Owner};
use crate::rules::schema::{FieldId, FieldKind, FieldSet};
use crate::text::fold::folded;
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

/// Looks up every field that some rule looks up, after all fields are set.
pub(crate) fn look_up<'c>(context: &Context<'c>, seen: &mut Observed<'c>) {
    for field in context.rules.looked_up() {
        match field.kind() {
            FieldKind::Text => texts(*field, context, seen),
            FieldKind::Domain | FieldKind::Domains => domains(*field, context, seen),
            FieldKind::Address => addresses(*field, context, seen),
            FieldKind::Author => authors(*field, context, seen),
            FieldKind::Flag | FieldKind::Count | FieldKind::Number | FieldKind::Duration => {}
        }
    }
}

/// Adds where a pattern matches.
pub(crate) fn pattern_spans(pattern: u16, context: &Context<'_>, spans: &mut Vec<Span>) {
    let pattern = context.rules.patterns().get(pattern);
    let Some((views, target)) = views_of(pattern.field, context) else { return };
    for layer in layers(views) {
        let found = pattern.compiled.find_iter(layer.text()).take(SPANS_MAX);
        spans.extend(found.map(|range| span(target, layer.origin(range))));
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
                views.is_foreign(self.origin(range))
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
        FieldId::Body => Some((&context.body, Field::Body)),
        FieldId::AuthorName => context.name.as_ref().map(|name| (name, Field::AuthorName)),
        _ => None,
    }
}

fn texts(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    if let Some((views, target)) = views_of(field, context) {
        for layer in layers(views) {
            scan(field, layer, Some(target), context, seen);
        }
        if context.rules.lists().entry_count() > 0 {
            for reading in views.readings() {
                scan_words(field, Layer::Reading(views, &reading), target, context, seen);
            }
        }
    } else if let Value::Text(text) = seen.value(field) {
        let text = folded(text);
        scan(field, Layer::Bare(&text), None, context, seen);
    }
}

/// Finds phrases that are whole words: a game undone in the wrong place must not make half a word a hit.
fn scan_words(
    field: FieldId,
    layer: Layer<'_>,
    target: Field,
    context: &Context<'_>,
    seen: &mut Observed<'_>,
) {
    context.rules.lists().scan(layer.text(), |owner, range| {
        if let Owner::Word(entry) = owner
            && is_meant(entry, layer, &range, context)
        {
            hit(field, entry, context, seen, || Some(span(target, layer.origin(range))));
        }
    });
}

/// Whether an entry is meant by what stands there: one typed without accents is not by a word that is
/// another one for its accents.
fn is_meant(entry: EntryId, layer: Layer<'_>, range: &Range<usize>, context: &Context<'_>) -> bool {
    !(context.rules.lists().entry(entry).value.is_ascii() && layer.is_foreign(range.clone()))
}

/// Finds phrases and patterns in one layer of a text; spans point into `target`, if that has some. A
/// pattern is only tried when a literal of each of its groups was seen; those without literals are sifted
/// by one automaton for all of them.
fn scan(
    field: FieldId,
    layer: Layer<'_>,
    target: Option<Field>,
    context: &Context<'_>,
    seen: &mut Observed<'_>,
) {
    let text = layer.text();
    let place = |range| target.map(|target| span(target, layer.origin(range)));
    let patterns = context.rules.patterns();
    let mut candidates = Bits::new();
    let mut groups_seen = Vec::new();
    context.rules.lists().scan(text, |owner, range| match owner {
        Owner::Word(entry) if !is_meant(entry, layer, &range, context) => {}
        Owner::Word(entry) | Owner::Substring(entry) => {
            hit(field, entry, context, seen, || place(range));
        }
        Owner::Pattern(pattern, group) if patterns.get(pattern).field == field => {
            groups_seen.resize(patterns.count(), 0_u8);
            let groups = &mut groups_seen[pattern as usize];
            *groups |= 1 << group;
            if groups.count_ones() as usize == patterns.get(pattern).compiled.group_count() {
                candidates.insert(pattern as usize);
            }
        }
        Owner::Pattern(..) => {}
    });
    patterns.sift(field, text, |pattern| candidates.insert(pattern as usize));
    for index in candidates.iter() {
        let index = index as u16;
        let pattern = patterns.get(index);
        if !pattern.compiled.is_match(text) {
            continue;
        }
        seen.match_pattern(index);
        if let Some(entry) = pattern.entry {
            for range in pattern.compiled.find_iter(text).take(SPANS_MAX) {
                hit(field, entry, context, seen, || place(range));
            }
        }
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

fn addresses(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    if let Some(address) = context.comment.client.ip {
        context.rules.lists().address(address, |entry| hit(field, entry, context, seen, || None));
    }
}

fn authors(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    let author = &context.comment.author;
    context.rules.lists().author(author, |entry, by| {
        let text = match by {
            Field::AuthorEmail => author.email.as_ref().map(Email::as_str),
            _ => Some(author.display_name.as_str()).filter(|name| !name.is_empty()),
        };
        hit(field, entry, context, seen, || whole(by, text));
    });
}

/// Notes a hit, unless the entry has expired.
fn hit(
    field: FieldId,
    id: EntryId,
    context: &Context<'_>,
    seen: &mut Observed<'_>,
    place: impl FnOnce() -> Option<Span>,
) {
    let entry = context.rules.lists().entry(id);
    if entry.expires.is_none_or(|expires| context.facts.now < expires) {
        seen.hit(field, entry.list, id, place);
    }
}

fn whole(field: Field, text: Option<&str>) -> Option<Span> {
    text.map(|text| span(field, 0..text.len()))
}
