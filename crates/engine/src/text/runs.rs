//! Runs of ASCII letters and digits, the cheap half of every question about words.
//!
//! What a byte is tells the vector unit of 64 at once, as 64 bits; a run is from one change of these bits to
//! the next. Going from byte to byte costs a wrong guess of the processor at both ends of nearly every word.

use std::ops::Range;

/// Bytes that are looked at at once: one bit of a word each.
const BLOCK: usize = 64;

/// The runs of ASCII letters and digits in a text, in order. Of a text that is not ASCII, those between other
/// characters.
pub(crate) fn alphanumeric_runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut edges = Edges { bytes: text.as_bytes(), next: 0, found: 0, inside: 0 };
    std::iter::from_fn(move || Some(edges.next()?..edges.next().unwrap_or(text.len())))
}

/// Where runs begin and end, by turns.
struct Edges<'t> {
    bytes: &'t [u8],
    /// The block to look at next.
    next: usize,
    /// Those of the block before it that were not told yet, a bit each.
    found: u64,
    /// Whether the last byte of the block before is inside a run: one or zero.
    inside: u64,
}

impl Iterator for Edges<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let block = self.bytes.get(self.next..).filter(|rest| !rest.is_empty())?;
            let inside = alphanumeric(block);
            self.found = inside ^ (inside << 1 | self.inside);
            self.inside = inside >> (BLOCK - 1);
            self.next += BLOCK;
        }
        let at = self.next - BLOCK + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

/// Which of the first [`BLOCK`] bytes are ASCII letters or digits.
#[inline]
fn alphanumeric(bytes: &[u8]) -> u64 {
    let mut last = [0; BLOCK];
    let block = bytes.first_chunk().unwrap_or_else(|| {
        last[..bytes.len()].copy_from_slice(bytes);
        &last
    });
    let mut is_inside = [0; BLOCK];
    for (inside, byte) in is_inside.iter_mut().zip(block) {
        *inside = u8::from(byte.is_ascii_alphanumeric());
    }
    let (eights, _) = is_inside.as_chunks::<8>();
    // The product moves the lowest bit of each of eight bytes into the uppermost byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().rev().fold(0, |all, eight| all << 8 | bits(eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn runs_are_what_one_finds_byte_by_byte(text in "([a-zA-Z0-9]{0,40}[ é'@\\[`{/:]{0,3}){0,8}") {
            let mut expected: Vec<Range<usize>> = Vec::new();
            for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric()) {
                match expected.last_mut().filter(|run| run.end == at) {
                    Some(run) => run.end += 1,
                    None => expected.push(at..at + 1),
                }
            }
            proptest::prop_assert_eq!(alphanumeric_runs(&text).collect::<Vec<_>>(), expected);
        }
    }
}
