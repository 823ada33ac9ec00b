//! One text, seen in several ways, each position traceable to the original.
//!
//! *raw* as typed → *plain* without markup → *folded* for matching → *skeleton* with look-alikes
//! read as Latin → *readings* with spelling games undone. Each view keeps a byte map to the one before
//! it; a view that would equal the one before it is not made.

pub(crate) mod chars;
pub(crate) mod confusables;
mod flags;
pub(crate) mod fold;
mod map;
mod markup;
mod readings;
pub(crate) mod runs;
mod vietnamese;
pub(crate) mod words;

use std::cell::OnceCell;
use std::ops::Range;

use map::ByteMap;
use words::Words;

#[derive(Debug)]
struct Mapped {
    text: String,
    map: ByteMap,
}

/// The views of one text.
#[derive(Debug)]
pub(crate) struct Views<'t> {
    raw: &'t str,
    plain: Option<Mapped>,
    folded: Mapped,
    skeleton: Option<Mapped>,
    /// The words of the folded text; found when they are asked for.
    words: OnceCell<Words>,
    /// Whether accents are part of the spelling; found out when it is asked.
    accented: OnceCell<bool>,
}

/// A text with its spelling games undone, one way or another.
#[derive(Debug)]
pub(crate) struct Reading {
    text: Mapped,
    /// Made from the skeleton, not from the folded view.
    of_skeleton: bool,
    changed: Vec<Range<usize>>,
}

impl Reading {
    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text.text
    }

    /// What of it was read otherwise, in order. All else is as in the view that it was made from.
    pub(crate) fn changed(&self) -> &[Range<usize>] {
        &self.changed
    }
}

impl<'t> Views<'t> {
    /// Makes every view of `raw`, apart from the readings.
    pub(crate) fn of(raw: &'t str) -> Self {
        let mapped = |(text, map)| Mapped { text, map };
        let plain = markup::strip(raw).map(mapped);
        let folded = mapped(fold::fold(plain.as_ref().map_or(raw, |plain| &plain.text)));
        let before = plain.as_ref().map_or(raw, |plain| &plain.text);
        let typed = |at| before[folded.map.source(at..at + 1).start..].chars().next();
        let skeleton = confusables::skeleton(&folded.text, typed).map(mapped);
        Self { raw, plain, folded, skeleton, words: OnceCell::new(), accented: OnceCell::new() }
    }

    /// As typed.
    pub(crate) const fn raw(&self) -> &'t str {
        self.raw
    }

    /// Whether tags were stripped or entities decoded.
    pub(crate) const fn has_markup(&self) -> bool {
        self.plain.is_some()
    }

    /// Without markup.
    pub(crate) fn plain(&self) -> &str {
        self.plain.as_ref().map_or(self.raw, |plain| &plain.text)
    }

    /// For matching.
    pub(crate) fn folded(&self) -> &str {
        &self.folded.text
    }

    /// The words of the folded text.
    pub(crate) fn words(&self) -> &Words {
        self.words.get_or_init(|| Words::of(self.folded()))
    }

    /// With look-alikes read as Latin; `None` if there are none.
    pub(crate) fn skeleton(&self) -> Option<&str> {
        self.skeleton.as_ref().map(|skeleton| skeleton.text.as_str())
    }

    /// The readings of the folded view and of the skeleton, made when called: only lists ask for them.
    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading> {
        let plain = self.plain();
        let wide = |range: Range<usize>| plain[self.folded.map.source(range)].chars().nth(1).is_some();
        let folded = readings::readings(self.folded(), |at| wide(at..at + 1));
        let skeleton = self.skeleton.as_ref().map_or_else(Vec::new, |skeleton| {
            readings::readings(&skeleton.text, |at| wide(skeleton.map.source(at..at + 1)))
        });
        let reading = |of_skeleton| {
            move |(text, map, changed)| Reading { text: Mapped { text, map }, of_skeleton, changed }
        };
        folded.into_iter().map(reading(false)).chain(skeleton.into_iter().map(reading(true)))
    }

    /// Whether the text is in a language that tells words apart by accents.
    pub(crate) fn is_accented(&self) -> bool {
        *self.accented.get_or_init(|| vietnamese::is_vietnamese(self.plain()))
    }

    /// Whether something of the raw text has accents.
    pub(crate) fn has_accents(&self, raw: Range<usize>) -> bool {
        let mut typed = chars::beyond_ascii(&self.raw[raw]);
        typed.any(|(_, ch)| chars::is_latin(ch) || chars::is_mark(ch))
    }

    /// Where in the raw text a range of a reading came from.
    pub(crate) fn reading_origin(&self, reading: &Reading, range: Range<usize>) -> Range<usize> {
        let before = reading.text.map.source(range);
        if reading.of_skeleton { self.skeleton_origin(before) } else { self.folded_origin(before) }
    }

    /// Where in the raw text a range of the plain view came from.
    pub(crate) fn plain_origin(&self, range: Range<usize>) -> Range<usize> {
        self.plain.as_ref().map_or(range.clone(), |view| view.map.source(range))
    }

    /// Where in the raw text a range of the folded view came from.
    pub(crate) fn folded_origin(&self, range: Range<usize>) -> Range<usize> {
        self.plain_origin(self.folded.map.source(range))
    }

    /// Where in the raw text a range of the skeleton came from.
    pub(crate) fn skeleton_origin(&self, range: Range<usize>) -> Range<usize> {
        let folded = self.skeleton.as_ref().map_or(range.clone(), |view| view.map.source(range));
        self.folded_origin(folded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text with the characters that make maps hard.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "[a-zA-Z \\n\\t]{0,6}",
            Just("&amp;".to_owned()),
            Just("<b>".to_owned()),
            Just("&#x1F600;".to_owned()),
            "[a-eA-E013@$!. *_-]{1,8}",
            "[аеосрхікмηνᴀꓐ🇦-🇿🅐-🅿\\u{202d}\\u{202e}\\u{202c}]{1,5}",
            "[\\u{300}-\\u{36f}\\u{200b}-\\u{200f}\\u{e9}\\u{df}\\u{fb01}\\u{1100}-\\u{11ff}а-я]{1,5}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn monotone(
        raw: &str,
        text: &str,
        origin: &dyn Fn(Range<usize>) -> Range<usize>,
    ) -> Result<(), TestCaseError> {
        let mut before = 0..0;
        for (at, ch) in text.char_indices() {
            let here = origin(at..at + ch.len_utf8());
            prop_assert!(here.start >= before.start && here.end >= before.end);
            prop_assert!(raw.get(here.clone()).is_some_and(|part| !part.is_empty()));
            prop_assert!(raw.get(origin(0..at)).is_some());
            before = here;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_view_maps_monotonically_onto_character_boundaries(raw in hostile()) {
            let views = Views::of(&raw);
            let skeleton = views.skeleton().unwrap_or(views.folded());
            for (text, origin) in [
                (views.folded(), &(|range| views.folded_origin(range)) as &dyn Fn(Range<usize>) -> Range<usize>),
                (skeleton, &|range| views.skeleton_origin(range)),
            ] {
                monotone(&raw, text, origin)?;
            }
            for reading in views.readings() {
                monotone(&raw, reading.text(), &|range| views.reading_origin(&reading, range))?;
            }
        }

        #[test]
        fn folding_twice_changes_nothing(raw in hostile()) {
            let once = fold::folded(&raw);
            prop_assert_eq!(fold::folded(&once), once);
        }
    }
}
