//! Bodies of 64 KiB, each made to be slow in its own way: the promise is that none takes more than 20 ms.

use std::hint::black_box;

use moderato_domain::Stopwatch;
use moderato_engine::{CompiledRuleSet, Facts, evaluate};

use crate::support::{NOW, comment};

/// The longest body that intake lets in, in bytes.
const BODY_BYTES: usize = 64 * 1024;
/// Each body is judged so often; the best time counts, since the rest is the machine's.
const RUNS: usize = 5;

/// A piece that is repeated until the body is full.
const PIECES: [(&str, &str); 52] = [
    ("bare hosts", "a.co "),
    ("bare hosts without spaces", "aa.com,"),
    ("links", "http://a.example/ "),
    ("links of one run", "http://a.b.c.d.e/?x=http://"),
    ("links in tags", "<a href=\"http://a.example/x\">http://a.example/x</a> "),
    ("mixed-script hosts", "http://а-b.example "),
    ("punycode hosts", "xn--a-ecp.ru "),
    ("hidden links", "aaa dot com "),
    ("spelled dots", "(dot) "),
    ("dots", "."),
    ("dotted letters", "a."),
    ("dotted digits", "1."),
    ("at signs", "@"),
    ("mail addresses", "x@y.example "),
    ("hosts before at signs", "x.com@"),
    ("mentions", "@ab "),
    ("hash signs", "#a "),
    ("digits", "1"),
    ("digits set apart", "1 "),
    ("phone numbers", "+1 555 555 0100 "),
    ("card numbers", "4111 1111 1111 1112 "),
    ("account numbers", "DE89 3704 0044 0532 0130 00 "),
    ("streets", "12 Long Street "),
    ("zero-width", "\u{200B}"),
    ("zero-width in words", "a\u{200B}"),
    ("overrides", "\u{202E}ab\u{202C}"),
    ("open overrides", "\u{202E}ab"),
    ("marks", "\u{301}"),
    ("marks on letters", "e\u{301}\u{302}\u{303}"),
    ("marks on Cyrillic", "а\u{301}\u{302}\u{303}"),
    ("one word", "a"),
    ("letters set apart", "a b "),
    ("letters with hyphens", "a-"),
    ("stretched words", "aaabbbccc "),
    ("leet", "f1r3 "),
    ("leet and stretched", "k1lll "),
    ("signs", "a$@!"),
    ("look-alikes", "саsіnо "),
    ("Cyrillic", "сок "),
    ("Greek", "ΗΝΥ"),
    ("mathematical", "𝐜𝐚𝐬"),
    ("indicators", "🇫🇷🇪🇪"),
    ("emoji", "👩\u{200D}👩\u{200D}👧"),
    ("jamo", "\u{1100}\u{1161}"),
    ("formulas", "ﷺ\u{301}а.co "),
    ("open tags", "<a"),
    ("nested tags", "<b><i>"),
    ("open comments", "<!--"),
    ("entities", "&#65;"),
    ("open entities", "&#0000000"),
    ("codes", "[b][url="),
    ("listed words", "casino f u c k k1ll "),
];

/// Prints what the bodies take, slowest first.
pub(crate) fn print(rules: &CompiledRuleSet) {
    let facts = Facts::none(NOW);
    let near_misses = ("near misses", "check out my channe online casin ");
    let mut rows: Vec<(f64, &str)> = PIECES
        .into_iter()
        .chain([near_misses])
        .map(|(name, piece)| {
            let given = comment(&piece.repeat(BODY_BYTES / piece.len()));
            let once = || {
                let watch = Stopwatch::start();
                black_box(evaluate(rules, black_box(&given), &facts));
                watch.elapsed().as_secs_f64() * 1e3
            };
            ((0..RUNS).map(|_| once()).fold(f64::INFINITY, f64::min), name)
        })
        .collect();
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    println!("\nBodies of 64 KiB, starter rules, best of {RUNS}:\n");
    for (millis, name) in rows {
        println!("{name:<30}{millis:>8.2} ms");
    }
}
