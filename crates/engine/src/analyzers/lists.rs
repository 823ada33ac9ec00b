//! Looks every text and host up in the lists.

use moderato_domain::{Field, Span};

use super::{Analyzer, Context, Observed, Value, span};
use crate::rules::lists::Owner;
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::Views;

/// Phrases in the body.
pub(crate) const BODY: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::Body]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        seen.set(FieldId::Body, Value::Text(context.body.raw()));
        scan(context, &context.body, FieldId::Body, Field::Body, seen);
    },
};

/// Phrases in the author's name.
pub(crate) const NAME: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::AuthorName]),
    needs: FieldSet::of(&[]),
    run: |context, seen| {
        seen.set(FieldId::AuthorName, Value::Text(&context.comment.author.display_name));
        if let Some(name) = &context.name {
            scan(context, name, FieldId::AuthorName, Field::AuthorName, seen);
        }
    },
};

/// Hosts of links, of the author's mail address and website.
pub(crate) const DOMAINS: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::LinksHosts, FieldId::AuthorEmailDomain, FieldId::AuthorUrlHost]),
    needs: FieldSet::of(&[FieldId::LinksCount]),
    run: |context, seen| domains(context, seen),
};

fn scan(context: &Context<'_>, views: &Views<'_>, field: FieldId, target: Field, seen: &mut Observed<'_>) {
    let lists = context.rules.lists();
    let patterns = context.rules.pattern_count();
    lists.scan(views.folded(), |owner, entry, range| match owner {
        Owner::Word(list) | Owner::Substring(list) => {
            seen.hit(field, list, entry, Some(span(target, views.folded_origin(range))));
        }
        Owner::Pattern(pattern) if field == FieldId::Body => seen.saw_literal(pattern, patterns),
        Owner::Pattern(_) => {}
    });
    // Look-alikes can only add hits: a list may hold words of the script they are from.
    let Some(skeleton) = views.skeleton() else { return };
    lists.scan(skeleton, |owner, entry, range| match owner {
        Owner::Word(list) | Owner::Substring(list) => {
            seen.hit(field, list, entry, Some(span(target, views.skeleton_origin(range))));
        }
        Owner::Pattern(pattern) if field == FieldId::Body => seen.saw_literal(pattern, patterns),
        Owner::Pattern(_) => {}
    });
}

fn domains<'c>(context: &'c Context<'c>, seen: &mut Observed<'c>) {
    let lists = context.rules.lists();
    let author = &context.comment.author;
    let links = std::mem::take(&mut seen.links);
    for link in &links {
        let place = span(Field::Body, link.origin.clone());
        lists.domain(&link.host, |list, entry| seen.hit(FieldId::LinksHosts, list, entry, Some(place)));
    }
    seen.links = links;
    let whole = |field, text: Option<&str>| text.map(|text| span(field, 0..text.len()));
    let email = author.email.as_ref().map(moderato_domain::Email::as_str);
    let mut author_host = |field, host: Option<&'c str>, place: Option<Span>| {
        let Some(host) = host else { return };
        seen.set(field, Value::Text(host));
        lists.domain(host, |list, entry| seen.hit(field, list, entry, place));
    };
    author_host(
        FieldId::AuthorEmailDomain,
        context.email_domain.as_deref(),
        whole(Field::AuthorEmail, email),
    );
    author_host(
        FieldId::AuthorUrlHost,
        context.url_host.as_deref(),
        whole(Field::AuthorUrl, author.url.as_deref()),
    );
}
