//! What must not be taken for a listed word: other words around it, other languages, initials, numbers
//! and ordinary typing habits.

mod support;

use moderato_engine::CompiledRuleSet;
use support::{compile, judge};

/// Short English words of the kind that lists hold, which occur inside of others or nearly in other
/// languages.
fn rules() -> CompiledRuleSet {
    let document = "name = 'words'\nguidelines = 'friendly-blog'\nthresholds = { review = 3, reject = 8 }\n\
        lists.words = { kind = 'phrases', entries = ['cialis', 'press', 'ass', 'tit', 'cock', 'cunt', 'sex', 'penis', \
        'rape', 'fag', 'god', 'shot', 'kill', 'free money', 'anal', 'cum', 'homo', 'spic', 'hell', 'bot', 'pot', \
        'usa', 'ho', 'coon', 'lol', 'boob', 'suck', 'sob', 'bum', 'nip', 'dam', 'hit', 'sin'] }\n\
        [[rule]]\nid = 'it'\ncategory = 'spam'\nwhen = 'body has list(\"words\")'\nscore = 5\nmessage = 'no'\nnote = '{matches}'\n";
    compile(document).unwrap_or_else(|error| panic!("{error}"))
}

const INNOCENTS: &[&str] = &[
    // words inside of words
    "The specialist of our class writes for WordPress, on socialism and the embassy.",
    "Scunthorpe, Penistone, Sussex, Essex, Middlesex, Cockermouth, Lightwater and Clitheroe are places.",
    "The therapist ate grapes and drapes; a classic assassin in Massachusetts, assess the bass.",
    "Analysis of documents, cucumbers, raccoons, spices, shellfish and hello from Shell; titles and titans.",
    "Mr Hancock, Mr Cockburn, Dickens, Matsushita, Nasser, Cummings and Dr. Fagan.",
    "expressive, compressed, impression, depress; a homogeneous mixture of despicable robots and potatoes",
    "shitake, shoot, shotgun? No: snapshots, slingshots.",
    // near words
    "good goods, too good; gods? no, goodness. A loss, not los; the book was too good",
    "The asset, as set out; as s expected; pen is mightier, it is.",
    "a bit of a hitch; it hits home; Kilian kills? no: skill, skills, killed, killing",
    // initials, abbreviations and enumerations
    "A.S.S. Miller, T.I.T. Co. and C.O. Ck from the U.S. wrote to a.s.a.p. and e.g. to i.e. that",
    "A. S. Smith, J. R. R. Tolkien and C. S. Lewis",
    "options a, b, c; a) one b) two c) three; x y z; points a / b",
    "I a man? So am I. R & D, A & E, Q&A, P.S. I went.",
    "grades A B B A, vitamins B12, D3 and K2, the A55, the M1 and an F-16; f(x) = y",
    // numbers and units
    "On 2024-05-01 at 10:30 we paid $50, 7% or 100 euro; the 1st, 2nd, 3rd, 4th, 10th and 90s.",
    "b2b, h2o, co2, mp3, mp4, 3d, 4k, 5g, utf8, base64, sha256, x86, i18n, k8s, win10, covid19, 5x5, 2x4",
    "0xdeadbeef 3f2a9c1b-77e0-4d52 id=a1b2c3d4e5 v1.2.3-rc1 C3PO R2D2 4x4",
    "Room 5a, gate B4, flight LH455, ISBN 978-3-16-148410-0, +44 20 7946 0018, size 8.5",
    "Call (555) 555-0100; A4 paper; 11am; 5pm; 20s; 30mm; 10cm; 1l; 1am there.",
    // typing habits
    "Hmmm... sooo coool!!! Yesss, nooo, aaaah, ooo, www, zzz, 哈哈哈, wwwww",
    "well-known, co-op, re-use, e-mail, x-ray, t-shirt, u-turn, ice-cream, mother-in-law, as-is, day-by-day",
    "snake_case, some_class_name, as_set, **bold** and *so* on, ~~gone~~, `code`, f(x)*g(x), 2*3*4",
    "it works.In the end it is.So what? a.b.c, foo.bar.baz, node.js, main.rs, as.s",
    "C++, C#, A+, B+, 50+, a|b, true||false, !important, wow!great, @home, user@example.com, @asset",
    "See https://example.com/a1b2/c3d4?e5=f6&g7=h8#i9 and www.example.org/x_y-z",
    "<b>class</b>ic &amp; <i>press</i>ure &lt;3, as<br>set, pen<p>is</p>",
    "&assets; &#65; AT&T [1] [b]old[/b]er a[i] x[s]",
    // other languages
    "Die Größe der Klasse, außer Spesen nichts; der dicke Hintern, Analyse, Assistent, Rapport, Pressekonferenz; Hitze",
    "Çok güzel, sıkı bir yazı; ığdır, İstanbul, ASSIST, sıcak, kıl, adam'a, piç",
    "Cảm ơn các bạn, hồ sơ này rất hữu ích; tít mù, cùm, bụm, hổ, hố, hộ, nịp, sín.",
    "شكراً جزيلاً على هذا المقال، لقد ساعدني كثيراً في عملي مع الشباب.",
    "سلام، خیلی ممنون! می‌خواهم بیشتر بدانم.",
    "बहुत अच्छा लेख है, धन्यवाद। क ख ग घ",
    "とても参考になりました。ｗｗｗ ありがとう！ あ い う え お",
    "ขอบคุณมากสำหรับบทความที่มีประโยชน์นี้ 555555",
    "谢谢你的分享，这篇文章对我帮助很大。 一 二 三",
    "이 글이 큰 도움이 되었습니다. ㅋㅋㅋㅋ 가 나 다",
    "Большое спасибо! Вот кот и рот, нет, там всё так: хорошо, сосок, а он вор.",
    "он там, вот нет, рот, кот, хор, сох, рос",
    "Ευχαριστώ πολύ, όχι, ο ήλιος και το σπίτι; νιπ, σιν, ποτ",
    "Шалом, חבר טוב, תודה רבה על הכל",
    "ქართული ენა, հայերեն լեզու, አማርኛ ቋንቋ, ᐃᓄᒃᑎᑐᑦ",
    "Sự học, ngày mai; tôi đi học ở Hà Nội, phút, đám cưới, bốt, bọt, hít thở, hồ Tây.",
    "Zażółć gęślą jaźń, żal, łoś; příliš žluťoučký kůň; où ça, Noël, œuvre, cœur, bœuf",
    // emoji
    "🇫🇷🇪🇪 🇺🇸🇦🇸 🎉👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿❤️ blood 🅰️ and 🅱️, 🆎, 🅾️, 🅿️",
    "(a)(s)(d), (c) 2024, ⓒ, ®, ™, №, ½, ①②③, ㎏",
];

#[test]
fn innocent_writing_is_no_listed_word() {
    let rules = rules();
    let hits: Vec<String> = INNOCENTS
        .iter()
        .flat_map(|text| {
            judge(&rules, text).reasons.into_iter().map(move |reason| format!("{text}: {}", reason.note))
        })
        .collect();
    assert!(hits.is_empty(), "{}", hits.join("\n"));
}

#[test]
fn quoted_words_are_told_from_said_ones_and_said_ones_from_those_said_to_somebody() {
    let about = |when: &str, body: &str| {
        let rules = compile(&support::one_rule(when)).unwrap_or_else(|error| panic!("{error}"));
        !judge(&rules, body).reasons.is_empty()
    };
    let (said, to_somebody) = (r#"body.unquoted has list("words")"#, r#"body.addressed has list("words")"#);
    for (body, expected) in [
        ("a casino", (true, false)),
        ("They shouted \"casino\" all night", (false, false)),
        ("> casino\nI do not agree", (false, false)),
        ("“casino”? You say casino?", (true, true)),
        ("You like it. The casino too.", (true, false)),
        ("<blockquote>You c4sino</blockquote> no", (false, true)),
        ("Your c.a.s.i.n.o is closed", (true, true)),
    ] {
        assert_eq!((about(said, body), about(to_somebody, body)), expected, "{body}");
    }
    assert!(about(r#"body.unquoted matches "cas\w+""#, "the casino"));
    assert!(!about(r#"body.unquoted matches "cas\w+""#, "the \"casino\""));
    assert!(about(r#"body.addressed matches "cas\w+""#, "No. And you, casino. No."));
}
