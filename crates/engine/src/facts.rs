//! Which facts a rule set asks for before a comment is judged, and the sketch that finds a text again.

use moderato_domain::{FactKind, FactSet, TextSketch};

use crate::rules::schema::{FieldId, FieldSet};
use crate::text::fold::folded;
use crate::text::words::for_each_word;

/// The facts that these fields are made of.
pub(crate) fn needed_for(used: FieldSet) -> FactSet {
    let known_from = |fact| match fact {
        FactKind::Author => FieldSet::of(&[
            FieldId::AuthorKnown,
            FieldId::AuthorComments,
            FieldId::AuthorPublished,
            FieldId::AuthorRejected,
            FieldId::AuthorAge,
            FieldId::AuthorRepeatsText,
        ]),
        FactKind::History => FieldSet::of(&[FieldId::AuthorRejectionRate]),
        FactKind::AuthorRate => FieldSet::of(&RATES[0]),
        FactKind::NetworkRate => FieldSet::of(&RATES[1]),
        FactKind::ThreadRate => FieldSet::of(&RATES[2]),
        FactKind::Repeats => FieldSet::of(&REPEATS),
        FactKind::Thread => FieldSet::of(&[FieldId::ThreadComments, FieldId::ThreadAge]),
        FactKind::BlockLists => FieldSet::of(&[FieldId::BlockListsCount]),
        FactKind::Guidelines => FieldSet::of(&[FieldId::GuidelinesAccepted]),
    };
    let wanted = FactKind::ALL.into_iter().filter(|fact| known_from(*fact).meets(used));
    wanted.fold(FactSet::NONE, FactSet::with)
}

/// Fields of rates: by author, network and page; within a minute, ten, an hour, a day.
pub(crate) const RATES: [[FieldId; 4]; 3] = [
    [
        FieldId::AuthorRateMinute,
        FieldId::AuthorRateTenMinutes,
        FieldId::AuthorRateHour,
        FieldId::AuthorRateDay,
    ],
    [
        FieldId::NetworkRateMinute,
        FieldId::NetworkRateTenMinutes,
        FieldId::NetworkRateHour,
        FieldId::NetworkRateDay,
    ],
    [
        FieldId::ThreadRateMinute,
        FieldId::ThreadRateTenMinutes,
        FieldId::ThreadRateHour,
        FieldId::ThreadRateDay,
    ],
];

/// Fields of repeats.
pub(crate) const REPEATS: [FieldId; 5] = [
    FieldId::RepeatsAuthor,
    FieldId::RepeatsSite,
    FieldId::RepeatsIdentical,
    FieldId::RepeatsAuthors,
    FieldId::RepeatsSites,
];

/// The sketch of a body: of its folded words, so that case, accents, invisible characters and
/// punctuation make no difference. `None`: it has no words.
pub fn sketch(body: &str) -> Option<TextSketch> {
    let text = folded(body);
    let mut words = Vec::new();
    for_each_word(&text, |word| words.push(&text[word]));
    TextSketch::of_words(words)
}

#[cfg(test)]
mod tests {
    use moderato_domain::sketch::SIMILAR;

    use super::*;

    #[test]
    fn disguises_do_not_make_a_text_new() {
        let plain = sketch("Earn $500 a day, from home! Ask me how on WhatsApp.").unwrap();
        let disguised = sketch("earn 500 a d\u{200B}ay from HOME -- ask me h\u{00F3}w on whatsapp").unwrap();
        assert_eq!(plain, disguised);
        let varied = sketch("Earn $900 a day, from home! Ask me how on WhatsApp.").unwrap();
        assert!(plain.similarity(&varied) >= SIMILAR);
        assert_eq!(sketch("!!! ???"), None);
    }
}
