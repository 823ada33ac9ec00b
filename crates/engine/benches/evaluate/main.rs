//! Time per comment on one thread: the starter rules on ordinary comments and on bodies of 64 KiB made to
//! be slow, rule sets of growing size, and peers beside them.
//!
//! `MODERATO_BENCH_TEXTS=a.csv:b.csv cargo bench -p moderato-engine` takes real comments, from the
//! column `text` of each file.

#[path = "../../tests/support/mod.rs"]
mod support;

mod rspamd;
mod rule_sets;
mod texts;
mod worst;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use moderato_domain::{Comment, Stopwatch};
use moderato_engine::{CompiledRuleSet, Facts, evaluate};
use regex::{Regex, RegexBuilder};
use support::{NOW, comment, compile, starter};

/// About 440 bytes of ASCII, the length that the engine's budget is stated for.
const ORDINARY: &str = "I have been a mentor for three years now, and the first meeting is still the hardest part. \
    What helped us was to have something to do with our hands: we repaired an old bicycle, and talking came by itself \
    after half an hour. By the way, the museum on Station Road has free entry on Sundays, and nobody minds if you only \
    stay for the cafe. How do others here handle it when the young person does not show up a second time in a row?";

/// The same as a telephone types it: with apostrophes and an accent that are not ASCII.
const TYPOGRAPHIC: &str = "I’ve been a mentor for three years now, and the first meeting is still the hardest part. \
    What helped us was to have something to do with our hands: we repaired an old bicycle, and talking came by itself \
    after half an hour. By the way, the museum on Station Road has free entry on Sundays, and nobody minds if you only \
    stay for the café. How do others here handle it when the young person doesn’t show up a second time in a row?";

const SAMPLES: [(&str, &str); 7] = [
    ("ascii_440", ORDINARY),
    ("typographic_440", TYPOGRAPHIC),
    ("short", "Thank you, that was very helpful!"),
    (
        "one_link",
        "There is a longer list at https://library.example.org/lists/reading?age=12 if somebody needs more ideas.",
    ),
    (
        "advert",
        "Earn daily from home! Contact me on WhatsApp +1 555 555 0100 or see http://coins.example.com/join and https://bit.ly/x1",
    ),
    (
        "german",
        "Die Größe der Gruppe ist entscheidend: über fünfzehn Jugendliche können wir nicht gut betreuen, und für die jüngeren bräuchten wir mehr Räume.",
    ),
    (
        "russian",
        "Большое спасибо за подробный рассказ, мы с ребятами обязательно попробуем сделать так же на следующей неделе.",
    ),
];

fn ordinary(criterion: &mut Criterion) {
    let rules = starter();
    let facts = Facts::none(NOW);
    let mut group = criterion.benchmark_group("comment");
    for (name, body) in SAMPLES {
        let given = comment(body);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| evaluate(&rules, black_box(&given), &facts)));
    }
    group.finish();
}

/// Every comment once per round, timed one by one.
const ROUNDS: usize = 3;

/// Prints a table: what a comment costs with rule sets of growing size, and with peers.
fn side_by_side() {
    let (bodies, told) = texts::texts();
    let comments: Vec<Comment> = bodies.iter().map(|body| comment(body)).collect();
    let mut sizes: Vec<usize> = bodies.iter().map(String::len).collect();
    sizes.sort_unstable();
    println!("\nOne thread, {told}, median {} bytes.\n", sizes[sizes.len() / 2]);
    println!(
        "{:<46}{:>7}{:>9}{:>12}{:>10}{:>10}",
        "", "rules", "entries", "compile ms", "median µs", "p95 µs"
    );
    let engine = |name: &str, compiled: &dyn Fn() -> CompiledRuleSet| {
        let watch = Stopwatch::start();
        let rules = compiled();
        let compile_time = watch.elapsed();
        let facts = Facts::none(NOW);
        let times = time(&comments, |given| {
            black_box(evaluate(&rules, black_box(given), &facts));
        });
        row(name, rules.rule_count(), rules.list_entry_count(), compile_time, times);
    };
    let built = |document: &str| compile(document).unwrap_or_else(|error| panic!("{error}"));
    engine("moderato, starter rules", &starter);
    let patterns = rule_sets::patterns(1_000);
    let phrases = rule_sets::phrases(50_000);
    let large = rule_sets::of_regexes(&patterns, &phrases);
    engine("moderato, 1,000 regexes and 50,000 phrases", &|| built(&large));
    for count in [10, 100, 1_000, 10_000] {
        let mixed = rule_sets::mixed(count);
        engine(&format!("moderato, {count} rules of every kind"), &|| built(&mixed));
    }
    let few = rule_sets::of_regexes(&patterns, &[]);
    engine("moderato, the regexes of the next line", &|| built(&few));
    one_after_another(&patterns, &comments);
    match rspamd::Rspamd::start() {
        Some(rspamd) => {
            let times = time(&comments, |given| {
                rspamd.check(&given.body).expect("rspamd answers");
            });
            println!("{:<74}{:>10.1}{:>10.1}", "rspamd, its own rules, as mail over HTTP", times.0, times.1);
        }
        None => println!("rspamd: not installed, or it does not start; skipped"),
    }
}

/// What one writes first: every pattern on every text.
fn one_after_another(patterns: &[String], comments: &[Comment]) {
    let watch = Stopwatch::start();
    let build = |pattern: &String| RegexBuilder::new(pattern).case_insensitive(true).build();
    let regexes: Vec<Regex> = patterns.iter().map(|pattern| build(pattern).expect("a regex")).collect();
    let compile_time = watch.elapsed();
    // Two orders of magnitude slower: a tenth of the texts tells as much.
    let some: Vec<Comment> = comments.iter().step_by(10).cloned().collect();
    let times = time(&some, |given| {
        black_box(regexes.iter().filter(|regex| regex.is_match(&given.body)).count());
    });
    row("one Regex after another", regexes.len(), 0, compile_time, times);
}

fn row(name: &str, rules: usize, entries: usize, compile: Duration, (median, p95): (f64, f64)) {
    println!("{name:<46}{rules:>7}{entries:>9}{:>12}{median:>10.1}{p95:>10.1}", compile.as_millis());
}

/// Median and 95th percentile of the time per comment, in µs.
fn time(comments: &[Comment], mut judge: impl FnMut(&Comment)) -> (f64, f64) {
    let mut times = Vec::with_capacity(comments.len() * ROUNDS);
    // The first round fills caches and lazily built automata.
    for round in 0..=ROUNDS {
        for given in comments {
            let watch = Stopwatch::start();
            judge(given);
            if round > 0 {
                times.push(watch.elapsed());
            }
        }
    }
    times.sort_unstable();
    let micros = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    (micros(50), micros(95))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ordinary(&mut criterion);
    criterion.final_summary();
    // `cargo test --benches` and a filter ask for something else.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asks = |name: &str| arguments.iter().all(|argument| argument == "--bench" || argument == name);
    if asks("worst") {
        worst::print(&starter());
    }
    if asks("side_by_side") {
        side_by_side();
    }
}
