//! Recognising a text that was only varied a little.
//!
//! A text is taken as the set of its pairs of neighbouring words. Two texts are alike if they share
//! most of these pairs (their Jaccard similarity). Neither set is kept whole: the smallest hashes of a
//! set are a fair sample of it, so the similarity of two samples estimates that of the texts, and is
//! exact for texts of up to [`SHINGLES_KEPT`] pairs, which most comments are.
//!
//! SimHash, the usual choice, needs long texts: one word replaced in a comment of twelve flips some
//! ten of its 64 bits, and bands that still find such a pair find half the store with it.

/// Most pairs that are kept. At a similarity near [`SIMILAR`] the estimate from 16 has a standard error
/// of 0.12.
pub const SHINGLES_KEPT: usize = 16;

/// From this similarity on two texts are variants of one. One word replaced in a comment of twelve
/// leaves 0.69; two comments on one subject share less than 0.2.
pub const SIMILAR: f64 = 0.6;

/// A text of fewer words is recognised as a whole only: "thank you very much" has no variants.
const WORDS_MIN: usize = 5;

/// Makes the second choice of a smallest hash independent of the first (a random odd number).
const SECOND_CHOICE: u64 = 0x9E6C_63D0_876A_3F35;

/// What is kept of a text to recognise it and its variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSketch {
    whole: i64,
    probes: [i64; 2],
    /// The smallest hashes of pairs of words, ascending.
    shingles: Box<[u32]>,
}

impl TextSketch {
    /// The sketch of a text's words, folded by the caller; `None` if there are none.
    pub fn of_words<'t>(words: impl IntoIterator<Item = &'t str>) -> Option<Self> {
        let (mut whole, mut count, mut before) = (0, 0, 0);
        let mut pairs = Vec::new();
        for word in words {
            let word = hash_word(word);
            whole = mixed(whole ^ word);
            if count > 0 {
                pairs.push(mixed(before ^ word));
            }
            before = word.rotate_left(32);
            count += 1;
        }
        if count == 0 {
            return None;
        }
        if count < WORDS_MIN {
            pairs = vec![whole];
        }
        let second = pairs.iter().map(|pair| mixed(pair ^ SECOND_CHOICE)).min().unwrap_or_default();
        pairs.sort_unstable();
        let probes = [pairs[0].cast_signed(), second.cast_signed()];
        let mut shingles: Vec<u32> = pairs.into_iter().map(|pair| (pair >> 32) as u32).collect();
        shingles.dedup();
        shingles.truncate(SHINGLES_KEPT);
        Some(Self { whole: whole.cast_signed(), probes, shingles: shingles.into() })
    }

    /// Takes back a stored sketch.
    pub fn from_stored(whole: i64, probes: [i64; 2], shingles: &[u8]) -> Self {
        let (shingles, _) = shingles.as_chunks();
        Self { whole, probes, shingles: shingles.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect() }
    }

    /// Equal for equal words in the same order.
    pub const fn whole(&self) -> i64 {
        self.whole
    }

    /// What variants are searched by: of two texts with similarity `s`, each probe is equal with
    /// probability `s`.
    pub const fn probes(&self) -> [i64; 2] {
        self.probes
    }

    /// The sample of the text's pairs of words, to be stored.
    pub fn shingles(&self) -> Vec<u8> {
        self.shingles.iter().flat_map(|hash| hash.to_be_bytes()).collect()
    }

    /// How much of their pairs of words the two texts share, from 0 to 1.
    pub fn similarity(&self, other: &Self) -> f64 {
        let complete = |sketch: &Self| sketch.shingles.len() < SHINGLES_KEPT;
        let sample = if complete(self) && complete(other) { usize::MAX } else { SHINGLES_KEPT };
        let (mut left, mut right) = (&self.shingles[..], &other.shingles[..]);
        let (mut shared, mut seen) = (0_usize, 0_usize);
        while seen < sample {
            let order = match (left.first(), right.first()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(left), Some(right)) => left.cmp(right),
            };
            if order.is_le() {
                left = &left[1..];
            }
            if order.is_ge() {
                right = &right[1..];
            }
            shared += usize::from(order.is_eq());
            seen += 1;
        }
        if seen == 0 { 0.0 } else { shared as f64 / seen as f64 }
    }
}

/// FNV-1a.
fn hash_word(word: &str) -> u64 {
    word.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// The finaliser of SplitMix64: every bit depends on every bit.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "i earn five hundred dollars a day from home ask me how on whatsapp";

    fn sketch(text: &str) -> TextSketch {
        TextSketch::of_words(text.split(' ')).unwrap()
    }

    #[test]
    fn a_varied_text_is_alike_and_another_is_not() {
        let original = sketch(TEXT);
        let one_word = sketch(&TEXT.replace("five", "nine"));
        let longer = sketch(&format!("{TEXT} today"));
        let other = sketch("thank you for this post it helped me a lot to find the right words at home");
        assert!(original.similarity(&one_word) >= SIMILAR && original.similarity(&longer) >= SIMILAR);
        assert!(original.similarity(&other) < 0.2);
        assert!((original.similarity(&sketch(TEXT)) - 1.0).abs() < f64::EPSILON);
        assert_eq!(original.whole(), sketch(TEXT).whole());
        assert_ne!(original.whole(), one_word.whole());
    }

    #[test]
    fn a_short_text_is_recognised_as_a_whole_only() {
        assert!(sketch("thank you very much").similarity(&sketch("thank you so much")) < SIMILAR);
        assert_eq!(sketch("thank you").probes(), sketch("thank you").probes());
        assert_ne!(sketch("thank you").whole(), sketch("you thank").whole());
        assert_eq!(TextSketch::of_words([]), None);
    }

    #[test]
    fn long_texts_are_compared_by_samples() {
        let words: Vec<String> = (0..2_000).map(|number| format!("w{number}")).collect();
        let long =
            |skipped: usize| TextSketch::of_words(words.iter().map(String::as_str).skip(skipped)).unwrap();
        assert_eq!(long(0).shingles().len(), SHINGLES_KEPT * 4);
        assert!(long(0).similarity(&long(20)) > 0.8);
        assert!(long(0).similarity(&long(1_900)) < SIMILAR);
    }

    #[test]
    fn a_stored_sketch_is_the_same_and_never_changes() {
        let sketch = sketch(TEXT);
        let stored = TextSketch::from_stored(sketch.whole(), sketch.probes(), &sketch.shingles());
        assert_eq!(stored, sketch);
        // Stored by earlier releases: a failure here means that they would no longer be found.
        assert_eq!(
            (sketch.whole(), sketch.probes()),
            (8_423_578_997_805_577_229, [1_241_818_604_662_682_507, 1_080_658_864_760_251_693])
        );
    }
}
