//! The filter of `ListComments`.
//!
//! ```text
//! filter = [ term { "AND" term } ]
//! term   = field "=" value
//! field  = "state" | "action" | "thread"
//! value  = a word, or text in double quotes
//! ```
//!
//! Every unknown field and value is reported, with what is allowed and the nearest name. A filter
//! that does not follow the grammar is reported where it first leaves it.

use std::fmt::Write as _;

use moderato_api::view;
use moderato_domain::{Action, State, ThreadId, Violation};
use moderato_store::CommentFilter;

/// The longest sensible filter names a state, an action and a thread of 128 characters.
const MAX_BYTES: usize = 512;
const FIELDS: [&str; 3] = ["state", "action", "thread"];

/// Reads a filter; empty text filters nothing.
///
/// # Errors
/// Every violation; never an empty list.
pub(crate) fn parse(text: &str) -> Result<CommentFilter, Vec<Violation>> {
    if text.len() > MAX_BYTES {
        return Err(vec![violation("TOO_LONG", format!("has at most {MAX_BYTES} bytes"))]);
    }
    let mut tokens = tokens(text).peekable();
    let mut found = Found::default();
    while tokens.peek().is_some() {
        let (Some(Token::Word(field)), Some(Token::Equals), Some(Token::Word(value) | Token::Quoted(value))) =
            (tokens.next(), tokens.next(), tokens.next())
        else {
            found.malformed("a term is a field, '=' and a value, such as `state = PENDING`");
            break;
        };
        found.term(field, value);
        match tokens.next() {
            None => break,
            Some(Token::Word("AND")) if tokens.peek().is_some() => {}
            Some(Token::Word("AND")) => found.malformed("a term is missing after AND"),
            Some(_) => {
                found.malformed("terms are joined by AND; text with spaces is put in double quotes");
                break;
            }
        }
    }
    if found.violations.is_empty() { Ok(found.filter) } else { Err(found.violations) }
}

/// The one spelling of a filter, which page tokens are bound to.
pub(crate) fn canonical(filter: &CommentFilter) -> String {
    let CommentFilter { state, action, thread } = filter;
    let mut text = String::new();
    let mut term = |field: &str, value: &str| {
        let and = if text.is_empty() { "" } else { " AND " };
        // Writing into a String cannot fail.
        let _ = write!(text, "{and}{field} = {value}");
    };
    if let Some(state) = state {
        term("state", state_name(*state));
    }
    if let Some(action) = action {
        term("action", action_name(*action));
    }
    if let Some(thread) = thread {
        term("thread", thread.as_str());
    }
    text
}

#[derive(Default)]
struct Found {
    filter: CommentFilter,
    violations: Vec<Violation>,
}

impl Found {
    fn term(&mut self, field: &str, value: &str) {
        let repeated = match field {
            "state" => {
                let state = self.one_of("state", value, &State::ALL, state_name);
                set(&mut self.filter.state, state)
            }
            "action" => {
                let action = self.one_of("action", value, &Action::ALL, action_name);
                set(&mut self.filter.action, action)
            }
            "thread" => {
                let thread = ThreadId::parse(value)
                    .map_err(|error| self.violations.push(violation("MALFORMED", error.to_string())))
                    .ok();
                set(&mut self.filter.thread, thread)
            }
            unknown => {
                let why = suggest("field", unknown, &FIELDS);
                self.violations.push(violation("UNKNOWN_FIELD", why));
                false
            }
        };
        if repeated {
            self.violations.push(violation("REPEATED", format!("'{field}' is given twice")));
        }
    }

    fn one_of<T: Copy>(
        &mut self,
        field: &str,
        value: &str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        let found = all.iter().copied().find(|candidate| name(*candidate) == value);
        if found.is_none() {
            let names: Vec<&str> = all.iter().map(|candidate| name(*candidate)).collect();
            self.violations.push(violation("UNKNOWN_VALUE", suggest(field, value, &names)));
        }
        found
    }

    fn malformed(&mut self, why: &str) {
        self.violations.push(violation("MALFORMED", why));
    }
}

/// Sets what is not set; whether it was set before.
fn set<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let repeated = slot.is_some() && value.is_some();
    if !repeated {
        *slot = slot.take().or(value);
    }
    repeated
}

fn violation(reason: &'static str, description: impl Into<String>) -> Violation {
    Violation::new("filter", reason, description)
}

fn state_name(state: State) -> &'static str {
    view::state(state).as_str_name()
}

fn action_name(action: Action) -> &'static str {
    view::action(action).as_str_name()
}

/// What is allowed instead of an unknown name, and the nearest one if it is near.
fn suggest(what: &str, unknown: &str, allowed: &[&str]) -> String {
    // As much of it as a person needs to find it again.
    let shown: String = unknown.chars().take(40).collect();
    let mut text = format!("unknown {what} '{shown}'; allowed: {}", allowed.join(", "));
    let folded = shown.to_lowercase();
    let nearest = allowed
        .iter()
        .map(|name| (strsim::osa_distance(&folded, &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance);
    if let Some((distance, name)) = nearest
        && distance * 2 <= name.len()
    {
        let _ = write!(text, "; did you mean {name}?");
    }
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Quoted(&'a str),
    Equals,
    /// A quote that is never closed.
    Unclosed,
}

fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let token = match rest.chars().next()? {
            '=' => {
                rest = &rest[1..];
                Token::Equals
            }
            '"' => {
                if let Some((quoted, after)) = rest[1..].split_once('"') {
                    rest = after;
                    Token::Quoted(quoted)
                } else {
                    rest = "";
                    Token::Unclosed
                }
            }
            _ => {
                let end =
                    rest.find(|c: char| c.is_whitespace() || c == '=' || c == '"').unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                Token::Word(word)
            }
        };
        Some(token)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reasons(text: &str) -> Vec<&'static str> {
        parse(text).unwrap_err().into_iter().map(|v| v.reason).collect()
    }

    #[test]
    fn terms_are_read_in_any_order_and_spacing() {
        let filter = parse("thread=post-1 AND state = PENDING  AND action=\"REVIEW\"").unwrap();
        assert_eq!(filter.state, Some(State::Pending));
        assert_eq!(filter.action, Some(Action::Review));
        assert_eq!(filter.thread, ThreadId::parse("post-1").ok());
        assert_eq!(canonical(&filter), "state = PENDING AND action = REVIEW AND thread = post-1");
        assert_eq!(parse(" ").unwrap(), CommentFilter::default());
    }

    #[test]
    fn everything_unknown_is_reported_with_the_nearest_name() {
        let violations = parse("sate = PENDING AND action = rewiew AND state = GONE").unwrap_err();
        let texts: Vec<&str> = violations.iter().map(|v| v.description.as_str()).collect();
        assert_eq!(
            texts,
            [
                "unknown field 'sate'; allowed: state, action, thread; did you mean state?",
                "unknown action 'rewiew'; allowed: ALLOW, REVIEW, REJECT; did you mean REVIEW?",
                "unknown state 'GONE'; allowed: PENDING, PUBLISHED, REJECTED, SPAM, WITHDRAWN",
            ]
        );
    }

    #[test]
    fn what_is_not_the_grammar_is_said() {
        for bad in [
            "state",
            "state =",
            "= PENDING",
            "state = PENDING AND",
            "state = PENDING state = SPAM",
            "state = PENDING and action = REVIEW",
            "AND",
            "state == PENDING",
            "thread = \"post",
            "state = PENDING OR state = SPAM",
        ] {
            assert_eq!(reasons(bad), ["MALFORMED"], "{bad}");
        }
        assert_eq!(reasons("state = SPAM AND state = SPAM"), ["REPEATED"]);
        assert_eq!(reasons("thread = a/b"), ["MALFORMED"]);
        assert_eq!(reasons(&"x".repeat(MAX_BYTES + 1)), ["TOO_LONG"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(state|action|thread|AND|=|\"| |PENDING|\\PC){0,24}") {
            if let Err(violations) = parse(&text) {
                prop_assert!(!violations.is_empty());
            }
        }

        #[test]
        fn the_canonical_spelling_reads_back(state in 0..6_usize, action in 0..4_usize, thread in "[a-zA-Z0-9._~-]{0,20}") {
            let filter = CommentFilter {
                state: State::ALL.get(state).copied(),
                action: Action::ALL.get(action).copied(),
                thread: ThreadId::parse(&thread).ok(),
            };
            prop_assert_eq!(parse(&canonical(&filter)), Ok(filter));
        }
    }
}
