//! The rule-set document: what conditions can say, and how mistakes are reported.

mod support;

use moderato_domain::Action;
use moderato_engine::{Facts, RuleSetProblem, evaluate};
use support::{NOW, comment, compile, compile_in_full, judge, one_rule, rule_ids, signed};

fn matches(when: &str, body: &str) -> bool {
    let rules = compile(&one_rule(when)).unwrap_or_else(|error| panic!("{error}"));
    !judge(&rules, body).reasons.is_empty()
}

#[test]
fn conditions_mean_what_they_say() {
    for (when, body, expected) in [
        (r#"body has list("words")"#, "a CASINO!", true),
        (r#"body has list("words")"#, "casinos", false),
        (r#"body has 2 of list("words")"#, "casino, casino, casino", false),
        (r#"body has 2 of list("words")"#, "casino with free money", true),
        (r#"body has list("patterns")"#, "a B4DLY word", true),
        (r#"body has list("patterns")"#, "a bad word", false),
        (r#"links.hosts has list("hosts")"#, "see http://www.spam.example/x", true),
        (r#"links.hosts has list("hosts")"#, "see http://notspam.example/x", false),
        (r#"body matches "win \d+ (euro|dollar)s?""#, "Win 500 EURO now", true),
        (r#"body matches "win \d+ (euro|dollar)s?""#, "win euro", false),
        (r#"body matches "^\d+$""#, "12345", true),
        (r#"body matches "win \d+ (euro|dollar)s?""#, "win 500 еurо", true),
        (r#"body matches "(in|to) a? ?{words}""#, "off to a casino", true),
        (r#"body matches "(in|to) a? ?{words}""#, "a casino", false),
        ("links.count >= 2 and not author.known", "http://a.example http://b.example", true),
        ("body.words in [2, 3]", "two words", true),
        ("body.words in [2, 3]", "one", false),
        ("repetition.run > 5", "heeeeeeey", true),
        ("caps.share > 0.5", "SHORT", false),
        ("not caps.share > 0.5", "SHORT", true),
        ("caps.share > 0.5", "NOT QUITE SO SHORT", true),
        ("emoji.share >= 0.5", "🎉🎉🎉 a", true),
        ("invisible.count == 2", "a\u{200B}b\u{200B}c", true),
        ("letters.mixed == 1", "саsino night", true),
        ("links.punycode == 1", "see bücher.de now", true),
        (r#"comment.language == "de""#, "no language given", false),
        (r#"comment.language != "de""#, "no language given", false),
        ("comment.revision == 1 and comment.is_reply == false", "x", true),
    ] {
        assert_eq!(matches(when, body), expected, "{when} on {body}");
    }
}

#[test]
fn fields_of_the_author_are_looked_up_too() {
    let by = |when: &str| {
        let rules = compile(&one_rule(when)).unwrap();
        let comment = signed("hello", "Free Money", "x@Spam.example", "https://a.spam.example/?x");
        evaluate(&rules, &comment, &Facts::none(NOW)).reasons.len()
    };
    assert_eq!(by(r#"author.name has list("words")"#), 1);
    assert_eq!(by(r#"author.name matches "^free""#), 1);
    assert_eq!(by(r#"author.email_domain has list("hosts")"#), 1);
    assert_eq!(by(r#"author.url_host has list("hosts")"#), 1);
    assert_eq!(by("author.guest and author.has_url"), 1);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    for (document, place, expected) in [
        (
            one_rule("links.cuont > 1"),
            Some((13, 11)),
            "unknown field `links.cuont`; did you mean `links.count`?",
        ),
        (
            one_rule(r#"body has list("wrods")"#),
            Some((13, 25)),
            "unknown list `wrods`; did you mean `words`?",
        ),
        (
            one_rule(r#"body matches "a {wrods}""#),
            Some((13, 24)),
            "unknown list `wrods`; did you mean `words`?",
        ),
        (one_rule(r#"body has list("hosts")"#), Some((13, 25)), "`hosts` lists domains"),
        (one_rule(r#"body matches "(""#), Some((13, 24)), "bad pattern: unclosed group"),
        (
            one_rule("body.words > 1").replace("'links'", "'lnks'"),
            Some((11, 13)),
            "no section `lnks`; did you mean `links`?",
        ),
        (
            one_rule("body.words > 1").replace("{matches}", "{matchs}"),
            Some((16, 10)),
            "unknown field `matchs`",
        ),
        (
            one_rule("body.words > 1").replace("score = 5", "score = 500"),
            Some((14, 9)),
            "a score must be between",
        ),
        (one_rule("body.words > 1").replace("score = 5\n", ""), Some((10, 6)), "either `score` or `action`"),
        (one_rule("body.words > 1").replace("review = 3", "review = 30"), Some((3, 14)), "thresholds"),
        (
            one_rule("body.words > 1").replace("friendly-blog", "other"),
            Some((2, 14)),
            "cites the guidelines `other`",
        ),
        (
            one_rule("body.words > 1").replace("name = 'test'", "name = 'a b'"),
            Some((1, 8)),
            "no name for a rule set",
        ),
        (one_rule("body.words > 1").replace("message", "mesage"), Some((15, 1)), "unknown field `mesage`"),
        (
            one_rule("body.words > 1").replace("'spam.example'", "' '"),
            Some((5, 46)),
            "no entry for this list",
        ),
    ] {
        let error = compile(&document).unwrap_err();
        let found = error.line().zip(error.column());
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(found, place, "{error}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let rule = |id: &str, when: &str| {
        format!("[[rule]]\nid = '{id}'\ncategory = 'x'\nwhen = \"{when}\"\nscore = 1\nmessage = 'm'\n")
    };
    let mut document = one_rule("body.wrds > 1");
    document += &rule("second", "links.count >= ");
    document += &rule("third", "body.words > 2");
    document += &rule("fourth", "body.words > 'two'");
    let errors = compile_in_full(&document).unwrap_err();
    let lines: Vec<_> = errors.iter().filter_map(moderato_engine::RuleSetError::line).collect();
    assert_eq!(lines, [13, 20, 32]);
    let told = errors.to_string();
    for name in ["body.words", "rule `second`", "rule `fourth`"] {
        assert!(told.contains(name), "{name}: {told}");
    }

    // What depends on a list is not looked at before the list is right.
    let lists = document.replace("'spam.example'", "' ', 'ok.example', '?'");
    assert_eq!(compile_in_full(&lists).unwrap_err().iter().count(), 2);
}

#[test]
fn two_rules_of_one_id_are_refused() {
    let document = one_rule("body.words > 1");
    let rule = document[document.find("[[rule]]").unwrap()..].to_owned();
    let error = compile(&format!("{document}{rule}")).unwrap_err();
    assert_eq!(*error.problem(), RuleSetProblem::DuplicateRule("it".into()));
}

#[test]
fn a_document_of_absurd_size_is_refused_unread() {
    let error = compile(&"#".repeat(17 << 20)).unwrap_err();
    assert!(matches!(error.problem(), RuleSetProblem::TooLarge { .. }));
}

#[test]
fn actions_outrank_points_and_approvals_only_count_when_nothing_is_wrong() {
    let rules = compile(
        "name = 't'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
         [[rule]]\nid = 'ok'\ncategory = 'trust'\nwhen = 'body.words >= 1'\naction = 'approve'\nmessage = 'm'\n\
         [[rule]]\nid = 'look'\ncategory = 'x'\nwhen = 'body.words >= 2'\naction = 'review'\nmessage = 'm'\n\
         [[rule]]\nid = 'points'\ncategory = 'x'\nwhen = 'body.words >= 2'\nscore = 1\nmessage = 'm'\n\
         [[rule]]\nid = 'more'\ncategory = 'x'\nwhen = 'body.words >= 2'\nscore = 1.5\nmessage = 'm'\n\
         [[rule]]\nid = 'no'\ncategory = 'spam'\nwhen = 'body.words >= 3'\naction = 'reject'\nmessage = 'm'\n",
    )
    .unwrap();
    let one = judge(&rules, "one");
    assert_eq!((one.action, one.approved_by_rule), (Action::Allow, true));
    let two = judge(&rules, "one two");
    assert_eq!((two.action, two.approved_by_rule), (Action::Review, false));
    assert_eq!(rule_ids(&two), ["look", "more", "points", "ok"]);
    assert_eq!(two.score, moderato_domain::Score::new(2.5));
    let three = judge(&rules, "one two three");
    assert_eq!((three.action, rule_ids(&three)[0]), (Action::Reject, "no"));
    assert!(three.is_spam());
}

#[test]
fn only_what_rules_use_is_computed() {
    let rules = compile(&one_rule("body.chars > 3")).unwrap();
    let body = "see http://a.example http://b.example 🎉🎉🎉";
    let evaluation = evaluate(&rules, &comment(body), &Facts::none(NOW));
    let ids: Vec<_> = evaluation.signals.iter().map(|signal| signal.id.as_ref()).collect();
    assert_eq!(ids, ["body.chars", "body.lines"]);
}
