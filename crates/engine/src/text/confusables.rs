//! The skeleton layer: letters of other scripts that look like Latin ones read as those.
//!
//! A modest table of the letters that are actually used to dodge word lists. Full-width and
//! mathematical letters need no entry: folding has already made them plain.

use super::map::{ByteMap, MappedWriter};

/// What a folded (so lower-case) character looks like, if that is a Latin letter: first Cyrillic, then
/// Greek, then Latin letters with strokes and the like, which have no decomposition.
const fn look_alike(ch: char) -> Option<&'static str> {
    Some(match ch {
        'а' | 'α' | 'ά' | 'ɑ' | 'ᴀ' => "a",
        'æ' => "ae",
        'в' | 'ь' | 'β' | 'ʙ' | 'ɓ' => "b",
        'с' | 'ᴄ' => "c",
        'ԁ' | 'đ' | 'ɖ' | 'ᴅ' => "d",
        'е' | 'ё' | 'є' | 'ҽ' | 'ε' | 'έ' | 'ᴇ' | 'ǝ' => "e",
        'ɡ' | 'ɢ' => "g",
        'һ' | 'н' | 'ħ' | 'ʜ' => "h",
        'і' | 'ї' | 'ӏ' | 'ι' | 'ί' | 'ϊ' | 'ı' | 'ɩ' | 'ɪ' => "i",
        'ј' | 'ᴊ' => "j",
        'к' | 'қ' | 'κ' | 'ᴋ' => "k",
        'ł' | 'ƚ' | 'ʟ' => "l",
        'м' | 'ᴍ' => "m",
        'п' | 'η' | 'ή' | 'ɴ' | 'ŋ' => "n",
        'о' | 'ө' | 'ο' | 'ό' | 'σ' | 'ø' | 'ᴏ' => "o",
        'œ' => "oe",
        'р' | 'ρ' | 'ᴘ' => "p",
        'ԛ' => "q",
        'г' | 'ʀ' => "r",
        'ѕ' | 'ꜱ' | 'ʂ' => "s",
        'т' | 'τ' | 'ŧ' | 'ᴛ' => "t",
        'υ' | 'ύ' | 'ᴜ' => "u",
        'ѵ' | 'ν' | 'ᴠ' => "v",
        'ԝ' | 'ω' | 'ώ' | 'ᴡ' => "w",
        'х' | 'ҳ' | 'χ' => "x",
        'у' | 'ү' | 'ұ' | 'γ' | 'ʏ' => "y",
        'ᴢ' => "z",
        _ => return None,
    })
}

/// The folded text with look-alikes replaced; `None` if there are none.
pub(crate) fn skeleton(folded: &str) -> Option<(String, ByteMap)> {
    if folded.is_ascii() || !folded.chars().any(|ch| look_alike(ch).is_some()) {
        return None;
    }
    let mut out = MappedWriter::with_capacity(folded.len());
    for (at, ch) in folded.char_indices() {
        match look_alike(ch) {
            Some(text) => out.atom(text, at..at + ch.len_utf8()),
            None => out.same_char(ch, at),
        }
    }
    Some(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_read_as_latin_and_map_back() {
        let folded = "see саsіnо here";
        let (text, map) = skeleton(folded).unwrap();
        assert_eq!(text, "see casino here");
        assert_eq!(&folded[map.source(4..10)], "саsіnо");
        assert!(skeleton("日本語 ñandú").is_none());
    }
}
