//! Text from outside, shown on a terminal. Comments are hostile: what could move the cursor, hide
//! text or turn its direction is made visible instead, and matched words are marked.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// How matched words are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Reverse video.
    Colour,
    /// `[[` and `]]`.
    Brackets,
}

impl Marks {
    /// Colour on a terminal that wants it, brackets elsewhere.
    pub(crate) fn for_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && std::io::stdout().is_terminal() { Self::Colour } else { Self::Brackets }
    }

    const fn open(self) -> &'static str {
        match self {
            Self::Colour => "\u{1B}[7m",
            Self::Brackets => "[[",
        }
    }

    const fn close(self) -> &'static str {
        match self {
            Self::Colour => "\u{1B}[27m",
            Self::Brackets => "]]",
        }
    }
}

/// The text with everything invisible made visible as `<U+200B>`, on one line.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut out, c);
    }
    out
}

/// The same for longer text: line breaks stay line breaks, each line is indented.
pub(crate) fn visible_lines(text: &str, indent: &str) -> String {
    marked_lines(text, &[], Marks::Brackets, indent)
}

/// The text with the given ranges of bytes marked. Ranges may overlap, reach beyond the end or cut
/// characters: they come from elsewhere too.
pub(crate) fn marked_lines(text: &str, ranges: &[(usize, usize)], marks: Marks, indent: &str) -> String {
    let inside = |at: usize| ranges.iter().any(|(start, end)| (*start..*end).contains(&at));
    let mut out = String::with_capacity(text.len() + indent.len());
    out.push_str(indent);
    let mut marking = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if marking != inside(at) {
            out.push_str(if marking { marks.close() } else { marks.open() });
            marking = !marking;
        }
        let next = chars.peek().map(|(_, next)| *next);
        match c {
            '\r' if next == Some('\n') => {}
            '\n' => {
                // A mark does not run into the indentation.
                if marking {
                    out.push_str(marks.close());
                    marking = false;
                }
                out.push('\n');
                out.push_str(indent);
            }
            '\t' => out.push_str("    "),
            _ => push_visible(&mut out, c),
        }
    }
    if marking {
        out.push_str(marks.close());
    }
    out
}

/// Words of the text that mix Latin letters with look-alikes of other scripts, with the code points
/// of the look-alikes: what an eye cannot see.
pub(crate) fn lookalikes(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(is_lookalike_script))
        .map(|word| {
            let foreign: Vec<String> = word
                .chars()
                .filter(|c| is_lookalike_script(*c))
                .map(|c| format!("{c} U+{:04X}", u32::from(c)))
                .collect();
            format!("{word} ({})", foreign.join(", "))
        })
        .collect()
}

/// Greek, Cyrillic, Armenian, Cherokee, mathematical and full-width letters.
const fn is_lookalike_script(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{58F}' | '\u{13A0}'..='\u{13FF}' | '\u{1D400}'..='\u{1D7FF}' | '\u{FF21}'..='\u{FF5A}')
}

fn push_visible(out: &mut String, c: char) {
    if is_hidden(c) {
        // Writing into a String cannot fail.
        let _ = write!(out, "<U+{:04X}>", u32::from(c));
    } else {
        out.push(c);
    }
}

/// Control characters, direction controls, and characters that take no room.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
        )
}

/// Prints rows in columns as wide as their widest cell.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A number of things: `1 comment`, `2,048 comments`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A number with thousands separated: `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_eye_cannot_see_is_spelled_out() {
        assert_eq!(visible("vi\u{200B}a\u{202E}gra\u{1B}[2J"), "vi<U+200B>a<U+202E>gra<U+001B>[2J");
        assert_eq!(lookalikes("cheap p\u{430}ypal, привет"), ["p\u{430}ypal (\u{430} U+0430)"]);
        // An emoji with its presentation selector, and letters of the world, stay as they are.
        assert_eq!(visible("❤\u{FE0F} größe 日本 नमस्ते"), "❤\u{FE0F} größe 日本 नमस्ते");
    }

    #[test]
    fn matched_words_are_marked_where_they_are() {
        let text = "buy\r\nnow: ä!";
        assert_eq!(
            marked_lines(text, &[(0, 8), (10, 12)], Marks::Brackets, "  "),
            "  [[buy]]\n  [[now]]: [[ä]]!"
        );
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    proptest! {
        #[test]
        fn no_text_reaches_the_terminal_as_a_control(text in any::<String>(), ranges in proptest::collection::vec((0usize..64, 0usize..64), 0..4)) {
            prop_assert!(!visible(&text).chars().any(is_hidden));
            let marked = marked_lines(&text, &ranges, Marks::Brackets, "");
            prop_assert!(!marked.chars().any(|c| c != '\n' && is_hidden(c)));
        }

        #[test]
        fn marks_only_add(text in "[a-z äö\n]{0,40}", ranges in proptest::collection::vec((0usize..48, 0usize..48), 0..4)) {
            let marked = marked_lines(&text, &ranges, Marks::Brackets, "");
            prop_assert_eq!(marked.matches("[[").count(), marked.matches("]]").count());
            prop_assert_eq!(marked.replace("[[", "").replace("]]", ""), text);
        }
    }
}
