//! Comments and rule sets for the engine's tests.
#![allow(dead_code, reason = "each test binary uses some of it")]

use moderato_domain::{
    Author, Circumstances, Client, Comment, CommentId, Email, Evaluation, Revision, SiteId, ThreadId,
    Timestamp,
};
use moderato_engine::{
    CompiledRuleSet, Facts, Guidelines, RuleSetError, RuleSetErrors, STARTER_GUIDELINES, STARTER_RULES,
    evaluate,
};

/// The time of every test: 2026-01-01.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The rules that a new site starts with.
pub(crate) fn starter() -> CompiledRuleSet {
    compile(STARTER_RULES).unwrap_or_else(|error| panic!("{error}"))
}

/// A document that cites the starter guidelines, or the first of its mistakes.
pub(crate) fn compile(document: &str) -> Result<CompiledRuleSet, RuleSetError> {
    compile_in_full(document).map_err(|errors| errors.first().clone())
}

/// A document that cites the starter guidelines, or all of its mistakes.
pub(crate) fn compile_in_full(document: &str) -> Result<CompiledRuleSet, RuleSetErrors> {
    let guidelines = Guidelines::parse(STARTER_GUIDELINES).expect("the starter guidelines parse");
    CompiledRuleSet::compile(document, &guidelines)
}

/// A rule set with one rule, `it`, of five points.
pub(crate) fn one_rule(when: &str) -> String {
    format!(
        "name = 'test'\nguidelines = 'friendly-blog'\nthresholds = {{ review = 3, reject = 8 }}\n\
         lists.words = {{ kind = 'phrases', entries = ['casino', 'free money'] }}\n\
         lists.hosts = {{ kind = 'domains', entries = ['spam.example'] }}\n\
         lists.patterns = {{ kind = 'regexes', entries = ['b[a4]d\\w+'] }}\n\
         lists.networks = {{ kind = 'addresses', entries = ['192.0.2.0/24'] }}\n\
         lists.people = {{ kind = 'authors', entries = ['Kim'] }}\n\
         [[rule]]\nid = 'it'\nguideline = 'links'\ncategory = 'spam'\nwhen = '''{when}'''\n\
         score = 5\nmessage = 'no'\nnote = '{{matches}}'\n"
    )
}

/// A guest's comment.
pub(crate) fn comment(body: &str) -> Comment {
    Comment {
        site: SiteId::parse("blog").expect("an id"),
        id: CommentId::parse("c1").expect("an id"),
        revision: Revision::FIRST,
        thread: ThreadId::parse("post-1").expect("an id"),
        parent: None,
        author: Author { display_name: "Kim".into(), ..Author::default() },
        body: body.into(),
        language: None,
        permalink: None,
        client: Client::default(),
        guidelines_version: None,
        circumstances: Circumstances::default(),
        request_id: None,
        create_time: NOW,
        accept_time: NOW,
    }
}

/// A guest's comment, signed with a mail address and a website.
pub(crate) fn signed(body: &str, name: &str, email: &str, url: &str) -> Comment {
    let author = Author {
        display_name: name.into(),
        user_id: None,
        email: Email::parse(email),
        url: Some(url.into()),
    };
    Comment { author, ..comment(body) }
}

/// Judges a comment of which nothing else is known.
pub(crate) fn judge(rules: &CompiledRuleSet, body: &str) -> Evaluation {
    evaluate(rules, &comment(body), &Facts::none(NOW))
}

/// The ids of the rules that matched, weightiest first.
pub(crate) fn rule_ids(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.reasons.iter().map(|reason| reason.rule.as_str()).collect()
}
