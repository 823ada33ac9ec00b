//! The plain view: HTML tags and BBCode stripped, entities decoded.

use memchr::{memchr, memchr3, memmem};

use super::map::{ByteMap, MappedWriter};

/// Tags that end a line or a cell: a space takes their place. Other tags vanish, so that
/// `cas<b></b>ino` reads as a reader sees it.
const SEPARATING_TAGS: [&str; 18] = [
    "br",
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "td",
    "th",
    "tr",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
];

/// The names of BBCode that only change how text looks or where it leads.
const CODES: [&str; 14] =
    ["b", "i", "u", "s", "url", "img", "size", "color", "font", "center", "quote", "code", "list", "email"];

/// Named entities that hide text from a reader of the source. The rest of HTML's 2,231 stay as typed.
const ENTITIES: [(&str, &str); 35] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("shy", ""),
    ("period", "."),
    ("commat", "@"),
    ("colon", ":"),
    ("sol", "/"),
    ("hellip", "…"),
    ("mdash", "—"),
    ("ndash", "–"),
    ("rsquo", "’"),
    ("lsquo", "‘"),
    ("NewLine", "\n"),
    ("Tab", "\t"),
    ("ensp", " "),
    ("emsp", " "),
    ("thinsp", " "),
    ("zwnj", ""),
    ("zwj", ""),
    ("lrm", ""),
    ("rlm", ""),
    ("ZeroWidthSpace", ""),
    ("NoBreak", ""),
    ("excl", "!"),
    ("num", "#"),
    ("dollar", "$"),
    ("ast", "*"),
    ("lowbar", "_"),
    ("vert", "|"),
    ("szlig", "ß"),
    ("inodot", "ı"),
];

/// What follows a letter in the name of a letter with an accent (`&eacute;`), and the mark it is.
const ACCENTS: [(&str, &str); 8] = [
    ("acute", "\u{301}"),
    ("grave", "\u{300}"),
    ("circ", "\u{302}"),
    ("uml", "\u{308}"),
    ("tilde", "\u{303}"),
    ("ring", "\u{30A}"),
    ("cedil", "\u{327}"),
    ("caron", "\u{30C}"),
];

/// The longest entity that is looked for, in bytes: the names above fit, and numbers with zeros before
/// them.
const ENTITY_MAX: usize = 32;
/// The longest tag of BBCode, in bytes: one with an address.
const CODE_MAX: usize = 300;

/// The text as a reader sees it; `None` if it has no markup at all.
pub(crate) fn strip(raw: &str) -> Option<(String, ByteMap)> {
    let bytes = raw.as_bytes();
    let first = memchr3(b'<', b'&', b'[', bytes)?;
    let mut out = MappedWriter::with_capacity(raw.len());
    let mut found = false;
    let mut copied = 0;
    let mut next = Some(first);
    // Once no end is left, no later tag can have one: keeps "<a<a<a" and "<!--<!--" linear.
    let mut tags_left = true;
    let mut comments_left = true;
    while let Some(at) = next {
        let piece = match bytes[at] {
            b'&' => entity(&raw[at..]),
            b'[' => code(&raw[at..]),
            _ if comments_left && bytes[at..].starts_with(b"<!--") => {
                let close = memmem::find(&bytes[at..], b"-->");
                comments_left = close.is_some();
                close.map(|length| (Piece::Fixed(""), length + 3))
            }
            _ if tags_left && opens_tag(&bytes[at + 1..]) => {
                let close = memchr(b'>', &bytes[at..]);
                tags_left = close.is_some();
                close.map(|length| (tag_text(&raw[at + 1..at + length]), length + 1))
            }
            _ => None,
        };
        let after = if let Some((replacement, length)) = piece {
            found = true;
            out.same(&raw[copied..at], copied);
            out.atom(replacement.as_str(), at..at + length);
            copied = at + length;
            copied
        } else {
            at + 1
        };
        next = memchr3(b'<', b'&', b'[', &bytes[after..]).map(|more| after + more);
    }
    if !found {
        return None;
    }
    out.same(&raw[copied..], copied);
    Some(out.finish())
}

/// What stands for a piece of markup.
enum Piece {
    Fixed(&'static str),
    Chars([u8; 4], usize),
}

impl Piece {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Chars(bytes, length) => std::str::from_utf8(&bytes[..*length]).unwrap_or_default(),
        }
    }
}

fn opens_tag(after: &[u8]) -> bool {
    after.first().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!'))
}

fn tag_text(inside: &str) -> Piece {
    let name = inside.trim_start_matches('/');
    let end = name.find(|ch: char| !ch.is_ascii_alphanumeric()).unwrap_or(name.len());
    let separates = SEPARATING_TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(&name[..end]));
    Piece::Fixed(if separates { " " } else { "" })
}

/// The tag of BBCode at the start of `text`, which starts with `[`, and its length: `[b]`, `[/url]`,
/// `[size=7]`.
fn code(text: &str) -> Option<(Piece, usize)> {
    let name = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let length = name.bytes().take(8).take_while(u8::is_ascii_alphabetic).count();
    if !CODES.iter().any(|code| code.eq_ignore_ascii_case(&name[..length])) {
        return None;
    }
    let rest = &name.as_bytes()[length..name.len().min(CODE_MAX)];
    let end = match rest.first()? {
        b']' => 0,
        b'=' => memchr(b']', rest)?,
        _ => return None,
    };
    Some((Piece::Fixed(""), text.len() - name.len() + length + end + 1))
}

/// The entity at the start of `text`, which starts with `&`, and its length.
fn entity(text: &str) -> Option<(Piece, usize)> {
    let window = &text.as_bytes()[..text.len().min(ENTITY_MAX)];
    if let Some(number) = window.strip_prefix(b"&#") {
        return numeric(number).map(|(piece, length)| (piece, length + 2));
    }
    let end = memchr(b';', window)?;
    let name = text.get(1..end)?;
    let piece = match ENTITIES.iter().find(|(known, _)| *known == name) {
        Some((_, replacement)) => Piece::Fixed(replacement),
        None => accented(name)?,
    };
    Some((piece, end + 1))
}

/// A character by its number, as browsers take it: also without the semicolon.
fn numeric(number: &[u8]) -> Option<(Piece, usize)> {
    let (digits, radix) = match number.strip_prefix(b"x").or_else(|| number.strip_prefix(b"X")) {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let length = digits.iter().take_while(|digit| char::from(**digit).is_digit(radix)).count();
    let code = u32::from_str_radix(std::str::from_utf8(&digits[..length]).ok()?, radix).ok()?;
    let ch = char::from_u32(code).filter(|ch| *ch != '\0')?;
    let mut bytes = [0; 4];
    let width = ch.encode_utf8(&mut bytes).len();
    let semicolon = usize::from(digits.get(length) == Some(&b';'));
    Some((Piece::Chars(bytes, width), number.len() - digits.len() + length + semicolon))
}

/// A letter with its accent as a mark behind it.
fn accented(name: &str) -> Option<Piece> {
    let letter = *name.as_bytes().first().filter(|byte| byte.is_ascii_alphabetic())?;
    let (_, mark) = ACCENTS.iter().find(|(accent, _)| *accent == &name[1..])?;
    let mut bytes = [letter, 0, 0, 0];
    bytes[1..=mark.len()].copy_from_slice(mark.as_bytes());
    Some(Piece::Chars(bytes, 1 + mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(raw: &str) -> String {
        strip(raw).map_or_else(|| raw.to_owned(), |(text, _)| text)
    }

    #[test]
    fn readers_see_no_tags_and_no_entities() {
        assert_eq!(plain("cas<b></b>ino &amp; bar"), "casino & bar");
        assert_eq!(plain("one<br/>two</P>three"), "one two three");
        assert_eq!(plain("&#118;iagr&#x61;"), "viagra");
        assert_eq!(plain("<!-- hidden -->seen<!-- a > b -->"), "seen");
        assert_eq!(plain("&#118iagra, caf&eacute;, &#x000000000076;"), "viagra, cafe\u{301}, v");
        assert_eq!(plain("[b]bold[/B] [url=http://a.example]here[/url]"), "bold here");
    }

    #[test]
    fn what_only_looks_like_markup_stays() {
        for text in [
            "I <3 you",
            "a < b > c",
            "AT&T; R&D",
            "x <b y",
            "&#0;",
            "a[b",
            "[1] [i, j] [be]",
            "&#99999999;",
            "&unknown;",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_stripped_range_maps_back_without_the_tags_around_it() {
        let raw = "a <b>casino</b>!";
        let (text, map) = strip(raw).unwrap();
        let at = text.find("casino").unwrap();
        assert_eq!(&raw[map.source(at..at + 6)], "casino");
    }
}
