//! What a rule-set document can hold besides rules: files, expiry, groups, weights, languages, tests.

mod support;

use moderato_domain::{Action, Comment, Score, Timestamp};
use moderato_engine::{
    CompiledRuleSet, Facts, Oddity, RuleSetError, RuleSetProblem, attach_files, evaluate, explain,
};
use proptest::prelude::*;
use support::{NOW, comment, compile, judge, one_rule, rule_ids};

const HEAD: &str = "name = 't'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n";

fn document(rest: &str) -> CompiledRuleSet {
    compile(&format!("{HEAD}{rest}")).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(rest: &str) -> RuleSetError {
    compile(&format!("{HEAD}{rest}")).expect_err("refused")
}

fn rule(id: &str, when: &str, rest: &str) -> String {
    format!("[[rule]]\nid = '{id}'\ncategory = 'x'\nwhen = '''{when}'''\nmessage = 'm'\n{rest}\n")
}

fn after(millis: i64) -> Facts {
    Facts::none(Timestamp::from_millis(NOW.as_millis() + millis))
}

#[test]
fn files_become_part_of_the_document_and_its_version() {
    let written = format!(
        "{HEAD}lists.words = {{ kind = 'phrases', file = 'lists/words.txt', entries = ['third'] }}\n{}",
        rule("it", "body has list('words')", "score = 5")
    );
    let with = |text: &'static [u8]| {
        attach_files(&written, |name| match name {
            "lists/words.txt" => Ok(text.to_vec()),
            other => Err(format!("no file {other}")),
        })
    };
    let whole = with(b"# words\nfirst\r\nsecond \xc3\xa4\t\twhy\n").unwrap();
    let rules = compile(&whole).unwrap();
    for (body, hits) in [("FIRST!", 1), ("a second \u{e4}", 1), ("third", 1), ("words", 0), ("why", 0)] {
        assert_eq!(judge(&rules, body).reasons.len(), hits, "{body}");
    }
    let other = compile(&with(b"first\n").unwrap()).unwrap();
    assert_ne!(rules.version(), other.version());
    // What is whole stays as it is, whatever happened to the files since.
    assert_eq!(attach_files(&whole, |_| Err("vanished".into())).unwrap(), whole);
}

#[test]
fn files_that_cannot_be_had_are_named_where_they_are_asked_for() {
    let naming = |name: &str| format!("{HEAD}[lists.words]\nkind = 'phrases'\nfile = '{name}'\n");
    let attach = |name: &str, answer: Result<Vec<u8>, String>| {
        attach_files(&naming(name), |_| answer.clone()).unwrap_err()
    };
    for (error, expected) in [
        (attach("a.txt", Err("it vanished".into())), "the list file `a.txt`: it vanished"),
        (attach("a.txt", Ok(b"one\ntw\xffo".to_vec())), "the list file `a.txt`: line 2 is not UTF-8"),
        (attach("../a.txt", Ok(Vec::new())), "must lead to a file below"),
        (compile(&naming("a.txt")).unwrap_err(), "it is not attached to the document"),
    ] {
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!((error.line(), error.column()), (Some(6), Some(8)), "{error}");
    }
    let hosts = naming("a.txt").replace("phrases", "domains");
    let whole = attach_files(&hosts, |_| Ok(b"good.example\n# x\n ? \n".to_vec())).unwrap();
    let error = compile(&whole).unwrap_err();
    assert_eq!((error.file(), error.line()), (Some("a.txt"), Some(3)));
    assert!(error.to_string().starts_with("a.txt, line 3, column 1: ` ?` is no entry"), "{error}");
}

#[test]
fn entries_expire() {
    const DAY: i64 = 86_400_000;
    let rules = document(&format!(
        "lists.words = {{ kind = 'phrases', entries = [\n\
         'stays', {{ value = 'goes', expires = 2026-01-02, note = 'event' }},\n\
         {{ value = 'zoned', expires = 2026-01-01T02:00:00+01:00 }} ] }}\n\
         lists.shapes = {{ kind = 'regexes', entries = [{{ value = 'n\\d+', expires = 2026-01-02 }}] }}\n{}",
        rule("it", "body has list('words') or body has list('shapes')", "score = 5")
    ));
    let hits = |body: &str, millis| evaluate(&rules, &comment(body), &after(millis)).reasons.len();
    assert_eq!((hits("stays", 0), hits("stays", 900 * DAY)), (1, 1));
    assert_eq!((hits("goes", DAY - 1), hits("goes", DAY)), (1, 0));
    assert_eq!((hits("zoned", 3_599_999), hits("zoned", 3_600_000)), (1, 0));
    assert_eq!((hits("n12", DAY - 1), hits("n12", DAY)), (1, 0));
}

#[test]
fn people_and_networks_are_listed() {
    let rules = document(&format!(
        "lists.people = {{ kind = 'authors', entries = ['Kim Miller', 'ann@mail.example', 'id:u-17'] }}\n\
         lists.nets = {{ kind = 'addresses', entries = ['192.0.2.0/24', '2001:db8::1'] }}\n{}{}",
        rule("who", "author has list('people')", "score = 5"),
        rule("where", "client.ip has list('nets')", "score = 5")
    ));
    let by = |change: &dyn Fn(&mut Comment)| {
        let mut given = comment("hello");
        change(&mut given);
        let evaluation = evaluate(&rules, &given, &Facts::none(NOW));
        rule_ids(&evaluation).join(" ")
    };
    assert_eq!(by(&|_| {}), "");
    assert_eq!(by(&|comment| comment.author.display_name = "KIM miller".into()), "who");
    assert_eq!(by(&|comment| comment.author.user_id = Some("u-17".into())), "who");
    assert_eq!(
        by(&|comment| comment.author.email = moderato_domain::Email::parse("Ann@mail.example")),
        "who"
    );
    assert_eq!(by(&|comment| comment.client.ip = "192.0.2.9".parse().ok()), "where");
    assert_eq!(by(&|comment| comment.client.ip = "2001:db8::2".parse().ok()), "");
}

#[test]
fn a_group_adds_no_more_than_its_bounds() {
    let rules = document(&format!(
        "groups.praise = {{ max_score = 4, min_score = -1 }}\n{}{}{}{}{}",
        rule("a", "body matches 'one'", "score = 3\ngroup = 'praise'"),
        rule("b", "body matches 'two'", "score = 3\ngroup = 'praise'"),
        rule("c", "body matches 'three'", "score = 3\ngroup = 'praise'"),
        rule("d", "body matches 'four'", "score = -9\ngroup = 'praise'"),
        rule("e", "body matches 'five'", "score = 2"),
    ));
    let scores = |body: &str| {
        let evaluation = judge(&rules, body);
        let sum: f64 = evaluation.reasons.iter().map(|reason| reason.score.get()).sum();
        assert_eq!(evaluation.score, Score::new(sum), "what rules add is the sum");
        evaluation.score
    };
    assert_eq!(scores("one"), Score::new(3.0));
    assert_eq!(scores("one two"), Score::new(4.0));
    assert_eq!(scores("one two three five"), Score::new(6.0));
    assert_eq!(scores("four"), Score::new(-1.0));
    assert_eq!(scores("one two three four"), Score::new(0.0));
}

#[test]
fn weights_stand_in_for_points() {
    let rules =
        document(&format!("weights.\"it.is\" = 7.5\n{}", rule("it.is", "body matches 'one'", "score = 3")));
    assert_eq!(judge(&rules, "one").score, Score::new(7.5));
}

#[test]
fn sentences_are_told_in_the_language_of_the_comment() {
    let rules = document(
        "[[rule]]\nid = 'it'\ncategory = 'x'\nwhen = 'body.words >= 1'\nscore = 1\n\
         message = { en = 'No.', de = 'Nein.' }\nnote.en = '{body.words} words'\nnote.pt = '{body.words} palavras'\n",
    );
    let told = |language: Option<&str>| {
        let given = Comment { language: language.map(str::to_owned), ..comment("a b") };
        let evaluation = evaluate(&rules, &given, &Facts::none(NOW));
        format!("{} {}", evaluation.reasons[0].message, evaluation.reasons[0].note)
    };
    assert_eq!(told(None), "No. 2 words");
    assert_eq!(told(Some("de-AT")), "Nein. 2 words");
    assert_eq!(told(Some("pt")), "No. 2 palavras");
}

#[test]
fn a_set_says_whether_it_does_what_it_says() {
    let tests = "matches = ['one a', 'two']\nmisses = ['one']";
    let rules = document(&format!(
        "{}{}[[test]]\nbody = 'one'\nauthor = {{ name = 'Kim', email = 'kim@mail.example' }}\nip = '192.0.2.1'\n\
         language = 'de'\naction = 'review'\nmatches = ['it', 'old']\n\
         [[test]]\nbody = 'two'\ngiven = {{ 'author.published' = 12, 'caps.share' = 0.5 }}\naction = 'allow'\nmatches = ['old']\nmisses = ['it']\n",
        rule("it", "body matches 'one'", &format!("score = 3\n{tests}")),
        rule("old", "author.published > 10 and caps.share >= 0.5", "score = 1"),
    ));
    let run = rules.run_tests(NOW);
    assert_eq!((run.tests, run.passed()), (5, false));
    let told: Vec<String> = run.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 10: “two”: `it` must match and does not",
            "line 11: “one”: `it` must not match and does",
            "line 18: “one”: `old` must match and does not"
        ]
    );
    assert!(document(&rule("it", "body matches 'x'", "score = 1")).run_tests(NOW).passed());
}

#[test]
fn odd_documents_are_warned_about() {
    let rules = document(&format!(
        "lists.idle = {{ kind = 'phrases', entries = ['x'] }}\ngroups.empty = {{ max_score = 1 }}\n{}{}{}{}",
        rule("all", "body.chars >= 0", "score = 1"),
        rule("any", "body matches '.' or author.guest", "action = 'reject'"),
        rule("some", "not author.known", "score = 1"),
        rule("few", "body.chars < 10000", "score = 1"),
    ));
    let told: Vec<String> = rules.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 4: no rule uses the list `idle`",
            "line 5: no rule is in the group `empty`",
            "line 7: the rule `all` matches every comment it was tried on",
        ]
    );
    let everything = document(&rule("it", "author.guest or not author.guest", "score = 1"));
    assert_eq!(everything.warnings()[0].oddity, Oddity::MatchesEverything("it".into()));
}

#[test]
fn mistakes_in_the_document_are_named() {
    let it = |rest: &str| rule("it", "body.words > 1", &format!("score = 1\n{rest}"));
    for (rest, expected) in [
        (it("group = 'prais'"), "unknown group `prais`"),
        (format!("groups.a = {{ max_score = -1 }}\n{}", it("")), "a group needs `max_score` (zero or more)"),
        (format!("groups.a = {{}}\n{}", it("")), "a group needs `max_score`"),
        (format!("weights.itt = 2\n{}", it("")), "unknown rule `itt`; did you mean `it`?"),
        (format!("weights.it = 2000\n{}", it("")), "a score must be between"),
        (
            format!("weights.it = 2\n{}", rule("it", "body.words > 1", "action = 'review'")),
            "the rule `it` demands an action",
        ),
        (format!("lists.a = {{ kind = 'phrases' }}\n{}", it("")), "a list needs `entries` or a `file`"),
        (
            "lists.a = { kind = 'phrases', entries = [{ value = 'x', expires = 10:00:00 }] }".to_owned(),
            "`10:00:00` is no date",
        ),
        ("lists.a = { kind = 'phrases', entries = [{ value = 'x', expire = 1 }] }".to_owned(), "expire"),
        ("lists.a = { kind = 'phrase', entries = [] }".to_owned(), "did you mean `phrases`?"),
        (it("acton = 'review'"), "unknown field `acton`; did you mean `action`?"),
        (it("never_reject = 'yes'"), "expected a boolean"),
        ("lists.a = { kind = 'regexes', entries = ['ok', '('] }".to_owned(), "unclosed group"),
        ("lists.a = { kind = 'addresses', entries = ['10.0.0.0/40'] }".to_owned(), "no entry for this list"),
        ("lists.a = { kind = 'authors', entries = ['a@b'] }".to_owned(), "no entry for this list"),
        ("lists.a = { kind = 'regexes', match = 'word', entries = [] }".to_owned(), "`match` is for lists"),
        (
            rule("it", "body matches '(\\w{50}){50}'", "score = 1"),
            "bad pattern: it takes more than 1024 KiB compiled",
        ),
        (it("").replace("'m'", "{ de = 'Nein.' }"), "the text is missing in `en`"),
        (it("matches = ['']"), "no comment for a test"),
        (it("[[test]]\nbody = 'x'\nip = 'y'"), "no comment for a test: comment.client.ip"),
        (it("[[test]]\nbody = 'x'\nmatches = ['i']"), "unknown rule `i`; did you mean `it`?"),
        (it("[[test]]\nbody = 'x'\ngiven.'body.wrods' = 1"), "did you mean `body.words`?"),
        (it("[[test]]\nbody = 'x'\ngiven.'body.words' = 'y'"), "`body.words` is a count; this is none"),
        (rule("it", "author has list('a')", "score = 1"), "unknown list `a`"),
        (rule("it", "links.count > 2d", "score = 1"), "`links.count` is a count, but this is a span of time"),
        (rule("it", &format!("{}author.guest", "not ".repeat(100)), "score = 1"), "more than 32 levels deep"),
        ("x = ".to_owned() + &"[".repeat(100_000), "max recursion depth"),
    ] {
        let error = refused(&rest);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(error.line().is_some_and(|line| line >= 4), "{error}");
    }
    let error = compile(&one_rule("body has list('networks')")).unwrap_err();
    assert_eq!(
        *error.problem(),
        RuleSetProblem::Type("`networks` lists addresses, but `body` is a text".into())
    );
}

#[test]
fn explanations_tell_every_branch() {
    let rules = document(&format!(
        "lists.words = {{ kind = 'phrases', entries = [{{ value = 'Casino', note = 'ads' }}] }}\n\
         groups.g = {{ max_score = 2 }}\n{}{}",
        rule(
            "it",
            "body has list('words') and (links.count >= 1 or not author.published > 2)",
            "score = 5\ngroup = 'g'"
        ),
        rule("other", "body matches 'slots?'", "action = 'review'"),
    ));
    let given = comment("a саsino night");
    let explanation = explain(&rules, &given, &Facts::none(NOW));
    assert_eq!(explanation.evaluation, evaluate(&rules, &given, &Facts::none(NOW)));
    assert_eq!(explanation.evaluation.action, Action::Allow);
    let [it, other] = explanation.rules.as_slice() else { panic!("two rules") };
    assert_eq!((it.matched, it.points, it.added), (true, Score::new(5.0), Score::new(2.0)));
    assert_eq!((other.matched, other.added, other.condition.holds), (false, Score::new(0.0), false));
    let [list, either] = it.condition.parts.as_slice() else { panic!("two parts") };
    assert_eq!(list.text, "body has list('words')");
    assert_eq!((list.entries[0].list.as_str(), list.entries[0].entry.as_str()), ("words", "Casino"));
    assert_eq!(list.entries[0].note.as_deref(), Some("ads"));
    assert_eq!(&given.body[list.spans[0].start as usize..list.spans[0].end as usize], "саsino");
    let [links, not] = either.parts.as_slice() else { panic!("two parts") };
    assert_eq!((links.text.as_str(), links.holds), ("links.count >= 1", false));
    assert_eq!(links.seen[0].value, Some(moderato_domain::SignalValue::Count(0)));
    assert_eq!((not.text.as_str(), not.holds), ("not author.published > 2", true));
    assert_eq!(not.parts[0].seen[0].value, None);
}

/// Conditions of every shape.
fn condition() -> impl Strategy<Value = String> {
    let part = proptest::sample::select(vec![
        "body has list('words')",
        "body has 2 of list('words')",
        "body matches 'one|two'",
        r"body matches '\d\d'",
        "body.words > 2",
        "body.words <= 2",
        "2 <= body.words",
        "body.words == 3",
        "body.words in [0, 3]",
        "body.words in [2, 3]",
        "links.count >= 1",
        "links.count < links.punycode",
        "caps.share != 0",
        "author.guest",
        "author.known == false",
        "author.published > 2",
        "comment.language == 'de'",
        "comment.language != 'de'",
        "links.hosts has list('hosts')",
    ]);
    part.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" and "))),
            proptest::collection::vec(inner, 2..4).prop_map(|all| format!("({})", all.join(" or "))),
        ]
    })
}

proptest! {
    /// Explanations try every condition, evaluations only those that the index lets through.
    #[test]
    fn the_index_leaves_out_no_rule_that_matches(conditions in proptest::collection::vec(condition(), 1..6)) {
        let lists = "lists.words = { kind = 'phrases', entries = ['one', 'casino'] }\n\
                     lists.hosts = { kind = 'domains', entries = ['a.example'] }\n";
        let rules = conditions.iter().enumerate().map(|(number, when)| rule(&format!("r{number}"), when, "score = 1"));
        let rules = document(&format!("{lists}{}", rules.collect::<String>()));
        for body in ["one", "A casino for one, or TWO?", "see http://a.example and http://b.example 42", "日本 12"] {
            let given = Comment { language: body.is_ascii().then(|| "de".to_owned()), ..comment(body) };
            for explained in explain(&rules, &given, &Facts::none(NOW)).rules {
                prop_assert_eq!(explained.matched, explained.condition.holds, "{} on {}", explained.condition.text, body);
            }
        }
    }
}
