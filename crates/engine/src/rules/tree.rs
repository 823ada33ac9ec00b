//! Texts, by what they begin with: a trie in one piece of memory (a double array).
//!
//! The children of a node stand behind its base, each as far as its byte says. Nodes fill the gaps that others
//! leave, but no two have the same base, so that a child is known by its byte: a step is one look at one
//! cell.

use std::collections::VecDeque;
use std::ops::Range;

use crate::bits::Bits;

/// In place of a byte where a text ends, and in cells that nobody has: no text has it, since it is not UTF-8.
const END: u8 = 0xFF;
/// How far back gaps are looked for: most are near the end, and the search must not take the longer the larger
/// the tree is.
const REACH: usize = 1_024;

/// A node, as its parent sees it.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Where its children stand; of the end of a text, its number.
    base: u32,
    byte: u8,
    /// Whether a text ends here: one of the children is its end.
    is_text: bool,
}

/// Texts that are found all at once where another text goes on like them.
#[derive(Debug, Default)]
pub(super) struct Tree {
    cells: Box<[Cell]>,
    longest: usize,
}

impl Tree {
    /// Makes a tree of different texts, sorted; they are numbered in this order.
    pub(super) fn of(texts: &[&str]) -> Self {
        if texts.is_empty() {
            return Self::default();
        }
        let byte_at = |text: usize, depth: usize| texts[text].as_bytes().get(depth).copied().unwrap_or(END);
        let mut builder = Builder::default();
        // Nodes with the texts below them, nearest to the root first: what is looked at most stands together.
        let mut open: VecDeque<(usize, Range<usize>, usize)> = VecDeque::from([(0, 0..texts.len(), 0)]);
        while let Some((node, below, depth)) = open.pop_front() {
            let numbers: Vec<usize> = below.collect();
            let children: Vec<(u8, Range<usize>)> = numbers
                .chunk_by(|left, right| byte_at(*left, depth) == byte_at(*right, depth))
                .map(|same| (byte_at(same[0], depth), same[0]..same[0] + same.len()))
                .collect();
            let bytes: Vec<u8> = children.iter().map(|(byte, _)| *byte).collect();
            let base = builder.place(&bytes);
            builder.cells[node].base = base as u32;
            builder.cells[node].is_text = bytes.contains(&END);
            for (byte, below) in children {
                let child = base + usize::from(byte);
                if byte == END {
                    builder.cells[child].base = below.start as u32;
                } else {
                    builder.cells[child].byte = byte;
                    open.push_back((child, below, depth + 1));
                }
            }
        }
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
        Self { cells: builder.cells.into(), longest }
    }

    /// How long the longest text is, in bytes.
    pub(super) const fn longest(&self) -> usize {
        self.longest
    }

    /// Calls `each` with the length and the number of every text that `text` begins with, shortest first.
    #[inline]
    pub(super) fn climb(&self, text: &[u8], mut each: impl FnMut(usize, u32)) {
        let Some(root) = self.cells.first() else { return };
        let mut base = root.base as usize;
        for (depth, byte) in (1..).zip(text) {
            let Some(cell) = self.cells.get(base + usize::from(*byte)).filter(|cell| cell.byte == *byte)
            else {
                return;
            };
            base = cell.base as usize;
            if cell.is_text {
                each(depth, self.cells[base + usize::from(END)].base);
            }
        }
    }
}

/// A tree while it grows.
struct Builder {
    cells: Vec<Cell>,
    taken: Bits,
    bases: Bits,
    /// No gap is looked for before this.
    from: usize,
}

impl Default for Builder {
    fn default() -> Self {
        let mut builder = Self { cells: Vec::new(), taken: Bits::new(), bases: Bits::new(), from: 0 };
        builder.take(0);
        builder
    }
}

impl Builder {
    /// Finds room for the children of a node and returns their base.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let first = bytes.iter().copied().min().map_or(0, usize::from);
        while self.taken.contains(self.from) {
            self.from += 1;
        }
        self.from = self.from.max(self.cells.len().saturating_sub(REACH));
        let fits = |base: &usize| {
            !self.bases.contains(*base)
                && bytes.iter().all(|byte| !self.taken.contains(base + usize::from(*byte)))
        };
        // Behind the last cell everything is free.
        let last = self.cells.len();
        let base = (self.from.saturating_sub(first)..last).find(fits).unwrap_or(last);
        self.bases.insert(base);
        for byte in bytes {
            self.take(base + usize::from(*byte));
        }
        base
    }

    fn take(&mut self, at: usize) {
        if at >= self.cells.len() {
            self.cells.resize(at + 1, Cell { base: 0, byte: END, is_text: false });
        }
        self.taken.insert(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tree: &Tree, text: &str) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        tree.climb(text.as_bytes(), |length, number| found.push((length, number)));
        found
    }

    #[test]
    fn every_text_that_another_begins_with_is_found() {
        let tree = Tree::of(&["a", "ab", "abcd", "b c", "größe"]);
        assert_eq!(found(&tree, "abcde"), [(1, 0), (2, 1), (4, 2)]);
        assert_eq!(found(&tree, "abd"), [(1, 0), (2, 1)]);
        assert_eq!(found(&tree, "b cab"), [(3, 3)]);
        assert_eq!(found(&tree, "größer"), [(7, 4)]);
        assert!(found(&tree, "b").is_empty() && found(&tree, "").is_empty() && found(&tree, "xa").is_empty());
        assert!(found(&Tree::of(&[]), "a").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn a_tree_finds_what_a_search_one_by_one_does(
            texts in proptest::collection::btree_set("[a-cß\u{0}]{1,6}|[a-z]{2,9}", 0..200),
            text in "[a-cß\u{0}]{0,12}|[a-z]{0,12}",
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let tree = Tree::of(&texts);
            let mut expected: Vec<(usize, u32)> = (0..)
                .zip(&texts)
                .filter(|(_, known)| text.starts_with(**known))
                .map(|(number, known)| (known.len(), number))
                .collect();
            expected.sort_unstable();
            proptest::prop_assert_eq!(found(&tree, &text), expected);
        }
    }
}
