//! The plain view: HTML tags stripped, entities decoded.

use memchr::{memchr, memchr2};

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

/// Named entities that hide text from a reader of the source. The rest of HTML's 2,231 stay as typed.
const ENTITIES: [(&str, &str); 17] = [
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
];

/// The longest entity that is looked for, in bytes: `&#x0010FFFF;` and the names above fit.
const ENTITY_MAX: usize = 12;

/// The text as a reader sees it; `None` if it has no markup at all.
pub(crate) fn strip(raw: &str) -> Option<(String, ByteMap)> {
    let bytes = raw.as_bytes();
    let first = memchr2(b'<', b'&', bytes)?;
    let mut out = MappedWriter::with_capacity(raw.len());
    let mut found = false;
    let mut copied = 0;
    let mut next = Some(first);
    // Once no '>' is left, no later '<' can open a tag: keeps "<a<a<a" linear.
    let mut tags_left = true;
    while let Some(at) = next {
        let piece = if bytes[at] == b'&' {
            entity(&raw[at..])
        } else if tags_left && opens_tag(&bytes[at + 1..]) {
            let close = memchr(b'>', &bytes[at..]);
            tags_left = close.is_some();
            close.map(|length| (tag_text(&raw[at + 1..at + length]), length + 1))
        } else {
            None
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
        next = memchr2(b'<', b'&', &bytes[after..]).map(|more| after + more);
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
    Char([u8; 4], usize),
}

impl Piece {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Char(bytes, length) => std::str::from_utf8(&bytes[..*length]).unwrap_or_default(),
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

/// The entity at the start of `text`, which starts with `&`, and its length.
fn entity(text: &str) -> Option<(Piece, usize)> {
    let window = &text.as_bytes()[..text.len().min(ENTITY_MAX)];
    let end = memchr(b';', window)?;
    let name = text.get(1..end)?;
    let piece = if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        let ch = char::from_u32(code.ok()?).filter(|ch| *ch != '\0')?;
        let mut bytes = [0; 4];
        let length = ch.encode_utf8(&mut bytes).len();
        Piece::Char(bytes, length)
    } else {
        Piece::Fixed(ENTITIES.iter().find(|(known, _)| *known == name)?.1)
    };
    Some((piece, end + 1))
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
        assert_eq!(plain("<!-- hidden -->seen"), "seen");
    }

    #[test]
    fn what_only_looks_like_markup_stays() {
        for text in ["I <3 you", "a < b > c", "AT&T; R&D", "x <b y", "&#0;", "&#99999999;", "&unknown;"] {
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
