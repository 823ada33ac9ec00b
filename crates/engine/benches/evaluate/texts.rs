//! The comments that are judged: real ones, if somebody says where.

use std::path::Path;

/// The variable that names CSV files with a column `text`, separated by colons.
pub(crate) const VARIABLE: &str = "MODERATO_BENCH_TEXTS";

/// Most texts taken, evenly from all files.
const TEXTS_MAX: usize = 4_000;

/// What is judged when nobody says where real comments are.
const SAMPLES: [&str; 10] = [
    "I have been a mentor for three years now, and the first meeting is still the hardest part. What helped us was \
     to have something to do with our hands: we repaired an old bicycle, and talking came by itself after half an \
     hour. By the way, the museum on Station Road has free entry on Sundays, and nobody minds if you only stay for \
     the cafe. How do others here handle it when the young person does not show up a second time in a row?",
    "Thank you, that was very helpful!",
    "There is a longer list at https://library.example.org/lists/reading?age=12 if somebody needs more ideas.",
    "Earn daily from home! Contact me on WhatsApp +1 555 555 0100 or see http://coins.example.com/join and https://bit.ly/x1",
    "Die Größe der Gruppe ist entscheidend: über fünfzehn Jugendliche können wir nicht gut betreuen, und für die \
     jüngeren bräuchten wir mehr Räume.",
    "Большое спасибо за подробный рассказ, мы с ребятами обязательно попробуем сделать так же на следующей неделе.",
    "とても参考になりました。ありがとうございます。来週の集まりも楽しみにしています。",
    "No. I disagree with nearly everything in the second half, and I say that as somebody who has run such a group.",
    "check out my channel, new videos every week, subscribe and win a gift card!!!",
    "We did it!!! 🎉🎉 See you all on Friday, same place, same time, and bring your own cup please.",
];

/// The comments, and where they are from.
pub(crate) fn texts() -> (Vec<String>, String) {
    let Some(paths) = std::env::var_os(VARIABLE) else {
        let told = format!("{} samples; {VARIABLE} names real comments", SAMPLES.len());
        return (SAMPLES.map(str::to_owned).to_vec(), told);
    };
    let mut texts = Vec::new();
    let files: Vec<_> = std::env::split_paths(&paths).collect();
    for file in &files {
        texts.extend(column(file));
    }
    let every = texts.len().div_ceil(TEXTS_MAX).max(1);
    let taken: Vec<String> = texts.into_iter().step_by(every).collect();
    let told = format!("{} comments of {} files", taken.len(), files.len());
    (taken, told)
}

fn column(file: &Path) -> Vec<String> {
    let mut reader =
        csv::Reader::from_path(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let headers = reader.headers().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let column = headers.iter().position(|header| header == "text");
    let column = column.unwrap_or_else(|| panic!("{} has no column `text`", file.display()));
    let rows = reader.records().filter_map(Result::ok);
    rows.filter_map(|row| row.get(column).map(str::to_owned)).filter(|text| !text.trim().is_empty()).collect()
}
