//! Ways to write a listed word so that a list would miss it: an ordinary word rule catches them all, and
//! points at what was typed.

mod support;

use moderato_engine::CompiledRuleSet;
use support::{compile, judge};

/// One rule that asks for words of a list.
fn rules() -> CompiledRuleSet {
    let document = "name = 'words'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
        lists.words = { kind = 'phrases', entries = ['casino', 'free', 'viagra', 'kill', 'good', 'assess', 'free money', 'дурак'] }\n\
        [[rule]]\nid = 'it'\ncategory = 'spam'\nwhen = 'body has list(\"words\")'\nscore = 5\nmessage = 'no'\n";
    compile(document).unwrap_or_else(|error| panic!("{error}"))
}

/// A text, and the part of it that the reason has to point at.
const EVASIONS: &[(&str, &str)] = &[
    // as it is
    ("a CASINO here", "CASINO"),
    // invisible characters
    ("a ca\u{200B}si\u{200D}no", "ca\u{200B}si\u{200D}no"),
    ("a c\u{AD}a\u{AD}sino", "c\u{AD}a\u{AD}sino"),
    ("a cas\u{2060}i\u{FEFF}no", "cas\u{2060}i\u{FEFF}no"),
    ("a cas\u{FE0F}ino", "cas\u{FE0F}ino"),
    ("a cas\u{E0061}ino", "cas\u{E0061}ino"),
    ("a ca\u{3164}sino", "ca\u{3164}sino"),
    ("a cas\u{2061}\u{180E}ino", "cas\u{2061}\u{180E}ino"),
    // direction
    ("a \u{202E}onisac\u{202C} b", "\u{202E}onisac"),
    ("a \u{202D}cas\u{202C}ino b", "cas\u{202C}ino"),
    ("a cas\u{2066}i\u{2069}no", "cas\u{2066}i\u{2069}no"),
    // look-alikes
    ("a саsіnо", "саsіnо"),
    ("a сasιnο", "сasιnο"),
    ("ΚILL him", "ΚILL"),
    ("a ᴄᴀꜱɪɴᴏ", "ᴄᴀꜱɪɴᴏ"),
    ("a ᑕᗩᔕIᑎO", "ᑕᗩᔕIᑎO"),
    ("a ꓚꓮꓢꓲꓠꓳ or ꓚꓮꓢINꓳ", "ꓚꓮꓢINꓳ"),
    ("a cаѕіno", "cаѕіno"),
    ("a ςαsιησ", "ςαsιησ"),
    ("a cas\u{131}no", "cas\u{131}no"),
    ("a casinø", "casinø"),
    // letters in other clothes
    ("a ｃａｓｉｎｏ", "ｃａｓｉｎｏ"),
    ("a 𝐜𝐚𝐬𝐢𝐧𝐨", "𝐜𝐚𝐬𝐢𝐧𝐨"),
    ("a 𝒸𝒶𝓈𝒾𝓃𝑜", "𝒸𝒶𝓈𝒾𝓃𝑜"),
    ("a 𝕔𝕒𝕤𝕚𝕟𝕠", "𝕔𝕒𝕤𝕚𝕟𝕠"),
    ("a ⓒⓐⓢⓘⓝⓞ", "ⓒⓐⓢⓘⓝⓞ"),
    ("a 🅒🅐🅢🅘🅝🅞", "🅒🅐🅢🅘🅝🅞"),
    ("a 🄲🄰🅂🄸🄽🄾", "🄲🄰🅂🄸🄽🄾"),
    ("a 🅲🅰🆂🅸🅽🅾", "🅲🅰🆂🅸🅽🅾"),
    ("a ⒞⒜⒮⒤⒩⒪", "⒞⒜⒮⒤⒩⒪"),
    ("a 🇨🇦🇸🇮🇳🇴🇽 🇫\u{200B}🇷\u{200B}🇪\u{200B}🇪", "🇫\u{200B}🇷\u{200B}🇪\u{200B}🇪"),
    ("a 🇫 🇷 🇪 🇪", "🇫 🇷 🇪 🇪"),
    ("a ᶜᵃˢⁱⁿᵒ", "ᶜᵃˢⁱⁿᵒ"),
    // marks
    ("a cásïñô", "cásïñô"),
    (
        "a c\u{301}a\u{302}s\u{303}i\u{304}n\u{305}o\u{306}",
        "c\u{301}a\u{302}s\u{303}i\u{304}n\u{305}o\u{306}",
    ),
    (
        "a c\u{336}a\u{336}s\u{336}i\u{336}n\u{336}o\u{336}",
        "c\u{336}a\u{336}s\u{336}i\u{336}n\u{336}o\u{336}",
    ),
    ("a с\u{335}\u{489}аsino", "с\u{335}\u{489}аsino"),
    // letters set apart
    ("a f r e e, b", "f r e e"),
    ("f.r.e.e", "f.r.e.e"),
    ("so f-r-e-e!", "f-r-e-e"),
    ("f_r_e_e", "f_r_e_e"),
    ("f*r*e*e", "f*r*e*e"),
    ("f/r/e/e, now", "f/r/e/e"),
    ("F R E E   M O N E Y", "F R E E   M O N E Y"),
    ("f-r-e-e m-o-n-e-y", "f-r-e-e m-o-n-e-y"),
    ("i k i l l you", "k i l l"),
    ("д у р а к", "д у р а к"),
    ("ka-sino, cas-ino, ca-sino", "ca-sino"),
    // signs for letters
    ("fr33", "fr33"),
    ("v1agra", "v1agra"),
    ("V1@GR4 now", "V1@GR4"),
    ("c@$1n0", "c@$1n0"),
    ("k1ll, k!ll, ki11", "k1ll"),
    ("ki11 him", "ki11"),
    ("K|LL", "K|LL"),
    ("fr€€", "fr€€"),
    ("c a s 1 n 0", "c a s 1 n 0"),
    // letters stretched
    ("freeee", "freeee"),
    ("fffrrreeeee", "fffrrreeeee"),
    ("cassssiiinoooo", "cassssiiinoooo"),
    ("goooood", "goooood"),
    ("kiiiilllll", "kiiiilllll"),
    ("дуррррак", "дуррррак"),
    // markup
    ("vi<b></b>agra", "vi<b></b>agra"),
    ("vi<!-- > -->agra", "vi<!-- > -->agra"),
    ("v&#105;agra", "v&#105;agra"),
    ("v&#x69agra, v&#0000000000105agra", "v&#0000000000105agra"),
    ("vi&shy;agra", "vi&shy;agra"),
    ("vi&ZeroWidthSpace;agra", "vi&ZeroWidthSpace;agra"),
    ("vi&zwnj;agra", "vi&zwnj;agra"),
    ("v&iacute;agra", "v&iacute;agra"),
    ("vi<wbr>agra", "vi<wbr>agra"),
    ("vi[b][/b]agra", "vi[b][/b]agra"),
    ("vi**agra**", "vi**agra"),
    ("via~~g~~ra", "via~~g~~ra"),
    // several at once
    ("f\u{200B} r 3 e", "f\u{200B} r 3 e"),
    ("ѵ1ааааgra", "ѵ1ааааgra"),
    ("<i>c</i>@s&#49;n0", "c</i>@s&#49;n0"),
];

#[test]
fn a_word_rule_catches_disguises_and_points_at_them() {
    let rules = rules();
    let mut missed = Vec::new();
    for (text, typed) in EVASIONS {
        let evaluation = judge(&rules, text);
        let spans = evaluation.reasons.iter().flat_map(|reason| &reason.spans);
        let found: Vec<&str> = spans.map(|span| &text[span.start as usize..span.end as usize]).collect();
        if !found.contains(typed) {
            missed.push(format!("{text:?} ({typed:?}): {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn names_are_read_in_the_same_way() {
    let document = "name = 'names'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
        lists.words = { kind = 'phrases', entries = ['casino'] }\n\
        [[rule]]\nid = 'it'\ncategory = 'spam'\nwhen = 'author.name has list(\"words\")'\nscore = 5\nmessage = 'no'\n";
    let rules = compile(document).unwrap();
    for name in ["C a s i n o", "Cas1no", "Саsіno", "casinooo"] {
        let comment = support::signed("hello", name, "kim@mail.example.com", "https://kim.example.com");
        let evaluation =
            moderato_engine::evaluate(&rules, &comment, &moderato_engine::Facts::none(support::NOW));
        assert_eq!(evaluation.reasons.len(), 1, "{name}");
    }
}
