//! What the engine promises for every text: it does not panic, spans slice the original, the same
//! input gives the same result, and hostile texts yield bounded results.

mod support;

use std::fmt::Write as _;
use std::sync::LazyLock;

use moderato_domain::{Comment, Evaluation, Field};
use moderato_engine::{CompiledRuleSet, Facts, PRESETS, engine_error, evaluate};
use proptest::prelude::*;
use support::{NOW, comment, compile, judge, starter};

static STARTER: LazyLock<CompiledRuleSet> = LazyLock::new(starter);

/// Patterns in which words follow one another in every way, and may or may not be parts of others.
const PATTERNS: [&str; 12] = [
    r"\bab (?:cd |ef ){0,2}(?:gh|a)\b",
    r"(?-u:\b)(?:ab|cd)[^.]{1,9}(?:ef|gh) a(?-u:\b)",
    "(?:ab|abcd|b) ?(?:cd|d) ?ef",
    r"(?:ab){2,3}\b|\bcd.{0,4}ef|gh a b",
    r#"["“].{1,9}["”] (?:is )?(?:ab|cd)"#,
    r"\bж (?:ab|ж)",
    r"\d{2} ?(?:ab|cd)|ef\d",
    r"(?:^|[.!] ?|\b(?:ab|cd) )gh",
    r"(?:ab |cd )+(?:ef(?:gh)?|a) ?b$",
    r"[a-c]+\b ef",
    r"ж\b.ab",
    r"(?-u:\b)ab",
];

static PATTERN_RULES: LazyLock<CompiledRuleSet> = LazyLock::new(|| {
    let mut document =
        "name = 't'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n".to_owned();
    for (number, pattern) in PATTERNS.iter().enumerate() {
        let pattern = pattern.replace('\\', "\\\\");
        // Writing to a string cannot fail.
        let _ = writeln!(
            document,
            "[[rule]]\nid = 'p{number}'\ncategory = 'x'\nwhen = \"\"\"body matches '{pattern}'\"\"\"\n\
             score = 1\nmessage = 'm'"
        );
    }
    compile(&document).unwrap_or_else(|error| panic!("{error}"))
});

fn spans_slice(comment: &Comment, evaluation: &Evaluation) -> bool {
    let text = |field| match field {
        Field::Body => comment.body.as_str(),
        Field::AuthorName => comment.author.display_name.as_str(),
        Field::AuthorUrl => comment.author.url.as_deref().unwrap_or_default(),
        Field::AuthorEmail => comment.author.email.as_ref().map_or("", |email| email.as_str()),
    };
    let reasons = evaluation.reasons.iter().flat_map(|reason| &reason.spans);
    let signals = evaluation.signals.iter().flat_map(|signal| &signal.spans);
    reasons.chain(signals).all(|span| {
        text(span.field).get(span.start as usize..span.end as usize).is_some_and(|part| !part.is_empty())
    })
}

/// Pieces that the starter rules react to, and pieces that make text hard.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[a-z ]{0,8}",
        "[0-9 +().-]{0,16}",
        proptest::sample::select(vec![
            "http://",
            "www.",
            "example.com",
            " dot com",
            " . com",
            "[.]net",
            "@mail.example.com",
            "casino ",
            "fuck",
            "online casino",
            "саsіnо",
            "<a href=\"http://x.example\">",
            "</a>",
            "&amp;",
            "&#x41;",
            "&shy;",
            "<br>",
            "\u{200B}",
            "\u{200D}",
            "\u{202E}",
            "\u{301}\u{302}",
            "\u{FE0F}",
            "🎉",
            "🏴\u{E0067}\u{E007F}",
            "ﬁ",
            "ß",
            "İ",
            "日本",
            "ไทย",
            "\n",
            "...",
            "t.me/x",
            "ﷺ",
            "가",
            "\u{1100}\u{1161}",
            "xn--",
            "AAAA",
            "want to die",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_judged_the_same_twice_with_spans_that_slice_it(body in hostile(), name in hostile()) {
        let mut given = comment(&body);
        given.author.display_name = name;
        given.author.url = Some(body);
        let facts = Facts::none(NOW);
        let first = evaluate(&STARTER, &given, &facts);
        prop_assert!(spans_slice(&given, &first), "{first:?}");
        prop_assert_eq!(first, evaluate(&STARTER, &given, &facts));
    }

    #[test]
    fn a_pattern_matches_what_its_regular_expression_does(
        body in proptest::collection::vec(
            "ab|abcd|cd|ef|gh|efgh|a|b|ж|is|1|12|\"|“|”|[.!]|ab cd |[ ]|[ ]|[ ]|[ ]",
            1..14,
        )
    ) {
        // Folding leaves it as it is.
        let body = body.concat().split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        prop_assume!(!body.is_empty());
        let evaluation = judge(&PATTERN_RULES, &body);
        for (number, pattern) in PATTERNS.iter().enumerate() {
            let regex = regex::RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
            let rule = format!("p{number}");
            let found = evaluation.reasons.iter().filter(|reason| reason.rule == rule);
            let spans = found.flat_map(|reason| &reason.spans);
            let spans: Vec<_> = spans.map(|span| span.start as usize..span.end as usize).collect();
            let expected: Vec<_> = regex.find_iter(&body).map(|found| found.range()).collect();
            prop_assert_eq!(spans, expected, "{} on {}", pattern, body);
        }
    }

    #[test]
    fn any_document_compiles_or_is_refused(document in any::<String>()) {
        let _ = compile(&document);
    }
}

proptest! {
    // Each case compiles a whole rule set.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damage_to_a_document_is_an_error_at_worst(at in 0..PRESETS[1].rules.len(), with in any::<char>()) {
        let mut document = PRESETS[1].rules.to_owned();
        let at = (0..=at).rev().find(|at| document.is_char_boundary(*at)).unwrap_or_default();
        document.insert(at, with);
        if let Err(error) = compile(&document) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn hostile_bodies_of_full_size_yield_small_results() {
    const BODY_BYTES: usize = 64 * 1024;
    for piece in [
        "a.co ",
        "http://a.example/ ",
        "\u{200B}",
        "e\u{301}\u{302}",
        "\u{301}",
        "a",
        "а",
        "<a",
        "<a>",
        "&#65;",
        "&",
        ".",
        "a.",
        "x@y.example ",
        "@",
        "online casin ",
        "check out my channe ",
        "casino ",
        "0171 1234567 ",
        "1 ",
        "+",
        "(dot) ",
        " dot com",
        "dot",
        "a dot com ",
        "🎉",
        "\u{1161}",
        "\u{FDFA}",
        "//",
        "://",
        "a://",
        "x.com@",
        "[.]",
        "a b ",
        "1 ",
        "a 1 1 1 1 1 1 ",
        "f1r3 ",
        "aaabbb ",
        "aa-",
        "🇫",
        "🇫🇷",
        "\u{202E}ab",
        "[b][url=",
        "<!--",
        "<q>",
        "&#0000000",
        "саsіnо ",
        "4111 1111 1111 1112 ",
        "de89 3704 ",
        "12 Long ",
        "\"a",
        "you. ",
    ] {
        let body = piece.repeat(BODY_BYTES / piece.len());
        let given = comment(&body);
        let evaluation = judge(&STARTER, &body);
        assert!(spans_slice(&given, &evaluation), "{piece:?}");
        for spans in evaluation.reasons.iter().map(|reason| &reason.spans) {
            assert!(spans.len() <= 16, "{piece:?}");
        }
        for signal in &evaluation.signals {
            assert!(signal.spans.len() <= 16, "{piece:?}: {}", signal.id);
        }
        let written: usize = evaluation.reasons.iter().map(|reason| reason.note.len()).sum();
        assert!(written < 8 * 1024, "{piece:?}");
    }
}

#[test]
fn a_fault_of_the_engine_is_for_a_human() {
    let evaluation = engine_error(STARTER.version().clone());
    assert_eq!(evaluation.action, moderato_domain::Action::Review);
    assert_eq!((evaluation.reasons[0].rule.as_str(), evaluation.reasons.len()), ("engine_error", 1));
}
