//! What somebody typed, as a moderator sees it: with the places that rules matched, and with what was
//! meant to be overlooked made visible.
//!
//! Nothing of it acts: hidden and direction-changing characters become tokens of ordinary letters, and
//! everything reaches the page through the templates' escaping.

use std::collections::BTreeMap;

use moderato_domain::{Field, Reason};
use moderato_engine::latin_look_alike;

/// Marks on one letter that ordinary writing needs; more are shown as a number.
const MARKS_SHOWN: usize = 3;

/// A text to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text {
    /// It, in order.
    pub(crate) runs: Vec<Run>,
    /// What was meant to be overlooked, in words.
    pub(crate) evasions: Vec<String>,
    /// Characters that are not shown.
    pub(crate) left_out: usize,
}

/// A part of a text that the same rules matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Run {
    /// Which rules matched it, for people; empty if none did.
    pub(crate) matched: String,
    /// It, in order.
    pub(crate) parts: Vec<Part>,
}

/// A part of a text of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// What it is.
    pub(crate) kind: Kind,
    /// What is shown.
    pub(crate) text: String,
    /// What it is, in words; empty for ordinary text.
    pub(crate) title: String,
}

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As typed.
    Plain,
    /// In place of a character that cannot be seen.
    Hidden,
    /// In place of a character that turns the direction of writing.
    Turning,
    /// A letter of another script that looks Latin.
    Alike,
}

impl Kind {
    /// The class of its element.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Hidden => "token hidden",
            Self::Turning => "token turning",
            Self::Alike => "alike",
        }
    }
}

impl Text {
    /// A text without matches.
    pub(crate) fn plain(text: &str) -> Self {
        Self::of(text, Field::Body, &[], usize::MAX)
    }

    /// The text of a field with the places that the reasons point at, `limit` characters of it at most.
    pub(crate) fn of(text: &str, field: Field, reasons: &[Reason], limit: usize) -> Self {
        let (shown, left_out) = match text.char_indices().nth(limit) {
            Some((end, _)) => (&text[..end], text[end..].chars().count()),
            None => (text, 0),
        };
        let mut writer = Writer::default();
        for (range, matched) in stretches(shown, field, reasons) {
            writer.begin(matched);
            writer.write(text, range);
        }
        Self { evasions: writer.evasions(), runs: writer.runs, left_out }
    }

    /// Without the marks, for names of controls.
    pub(crate) fn words(&self) -> String {
        self.runs.iter().flat_map(|run| &run.parts).map(|part| part.text.as_str()).collect()
    }
}

/// The text cut where matches begin and end.
fn stretches(text: &str, field: Field, reasons: &[Reason]) -> Vec<(std::ops::Range<usize>, String)> {
    let mut edges: BTreeMap<usize, Vec<(usize, bool)>> = BTreeMap::new();
    for (number, reason) in reasons.iter().enumerate() {
        for span in reason.spans.iter().filter(|span| span.field == field) {
            let (start, end) = (span.start as usize, (span.end as usize).min(text.len()));
            // A stored span lies on boundaries of the text it was made for; this may be another one.
            if start < end && text.is_char_boundary(start) && text.is_char_boundary(end) {
                edges.entry(start).or_default().push((number, true));
                edges.entry(end).or_default().push((number, false));
            }
        }
    }
    let mut stretches = Vec::new();
    let mut open = vec![0_usize; reasons.len()];
    let mut at = 0;
    let names = |open: &[usize]| -> String {
        let matched = reasons.iter().zip(open).filter(|(_, open)| **open > 0);
        let names: Vec<String> =
            matched.map(|(reason, _)| format!("{} ({})", reason.rule, reason.category)).collect();
        names.join(", ")
    };
    for (place, changes) in edges {
        if at < place {
            stretches.push((at..place, names(&open)));
        }
        for (number, begins) in changes {
            open[number] = if begins { open[number] + 1 } else { open[number] - 1 };
        }
        at = place;
    }
    if at < text.len() {
        stretches.push((at..text.len(), String::new()));
    }
    stretches
}

#[derive(Default)]
struct Writer {
    runs: Vec<Run>,
    hidden: usize,
    turning: usize,
    alike: usize,
    stacked: usize,
    /// Marks on the last letter so far.
    marks: usize,
    /// Where the word at hand ends, and whether it has Latin letters.
    word: (usize, bool),
}

impl Writer {
    fn begin(&mut self, matched: String) {
        self.runs.push(Run { matched, parts: Vec::new() });
    }

    fn write(&mut self, text: &str, range: std::ops::Range<usize>) {
        let mut before = text[..range.start].chars().next_back();
        for (offset, ch) in text[range.clone()].char_indices() {
            let at = range.start + offset;
            if ch.is_ascii() && (!ch.is_ascii_control() || matches!(ch, '\n' | '\t')) {
                self.marks = 0;
                self.push(Kind::Plain, ch, String::new());
            } else {
                self.write_odd(text, at, before, ch);
            }
            before = Some(ch);
        }
    }

    fn write_odd(&mut self, text: &str, at: usize, before: Option<char>, ch: char) {
        if ch == '\r' {
            return;
        }
        if let Some((kind, short, name)) = token(ch) {
            let after = text[at + ch.len_utf8()..].chars().next();
            if matches!(ch, '\u{200C}' | '\u{200D}') && joins_rightly(before, after) {
                self.push(Kind::Plain, ch, String::new());
                return;
            }
            match kind {
                Kind::Turning => self.turning += 1,
                _ => self.hidden += 1,
            }
            let title = format!("{name} (U+{:04X}), cannot be seen by readers", u32::from(ch));
            self.push_str(kind, short, title);
        } else if is_mark(ch) {
            self.marks += 1;
            if self.marks <= MARKS_SHOWN {
                self.push(Kind::Plain, ch, String::new());
            } else if self.marks == MARKS_SHOWN + 1 {
                self.stacked += 1;
            }
        } else if let Some(latin) = latin_look_alike(ch).filter(|_| self.in_latin_word(text, at)) {
            self.marks = 0;
            self.alike += 1;
            let title = format!("not the Latin letter {latin}: U+{:04X}", u32::from(ch));
            self.push(Kind::Alike, ch, title);
        } else {
            self.marks = 0;
            self.push(Kind::Plain, ch, String::new());
        }
    }

    /// Whether the word around a place has Latin letters, or is part of a match: then a letter that
    /// looks Latin is there to be taken for it.
    fn in_latin_word(&mut self, text: &str, at: usize) -> bool {
        if self.runs.last().is_some_and(|run| !run.matched.is_empty()) {
            return true;
        }
        let in_word = |ch: char| ch.is_alphanumeric() || is_mark(ch);
        if at >= self.word.0 {
            let start = text[..at].char_indices().rev().take_while(|(_, ch)| in_word(*ch)).last();
            let start = start.map_or(at, |(start, _)| start);
            let length: usize = text[start..].chars().take_while(|ch| in_word(*ch)).map(char::len_utf8).sum();
            let word = &text[start..start + length];
            self.word = (start + length, word.chars().any(|ch| ch.is_ascii_alphabetic()));
        }
        self.word.1
    }

    fn push(&mut self, kind: Kind, ch: char, title: String) {
        self.push_str(kind, ch.encode_utf8(&mut [0; 4]), title);
    }

    fn push_str(&mut self, kind: Kind, text: &str, title: String) {
        let Some(run) = self.runs.last_mut() else { return };
        match run.parts.last_mut() {
            Some(part) if part.kind == Kind::Plain && kind == Kind::Plain => part.text.push_str(text),
            _ => run.parts.push(Part { kind, text: text.to_owned(), title }),
        }
    }

    fn evasions(&self) -> Vec<String> {
        let counted = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        [
            counted(self.hidden, "hidden character", "hidden characters"),
            counted(self.turning, "change of direction", "changes of direction"),
            counted(self.alike, "look-alike letter", "look-alike letters"),
            counted(self.stacked, "letter under a stack of marks", "letters under stacks of marks"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Joiners are part of emoji and of scripts that join letters.
fn joins_rightly(before: Option<char>, after: Option<char>) -> bool {
    let foreign = |ch: Option<char>| {
        ch.is_some_and(|ch| ch > '\u{5FF}' && token(ch).is_none_or(|(kind, ..)| kind != Kind::Turning))
    };
    foreign(before) && foreign(after)
}

fn is_mark(ch: char) -> bool {
    matches!(ch, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// What stands for a character that cannot be seen.
fn token(ch: char) -> Option<(Kind, &'static str, &'static str)> {
    use Kind::{Hidden, Turning};
    Some(match ch {
        '\u{200B}' => (Hidden, "ZWSP", "zero-width space"),
        '\u{200C}' => (Hidden, "ZWNJ", "zero-width non-joiner"),
        '\u{200D}' => (Hidden, "ZWJ", "zero-width joiner"),
        '\u{2060}' => (Hidden, "WJ", "word joiner"),
        '\u{FEFF}' => (Hidden, "BOM", "zero-width no-break space"),
        '\u{AD}' => (Hidden, "SHY", "soft hyphen"),
        '\u{34F}' => (Hidden, "CGJ", "combining grapheme joiner"),
        '\u{180B}'..='\u{180E}' => (Hidden, "MVS", "Mongolian separator"),
        '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' => (Hidden, "HF", "Hangul filler"),
        '\u{17B4}' | '\u{17B5}' => (Hidden, "KIV", "Khmer inherent vowel"),
        '\u{2800}' => (Hidden, "BLANK", "blank Braille pattern"),
        '\u{2061}'..='\u{2065}' | '\u{206A}'..='\u{206F}' => (Hidden, "INV", "invisible character"),
        '\u{E0000}'..='\u{E0FFF}' => (Hidden, "TAG", "invisible tag character"),
        '\u{FFF9}'..='\u{FFFB}' => (Hidden, "ANN", "annotation character"),
        '\u{61C}' => (Turning, "ALM", "Arabic letter mark"),
        '\u{200E}' => (Turning, "LRM", "left-to-right mark"),
        '\u{200F}' => (Turning, "RLM", "right-to-left mark"),
        '\u{202A}' => (Turning, "LRE", "left-to-right embedding"),
        '\u{202B}' => (Turning, "RLE", "right-to-left embedding"),
        '\u{202C}' => (Turning, "PDF", "end of a change of direction"),
        '\u{202D}' => (Turning, "LRO", "left-to-right override"),
        '\u{202E}' => (Turning, "RLO", "right-to-left override"),
        '\u{2066}' => (Turning, "LRI", "left-to-right isolate"),
        '\u{2067}' => (Turning, "RLI", "right-to-left isolate"),
        '\u{2068}' => (Turning, "FSI", "first strong isolate"),
        '\u{2069}' => (Turning, "PDI", "end of an isolate"),
        ch if ch.is_control() => (Hidden, "CTRL", "control character"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use moderato_domain::{Score, Span};

    use super::*;

    fn reason(rule: &str, spans: &[(u32, u32)]) -> Reason {
        Reason {
            rule: rule.to_owned(),
            category: "spam".to_owned(),
            guideline: None,
            score: Score::new(1.0),
            action: None,
            message: String::new(),
            note: String::new(),
            spans: spans
                .iter()
                .map(|(start, end)| Span { field: Field::Body, start: *start, end: *end })
                .collect(),
        }
    }

    #[test]
    fn matches_are_marked_where_they_stand_also_where_they_overlap() {
        let reasons = [reason("a", &[(4, 10)]), reason("b", &[(8, 13)])];
        let text = Text::of("Buy cheap pills!", Field::Body, &reasons, 100);
        let runs: Vec<(String, &str)> =
            text.runs.iter().map(|run| (run.parts[0].text.clone(), run.matched.as_str())).collect();
        assert_eq!(
            runs,
            [
                ("Buy ".to_owned(), ""),
                ("chea".to_owned(), "a (spam)"),
                ("p ".to_owned(), "a (spam), b (spam)"),
                ("pil".to_owned(), "b (spam)"),
                ("ls!".to_owned(), ""),
            ]
        );
    }

    #[test]
    fn spans_of_another_text_do_no_harm() {
        let reasons = [reason("a", &[(1, 3), (0, 900), (5, 2)])];
        assert_eq!(Text::of("äöü", Field::Body, &reasons, 100).words(), "äöü");
        assert_eq!(Text::of("äöü", Field::AuthorName, &reasons, 100).runs.len(), 1);
    }

    #[test]
    fn what_cannot_be_seen_becomes_a_token() {
        let text = Text::plain("fr\u{200B}ee \u{202E}txt\u{202C} c\u{430}sino");
        assert_eq!(text.words(), "frZWSPee RLOtxtPDF c\u{430}sino");
        assert_eq!(text.evasions, ["1 hidden character", "2 changes of direction", "1 look-alike letter"]);
        let kinds: Vec<Kind> = text.runs[0].parts.iter().map(|part| part.kind).collect();
        assert!(
            kinds.contains(&Kind::Hidden) && kinds.contains(&Kind::Turning) && kinds.contains(&Kind::Alike)
        );
    }

    #[test]
    fn ordinary_writing_of_any_script_is_left_alone() {
        for ordinary in [
            "привет всем",
            "می\u{200C}خواهم",
            "👩\u{200D}🚀 \u{2764}\u{FE0F}",
            "e\u{301}te\u{301}",
            "שלום",
            "日本語",
            "a\r\nb",
        ] {
            let text = Text::plain(ordinary);
            assert_eq!(text.words(), ordinary.replace('\r', ""));
            assert!(text.evasions.is_empty(), "{ordinary}: {:?}", text.evasions);
        }
    }

    #[test]
    fn stacks_of_marks_are_cut_and_long_texts_end_where_asked() {
        let text = Text::plain(&format!("a{}", "\u{301}".repeat(500)));
        assert_eq!(text.words().chars().count(), 1 + MARKS_SHOWN);
        assert_eq!(text.evasions, ["1 letter under a stack of marks"]);
        let cut = Text::of(&"ä".repeat(50), Field::Body, &[reason("a", &[(0, 100)])], 20);
        assert_eq!((cut.words().chars().count(), cut.left_out), (20, 30));
    }
}
