//! Looks up people by their addresses, and by what stands in for addresses that are not kept.

use moderato_domain::{AddressHit, AddressKind, Author, Comment, Email, Field, ListedAddresses, Timestamp};

use super::lists::{hit, whole};
use super::{Context, Observed, SPANS_MAX};
use crate::rules::CompiledRuleSet;
use crate::rules::lists::EntryId;
use crate::rules::schema::FieldId;

/// Looks up the address that the author wrote from.
pub(super) fn clients(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    if let Some(listed) = stand_in(context) {
        repeat(AddressKind::Ip, field, listed, context, seen);
    } else if let Some(address) = context.comment.client.ip {
        context.rules.lists().address(address, |entry| hit(field, entry, context, seen, || None));
    }
}

/// Looks up the author by name, the platform's id and mail address.
pub(super) fn authors(field: FieldId, context: &Context<'_>, seen: &mut Observed<'_>) {
    let author = &context.comment.author;
    let listed = stand_in(context);
    context.rules.lists().author(author, |entry, by| match by {
        Field::AuthorEmail if listed.is_some() => {}
        Field::AuthorEmail => hit(field, entry, context, seen, || mail(author)),
        _ => {
            let name = Some(author.display_name.as_str()).filter(|name| !name.is_empty());
            hit(field, entry, context, seen, || whole(by, name));
        }
    });
    if let Some(listed) = listed {
        repeat(AddressKind::Mail, field, listed, context, seen);
    }
}

/// What the lists of these rules say about the comment's addresses, to be kept instead of them. `None`:
/// nothing, or no rule asks.
pub fn listed_addresses(
    rules: &CompiledRuleSet,
    comment: &Comment,
    now: Timestamp,
) -> Option<ListedAddresses> {
    let lists = rules.lists();
    let mut hits: Vec<AddressHit> = Vec::new();
    let mut note = |of: AddressKind, id: EntryId, span| {
        let entry = lists.entry(id);
        if !entry.is_in_force(now) {
            return;
        }
        let list = lists.name(entry.list);
        match hits.iter_mut().find(|hit| hit.of == of && hit.list == list) {
            // More are never asked for.
            Some(hit) => hit.entries = hit.entries.saturating_add(1).min(SPANS_MAX as u8),
            None => hits.push(AddressHit { of, list: list.to_owned(), entries: 1, span }),
        }
    };
    if rules.looked_up().contains(&FieldId::ClientIp)
        && let Some(address) = comment.client.ip
    {
        lists.address(address, |entry| note(AddressKind::Ip, entry, None));
    }
    if rules.looked_up().contains(&FieldId::Author) {
        lists.author(&comment.author, |entry, by| {
            if by == Field::AuthorEmail {
                note(AddressKind::Mail, entry, mail(&comment.author));
            }
        });
    }
    (!hits.is_empty()).then(|| ListedAddresses { rule_set: rules.version().clone(), hits })
}

/// What is known instead of the addresses, if it is about these rules' lists.
fn stand_in<'c>(context: &Context<'c>) -> Option<&'c ListedAddresses> {
    context.facts.listed.as_ref().filter(|listed| listed.rule_set == *context.rules.version())
}

fn repeat(
    kind: AddressKind,
    field: FieldId,
    listed: &ListedAddresses,
    context: &Context<'_>,
    seen: &mut Observed<'_>,
) {
    for hit in listed.hits.iter().filter(|hit| hit.of == kind) {
        if let Some(list) = context.rules.lists().named(&hit.list) {
            seen.hit_unnamed(field, list, usize::from(hit.entries), hit.span);
        }
    }
}

fn mail(author: &Author) -> Option<moderato_domain::Span> {
    whole(Field::AuthorEmail, author.email.as_ref().map(Email::as_str))
}
