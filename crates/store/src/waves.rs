//! Splits a batch so that no statement meets the same comment twice.

use std::collections::HashMap;
use std::hash::Hash;

/// Indexes of `items` in waves: within a wave every key occurs once, and items of one key keep
/// their order from wave to wave. One multi-row upsert cannot touch a row twice, so a batch with two
/// revisions of one comment is stored as two statements of the same transaction. Almost always there
/// is one wave.
pub fn waves<T, K: Hash + Eq>(items: &[T], key: impl Fn(&T) -> K) -> Vec<Vec<usize>> {
    let mut seen: HashMap<K, usize> = HashMap::with_capacity(items.len());
    let mut waves: Vec<Vec<usize>> = Vec::with_capacity(1);
    for (index, item) in items.iter().enumerate() {
        let wave = seen.entry(key(item)).and_modify(|wave| *wave += 1).or_insert(0);
        if *wave == waves.len() {
            waves.push(Vec::with_capacity(items.len()));
        }
        waves[*wave].push(index);
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_occurs_once_in_a_wave_and_keeps_its_order() {
        assert_eq!(waves(&["a", "b", "a", "c", "a", "b"], |k| *k), [vec![0, 1, 3], vec![2, 5], vec![4]]);
        assert!(waves(&[] as &[&str], |k| *k).is_empty());
    }
}
