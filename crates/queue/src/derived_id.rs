//! Ids for messages that have none of their own.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use uuid::Uuid;

/// An id (UUIDv8) that depends on the parts alone. It names a message in logs and listings and
/// decides nothing, so a fast hash will do, and it may differ between releases.
pub(crate) fn derived_id<T: Hash>(parts: &(impl Iterator<Item = T> + Clone)) -> Uuid {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        for part in parts.clone() {
            part.hash(&mut hasher);
        }
        hasher.finish()
    };
    let bytes = Uuid::from_u64_pair(half(0), half(1)).into_bytes();
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
