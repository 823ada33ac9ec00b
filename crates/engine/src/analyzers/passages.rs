//! Parts of the body that are said differently: quoted, said to somebody, asked.
//!
//! A slur in quotation marks may be a report of one; the same word in a sentence with *you* is rarely a
//! report. Rules tell them apart by asking lists of `body.unquoted` and `body.addressed`.

use std::ops::Range;

use memchr::{memchr, memmem};
use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::words::for_each_word;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::BodyUnquoted,
        FieldId::BodyAddressed,
        FieldId::QuotesShare,
        FieldId::AddressSecondPerson,
        FieldId::QuestionsShare,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| part(context, seen),
};

/// Longest text between quotation marks, in bytes: beyond it a mark is more likely one that was left open.
const QUOTED_MAX: usize = 1_000;

/// Where the body is quoted, and where it speaks to somebody; in order, apart from each other.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    quoted: Vec<Range<usize>>,
    addressed: Vec<Range<usize>>,
}

impl Passages {
    /// Whether a field that is a part of the body has this range of it.
    pub(crate) fn has(&self, field: FieldId, range: &Range<usize>) -> bool {
        match field {
            FieldId::BodyUnquoted => !is_inside(&self.quoted, range),
            FieldId::BodyAddressed => is_inside(&self.addressed, range),
            _ => true,
        }
    }
}

fn is_inside(passages: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = passages.partition_point(|passage| passage.end <= range.start);
    passages.get(next).is_some_and(|passage| passage.start <= range.start && range.end <= passage.end)
}

fn part(context: &Context<'_>, seen: &mut Observed<'_>) {
    let body = context.body.raw();
    let used = context.rules.used();
    if used.contains(FieldId::BodyUnquoted) || used.contains(FieldId::QuotesShare) {
        seen.passages.quoted = quoted(body);
        let inside = seen.passages.quoted.iter().map(Range::len).sum();
        seen.set_share(FieldId::QuotesShare, inside, body.len());
        for passage in seen.passages.quoted.clone() {
            seen.seen_at(FieldId::QuotesShare, Field::Body, passage);
        }
    }
    let wants_sentences = [FieldId::BodyAddressed, FieldId::AddressSecondPerson, FieldId::QuestionsShare];
    if wants_sentences.into_iter().any(|field| used.contains(field)) {
        sentences(body, seen);
    }
}

fn sentences(body: &str, seen: &mut Observed<'_>) {
    let (mut all, mut questions, mut addresses) = (0, 0, 0);
    let mut start = 0;
    while start < body.len() {
        let end = sentence_end(body, start);
        let sentence = &body[start..end];
        let mut words = 0;
        let mut to_somebody = 0;
        for_each_word(sentence, |word| {
            words += 1;
            to_somebody += usize::from(is_second_person(&sentence[word]));
        });
        if words > 0 {
            all += 1;
            questions += usize::from(sentence.trim_end().ends_with(['?', '？', '؟']));
        }
        if to_somebody > 0 {
            addresses += to_somebody;
            seen.seen_at(FieldId::AddressSecondPerson, Field::Body, start..end);
            seen.passages.addressed.push(start..end);
        }
        start = end;
    }
    seen.set_count(FieldId::AddressSecondPerson, addresses);
    seen.set_share(FieldId::QuestionsShare, questions, all);
}

/// Where the sentence ends that begins at `start`: behind its marks, at a line's end, or at the text's.
fn sentence_end(body: &str, start: usize) -> usize {
    let is_mark = |ch: char| matches!(ch, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '।');
    let mut marked = false;
    for (offset, ch) in body[start..].char_indices() {
        let ends = match ch {
            '\n' => return start + offset + 1,
            _ if is_mark(ch) => {
                marked = true;
                false
            }
            // "node.js" and "3.14" go on; "Really?!" is one.
            _ => marked && ch.is_whitespace(),
        };
        if ends {
            return start + offset;
        }
        marked &= is_mark(ch) || matches!(ch, '"' | '”' | '»' | ')' | '\'');
    }
    body.len()
}

/// Whether a word is said to somebody: pronouns of the second person in the larger languages of Latin
/// and Cyrillic letters. Those that mean something else as often (Italian *ti*, Polish *ci*) are left out.
fn is_second_person(word: &str) -> bool {
    /// The longest of the words, in bytes.
    const WORD_MAX: usize = 14;
    if word.len() > WORD_MAX {
        return false;
    }
    let mut ascii = [0; WORD_MAX];
    let lower;
    let word = if word.is_ascii() {
        let copy = &mut ascii[..word.len()];
        copy.copy_from_slice(word.as_bytes());
        copy.make_ascii_lowercase();
        std::str::from_utf8(copy).unwrap_or_default()
    } else {
        lower = word.to_lowercase();
        &lower
    };
    matches!(
        word,
        // English
        "you" | "your" | "yours" | "yourself" | "yourselves" | "u" | "ur" | "ya" | "yall" | "y'all" | "you're"
        | "youre" | "you've" | "you'll" | "you'd" | "thou" | "thee"
        // German
        | "du" | "dich" | "dir" | "dein" | "deine" | "deinen" | "deiner" | "deinem" | "euch" | "euer" | "eure"
        // French
        | "tu" | "toi" | "ton" | "vous" | "votre" | "vos"
        // Spanish, Portuguese, Italian
        | "tú" | "usted" | "ustedes" | "tus" | "você" | "voce" | "vocês" | "vc" | "tuo" | "tua" | "voi" | "vostro"
        // Dutch
        | "jij" | "jou" | "jouw" | "jullie"
        // Polish, Turkish, Indonesian
        | "ciebie" | "tobie" | "twój" | "twoja" | "jesteś" | "sen" | "seni" | "sana" | "senin" | "siz" | "kamu" | "anda" | "kau"
        // Russian, Ukrainian
        | "ты" | "тебя" | "тебе" | "тобой" | "твой" | "твоя" | "вы" | "вас" | "вам" | "вами" | "ваш" | "ваша" | "ти" | "твій"
    )
}

/// The quoted parts of a text: lines behind `>`, quotations in HTML and BBCode, and what stands between
/// quotation marks.
fn quoted(body: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in body.split_inclusive('\n') {
        let text = line.trim_start();
        if text.starts_with('>') || text.starts_with("&gt;") {
            found.push(start..start + line.len());
        } else {
            marks_in_line(line, start, &mut found);
        }
        start += line.len();
    }
    for (open, close) in [("<blockquote", "</blockquote>"), ("<q>", "</q>"), ("[quote", "[/quote]")] {
        elements(body, open, close, &mut found);
    }
    found.sort_unstable_by_key(|range| (range.start, range.end));
    // What overlaps is one passage.
    found.dedup_by(|later, earlier| {
        let overlaps = later.start <= earlier.end;
        if overlaps {
            earlier.end = earlier.end.max(later.end);
        }
        overlaps
    });
    found
}

/// What stands between quotation marks of one kind, within a line.
fn marks_in_line(line: &str, start: usize, found: &mut Vec<Range<usize>>) {
    let mut open: Option<(usize, char)> = None;
    let mut before = ' ';
    for (at, ch) in line.char_indices() {
        if let Some((from, close)) = open {
            let closes = ch == close || (close == '“' && ch == '”');
            if closes && at - from <= QUOTED_MAX {
                found.push(start + from..start + at + ch.len_utf8());
            }
            if closes || at - from > QUOTED_MAX {
                open = None;
            }
        } else {
            open = match ch {
                // An attribute's value is no quotation, and 5" is a length.
                '"' if !before.is_alphanumeric() && before != '=' => Some('"'),
                '“' => Some('”'),
                '„' => Some('“'),
                '«' => Some('»'),
                '「' => Some('」'),
                _ => None,
            }
            .map(|close| (at, close));
        }
        before = ch;
    }
}

/// Elements from their opening to their closing tag, or to the end of the text.
fn elements(body: &str, open: &str, close: &str, found: &mut Vec<Range<usize>>) {
    let bytes = body.as_bytes();
    if memchr(open.as_bytes()[0], bytes).is_none() {
        return;
    }
    let mut from = 0;
    while let Some(at) = memmem::find(&bytes[from..], open.as_bytes()) {
        let start = from + at;
        from = memmem::find(&bytes[start..], close.as_bytes())
            .map_or(body.len(), |end| start + end + close.len());
        found.push(start..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_found_however_they_are_marked() {
        for (body, expected) in [
            ("He said \"you fool\" to me", "\"you fool\""),
            ("> all of this\nnot this", "> all of this\n"),
            ("Er sagte „so ist es“ und ging", "„so ist es“"),
            ("un « mot » ici", "« mot »"),
            ("<blockquote>theirs</blockquote> mine", "<blockquote>theirs</blockquote>"),
            ("[quote=Kim]theirs \"too\"[/quote] mine", "[quote=Kim]theirs \"too\"[/quote]"),
        ] {
            let found = quoted(body);
            assert_eq!(found.iter().map(|range| &body[range.clone()]).collect::<Vec<_>>(), [expected]);
        }
        for body in ["a 5\" pipe and a 6\" one", "<a href=\"x\">y</a>", "a > b", "\"never closed"] {
            assert!(quoted(body).is_empty(), "{body}");
        }
    }

    #[test]
    fn sentences_end_at_their_marks() {
        let split = |body: &str| {
            let mut ends = vec![sentence_end(body, 0)];
            while ends[ends.len() - 1] < body.len() {
                ends.push(sentence_end(body, ends[ends.len() - 1]));
            }
            ends.len()
        };
        assert_eq!(split("node.js is 3.14 good"), 1);
        assert_eq!(split("Really?! Yes. “No.” Why\nso"), 5);
    }
}
