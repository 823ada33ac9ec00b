//! Campaigns: comments that wait with the same text or a variant of it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use moderato_domain::sketch::SIMILAR;
use moderato_domain::{CommentId, TextFingerprint, TextSketch};

/// A text among those that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingText {
    /// Whose.
    pub comment: CommentId,
    /// Recognises it.
    pub fingerprint: TextFingerprint,
    /// Recognises its variants, if some rule had that made.
    pub sketch: Option<TextSketch>,
}

impl WaitingText {
    /// Takes back what is stored with a comment.
    pub fn from_stored(
        comment: CommentId,
        fingerprint: i64,
        probes: (Option<i64>, Option<i64>),
        shingles: Option<&[u8]>,
    ) -> Self {
        let sketch = match (probes, shingles) {
            ((Some(first), Some(second)), Some(shingles)) => {
                Some(TextSketch::from_stored(fingerprint, [first, second], shingles))
            }
            _ => None,
        };
        Self { comment, fingerprint: TextFingerprint::from_i64(fingerprint), sketch }
    }

    fn is_like(&self, other: &Self) -> bool {
        let sketches = self.sketch.as_ref().zip(other.sketch.as_ref());
        other.fingerprint == self.fingerprint || sketches.is_some_and(|(a, b)| a.similarity(b) >= SIMILAR)
    }
}

/// What texts that may be alike have in common. A backend finds texts by it in an index of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clue {
    /// The fingerprint of the same text.
    Fingerprint(i64),
    /// The first probe of a variant's sketch.
    ProbeA(i64),
    /// The second one.
    ProbeB(i64),
}

/// The campaigns of some texts, put together from what a backend looks up. In a campaign most texts are
/// one, so each clue is looked up once however many texts have it.
///
/// Whose text it is takes one look by [`clues`](Self::clues). How large campaigns are takes less: texts are
/// counted by [`fingerprints`](Self::fingerprints) first, and what is there often enough letter for letter
/// has no clues any more.
#[derive(Debug)]
pub struct Campaigns<'t> {
    texts: &'t [WaitingText],
    enough: u32,
    counted: HashMap<i64, u32>,
    found: HashMap<Clue, Vec<WaitingText>>,
}

impl<'t> Campaigns<'t> {
    /// Of these texts. So many found by one clue are `enough`, and more need not be looked up by it.
    pub fn of(texts: &'t [WaitingText], enough: u32) -> Self {
        Self { texts, enough, counted: HashMap::new(), found: HashMap::new() }
    }

    /// Most texts to be counted or looked up by one clue.
    pub const fn enough(&self) -> u32 {
        self.enough
    }

    /// What to count by.
    pub fn fingerprints(&self) -> Vec<i64> {
        once_each(self.texts.iter().map(|text| text.fingerprint.as_i64()))
    }

    /// Takes how many texts wait with a fingerprint.
    pub fn count(&mut self, fingerprint: i64, count: u32) {
        self.counted.insert(fingerprint, count);
    }

    /// What to look up.
    pub fn clues(&self) -> Vec<Clue> {
        let few = self.texts.iter().filter(|text| self.counted_enough(text).is_none());
        once_each(few.flat_map(clues))
    }

    /// Takes a text that waits and was looked up by a clue.
    pub fn add(&mut self, clue: Clue, text: WaitingText) {
        self.found.entry(clue).or_default().push(text);
    }

    /// Whose text is this one or a variant of it, without its own comment.
    pub fn others(&self, text: &WaitingText) -> HashSet<&CommentId> {
        clues(text)
            .filter_map(|clue| self.found.get(&clue))
            .flatten()
            .filter(|other| other.comment != text.comment && text.is_like(other))
            .map(|other| &other.comment)
            .collect()
    }

    /// How many comments are of the campaign of this text, its own included.
    pub fn size(&self, text: &WaitingText) -> u32 {
        let looked_up = || u32::try_from(self.others(text).len()).unwrap_or(u32::MAX).saturating_add(1);
        self.counted_enough(text).unwrap_or_else(looked_up)
    }

    fn counted_enough(&self, text: &WaitingText) -> Option<u32> {
        self.counted.get(&text.fingerprint.as_i64()).copied().filter(|count| *count >= self.enough)
    }
}

fn clues(text: &WaitingText) -> impl Iterator<Item = Clue> + use<> {
    let probes = text.sketch.as_ref().map(TextSketch::probes);
    let probes = probes.into_iter().flat_map(|[first, second]| [Clue::ProbeA(first), Clue::ProbeB(second)]);
    std::iter::once(Clue::Fingerprint(text.fingerprint.as_i64())).chain(probes)
}

fn once_each<T: Copy + Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.filter(|one| seen.insert(*one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "i earn five hundred dollars a day from home ask me how on whatsapp";

    fn text(comment: &str, fingerprint: i64, words: &str) -> WaitingText {
        WaitingText {
            comment: CommentId::parse(comment).unwrap(),
            fingerprint: TextFingerprint::from_i64(fingerprint),
            sketch: TextSketch::of_words(words.split(' ')),
        }
    }

    #[test]
    fn a_clue_is_looked_up_once_and_only_if_a_count_does_not_do() {
        let texts = [text("a1", 1, TEXT), text("a2", 1, TEXT), text("b", 2, TEXT), text("c", 3, "thank you")];
        let mut campaigns = Campaigns::of(&texts, 2);
        assert_eq!(campaigns.fingerprints(), [1, 2, 3]);
        assert_eq!(campaigns.clues().len(), 3 + 4, "probes of one text and its variant are the same");
        for (fingerprint, count) in [(1, 2), (2, 1), (3, 2)] {
            campaigns.count(fingerprint, count);
        }
        let [first, second] = texts[2].sketch.as_ref().unwrap().probes();
        let left = [Clue::Fingerprint(2), Clue::ProbeA(first), Clue::ProbeB(second)];
        assert_eq!(campaigns.clues(), left, "b is there once and may have variants");
        for one in &texts[..2] {
            campaigns.add(left[1], one.clone());
        }
        assert_eq!(texts.each_ref().map(|text| campaigns.size(text)), [2, 2, 3, 2]);
    }

    #[test]
    fn what_shares_a_probe_is_not_always_a_variant() {
        let texts = [text("a", 1, TEXT)];
        let mut campaigns = Campaigns::of(&texts, 10);
        let [_, probe, _] = campaigns.clues()[..] else { panic!("a fingerprint and two probes") };
        campaigns.add(Clue::Fingerprint(1), texts[0].clone());
        campaigns.add(probe, text("variant", 2, &TEXT.replace("five", "nine")));
        campaigns.add(probe, text("other", 3, "thank you for this post it helped me a lot"));
        let others = campaigns.others(&texts[0]);
        assert_eq!(others.into_iter().map(CommentId::as_str).collect::<Vec<_>>(), ["variant"]);
    }
}
