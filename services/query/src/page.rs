//! Keyset pages: a page is asked for by the sort key of the last item seen, sealed into a token that
//! is bound to method, parent and filter.

use moderato_api::status::Refusal;
use moderato_api::token;
use moderato_domain::{CommentId, ErrorCode, Revision, Timestamp, Violation};
use moderato_store::{CommentPosition, EventCursor};
use prost::Message;

/// Items of a page if the caller does not say.
const DEFAULT_SIZE: u32 = 50;
/// Most items of a page; asking for more is answered with this many.
const MAX_SIZE: u32 = 500;
/// A page ends early once its items have this many bytes: clients refuse messages above 4 MiB unless
/// told otherwise, and 500 bodies of 64 KiB are 32 MiB.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A page that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<P> {
    scope: Scope,
    /// The sort key of the last item before it.
    pub(crate) after: Option<P>,
    size: u32,
}

impl<P: Position> Page<P> {
    /// The page of `size` items that the token stands for; the first one without a token.
    pub(crate) fn open(scope: Scope, size: u32, token: &str) -> Result<Self, Refusal> {
        let after = scope.open(token)?;
        Ok(Self { scope, after, size })
    }

    /// How many rows to read: one more than are shown, to know whether there is a next page.
    pub(crate) fn rows(&self) -> u32 {
        self.size + 1
    }

    /// The items to show, and the token of the next page (empty on the last).
    pub(crate) fn cut<R, T: Message>(
        &self,
        rows: Vec<R>,
        position: impl Fn(&R) -> P,
        show: impl Fn(R) -> T,
    ) -> (Vec<T>, String) {
        let available = rows.len();
        let mut shown = Vec::with_capacity(available.min(self.size as usize));
        let mut last = None;
        let mut bytes = 0;
        for row in rows.into_iter().take(self.size as usize) {
            let here = position(&row);
            let item = show(row);
            bytes += item.encoded_len();
            if bytes > MAX_BYTES && !shown.is_empty() {
                break;
            }
            shown.push(item);
            last = Some(here);
        }
        let next = last.filter(|_| shown.len() < available).map(|last| self.scope.seal(&last));
        (shown, next.unwrap_or_default())
    }
}

/// Reads a page size.
pub(crate) fn size(field: &'static str, asked: i32) -> Result<u32, Violation> {
    match u32::try_from(asked) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(Violation::new(field, "OUT_OF_RANGE", format!("is between 0 and {MAX_SIZE}"))),
    }
}

/// What a token is bound to: method, parent, filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope(Vec<String>);

impl Scope {
    /// A scope of these parts.
    pub(crate) fn new<const N: usize>(parts: [String; N]) -> Self {
        Self(parts.into())
    }

    /// A token for this place.
    pub(crate) fn seal<P: Position>(&self, position: &P) -> String {
        token::seal(&self.parts(), &position.write())
    }

    /// The place a token stands for; none if the token is empty.
    pub(crate) fn open<P: Position>(&self, token: &str) -> Result<Option<P>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        token::open(&self.parts(), token)
            .and_then(|payload| P::read(&payload).ok_or(token::InvalidToken).map(Some))
            .map_err(|error| Refusal::Error(ErrorCode::TokenInvalid, error.to_string()))
    }

    fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// A place in a list, as the payload of a token.
pub(crate) trait Position: Sized {
    /// As text.
    fn write(&self) -> String;
    /// From text.
    fn read(payload: &str) -> Option<Self>;
}

impl Position for CommentPosition {
    fn write(&self) -> String {
        format!("{}:{}", self.time.as_millis(), self.comment)
    }

    fn read(payload: &str) -> Option<Self> {
        let (time, comment) = payload.split_once(':')?;
        let time = Timestamp::from_millis(time.parse().ok()?);
        Some(Self { time, comment: CommentId::parse(comment).ok()? })
    }
}

impl Position for Revision {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(payload: &str) -> Option<Self> {
        Self::new(payload.parse().ok()?).ok()
    }
}

impl Position for EventCursor {
    fn write(&self) -> String {
        format!("{}-{}", self.epoch, self.sequence)
    }

    fn read(payload: &str) -> Option<Self> {
        let (epoch, sequence) = payload.split_once('-')?;
        Some(Self { epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use moderato_api::pb::query::ThreadCount;
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        Scope::new(["ListVerdicts".into(), "sites/blog/comments/c".into()])
    }

    fn page(size: u32) -> Page<Revision> {
        Page::open(scope(), size, "").unwrap()
    }

    fn revisions(count: i64) -> Vec<Revision> {
        (1..=count).map(|n| Revision::new(n).unwrap()).collect()
    }

    fn cut(size: u32, count: i64, text: &str) -> (Vec<i64>, String) {
        let show = |r: Revision| ThreadCount { thread: text.to_owned(), published: r.get() };
        let (shown, next) = page(size).cut(revisions(count), |r| *r, show);
        (shown.into_iter().map(|item| item.published).collect(), next)
    }

    #[test]
    fn sizes_are_defaulted_and_clamped_and_negative_ones_refused() {
        assert_eq!(size("page_size", 0), Ok(50));
        assert_eq!(size("page_size", 7), Ok(7));
        assert_eq!(size("page_size", i32::MAX), Ok(500));
        assert_eq!(size("page_size", -1).unwrap_err().reason, "OUT_OF_RANGE");
    }

    #[test]
    fn the_last_page_has_no_token_and_the_others_go_on_after_their_last_item() {
        assert_eq!(cut(3, 0, ""), (vec![], String::new()));
        assert_eq!(cut(3, 3, ""), (vec![1, 2, 3], String::new()));
        let (shown, next) = cut(3, 4, "");
        assert_eq!(shown, [1, 2, 3]);
        assert_eq!(Page::open(scope(), 3, &next).unwrap().after, Revision::new(3).ok());
    }

    #[test]
    fn a_page_ends_before_its_message_grows_too_large_but_is_never_empty() {
        let (shown, next) = cut(10, 10, &"x".repeat(900 * 1024));
        assert_eq!(shown, [1, 2]);
        assert_eq!(Page::open(scope(), 10, &next).unwrap().after, Revision::new(2).ok());
        assert_eq!(cut(10, 10, &"x".repeat(3 * 1024 * 1024)).0, [1]);
    }

    proptest! {
        #[test]
        fn positions_read_back(time: i64, comment in "[a-zA-Z0-9._~-]{1,64}", epoch in 0..i64::MAX, sequence in 0..i64::MAX) {
            let position = CommentPosition { time: Timestamp::from_millis(time), comment: CommentId::parse(&comment).unwrap() };
            let sealed = scope().seal(&position);
            prop_assert_eq!(scope().open(&sealed).unwrap(), Some(position));
            let cursor = EventCursor { epoch, sequence };
            prop_assert_eq!(EventCursor::read(&cursor.write()), Some(cursor));
        }

        #[test]
        fn no_payload_makes_reading_panic(payload in ".{0,40}") {
            let _ = (CommentPosition::read(&payload), Revision::read(&payload), EventCursor::read(&payload));
        }
    }
}
