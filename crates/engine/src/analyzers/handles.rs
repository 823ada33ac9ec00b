//! People and subjects that are called by a sign: `@name`, `#subject`.

use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::in_word;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::MentionsCount, FieldId::HashtagsCount]),
    needs: FieldSet::of(&[]),
    run: |context, seen| find(context, seen),
};

/// Longest name of a handle that is looked at, in bytes.
const HANDLE_MAX: usize = 64;

fn find(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.folded();
    for (sign, field) in [('@', FieldId::MentionsCount), ('#', FieldId::HashtagsCount)] {
        let mut count = 0;
        for (at, _) in text.match_indices(sign) {
            let length = handle_length(text, at, sign);
            if length > 0 {
                count += 1;
                seen.seen_at(field, Field::Body, context.body.folded_origin(at..at + 1 + length));
            }
        }
        seen.set_count(field, count);
    }
}

/// How many bytes of a name follow a sign that stands at the beginning of a word; 0: it calls nobody. A
/// number is no subject: `#1`.
fn handle_length(text: &str, at: usize, sign: char) -> usize {
    let before = text[..at].chars().next_back().unwrap_or(' ');
    if in_word(before) || matches!(before, '@' | '#' | '/' | '&' | '.' | '-' | '_' | '=' | '?') {
        return 0;
    }
    let rest = &text[at + 1..];
    let name = rest.char_indices().take(HANDLE_MAX).take_while(|(_, ch)| in_word(*ch) || *ch == '_');
    let length = name.last().map_or(0, |(at, ch)| at + ch.len_utf8());
    let is_name = rest[..length].chars().nth(1).is_some()
        && (sign == '@' || rest[..length].chars().any(|ch| !ch.is_ascii_digit() && ch != '_'));
    if is_name { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_call_only_at_the_beginning_of_a_word() {
        let calls = |text: &str, sign| {
            text.match_indices(sign).filter(|(at, _)| handle_length(text, *at, sign) > 0).count()
        };
        assert_eq!(calls("@kim and (@ann_2) said: hi @all", '@'), 3);
        assert_eq!(calls("kim@mail.example.com @ 5 @@x a@b", '@'), 0);
        assert_eq!(calls("#fun #größe #1 c# http://a.example/#top &#x41;", '#'), 2);
    }
}
