//! Who waits for what: a bell per key, rung when something may have happened to it.
//!
//! No wake-up is lost if a listener keeps this order: listen, take [`Listener::rung`], look into the
//! store, and only then await what was taken. What commits before the look is seen by the look; what
//! commits later rings after the future was made, and such a future is ready.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Listeners by key, at most a fixed number of them.
#[derive(Debug)]
pub(crate) struct Bells<K: Hash + Eq> {
    // Held for a few map look-ups, never across an await.
    hung: Mutex<Hung<K>>,
    limit: usize,
    // Told when the first listener comes, so that nobody reads the log for nobody.
    first: Arc<Notify>,
}

#[derive(Debug)]
struct Hung<K> {
    bells: HashMap<K, Bell>,
    listeners: usize,
}

#[derive(Debug)]
struct Bell {
    rung: Arc<Notify>,
    listeners: usize,
}

impl<K: Hash + Eq + Clone> Bells<K> {
    /// Room for `limit` listeners; `first` is notified when the first one comes.
    pub(crate) fn new(limit: usize, first: Arc<Notify>) -> Arc<Self> {
        let hung = Mutex::new(Hung { bells: HashMap::new(), listeners: 0 });
        Arc::new(Self { hung, limit, first })
    }

    /// Listens until the listener is dropped; `None` if there is no room.
    pub(crate) fn listen(self: &Arc<Self>, key: K) -> Option<Listener<K>> {
        let mut hung = self.hung();
        if hung.listeners >= self.limit {
            return None;
        }
        hung.listeners += 1;
        if hung.listeners == 1 {
            self.first.notify_one();
        }
        let bell = hung
            .bells
            .entry(key.clone())
            .or_insert_with(|| Bell { rung: Arc::new(Notify::new()), listeners: 0 });
        bell.listeners += 1;
        let rung = Arc::clone(&bell.rung);
        drop(hung);
        Some(Listener { bells: Arc::clone(self), key, rung })
    }

    /// Wakes whoever listens to one of these keys.
    pub(crate) fn ring<'a, Q>(&self, keys: impl IntoIterator<Item = &'a Q>)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + 'a + ?Sized,
    {
        let hung = self.hung();
        if hung.listeners > 0 {
            for bell in keys.into_iter().filter_map(|key| hung.bells.get(key)) {
                bell.rung.notify_waiters();
            }
        }
    }

    /// Wakes everybody.
    pub(crate) fn ring_all(&self) {
        for bell in self.hung().bells.values() {
            bell.rung.notify_waiters();
        }
    }

    /// Whether anybody listens.
    pub(crate) fn anybody(&self) -> bool {
        self.hung().listeners > 0
    }
}

impl<K: Hash + Eq> Bells<K> {
    fn hung(&self) -> MutexGuard<'_, Hung<K>> {
        self.hung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Listener<K: Hash + Eq> {
    bells: Arc<Bells<K>>,
    key: K,
    rung: Arc<Notify>,
}

impl<K: Hash + Eq> Listener<K> {
    /// Ready as soon as the bell rings after this call, also if it rings before the first poll.
    pub(crate) fn rung(&self) -> OwnedNotified {
        Arc::clone(&self.rung).notified_owned()
    }
}

impl<K: Hash + Eq> Drop for Listener<K> {
    fn drop(&mut self) {
        let mut hung = self.bells.hung();
        hung.listeners -= 1;
        if let Some(bell) = hung.bells.get_mut(&self.key) {
            bell.listeners -= 1;
            if bell.listeners == 0 {
                hung.bells.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn bells(limit: usize) -> Arc<Bells<String>> {
        Bells::new(limit, Arc::default())
    }

    #[test]
    fn a_bell_that_rings_before_the_first_poll_is_heard() {
        let bells = bells(8);
        let a = bells.listen("a".into()).unwrap();
        let b = bells.listen("b".into()).unwrap();
        let (heard, unheard) = (a.rung(), b.rung());
        bells.ring(["a", "c"]);
        assert!(heard.now_or_never().is_some());
        assert!(unheard.now_or_never().is_none());
        let later = b.rung();
        bells.ring_all();
        assert!(later.now_or_never().is_some());
    }

    #[test]
    fn there_is_room_for_so_many_and_a_dropped_listener_makes_room() {
        let bells = bells(2);
        let first = bells.listen("a".into()).unwrap();
        let second = bells.listen("a".into()).unwrap();
        assert!(bells.listen("b".into()).is_none());
        drop(first);
        let third = bells.listen("b".into()).unwrap();
        let rung = second.rung();
        bells.ring(["a"]);
        assert!(rung.now_or_never().is_some());
        drop((second, third));
        assert!(!bells.anybody());
        assert!(bells.hung().bells.is_empty());
    }
}
