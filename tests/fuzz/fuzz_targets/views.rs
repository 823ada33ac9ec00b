//! Any text as body and name, under rules that ask for words in every reading of it and for every field:
//! judged the same twice, with spans that slice what the author typed.
#![no_main]

use std::fmt::Write as _;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use moderato_engine::{CompiledRuleSet, schema};
use moderato_fuzz::{GUIDELINES, comment, judge, texts};

/// Words short enough to be hit upon, in several scripts, and a rule for the example of every field.
static RULES: LazyLock<CompiledRuleSet> = LazyLock::new(|| {
    let mut document = String::from(
        "name = 'views'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
         lists.phrases = { kind = 'phrases', entries = ['a', 'ab', 'is', 'ass', 'free', 'good', 'да', 'σα', '日'] }\n\
         lists.parts = { kind = 'phrases', match = 'substring', entries = ['e', 'o', 'и'] }\n\
         lists.domains = { kind = 'domains', entries = ['com', 'example', 'рф'] }\n\
         lists.addresses = { kind = 'addresses', entries = ['192.0.2.0/24'] }\n\
         lists.authors = { kind = 'authors', entries = ['Ada'] }\n",
    );
    let parts = ("parts", "body has list(\"parts\") or author.name has list(\"parts\")");
    let fields = schema().map(|field| (field.id, field.example));
    for (number, (id, when)) in fields.chain([parts]).enumerate() {
        write!(
            document,
            "[[rule]]\nid = 'r{number}'\ncategory = '{id}'\nwhen = '''{when}'''\nscore = 1\nmessage = 'm'\n\
             note = '{{matches}}'\n"
        )
        .expect("writing to a string");
    }
    CompiledRuleSet::compile(&document, &GUIDELINES).unwrap_or_else(|error| panic!("{error}"))
});

fuzz_target!(|data: &[u8]| {
    let mut texts = texts(data);
    let mut next = || texts.next().unwrap_or_default();
    if let Some(comment) = comment(next(), next(), String::new()) {
        judge(&RULES, &comment);
    }
});
