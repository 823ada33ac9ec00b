//! Which submissions were accepted lately, so that a retry is recognised and other content under
//! the same name refused while the caller still listens.
//!
//! The memory is a courtesy: it is one process's own and forgets. What it does not know is
//! published, and the worker's transaction decides.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use moderato_domain::{CommentId, Revision, SiteId, SubmissionUid, Timestamp};

/// Submissions remembered at most; at least half as many. Retries come within seconds: at 10,000
/// submissions a second it reaches back 3 to 6 seconds, at 10 a second an hour. About 4 MiB.
const CAPACITY: usize = 65_536;

/// The newest accepted submissions, in two generations: when the young one is full it becomes the
/// old one, and the old one is forgotten. No order to maintain, no entry touched twice.
#[derive(Debug)]
pub(crate) struct Memory {
    hashers: [RandomState; 2],
    // Held for a map operation, never across an await.
    generations: Mutex<Generations>,
    generation_size: usize,
}

/// A submission that was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Its identity; another one for the same revision means other content.
    pub(crate) uid: SubmissionUid,
    /// When it was accepted.
    pub(crate) accept_time: Timestamp,
}

/// Stands for site, comment and revision: 128 bits of keyed hash, so that no caller can make two
/// comments collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MemoryKey(u64, u64);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<MemoryKey, Remembered>,
    old: HashMap<MemoryKey, Remembered>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            generations: Mutex::default(),
            generation_size: (capacity / 2).max(1),
        }
    }

    /// The key of a revision.
    pub(crate) fn key(&self, site: &SiteId, comment: &CommentId, revision: Revision) -> MemoryKey {
        let [first, second] =
            self.hashers.each_ref().map(|hasher| hasher.hash_one((site, comment, revision)));
        MemoryKey(first, second)
    }

    /// What was accepted under this key, if it was lately.
    pub(crate) fn recall(&self, key: MemoryKey) -> Option<Remembered> {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.get(&key).or_else(|| generations.old.get(&key)).copied()
    }

    /// Remembers a submission. Only once it is confirmed: a retry of what was lost must be published.
    pub(crate) fn remember(&self, key: MemoryKey, accepted: Remembered) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= self.generation_size {
            generations.old = std::mem::take(&mut generations.young);
        }
        // Of two that raced, the worker keeps whichever it sees first; so does the memory.
        generations.young.entry(key).or_insert(accepted);
    }
}

#[cfg(test)]
mod tests {
    use moderato_domain::ContentHash;

    use super::*;

    fn remembered(n: u8) -> Remembered {
        let (site, id) = (SiteId::parse("blog").unwrap(), CommentId::parse("c").unwrap());
        let uid = SubmissionUid::derive(&site, &id, Revision::FIRST, &ContentHash::from_bytes([n; 32]));
        Remembered { uid, accept_time: Timestamp::from_millis(i64::from(n)) }
    }

    fn key(memory: &Memory, comment: &str, revision: i64) -> MemoryKey {
        let site = SiteId::parse("blog").unwrap();
        memory.key(&site, &CommentId::parse(comment).unwrap(), Revision::new(revision).unwrap())
    }

    #[test]
    fn every_revision_of_every_comment_is_remembered_for_itself() {
        let memory = Memory::new();
        memory.remember(key(&memory, "a", 1), remembered(1));
        memory.remember(key(&memory, "a", 2), remembered(2));
        assert_eq!(memory.recall(key(&memory, "a", 1)), Some(remembered(1)));
        assert_eq!(memory.recall(key(&memory, "a", 2)), Some(remembered(2)));
        assert_eq!(memory.recall(key(&memory, "b", 1)), None);
        memory.remember(key(&memory, "a", 1), remembered(3));
        assert_eq!(memory.recall(key(&memory, "a", 1)), Some(remembered(1)), "the first one stays");
    }

    #[test]
    fn the_newest_half_is_never_forgotten_and_memory_stays_bounded() {
        let memory = Memory::with_capacity(8);
        for n in 0..100_i64 {
            memory.remember(key(&memory, "a", n + 1), remembered(n as u8));
            let kept = (0..=n).filter(|n| memory.recall(key(&memory, "a", n + 1)).is_some()).count();
            assert!(kept <= 8);
            for recent in (n - 3).max(0)..=n {
                assert!(memory.recall(key(&memory, "a", recent + 1)).is_some(), "{recent} of {n}");
            }
        }
    }
}
