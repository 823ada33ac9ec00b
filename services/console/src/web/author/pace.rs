//! How often a link may be used to send something.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moderato_domain::{CommentName, Timestamp};

/// The span in which is counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Links remembered at once. Beyond, the counts begin anew: nobody is refused for others' sake.
const LINKS: usize = 10_000;

/// Counts by link in windows of a minute.
#[derive(Debug)]
pub(super) struct Pace {
    most: u32,
    seen: Mutex<HashMap<CommentName, (Timestamp, u32)>>,
}

impl Pace {
    pub(super) fn new(most: u32) -> Self {
        Self { most, seen: Mutex::new(HashMap::new()) }
    }

    /// Whether this use of the link is one of the first in its window.
    pub(super) fn allows(&self, link: &CommentName, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= LINKS {
            seen.retain(|_, (begin, _)| now.since(*begin) < WINDOW);
        }
        if seen.len() >= LINKS {
            seen.clear();
        }
        let (begin, count) = seen.entry(link.clone()).or_insert((now, 0));
        if now.since(*begin) >= WINDOW {
            (*begin, *count) = (now, 0);
        }
        *count += 1;
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_link_has_a_few_tries_a_minute() {
        let pace = Pace::new(2);
        let link = |id: &str| CommentName::parse(&format!("sites/blog/comments/{id}")).unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        assert!(pace.allows(&link("a"), at(0)) && pace.allows(&link("a"), at(1)));
        assert!(!pace.allows(&link("a"), at(59)));
        assert!(pace.allows(&link("b"), at(59)));
        assert!(pace.allows(&link("a"), at(61)));
        for number in 0..LINKS + 5 {
            assert!(pace.allows(&link(&number.to_string()), at(200)));
        }
    }
}
