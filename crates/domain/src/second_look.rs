//! A sample of decisions that somebody else decides once more without seeing the first outcome: how
//! often people agree says how clear the guidelines are.

use sha2::{Digest, Sha256};

use crate::decision::DecisionId;
use crate::ids::CommentId;

/// Whether a decision about a comment belongs to a sample of so many percent. The same for everybody who
/// asks, and whoever is in a small sample is in a larger one.
pub fn is_sampled(decision: DecisionId, comment: &CommentId, percent: u8) -> bool {
    let mut hash = Sha256::new();
    hash.update(b"second look\0");
    hash.update(decision.0.as_bytes());
    hash.update(comment.as_str());
    let hash = hash.finalize();
    let draw = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    u64::from(draw) * 100 < u64::from(percent) << 32
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_sample_has_about_its_share_and_grows_with_it() {
        let sampled = |percent| {
            let comment = |number: u128| CommentId::parse(&format!("c{number}")).unwrap();
            (0..10_000)
                .filter(|&n| is_sampled(DecisionId(Uuid::from_u128(n)), &comment(n), percent))
                .collect()
        };
        let (none, some, more, all): (Vec<u128>, Vec<_>, Vec<_>, Vec<_>) =
            (sampled(0), sampled(5), sampled(50), sampled(100));
        assert_eq!((none.len(), all.len()), (0, 10_000));
        assert!((400..600).contains(&some.len()) && (4_800..5_200).contains(&more.len()));
        assert!(some.iter().all(|number| more.contains(number)));
    }

    #[test]
    fn comments_of_one_decision_are_drawn_apart() {
        let decision = DecisionId(Uuid::from_u128(7));
        let draw = |number| is_sampled(decision, &CommentId::parse(&format!("c{number}")).unwrap(), 50);
        let drawn = (0..1_000).filter(|&number| draw(number)).count();
        assert!((400..600).contains(&drawn), "{drawn}");
    }
}
