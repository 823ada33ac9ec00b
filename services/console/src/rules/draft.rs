//! A rule set on its way into force: compiled, then tested by its own tests.

use std::fmt;
use std::sync::Arc;

use moderato_domain::Timestamp;
use moderato_engine::{CompiledRuleSet, Guidelines, RuleSetError, TestFailure};
use moderato_store::RuleSetDocument;

/// A rule set that compiles. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it was compiled from.
    pub document: Arc<RuleSetDocument>,
    /// What judges.
    pub rules: Arc<CompiledRuleSet>,
}

/// What is wrong with a rule set, and in which of its documents.
#[derive(Debug, Clone, PartialEq)]
pub enum Mistake {
    /// In the guidelines.
    Guidelines(String),
    /// In the rules: line, column, and the text with a caret.
    Rules(Box<RuleSetError>),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guidelines(why) => write!(f, "the guidelines: {why}"),
            Self::Rules(error) => error.fmt(f),
        }
    }
}

/// Why a rule set is not put into use.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It does not compile.
    #[error("{}", lines(.0))]
    Mistakes(Vec<Mistake>),
    /// It does not do what it says of itself.
    #[error("{} of its {tests} own tests fail:\n{}", failures.len(), lines(failures))]
    TestsFail {
        /// How many tests there are.
        tests: usize,
        /// Those that fail.
        failures: Vec<TestFailure>,
    },
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Draft {
    /// Compiles a document whose rules cite these guidelines.
    ///
    /// # Errors
    /// Every mistake found.
    pub fn compile(document: &str, guidelines: &str, now: Timestamp) -> Result<Self, Unfit> {
        let rules = compile(document, guidelines).map_err(Unfit::Mistakes)?;
        let document = RuleSetDocument {
            version: rules.version().clone(),
            document: document.to_owned(),
            guidelines: guidelines.to_owned(),
            create_time: now,
        };
        Ok(Self { document: Arc::new(document), rules: Arc::new(rules) })
    }

    /// Compiles a stored rule set, perhaps one that an earlier release accepted.
    ///
    /// # Errors
    /// Every mistake found.
    pub fn of_stored(document: RuleSetDocument) -> Result<Self, Unfit> {
        let rules = compile(&document.document, &document.guidelines).map_err(Unfit::Mistakes)?;
        Ok(Self { document: Arc::new(document), rules: Arc::new(rules) })
    }

    /// Runs the document's own tests.
    ///
    /// # Errors
    /// Some fail.
    pub fn test(&self, now: Timestamp) -> Result<usize, Unfit> {
        let run = self.rules.run_tests(now);
        if run.passed() {
            return Ok(run.tests);
        }
        Err(Unfit::TestsFail { tests: run.tests, failures: run.failures })
    }
}

fn compile(document: &str, guidelines: &str) -> Result<CompiledRuleSet, Vec<Mistake>> {
    let guidelines =
        Guidelines::parse(guidelines).map_err(|error| vec![Mistake::Guidelines(error.to_string())])?;
    CompiledRuleSet::compile(document, &guidelines)
        .map_err(|errors| errors.into_iter().map(|error| Mistake::Rules(Box::new(error))).collect())
}
