//! The skeleton layer: letters of other scripts, and odd forms of Latin ones, that look like Latin
//! letters read as those.
//!
//! Full-width, mathematical, circled and superscript letters need no entry: folding has already made
//! them plain. Real words of other scripts must stay themselves, so a word of Cyrillic or Greek
//! letters only reads as Latin where that is the likelier reading; see [`Word::reads_as_latin`].

use std::ops::Range;
use std::sync::LazyLock;

use super::chars::{beyond_ascii, in_word, is_latin, is_letter, is_mark};
use super::map::{ByteMap, MappedWriter};

/// Latin letters, and what looks like them once it is folded (so in lower case). From the rows of
/// Unicode's confusables (UTS #39) that lead to Latin letters, of scripts that are used to dodge word
/// lists; small capitals, turned letters and currency signs are added by their shape.
const LOOK_ALIKES: [(&str, &str); 35] = [
    ("a", "ɐɑαάадᗅᗩ₳ꓮꭺᴀ"),
    ("aa", "ꜳ"),
    ("ae", "æӕ"),
    ("av", "ꜹꜻ"),
    ("b", "ƀƃƅɓʙβбвьѣҍ฿ᏼᑲᑳᖯᗷꓐꞵꮟ"),
    ("c", "ȼɔсҫᑕᴄ₵ⲥꓚꮯ"),
    ("d", "ðđƌɖɗԁᑯᗞᗪᴅꓒꓓꭰꮷ"),
    ("e", "ǝɇɘεέеэёєҽҿᴇᗴꓰꬲꭼ"),
    ("f", "ƒɟϝքᖴᵮ₣ꓝꜰꞙꬵ"),
    ("g", "ƍǥɠɡɢԍցᏻᘜᶃ₲ꓖꮐ"),
    ("h", "ħɥɦʜнћңһӈӊհᏺᕼⱨⲏꓧꚕꮋꮒ"),
    ("i", "ıɨɩɪιίϊіїᴉᵻᵼꙇꭵ"),
    ("j", "ɉʝϳјᒍᴊꓙꭻ"),
    ("k", "ƙʞκкқҟᛕᴋⱪⲕꓗꝁꮶ"),
    ("l", "łƚǀɫɭʟӏᒪᛁⱡⲓⳑꓡꓲꮮ"),
    ("m", "ɱмϻӎᗰᛖᴍᵯ₥ⲙꓟꮇ"),
    ("n", "ƞɲɳɴŋηήипոռᑎᵰ₦ⲛꓠ"),
    ("o", "øɵθοόσоѳөօᴏᴑⲟꓳꝋꬽꬾꭴꮎꮻ"),
    ("oe", "œ"),
    ("oo", "ꚙꝏ"),
    ("p", "ƥρрᑭᴘᵽ₱ⲣꓑꮲ"),
    ("q", "ʠԛգզᑫ"),
    ("r", "ɍɹɼɽʀгяғᖇᴦᵲⲅꓣꭇꭈꭱꮁꮢ"),
    ("s", "ƽʂѕտᔕᵴ₴ꓢꜱꮥꮪ"),
    ("t", "ŧƭʇʈτтҭᴛᵵⱦ₮ⲧꓔꭲ"),
    ("tf", "ꝷ"),
    ("ts", "ʦ"),
    ("u", "ʉʊʋμυύцսᑌᴜᵾꓴꞟꭎꭒꮜ"),
    ("uo", "ꭣ"),
    ("v", "ʌνѵᐯᴠꓦꮩ"),
    ("w", "ɯʍωώϣшщѡѽԝաᗯᴡ₩ꓪꝡꮃꮤ"),
    ("x", "χхҳᕁᕽ᙭᙮ᚷⲭꓫꭓӿ"),
    ("y", "ƴɏɣʎʏγучүұᶌỿⲩꓬꭚꭹꮍ"),
    ("z", "ƶȥʐζᘔᴢᵶⱬꓜꮓ"),
    ("dz", "ʣ"),
];

/// Look-alikes only to a Latin eye ("Яussia"): a word that has one is a word of its own script,
/// unless it has Latin letters too.
const FAUX: &str = "дбиэяшщцчθзл";

/// Look-alikes in one case or by a stretch, which a Russian or Greek word has by chance: alone they are
/// no reason to read it as Latin.
const SIMILAR: &str = "внкмтпгьёїβεέηήκτμωώσγχζί";

/// Greek letters that folding made equal to one with another shape.
const TYPED: [(char, &str); 6] = [('Η', "h"), ('Ν', "n"), ('Υ', "y"), ('Μ', "m"), ('Γ', "r"), ('ς', "c")];

static TABLE: LazyLock<Vec<(char, &str)>> = LazyLock::new(|| {
    let pairs =
        |(latin, alike): &(&'static str, &'static str)| alike.chars().map(|ch| (ch, *latin)).collect();
    let mut table: Vec<(char, &str)> = LOOK_ALIKES.iter().flat_map::<Vec<_>, _>(pairs).collect();
    table.sort_unstable();
    table
});

/// What a folded character looks like, if that is Latin.
fn look_alike(ch: char) -> Option<&'static str> {
    // The table begins at æ, and has nothing between Coptic and Lisu.
    if ch < 'æ' || matches!(ch, '\u{2E00}'..='\u{A4CF}' | '\u{AC00}'..) {
        return None;
    }
    TABLE.binary_search_by_key(&ch, |(alike, _)| *alike).ok().map(|at| TABLE[at].1)
}

/// The Latin letters that a letter of another script looks like, if it does. For showing a comment to a
/// person; whether a word is meant to be read as Latin, [`evaluate`](crate::evaluate) finds out.
pub fn latin_look_alike(ch: char) -> Option<&'static str> {
    if ch.is_ascii() {
        return None;
    }
    ch.to_lowercase().find_map(look_alike).filter(|_| is_of_another_script(ch))
}

/// Letters of scripts that people write whole words in.
const fn is_of_another_script(ch: char) -> bool {
    matches!(ch, '\u{370}'..='\u{58F}' | '\u{13A0}'..='\u{167F}' | '\u{1F00}'..='\u{1FFF}' | '\u{2C80}'..='\u{2CFF}'
        | '\u{A640}'..='\u{A69F}' | '\u{AB70}'..='\u{ABBF}')
}

/// Whether a label of a host is made to look like another one: it mixes Latin with another script, or
/// has nothing but letters of another one that look Latin.
pub(crate) fn imitates(label: &str) -> bool {
    let letters = || label.chars().filter(|ch| is_letter(*ch));
    let other = letters().filter(|ch| is_of_another_script(*ch)).count();
    let looks_latin = || letters().all(|ch| look_alike(ch).is_some());
    other > 0 && (letters().any(is_latin) || looks_latin())
}

/// A word that has look-alikes.
struct Word {
    range: Range<usize>,
    /// Letters that are Latin, if only by their form.
    latin: bool,
    /// Letters of another script that look Latin.
    alike: bool,
    /// Letters of another script that do not, or only to a Latin eye.
    genuine: bool,
    /// Letters of another script that look somewhat Latin.
    similar: bool,
}

impl Word {
    fn take(&mut self, ch: char) {
        if ch.is_ascii() || is_latin(ch) {
            self.latin |= is_letter(ch);
        } else if !is_of_another_script(ch) {
            self.latin |= look_alike(ch).is_some();
        } else if look_alike(ch).is_some() {
            self.alike = true;
            self.genuine |= FAUX.contains(ch);
            self.similar |= SIMILAR.contains(ch);
        } else {
            self.genuine |= is_letter(ch);
        }
    }

    /// A word that mixes scripts does. Of others, one whose every letter looks Latin does: in a text
    /// with more Latin words than words that are surely of another script, or if it has no letter that
    /// merely resembles.
    fn reads_as_latin(&self, latin: usize, genuine: usize) -> bool {
        self.latin || (!self.genuine && (latin > genuine || (!self.similar && genuine == 0)))
    }
}

/// The folded text with look-alikes replaced; `None` if there are none. `typed` tells what was typed for
/// the character at a byte of the folded text.
pub(crate) fn skeleton(folded: &str, typed: impl Fn(usize) -> Option<char>) -> Option<(String, ByteMap)> {
    if !beyond_ascii(folded).any(|(_, ch)| is_letter(ch) || look_alike(ch).is_some()) {
        return None;
    }
    let words = latin_words(folded);
    if words.is_empty() {
        return None;
    }
    let mut out = MappedWriter::with_capacity(folded.len());
    let mut copied = 0;
    for word in words {
        out.same(&folded[copied..word.start], copied);
        copied = word.end;
        let mut chars = folded[word.clone()].char_indices().peekable();
        while let Some((offset, ch)) = chars.next() {
            let at = word.start + offset;
            let Some(plain) = look_alike(ch) else {
                out.same_char(ch, at);
                continue;
            };
            let greek = matches!(ch, 'α'..='ω').then(|| typed(at)).flatten();
            let greek = greek.and_then(|typed| TYPED.iter().find(|(form, _)| *form == typed));
            // What is drawn on a letter goes with it.
            while chars.next_if(|(_, mark)| is_mark(*mark)).is_some() {}
            let end = chars.peek().map_or(word.end, |(next, _)| word.start + next);
            out.atom(greek.map_or(plain, |(_, latin)| latin), at..end);
        }
    }
    out.same(&folded[copied..], copied);
    Some(out.finish())
}

/// The places of the words with look-alikes that read as Latin.
fn latin_words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Word> = Vec::new();
    let (mut latin, mut genuine) = (0, 0);
    let mut current: Option<(Word, bool)> = None;
    for (at, ch) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
        let alike = !ch.is_ascii() && look_alike(ch).is_some();
        if alike || in_word(ch) {
            let none = || Word { range: at..at, latin: false, alike: false, genuine: false, similar: false };
            let (word, has_alike) = current.get_or_insert_with(|| (none(), false));
            word.take(ch);
            *has_alike |= alike;
        } else if let Some((mut word, has_alike)) = current.take() {
            word.range.end = at;
            latin += usize::from(word.latin);
            genuine += usize::from(word.genuine && !word.latin);
            if has_alike {
                words.push(word);
            }
        }
    }
    words.into_iter().filter(|word| word.reads_as_latin(latin, genuine)).map(|word| word.range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folded: &str) -> String {
        skeleton(folded, |_| None).map_or_else(|| folded.to_owned(), |(text, _)| text)
    }

    #[test]
    fn look_alikes_read_as_latin_and_map_back() {
        let folded = "see саsіnо here";
        let (text, map) = skeleton(folded, |_| None).unwrap();
        assert_eq!(text, "see casino here");
        assert_eq!(&folded[map.source(4..10)], "саsіnо");
    }

    #[test]
    fn words_of_other_scripts_stay() {
        for text in ["日本語 n", "нет, там вот так", "он там", "σίγουρα όχι", "see нет жизни там"]
        {
            assert_eq!(read(text), text);
        }
    }

    #[test]
    fn the_table_has_each_look_alike_once_and_folded() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (alike, latin) in TABLE.iter() {
            assert_eq!(crate::text::fold::folded(&alike.to_string()), alike.to_string(), "{latin}");
            assert_eq!(look_alike(*alike), Some(*latin));
        }
    }
}
