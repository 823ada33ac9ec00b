//! One text, seen four ways, each position traceable to the original.
//!
//! *raw* as typed → *plain* without markup → *folded* for matching → *skeleton* with look-alikes
//! read as Latin. Each view keeps a byte map to the one before it; a view that would equal the one
//! before it is not made.

pub(crate) mod chars;
mod confusables;
pub(crate) mod fold;
mod map;
mod markup;
pub(crate) mod words;

use std::ops::Range;

use map::ByteMap;

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
}

impl<'t> Views<'t> {
    /// Makes every view of `raw`.
    pub(crate) fn of(raw: &'t str) -> Self {
        let mapped = |(text, map)| Mapped { text, map };
        let plain = markup::strip(raw).map(mapped);
        let folded = mapped(fold::fold(plain.as_ref().map_or(raw, |plain| &plain.text)));
        let skeleton = confusables::skeleton(&folded.text).map(mapped);
        Self { raw, plain, folded, skeleton }
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

    /// With look-alikes read as Latin; `None` if there are none.
    pub(crate) fn skeleton(&self) -> Option<&str> {
        self.skeleton.as_ref().map(|skeleton| skeleton.text.as_str())
    }

    /// Where in the raw text a range of the folded view came from.
    pub(crate) fn folded_origin(&self, range: Range<usize>) -> Range<usize> {
        let plain = self.folded.map.source(range);
        self.plain.as_ref().map_or(plain.clone(), |view| view.map.source(plain))
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
            "[\\u{300}-\\u{36f}\\u{200b}-\\u{200f}\\u{e9}\\u{df}\\u{fb01}\\u{1100}-\\u{11ff}а-я]{1,5}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
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
                let mut before = 0..0;
                for (at, ch) in text.char_indices() {
                    let here = origin(at..at + ch.len_utf8());
                    prop_assert!(here.start >= before.start && here.end >= before.end);
                    prop_assert!(raw.get(here.clone()).is_some_and(|part| !part.is_empty()));
                    prop_assert!(raw.get(origin(0..at)).is_some());
                    before = here;
                }
            }
        }

        #[test]
        fn folding_twice_changes_nothing(raw in hostile()) {
            let once = fold::folded(&raw);
            prop_assert_eq!(fold::folded(&once), once);
        }
    }
}
