//! Which scripts and which language the body is written in.

use moderato_domain::Field;

use super::{Analyzer, Context, Observed, Value};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::{is_latin, is_letter};

pub(crate) const SCRIPTS: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::LettersScript, FieldId::LettersScripts, FieldId::LettersLatinShare]),
    needs: FieldSet::of(&[]),
    run: |context, seen| scripts(context, seen),
};

pub(crate) const LANGUAGE: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::BodyLanguage]),
    needs: FieldSet::of(&[]),
    run: |context, seen| language(context, seen),
};

/// Letters below which a text says little about its language.
const LETTERS_MIN: usize = 20;
/// Bytes of a text that language detection looks at: it costs some 0.2 µs a byte, and a paragraph tells
/// as much as a page.
const LOOKED_AT_MAX: usize = 1_000;

/// Names of scripts, and the blocks that hold nearly all of their letters. What is in none is `other`.
const SCRIPT_NAMES: [&str; 13] = [
    "latin", "greek", "cyrillic", "armenian", "hebrew", "arabic", "indic", "thai", "georgian", "hangul",
    "kana", "han", "other",
];

const fn script_of(letter: char) -> usize {
    match letter {
        _ if is_latin(letter) => 0,
        '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => 1,
        '\u{400}'..='\u{52F}'
        | '\u{1C80}'..='\u{1C8F}'
        | '\u{2DE0}'..='\u{2DFF}'
        | '\u{A640}'..='\u{A69F}' => 2,
        '\u{530}'..='\u{58F}' => 3,
        '\u{590}'..='\u{5FF}' | '\u{FB1D}'..='\u{FB4F}' => 4,
        '\u{600}'..='\u{6FF}'
        | '\u{750}'..='\u{77F}'
        | '\u{8A0}'..='\u{8FF}'
        | '\u{FB50}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFC}' => 5,
        '\u{900}'..='\u{DFF}' => 6,
        '\u{E00}'..='\u{E7F}' => 7,
        '\u{10A0}'..='\u{10FF}' | '\u{1C90}'..='\u{1CBF}' => 8,
        '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7A3}' => 9,
        '\u{3040}'..='\u{30FF}' => 10,
        '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}' => 11,
        _ => 12,
    }
}

fn scripts(context: &Context<'_>, seen: &mut Observed<'_>) {
    let mut counts = [0_usize; SCRIPT_NAMES.len()];
    let text = context.body.folded();
    if text.is_ascii() {
        counts[0] = text.bytes().filter(u8::is_ascii_alphabetic).count();
    } else {
        for ch in text.chars().filter(|ch| is_letter(*ch)) {
            counts[script_of(ch)] += 1;
        }
    }
    let letters: usize = counts.iter().sum();
    seen.set_count(FieldId::LettersScripts, counts.iter().filter(|count| **count > 0).count());
    if letters == 0 {
        return;
    }
    seen.set_share(FieldId::LettersLatinShare, counts[0], letters);
    // Of two with as many letters, the one that is named first.
    let most = (0..counts.len()).rev().max_by_key(|script| counts[*script]).unwrap_or_default();
    seen.set(FieldId::LettersScript, Value::Text(SCRIPT_NAMES[most]));
}

fn language(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.plain();
    let mut end = text.len().min(LOOKED_AT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    if text.chars().filter(|ch| is_letter(*ch)).take(LETTERS_MIN).count() < LETTERS_MIN {
        return;
    }
    let Some(found) = whatlang::detect(text).filter(whatlang::Info::is_reliable) else { return };
    let code = found.lang().code();
    let short = SHORT_CODES.iter().find(|(long, _)| *long == code).map_or(code, |(_, short)| short);
    seen.set(FieldId::BodyLanguage, Value::Text(short));
    seen.seen_at(FieldId::BodyLanguage, Field::Body, 0..context.body.raw().len());
}

/// BCP 47 wants the code of two letters (ISO 639-1) where there is one; the detector gives three.
const SHORT_CODES: [(&str, &str); 69] = [
    ("epo", "eo"),
    ("eng", "en"),
    ("rus", "ru"),
    ("cmn", "zh"),
    ("spa", "es"),
    ("por", "pt"),
    ("ita", "it"),
    ("ben", "bn"),
    ("fra", "fr"),
    ("deu", "de"),
    ("ukr", "uk"),
    ("kat", "ka"),
    ("ara", "ar"),
    ("hin", "hi"),
    ("jpn", "ja"),
    ("heb", "he"),
    ("yid", "yi"),
    ("pol", "pl"),
    ("amh", "am"),
    ("jav", "jv"),
    ("kor", "ko"),
    ("nob", "nb"),
    ("dan", "da"),
    ("swe", "sv"),
    ("fin", "fi"),
    ("tur", "tr"),
    ("nld", "nl"),
    ("hun", "hu"),
    ("ces", "cs"),
    ("ell", "el"),
    ("bul", "bg"),
    ("bel", "be"),
    ("mar", "mr"),
    ("kan", "kn"),
    ("ron", "ro"),
    ("slv", "sl"),
    ("hrv", "hr"),
    ("srp", "sr"),
    ("mkd", "mk"),
    ("lit", "lt"),
    ("lav", "lv"),
    ("est", "et"),
    ("tam", "ta"),
    ("vie", "vi"),
    ("urd", "ur"),
    ("tha", "th"),
    ("guj", "gu"),
    ("uzb", "uz"),
    ("pan", "pa"),
    ("aze", "az"),
    ("ind", "id"),
    ("tel", "te"),
    ("pes", "fa"),
    ("mal", "ml"),
    ("ori", "or"),
    ("mya", "my"),
    ("nep", "ne"),
    ("sin", "si"),
    ("khm", "km"),
    ("tuk", "tk"),
    ("aka", "ak"),
    ("zul", "zu"),
    ("sna", "sn"),
    ("afr", "af"),
    ("lat", "la"),
    ("slk", "sk"),
    ("cat", "ca"),
    ("tgl", "tl"),
    ("hye", "hy"),
];
