//! Conditions: the syntax tree and its parser.
//!
//! ```text
//! condition := both ("or" both)*
//! both      := single ("and" single)*
//! single    := "not" single | "(" condition ")" | test
//! test      := value (== | != | < | <= | > | >=) value
//!            | field "in" "[" literal ("," literal)* "]"
//!            | field "has" [count "of"] "list" "(" text ")"
//!            | field "matches" text
//!            | field                                    -- a flag
//! ```
//! Names are resolved and types checked in the same walk, by [`Names`], so that the tree holds
//! nothing that cannot be evaluated.

use std::ops::Range;
use std::time::Duration;

use super::lexer::{LexError, Token, TokenKind, tokens};
use super::schema::{FieldId, FieldKind};
use super::types::check_comparison;
use crate::error::{RuleSetProblem, nearest};

/// Nesting that a person can still read; bounds the recursion of parser and evaluator.
const DEPTH_MAX: usize = 32;
/// Parts of one condition.
const NODES_MAX: usize = 1_000;
/// Most different entries of a list that a condition can ask for: as many as are counted.
const COUNTED_ENTRIES_MAX: u16 = crate::analyzers::SPANS_MAX as u16;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) test: Test,
    /// Where it stands in the text of the whole condition.
    pub(crate) source: Range<u32>,
}

/// What a condition asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Flag(FieldId),
    Compare(Operand, Comparison, Operand),
    In(FieldId, Vec<Literal>),
    /// A field, a list, and how many different entries of it have to be there.
    HasList(FieldId, u16, u16),
    Matches(FieldId, u16),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Field(FieldId),
    Literal(Literal),
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Flag(bool),
    Count(i64),
    Number(f64),
    Duration(Duration),
    Text(String),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What conditions can refer to.
pub(crate) trait Names {
    /// The list of that name, if the field can be looked up in it.
    fn list(&mut self, name: &str, field: FieldId) -> Result<u16, RuleSetProblem>;
    /// Compiles a pattern for a field.
    fn pattern(&mut self, pattern: &str, field: FieldId) -> Result<u16, RuleSetProblem>;
}

/// A problem and its place in the condition.
#[derive(Debug)]
pub(crate) struct ExprError {
    pub(crate) problem: RuleSetProblem,
    pub(crate) at: usize,
}

impl From<LexError> for ExprError {
    fn from(error: LexError) -> Self {
        Self { problem: RuleSetProblem::Syntax(error.message), at: error.at }
    }
}

/// Parses and type-checks a condition.
pub(crate) fn parse(text: &str, names: &mut dyn Names) -> Result<Expr, ExprError> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, nodes: 0, names };
    let expr = parser.condition()?;
    match parser.peek() {
        TokenKind::End => Ok(expr),
        _ => Err(parser.unexpected("expected `and`, `or` or the end")),
    }
}

/// The problem of a field that does not exist.
pub(crate) fn unknown_field(name: &str) -> RuleSetProblem {
    let nearest = nearest(name, FieldId::ALL.into_iter().map(FieldId::id));
    RuleSetProblem::UnknownField { name: name.to_owned(), nearest }
}

struct Parser<'n> {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    nodes: usize,
    names: &'n mut dyn Names,
}

impl Parser<'_> {
    fn condition(&mut self) -> Result<Expr, ExprError> {
        let from = self.at();
        let first = self.both()?;
        if !self.at_word("or") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes_word("or") {
            parts.push(self.both()?);
        }
        Ok(self.since(from, Test::Any(parts)))
    }

    fn both(&mut self) -> Result<Expr, ExprError> {
        let from = self.at();
        let first = self.single()?;
        if !self.at_word("and") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes_word("and") {
            parts.push(self.single()?);
        }
        Ok(self.since(from, Test::All(parts)))
    }

    fn single(&mut self) -> Result<Expr, ExprError> {
        self.count_node()?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fail(RuleSetProblem::TooDeep(DEPTH_MAX)));
        }
        let from = self.at();
        let expr = if self.takes_word("not") {
            let inner = Box::new(self.single()?);
            self.since(from, Test::Not(inner))
        } else if self.takes_symbol("(") {
            let inner = self.condition()?;
            self.expect_symbol(")")?;
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, ExprError> {
        let at = self.at();
        let test = self.asked()?;
        Ok(self.since(at, test))
    }

    fn asked(&mut self) -> Result<Test, ExprError> {
        let at = self.at();
        let left = self.operand()?;
        if let Some(comparison) = self.comparison() {
            let right_at = self.at();
            let right = self.operand()?;
            check_comparison(&left, comparison, &right)
                .map_err(|message| ExprError { problem: RuleSetProblem::Type(message), at: right_at })?;
            return Ok(Test::Compare(left, comparison, right));
        }
        let Operand::Field(field) = left else {
            return Err(self.unexpected("expected a comparison after this value"));
        };
        if self.takes_word("in") {
            return self.membership(field);
        }
        if self.takes_word("has") {
            return self.list_lookup(field);
        }
        if self.takes_word("matches") {
            return self.pattern(field);
        }
        if field.kind() == FieldKind::Flag {
            return Ok(Test::Flag(field));
        }
        if !matches!(self.peek(), TokenKind::End | TokenKind::Symbol(")"))
            && !self.at_word("and")
            && !self.at_word("or")
        {
            return Err(self.unexpected("expected a comparison, `in`, `has list(\"…\")` or `matches`"));
        }
        let message = format!("`{}` is {}; compare it with something", field.id(), field.kind().name());
        Err(ExprError { problem: RuleSetProblem::Type(message), at })
    }

    fn membership(&mut self, field: FieldId) -> Result<Test, ExprError> {
        self.expect_symbol("[")?;
        let mut literals = Vec::new();
        loop {
            self.count_node()?;
            let at = self.at();
            let Operand::Literal(literal) = self.operand()? else {
                let problem =
                    RuleSetProblem::Type("only constants can stand in the brackets after `in`".into());
                return Err(ExprError { problem, at });
            };
            check_comparison(&Operand::Field(field), Comparison::Equal, &Operand::Literal(literal.clone()))
                .map_err(|message| ExprError { problem: RuleSetProblem::Type(message), at })?;
            literals.push(literal);
            if !self.takes_symbol(",") {
                break;
            }
        }
        self.expect_symbol("]")?;
        Ok(Test::In(field, literals))
    }

    fn list_lookup(&mut self, field: FieldId) -> Result<Test, ExprError> {
        let mut entries = 1;
        if let TokenKind::Int(number) = self.peek() {
            entries = u16::try_from(*number)
                .ok()
                .filter(|count| (1..=COUNTED_ENTRIES_MAX).contains(count))
                .ok_or_else(|| {
                self.fail(RuleSetProblem::Type(format!(
                    "a count from 1 to {COUNTED_ENTRIES_MAX} can stand here"
                )))
            })?;
            self.next += 1;
            if !self.takes_word("of") {
                return Err(self.unexpected("expected `of list(\"…\")` after the count"));
            }
        }
        if !self.takes_word("list") {
            return Err(self.unexpected("expected `list(\"…\")` or `2 of list(\"…\")` after `has`"));
        }
        self.expect_symbol("(")?;
        let at = self.at();
        let name = self.text("a list's name in quotes")?;
        self.expect_symbol(")")?;
        let list = self.names.list(&name, field).map_err(|problem| ExprError { problem, at })?;
        Ok(Test::HasList(field, list, entries))
    }

    fn pattern(&mut self, field: FieldId) -> Result<Test, ExprError> {
        let at = self.at();
        let pattern = self.text("a pattern in quotes")?;
        if !matches!(field.kind(), FieldKind::Text | FieldKind::Domain) {
            let message = format!("`{}` is {}; only texts can be matched", field.id(), field.kind().name());
            return Err(ExprError { problem: RuleSetProblem::Type(message), at });
        }
        let index = self.names.pattern(&pattern, field).map_err(|problem| ExprError { problem, at })?;
        Ok(Test::Matches(field, index))
    }

    fn operand(&mut self) -> Result<Operand, ExprError> {
        let operand = match self.peek() {
            TokenKind::Int(number) => Operand::Literal(Literal::Count(*number)),
            TokenKind::Float(number) => Operand::Literal(Literal::Number(*number)),
            TokenKind::Duration(span) => Operand::Literal(Literal::Duration(*span)),
            TokenKind::Text(text) => Operand::Literal(Literal::Text(text.clone())),
            TokenKind::Word(word) => match word.as_str() {
                "true" => Operand::Literal(Literal::Flag(true)),
                "false" => Operand::Literal(Literal::Flag(false)),
                "and" | "or" | "not" | "in" | "has" | "matches" | "list" | "of" => {
                    return Err(self.unexpected("expected a field or a value"));
                }
                name => match FieldId::parse(name) {
                    Some(field) => Operand::Field(field),
                    None => return Err(self.fail(unknown_field(name))),
                },
            },
            TokenKind::Symbol(_) | TokenKind::End => {
                return Err(self.unexpected("expected a field or a value"));
            }
        };
        self.next += 1;
        Ok(operand)
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let TokenKind::Symbol(symbol) = self.peek() else { return None };
        let comparison = match *symbol {
            "==" => Comparison::Equal,
            "!=" => Comparison::Unequal,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Greater,
            ">=" => Comparison::AtLeast,
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    fn text(&mut self, what: &str) -> Result<String, ExprError> {
        let TokenKind::Text(text) = self.peek() else {
            return Err(self.unexpected(&format!("expected {what}")));
        };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }

    /// What was read since a place.
    fn since(&self, from: usize, test: Test) -> Expr {
        let end =
            self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(from, |token| token.end);
        Expr { test, source: from as u32..end as u32 }
    }

    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.next).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |token| token.at)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(found) if found == word)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.next += usize::from(found);
        found
    }

    fn takes_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(here) if *here == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), ExprError> {
        if self.takes_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("expected `{symbol}`"))) }
    }

    fn count_node(&mut self) -> Result<(), ExprError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(self.fail(RuleSetProblem::TooManyParts(NODES_MAX))) } else { Ok(()) }
    }

    fn unexpected(&self, expected: &str) -> ExprError {
        let found = match self.peek() {
            TokenKind::Word(word) => format!("found `{word}`"),
            TokenKind::Symbol(symbol) => format!("found `{symbol}`"),
            TokenKind::Int(_) | TokenKind::Float(_) => "found a number".into(),
            TokenKind::Duration(_) => "found a span of time".into(),
            TokenKind::Text(_) => "found a text".into(),
            TokenKind::End => "the condition ends here".into(),
        };
        self.fail(RuleSetProblem::Syntax(format!("{expected}; {found}")))
    }

    fn fail(&self, problem: RuleSetProblem) -> ExprError {
        ExprError { problem, at: self.at() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct AnyNames;

    impl Names for AnyNames {
        fn list(&mut self, _: &str, _: FieldId) -> Result<u16, RuleSetProblem> {
            Ok(0)
        }
        fn pattern(&mut self, _: &str, _: FieldId) -> Result<u16, RuleSetProblem> {
            Ok(0)
        }
    }

    fn problem(text: &str) -> (RuleSetProblem, usize) {
        let error = parse(text, &mut AnyNames).unwrap_err();
        (error.problem, error.at)
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let expr = parse("author.guest or not author.known and links.count > 2", &mut AnyNames).unwrap();
        let Test::Any(parts) = expr.test else { panic!("{expr:?}") };
        assert_eq!(parts[0], Expr { test: Test::Flag(FieldId::AuthorGuest), source: 0..12 });
        assert_eq!(parts[1].source, 16..52);
        assert!(matches!(&parts[1].test, Test::All(inner) if matches!(inner[0].test, Test::Not(_))));
    }

    #[test]
    fn mistakes_are_named_where_they_are() {
        for (text, at, expected) in [
            ("links.cuont > 1", 0, "unknown field `links.cuont`; did you mean `links.count`?"),
            ("links.count > \"x\"", 14, "`links.count` is a count, but this is a text"),
            ("links.count", 0, "`links.count` is a count; compare it with something"),
            ("author.guest and", 16, "expected a field or a value; the condition ends here"),
            ("(author.guest", 13, "expected `)`; the condition ends here"),
            (
                "links.hosts == \"a.example\"",
                15,
                "`links.hosts` is a set of domains; it can only be asked `has list(\"…\")`",
            ),
            ("body > \"a\"", 7, "`body` is a text; only numbers and spans of time can be larger or smaller"),
            ("links.count matches \"x\"", 20, "`links.count` is a count; only texts can be matched"),
            ("1 == 1", 5, "two constants are always equal or never"),
            ("links.count && 1", 12, "unexpected `&`; write and, or, not"),
        ] {
            let (problem, place) = problem(text);
            assert_eq!((place, problem.to_string().as_str()), (at, expected), "{text}");
        }
    }

    #[test]
    fn nesting_and_size_are_bounded() {
        let deep = format!("{}author.guest{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(problem(&deep).0, RuleSetProblem::TooDeep(DEPTH_MAX));
        assert_eq!(problem(&"not ".repeat(5_000)).0, RuleSetProblem::TooDeep(DEPTH_MAX));
        let long = vec!["author.guest"; 1_001].join(" or ");
        assert_eq!(problem(&long).0, RuleSetProblem::TooManyParts(NODES_MAX));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = parse(&text, &mut AnyNames);
        }

        #[test]
        fn no_order_of_tokens_makes_the_parser_panic(
            words in proptest::collection::vec(prop_oneof![
                Just("links.count"), Just("body"), Just("author.guest"), Just("and"), Just("or"), Just("not"),
                Just("("), Just(")"), Just("in"), Just("["), Just("]"), Just(","), Just("has"), Just("list"), Just("of"),
                Just("matches"), Just("\"x\""), Just("1"), Just("-2.5"), Just(">="), Just("=="), Just("true"),
            ], 0..20)
        ) {
            let _ = parse(&words.join(" "), &mut AnyNames);
        }
    }
}
