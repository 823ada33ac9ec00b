//! Author's names that are no names: addresses, phone numbers, mixed scripts.

use moderato_domain::Field;

use super::{Analyzer, Context, Observed, Value, characters, contacts, links};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::Views;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::AuthorNameIsContact, FieldId::AuthorNameMixed]),
    needs: FieldSet::of(&[]),
    run: |context, seen| look(context, seen),
};

fn look(context: &Context<'_>, seen: &mut Observed<'_>) {
    let name = &context.comment.author.display_name;
    let views = Views::of(name);
    let text = views.folded();
    let contact = links::has_address(text) || contacts::has_contact(text);
    let mixed = characters::mixed_words_in(text).next().is_some();
    for (field, found) in [(FieldId::AuthorNameIsContact, contact), (FieldId::AuthorNameMixed, mixed)] {
        seen.set(field, Value::Flag(found));
        if found {
            seen.seen_at(field, Field::AuthorName, 0..name.len());
        }
    }
}
