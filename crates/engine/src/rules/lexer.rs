//! Tokens of the condition language.

use std::time::Duration;

/// A token and where it stands in the condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: usize,
    pub(crate) end: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// A field name or a keyword.
    Word(String),
    Int(i64),
    Float(f64),
    /// A number with a unit: `15m`.
    Duration(Duration),
    Text(String),
    /// `==`, `!=`, `<`, `<=`, `>`, `>=`, `(`, `)`, `[`, `]`, `,`
    Symbol(&'static str),
    End,
}

/// A character or literal that is no token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LexError {
    pub(crate) message: String,
    pub(crate) at: usize,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 11] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ","];

/// Units of spans of time, with their seconds.
const UNITS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];

/// Splits a condition into tokens, the last of which is `End`.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, LexError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(ch) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = if ch.is_whitespace() {
            at += ch.len_utf8();
            continue;
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            (TokenKind::Symbol(symbol), symbol.len())
        } else if ch.is_ascii_digit()
            || (ch == '-' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            number(rest, at)?
        } else if ch.is_ascii_alphabetic() || ch == '_' {
            let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            let length = rest.find(|c| !inside(c)).unwrap_or(rest.len());
            (TokenKind::Word(rest[..length].to_owned()), length)
        } else if ch == '"' || ch == '\'' {
            string(rest, ch, at)?
        } else {
            let help = match ch {
                '=' => "; equality is written ==",
                '&' | '|' | '!' => "; write and, or, not",
                _ => "",
            };
            return Err(LexError { message: format!("unexpected `{ch}`{help}"), at });
        };
        found.push(Token { kind, at, end: at + length });
        at += length;
    }
    found.push(Token { kind: TokenKind::End, at, end: at });
    Ok(found)
}

fn number(rest: &str, at: usize) -> Result<(TokenKind, usize), LexError> {
    let length = rest[1..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .map_or(rest.len(), |n| n + 1);
    let digits = rest[..length].replace('_', "");
    let kind = if let Some((unit, seconds)) = UNITS.into_iter().find(|(unit, _)| digits.ends_with(*unit)) {
        let count = digits[..digits.len() - unit.len()].parse::<u32>().ok();
        count.map(|count| TokenKind::Duration(Duration::from_secs(u64::from(count) * seconds)))
    } else if digits.contains('.') {
        digits.parse().ok().filter(|number: &f64| number.is_finite()).map(TokenKind::Float)
    } else {
        digits.parse().ok().map(TokenKind::Int)
    };
    kind.map(|kind| (kind, length)).ok_or_else(|| LexError {
        message: format!(
            "`{}` is not a number, nor a span of time such as 30s, 15m, 2h, 7d or 4w",
            &rest[..length]
        ),
        at,
    })
}

/// A quoted text. A backslash is kept as it is, so that patterns need no doubling; only before the
/// quote itself it is an escape.
fn string(rest: &str, quote: char, at: usize) -> Result<(TokenKind, usize), LexError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((offset, ch)) = chars.next() {
        if ch == quote {
            return Ok((TokenKind::Text(text), offset + 1));
        }
        if ch == '\\' {
            match chars.next() {
                Some((_, next)) if next == quote => text.push(quote),
                Some((_, next)) => text.extend([ch, next]),
                None => text.push(ch),
            }
        } else {
            text.push(ch);
        }
    }
    Err(LexError { message: "this text has no closing quote".into(), at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_carry_their_place() {
        let found = tokens(r#"links.count >= 3 and body matches "a\d\"b""#).unwrap();
        assert_eq!(found[0], Token { kind: TokenKind::Word("links.count".into()), at: 0, end: 11 });
        assert_eq!(found[1], Token { kind: TokenKind::Symbol(">="), at: 12, end: 14 });
        assert_eq!(found[2], Token { kind: TokenKind::Int(3), at: 15, end: 16 });
        assert_eq!(found[6].kind, TokenKind::Text("a\\d\"b".into()));
        for (text, seconds) in
            [("30s", 30), ("15m", 900), ("2h", 7_200), ("7d", 604_800), ("1_0w", 6_048_000)]
        {
            assert_eq!(
                tokens(text).unwrap()[0].kind,
                TokenKind::Duration(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["2y", "1.5h", "-3d", "5_000_000_000s", "1dd"] {
            assert_eq!(tokens(text).unwrap_err().at, 0, "{text}");
        }
        assert_eq!(tokens("a = 1").unwrap_err().at, 2);
        assert_eq!(tokens("a == 1.2.3").unwrap_err().at, 5);
    }
}
