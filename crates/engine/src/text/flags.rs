//! Regional indicators: two make a flag if they are a country's code, others spell a word.

use super::chars::letter_of_flag;

/// The second letters of the codes that are flags (ISO 3166-1, and the exceptional `eu`, `un`, `xk`), by
/// the first letter, from A.
const SECOND_LETTERS: [&str; 26] = [
    "cdefgilmoqrstuwxz",
    "abdefghijlmnoqrstvwyz",
    "acdfghiklmnopqruvwxyz",
    "egjkmoz",
    "aceghrstu",
    "ijkmor",
    "abdefghilmnpqrstuwy",
    "kmnrtu",
    "cdelmnoqrst",
    "emop",
    "eghimnprwyz",
    "abcikrstuvy",
    "acdefghklmnopqrstuvwxyz",
    "acefgilopruz",
    "m",
    "aefghklmnrstwy",
    "a",
    "eosuw",
    "abcdeghijklmnorstvxyz",
    "acdfghjklmnortvwz",
    "agmnsyz",
    "aceginu",
    "fs",
    "k",
    "et",
    "amw",
];

/// The regional indicators that a text begins with.
pub(super) fn run(text: &str) -> &str {
    let end = text.find(|ch| letter_of_flag(ch).is_none()).unwrap_or(text.len());
    &text[..end]
}

/// Whether a run of regional indicators is nothing but flags.
pub(super) fn are_flags(run: &str) -> bool {
    let mut letters = run.chars().filter_map(letter_of_flag);
    while let Some(first) = letters.next() {
        let seconds = SECOND_LETTERS[first as usize - 'a' as usize];
        if !letters.next().is_some_and(|second| seconds.contains(second)) {
            return false;
        }
    }
    true
}
