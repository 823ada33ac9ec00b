//! What authors and moderators are told, in one language or several.

use std::ops::Range;

use toml::Spanned;

use super::document::Sentence;
use crate::error::RuleSetProblem;

/// Something that was written in one language or more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Localised<T> {
    /// In the language of the rule set.
    fallback: T,
    /// By language tag, in lower case.
    others: Vec<(String, T)>,
}

impl<T> Localised<T> {
    /// Takes over what a document says. `make` is given each text and where it stands; errors carry a
    /// place in the document.
    pub(super) fn of(
        sentence: &Spanned<Sentence>,
        language: &str,
        mut make: impl FnMut(&str, Range<usize>) -> Result<T, (RuleSetProblem, usize)>,
    ) -> Result<Self, (RuleSetProblem, usize)> {
        let texts = match sentence.get_ref() {
            Sentence::One(text) => {
                return Ok(Self { fallback: make(text, sentence.span())?, others: Vec::new() });
            }
            Sentence::Many(texts) => texts,
        };
        let mut fallback = None;
        let mut others = Vec::new();
        for (tag, text) in texts {
            let made = make(text.get_ref(), text.span())?;
            if tag.get_ref().eq_ignore_ascii_case(language) {
                fallback = Some(made);
            } else {
                others.push((tag.get_ref().to_ascii_lowercase(), made));
            }
        }
        let missing = || (RuleSetProblem::MissingLanguage(language.to_owned()), sentence.span().start);
        Ok(Self { fallback: fallback.ok_or_else(missing)?, others })
    }

    /// In the language of a BCP 47 tag, else in the nearest one it is a kind of (RFC 4647 §3.4: `de`
    /// for `de-CH`), else in the rule set's own.
    pub(crate) fn in_language(&self, tag: Option<&str>) -> &T {
        if self.others.is_empty() {
            return &self.fallback;
        }
        let mut range = tag.unwrap_or_default();
        loop {
            if let Some((_, found)) = self.others.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(range)) {
                return found;
            }
            match range.rsplit_once('-') {
                Some((above, _)) => range = above,
                None => return &self.fallback,
            }
        }
    }

    /// In every language.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.fallback).chain(self.others.iter().map(|(_, text)| text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_language_is_taken() {
        let greeting = Localised {
            fallback: "hello",
            others: vec![("de".into(), "hallo"), ("pt-br".into(), "oi"), ("pt".into(), "olá")],
        };
        for (tag, expected) in [
            (None, "hello"),
            (Some("de"), "hallo"),
            (Some("DE-ch-1996"), "hallo"),
            (Some("pt-BR"), "oi"),
            (Some("pt-PT"), "olá"),
            (Some("fr"), "hello"),
            (Some(""), "hello"),
        ] {
            assert_eq!(*greeting.in_language(tag), expected, "{tag:?}");
        }
    }
}
