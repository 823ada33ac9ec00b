//! Rule sets of any size, in the vocabulary of moderation, so that real comments nearly match.

use std::fmt::Write as _;

const WORDS: [&str; 100] = [
    "account",
    "adult",
    "agency",
    "airdrop",
    "amazing",
    "apply",
    "balance",
    "bargain",
    "bet",
    "bitcoin",
    "bonus",
    "broker",
    "business",
    "buy",
    "cash",
    "casino",
    "channel",
    "cheap",
    "check",
    "claim",
    "click",
    "coin",
    "contact",
    "coupon",
    "credit",
    "crypto",
    "customer",
    "daily",
    "date",
    "deal",
    "deposit",
    "discount",
    "doctor",
    "dollar",
    "download",
    "earn",
    "email",
    "escort",
    "exchange",
    "expert",
    "fast",
    "follow",
    "forex",
    "free",
    "fund",
    "game",
    "gift",
    "girl",
    "gold",
    "guarantee",
    "health",
    "home",
    "hot",
    "income",
    "instant",
    "insurance",
    "invest",
    "job",
    "join",
    "link",
    "loan",
    "lottery",
    "lucky",
    "market",
    "message",
    "money",
    "mortgage",
    "offer",
    "online",
    "order",
    "pay",
    "phone",
    "pill",
    "poker",
    "price",
    "prize",
    "product",
    "profit",
    "promo",
    "rate",
    "recover",
    "replica",
    "rich",
    "sale",
    "seo",
    "service",
    "sex",
    "shop",
    "slot",
    "spell",
    "subscribe",
    "telegram",
    "trade",
    "trial",
    "video",
    "visit",
    "wallet",
    "watch",
    "win",
    "work",
];
const HEAD: &str = "name = 'bench'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n";

/// Patterns as people write them, word boundaries and all.
pub(crate) fn patterns(count: usize) -> Vec<String> {
    let word = |number: usize| WORDS[number % WORDS.len()];
    (0..count)
        .map(|number| {
            // Every pair once: 100 × 99.
            let (first, second) = (number, number / WORDS.len() + number + 1);
            match number % 4 {
                0 => format!(r"\b{} (?:\w+ ){{0,2}}{}s?\b", word(first), word(second)),
                1 => format!(r"\b(?:{}|{})(?:ing|ed)? (?:now|today|here)\b", word(first), word(second)),
                2 => format!(r"{}[^.!?]{{1,20}}\$?\d+ ?{}", word(first), word(second)),
                _ => format!(r"\b{}s? (?:for|with|from) (?:my|our|your) {}\b", word(first), word(second)),
            }
        })
        .collect()
}

/// Phrases of two to four words.
pub(crate) fn phrases(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| {
            let word = |step: usize| WORDS[(number / step + number * (step % 7)) % WORDS.len()];
            match number % 3 {
                0 => format!("{} {} {}", word(1), word(100), number),
                1 => format!("{} {} {}", word(1), word(100), word(10_000)),
                _ => format!("{} the {} {}", word(100), word(1), word(10_000)),
            }
        })
        .collect()
}

/// One rule per pattern, and one that asks for a list of all phrases.
pub(crate) fn of_regexes(patterns: &[String], phrases: &[String]) -> String {
    let mut document = with_list(phrases);
    for (number, pattern) in patterns.iter().enumerate() {
        rule(&mut document, &format!("pattern.{number}"), &format!("body matches \"{pattern}\""));
    }
    document
}

/// Rules of every kind: a fifth each asks for a list of its own, a pattern, links, the author and
/// measures of the text.
pub(crate) fn mixed(count: usize) -> String {
    let mut document = HEAD.to_owned();
    let phrases = phrases(count);
    for (number, phrases) in phrases.chunks(5).enumerate().take(count.div_ceil(5)) {
        let _ = writeln!(document, "lists.words{number} = {{ kind = 'phrases', entries = {phrases:?} }}");
    }
    let patterns = patterns(count);
    for number in 0..count {
        let when = match number % 5 {
            0 => format!("body has list(\"words{}\")", number / 5),
            1 => format!("body matches \"{}\" and body.words > 3", patterns[number / 5 % 1_000]),
            2 => format!("links.count >= {} and links.share > 0.{}", 1 + number % 7, number % 10),
            3 => format!("author.rejected > {} and author.rejected > author.published", number % 50),
            _ => format!("repetition.run > {} and caps.share > 0.{}", 10 + number % 90, number % 10),
        };
        rule(&mut document, &format!("rule.{number}"), &when);
    }
    document
}

fn with_list(phrases: &[String]) -> String {
    let mut document = format!("{HEAD}[lists.phrases]\nkind = 'phrases'\nentries = [\n");
    for phrase in phrases {
        let _ = writeln!(document, "'{phrase}',");
    }
    document.push_str("]\n");
    rule(&mut document, "phrases", "body has list(\"phrases\")");
    document
}

fn rule(document: &mut String, id: &str, when: &str) {
    let _ = writeln!(
        document,
        "[[rule]]\nid = '{id}'\ncategory = 'x'\nwhen = '''{when}'''\nscore = 0.1\nmessage = 'm'\nnote = '{{matches}}'"
    );
}
