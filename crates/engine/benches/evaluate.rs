//! Time per comment with the starter rules: ordinary comments one by one and as a mix, and bodies of
//! 64 KiB made to be slow.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moderato_engine::{Facts, evaluate};
use support::{NOW, comment, starter};

/// About 440 bytes of ASCII, the length that the engine's budget is stated for.
const ORDINARY: &str = "I have been a mentor for three years now, and the first meeting is still the hardest part. \
    What helped us was to have something to do with our hands: we repaired an old bicycle, and talking came by itself \
    after half an hour. By the way, the museum on Station Road has free entry on Sundays, and nobody minds if you only \
    stay for the cafe. How do others here handle it when the young person does not show up a second time in a row?";

const SAMPLES: [(&str, &str); 6] = [
    ("ascii_440", ORDINARY),
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

const WORST: [(&str, &str); 7] = [
    ("links", "a.co "),
    ("schemes", "http://a.example/ "),
    ("zero_width", "\u{200B}"),
    ("marks", "\u{301}"),
    ("one_word", "a"),
    ("near_misses", "check out my channe online casin "),
    ("mixed", "ﷺ\u{301}а.co "),
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

fn worst(criterion: &mut Criterion) {
    const BODY_BYTES: usize = 64 * 1024;
    let rules = starter();
    let facts = Facts::none(NOW);
    let mut group = criterion.benchmark_group("worst_64k");
    group.sample_size(10);
    for (name, piece) in WORST {
        let given = comment(&piece.repeat(BODY_BYTES / piece.len()));
        group.bench_function(name, |bencher| bencher.iter(|| evaluate(&rules, black_box(&given), &facts)));
    }
    group.finish();
}

criterion_group!(benches, ordinary, worst);
criterion_main!(benches);
