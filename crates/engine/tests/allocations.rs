//! What a comment allocates does not depend on how many rules there are that do not match it.

mod support;

use std::fmt::Write as _;

use allocation_counter::measure;
use moderato_engine::{CompiledRuleSet, Facts, evaluate};
use support::{NOW, comment, compile};

/// Rules of every kind, none of which matches the comment below, though most look at it.
fn rules(count: usize) -> CompiledRuleSet {
    let mut document = "name = 't'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
                        lists.words = { kind = 'phrases', entries = ['casino'] }\n"
        .to_owned();
    for number in 0..count {
        let when = match number % 8 {
            0 => "body has list('words')".to_owned(),
            1 => format!("body matches 'word{number} again'"),
            2 => format!(r"body matches '\\d{number}\\d+'"),
            3 => format!("body.words > {}", 1_000 + number),
            4 => format!("not body.words < {}", 1_000 + number),
            5 => format!("links.count >= 2 and links.share > 0.{number}"),
            6 => format!("body.chars in [{number}_000, {number}_001] or author.published > {number}"),
            _ => format!("comment.language == 'x{number}' or author.name matches 'no{number}body'"),
        };
        let _ = writeln!(
            document,
            "[[rule]]\nid = 'r{number}'\ncategory = 'x'\nwhen = \"{when}\"\nscore = 1\nmessage = 'm'"
        );
    }
    compile(&document).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn rules_that_do_not_match_allocate_nothing() {
    let body = "The museum on Station Road, see https://museum.example.com/a, has free entry on Sundays.";
    let (given, facts) = (comment(body), Facts::none(NOW));
    let count = |rules: &CompiledRuleSet| {
        // Lazily built automata are built by the first comments.
        for _ in 0..3 {
            assert!(evaluate(rules, &given, &facts).reasons.is_empty());
        }
        measure(|| drop(evaluate(rules, &given, &facts))).count_total
    };
    let (few, many) = (count(&rules(16)), count(&rules(2_000)));
    assert_eq!(few, many);
    assert!(few < 60, "{few} allocations");
}
