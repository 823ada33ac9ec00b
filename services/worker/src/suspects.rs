//! Messages that came back more than once: one of them may be what kills workers.
//!
//! A worker that dies has all its messages delivered again, each counted as often as the one that killed
//! it, and a message delivered too often is a dead letter. So messages that came back are worked on one
//! by one, each acknowledged before the next is touched: those before the culprit are done with. In which
//! order depends on how often each was delivered, so that the culprit does not stand before the same
//! neighbours again: of 128 of them half are left each time, and some eight deaths later it is alone.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use moderato_queue::Delivery;

/// Deliveries after which a message is worked on alone. Once happens to everything in hand when a worker
/// is restarted or loses its connection.
const ALONE_AFTER_DELIVERIES: u32 = 2;

/// Whether a message may be what kills workers.
pub(crate) const fn is_suspect(delivery: &Delivery) -> bool {
    delivery.delivery_count >= ALONE_AFTER_DELIVERIES
}

/// Parts a batch into what can be worked on at once, each in a piece: first what is no suspect, together.
pub(crate) fn part(batch: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let (mut suspects, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_suspect);
    suspects.sort_by_cached_key(|delivery| {
        let mut hasher = DefaultHasher::new();
        (delivery.envelope.message_id, delivery.delivery_count).hash(&mut hasher);
        hasher.finish()
    });
    let together = Some(others).filter(|others| !others.is_empty());
    together.into_iter().chain(suspects.into_iter().map(|suspect| vec![suspect])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sample::delivery;

    /// What every backend makes a dead letter.
    const DELIVERY_LIMIT: u32 = 20;

    #[test]
    fn what_was_delivered_once_or_never_before_stays_together_and_comes_first() {
        let batch = [(1, 2), (2, 0), (3, 1), (4, 7)].map(|(number, count)| delivery(number, 1, count));
        let pieces = part(batch.into());
        assert_eq!(pieces[0].iter().map(|one| one.delivery_count).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(pieces[1..].iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn a_message_that_kills_every_worker_takes_none_of_its_neighbours_to_the_dead_letters() {
        for culprit in 0..128 {
            let mut waiting: BTreeMap<u128, u32> = (0..128).map(|number| (number, 0)).collect();
            while waiting.len() > 1 {
                let batch = waiting.iter().map(|(number, count)| delivery(*number, 1, *count)).collect();
                for piece in part(batch) {
                    let numbers: Vec<u128> =
                        piece.iter().map(|one| one.envelope.message_id.as_u128()).collect();
                    if numbers.contains(&culprit) {
                        break;
                    }
                    waiting.retain(|number, _| !numbers.contains(number));
                }
                // The worker is dead: what it held comes back.
                for count in waiting.values_mut() {
                    *count += 1;
                }
                assert!(waiting.len() == 1 || waiting.values().all(|count| *count < DELIVERY_LIMIT));
            }
            assert!(waiting.contains_key(&culprit));
        }
    }
}
