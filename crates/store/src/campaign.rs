//! Campaigns: comments that wait with the same text or a variant of it.

use std::collections::{HashMap, HashSet};

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

/// The campaigns of some texts, put together from what a backend looks up: first by
/// [`fingerprints`](Self::fingerprints), then by [`probes`](Self::probes). In a campaign most texts are
/// one, so each clue is looked up once however many texts have it.
#[derive(Debug)]
pub struct Campaigns<'t> {
    texts: &'t [WaitingText],
    enough: u32,
    found: HashMap<Clue, Vec<WaitingText>>,
}

impl<'t> Campaigns<'t> {
    /// Of these texts. So many found by one clue are `enough`, and more need not be looked up by it.
    pub fn of(texts: &'t [WaitingText], enough: u32) -> Self {
        Self { texts, enough, found: HashMap::new() }
    }

    /// Most texts to be looked up by one clue.
    pub const fn enough(&self) -> u32 {
        self.enough
    }

    /// What to look up first.
    pub fn fingerprints(&self) -> Vec<Clue> {
        once_each(self.texts.iter().map(fingerprint))
    }

    /// What to look up then: probes of texts that are not there often enough letter for letter.
    pub fn probes(&self) -> Vec<Clue> {
        let few = self.texts.iter().filter(|text| {
            self.found.get(&fingerprint(text)).is_none_or(|same| same.len() < self.enough as usize)
        });
        once_each(few.flat_map(probes))
    }

    /// Takes a text that waits and was looked up by a clue.
    pub fn add(&mut self, clue: Clue, text: WaitingText) {
        self.found.entry(clue).or_default().push(text);
    }

    /// Whose text is this one or a variant of it, without its own comment.
    pub fn others(&self, text: &WaitingText) -> HashSet<&CommentId> {
        std::iter::once(fingerprint(text))
            .chain(probes(text))
            .filter_map(|clue| self.found.get(&clue))
            .flatten()
            .filter(|other| other.comment != text.comment && text.is_like(other))
            .map(|other| &other.comment)
            .collect()
    }
}

fn fingerprint(text: &WaitingText) -> Clue {
    Clue::Fingerprint(text.fingerprint.as_i64())
}

fn probes(text: &WaitingText) -> impl Iterator<Item = Clue> + use<> {
    let probes = text.sketch.as_ref().map(TextSketch::probes);
    probes.into_iter().flat_map(|[first, second]| [Clue::ProbeA(first), Clue::ProbeB(second)])
}

fn once_each(clues: impl Iterator<Item = Clue>) -> Vec<Clue> {
    let mut seen = HashSet::new();
    clues.filter(|clue| seen.insert(*clue)).collect()
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
    fn a_clue_is_looked_up_once_and_probes_only_if_they_are_needed() {
        let texts = [text("a1", 1, TEXT), text("a2", 1, TEXT), text("b", 2, TEXT), text("c", 3, "thank you")];
        let mut campaigns = Campaigns::of(&texts, 2);
        assert_eq!(campaigns.fingerprints(), [1, 2, 3].map(Clue::Fingerprint));
        assert_eq!(campaigns.probes().len(), 4, "those of one text and its variant are the same");
        for same in [&texts[0], &texts[1]] {
            campaigns.add(Clue::Fingerprint(1), same.clone());
        }
        campaigns.add(Clue::Fingerprint(2), texts[2].clone());
        assert_eq!(campaigns.probes().len(), 4, "b is there once and may have variants");
        campaigns.add(Clue::Fingerprint(2), text("b2", 2, TEXT));
        let [first, second] = texts[3].sketch.as_ref().unwrap().probes();
        assert_eq!(campaigns.probes(), [Clue::ProbeA(first), Clue::ProbeB(second)]);
    }

    #[test]
    fn what_shares_a_probe_is_not_always_a_variant() {
        let texts = [text("a", 1, TEXT)];
        let mut campaigns = Campaigns::of(&texts, 10);
        let [probe, _] = campaigns.probes()[..] else { panic!("two probes") };
        campaigns.add(Clue::Fingerprint(1), texts[0].clone());
        campaigns.add(probe, text("variant", 2, &TEXT.replace("five", "nine")));
        campaigns.add(probe, text("other", 3, "thank you for this post it helped me a lot"));
        let others = campaigns.others(&texts[0]);
        assert_eq!(others.into_iter().map(CommentId::as_str).collect::<Vec<_>>(), ["variant"]);
    }
}
