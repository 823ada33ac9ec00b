//! Which rows of a file were accepted, kept on disk: an import that was interrupted goes on where it
//! stopped. Losing the journal loses nothing, since every row keeps its identity: what is sent again
//! is recognised as a duplicate.
//!
//! The file is a list of ranges of positions, one `first-last` a line, appended and synced.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Accepted rows, in memory and on disk.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    accepted: Ranges,
    unwritten: Ranges,
}

impl Journal {
    /// Opens the journal of a file, or begins it.
    pub(crate) fn open(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.journal"));
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let problem = || format!("cannot use the journal {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(problem)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(problem)?;
        // What follows the last line break was being written when the power went.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).with_context(problem)?;
        file.seek(SeekFrom::End(0)).with_context(problem)?;
        let mut accepted = Ranges::default();
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            if let Some((first, last)) = line.split_once('-')
                && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
            {
                accepted.insert(first, last);
            }
        }
        Ok(Self { path, file, accepted, unwritten: Ranges::default() })
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) -> anyhow::Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).context("cannot clear the journal")?;
        self.accepted = Ranges::default();
        Ok(())
    }

    /// The positions of all accepted rows.
    pub(crate) const fn accepted(&self) -> &Ranges {
        &self.accepted
    }

    /// A row was accepted. [`sync`](Self::sync) makes it last.
    pub(crate) fn add(&mut self, position: u64) {
        self.accepted.insert(position, position);
        self.unwritten.insert(position, position);
    }

    /// Puts everything added on disk.
    pub(crate) fn sync(&mut self) -> anyhow::Result<()> {
        if self.unwritten.len() == 0 {
            return Ok(());
        }
        let lines: Vec<String> =
            self.unwritten.0.iter().map(|(first, last)| format!("{first}-{last}\n")).collect();
        self.file
            .write_all(lines.concat().as_bytes())
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("cannot write the journal {}", self.path.display()))?;
        self.unwritten = Ranges::default();
        Ok(())
    }
}

/// A set of numbers that are mostly neighbours: first to last of each run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Whether a number is in it.
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    /// How many numbers are in it.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Adds a run and joins it with those it touches.
    fn insert(&mut self, mut first: u64, mut last: u64) {
        if first > last {
            return;
        }
        while let Some((&start, &end)) = self.0.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.0.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_synced_is_there_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), "f").unwrap();
        for position in [0, 1, 2, 7] {
            journal.add(position);
        }
        journal.sync().unwrap();
        let path = folder.path().join("f.journal");
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(b"90-9");
        std::fs::write(&path, torn).unwrap();

        let mut again = Journal::open(folder.path(), "f").unwrap();
        assert_eq!(
            (again.accepted().len(), again.accepted().contains(7), again.accepted().contains(90)),
            (4, true, false)
        );
        again.add(3);
        again.sync().unwrap();
        assert_eq!(Journal::open(folder.path(), "f").unwrap().accepted().len(), 5);
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(runs in proptest::collection::vec((0u64..60, 0u64..6), 0..40)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (first, length) in runs {
                ranges.insert(first, first + length);
                set.extend(first..=first + length);
            }
            prop_assert_eq!(ranges.len(), set.len() as u64);
            for number in 0..70 {
                prop_assert_eq!(ranges.contains(number), set.contains(&number));
            }
            let runs: Vec<_> = ranges.0.iter().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < *pair[1].0), "neighbours are joined");
        }
    }
}
