//! Vietnamese, the language of Latin letters in which a word without its accents is another word: *hồ*
//! (lake) is not *ho*. Folding drops accents, so words of such a text need another look.

use super::chars::{beyond_ascii, is_mark};

/// Letters that only Vietnamese has, below which accents may be a game. One syllable has one or two.
const LETTERS_MIN: usize = 3;
/// Letters of a text for each of them: Vietnamese has one in six to ten.
const LETTERS_PER_PROOF: usize = 16;
/// Marks on one letter: a circumflex or horn, and a tone. More is a game.
const MARKS_MAX: usize = 2;

/// Whether a text is in Vietnamese, composed or not.
pub(super) fn is_vietnamese(text: &str) -> bool {
    // Nearly every text is sure to have too few.
    let possible = beyond_ascii(text).filter(|(_, ch)| is_mark(*ch) || is_proof(*ch));
    if possible.take(LETTERS_MIN).count() < LETTERS_MIN {
        return false;
    }
    let (mut letters, mut proofs, mut marks) = (0, 0, 0);
    for ch in text.chars() {
        if is_mark(ch) {
            marks += 1;
            if marks > MARKS_MAX {
                return false;
            }
            proofs += usize::from(ch == '\u{31B}' || marks == MARKS_MAX);
        } else {
            marks = 0;
            letters += usize::from(ch.is_alphabetic());
            proofs += usize::from(is_proof(ch));
        }
    }
    proofs >= LETTERS_MIN && proofs * LETTERS_PER_PROOF >= letters
}

/// Đ, horned letters, and those with a circumflex or breve and a tone.
const fn is_proof(ch: char) -> bool {
    matches!(ch,
        '\u{110}' | '\u{111}' | '\u{1A0}' | '\u{1A1}' | '\u{1AF}' | '\u{1B0}' | '\u{1EA4}'..='\u{1EB7}'
        | '\u{1EBE}'..='\u{1EC7}' | '\u{1ED0}'..='\u{1EE3}' | '\u{1EE8}'..='\u{1EF1}')
}
