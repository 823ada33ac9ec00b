//! What is observed in a comment's text, name and links, by the field that tells it.

mod support;

use moderato_engine::{Facts, evaluate};
use support::{NOW, compile, judge, one_rule, signed};

#[test]
fn fields_of_the_body_tell_what_is_there() {
    for (when, body, expected) in [
        // links
        ("links.domains == 2", "http://a.b.co.uk/x http://b.co.uk https://other.example.com", true),
        ("links.bare == 1", "shop.example.com and mystore.com and www.mystore.com", false),
        ("links.bare == 2", "shop.mystore.com and mystore.com and www.mystore.com", true),
        ("links.mixed == 1", "see http://gооgle.com and http://bücher.de", true),
        ("links.mixed == 1", "see http://аррӏе.com", true),
        ("links.mixed == 0", "see http://президент.рф", true),
        ("links.mailto == 1", "<a href=\"mailto:kim@mail.example.com\">me</a>", true),
        // personal details
        ("accounts.cards == 1", "pay with 4111 1111 1111 1111", true),
        ("accounts.cards == 0", "pay with 4111 1111 1111 1112", true),
        ("accounts.ibans == 1", "IBAN DE89 3704 0044 0532 0130 00", true),
        ("contacts.streets == 1", "he lives at <b>12 Long Street</b>", true),
        // handles
        (
            "mentions.count == 2 and hashtags.count == 1",
            "@kim and @ann, see #fun, not a@b.example or #1",
            true,
        ),
        // size and shape
        ("body.graphemes == 3", "👩‍👩‍👧‍👦e\u{301}x", true),
        ("emoji.count == 2", "🎉 and 🎉", true),
        ("markup.share > 0.4", "<b>bold</b>", true),
        ("markup.share == 0.0", "a < b", true),
        ("quotes.share > 0.5", "> what you said before\nno", true),
        ("questions.share == 0.5", "Why? Because.", true),
        ("address.second_person == 2", "You know your way. They do not.", true),
        ("address.second_person == 1", "Kommst du mit?", true),
        // scripts and languages
        (r#"letters.script == "cyrillic" and letters.scripts == 1"#, "Большое спасибо", true),
        (r#"letters.script == "han""#, "谢谢你的分享 ok", true),
        ("letters.scripts == 3 and letters.latin_share < 0.5", "ab где なに", true),
        (
            r#"body.language == "en""#,
            "Thank you for the long walk through the museum. We enjoyed it a lot, and the children have been talking \
             about the old machines ever since; they would like to come again with their friends.",
            true,
        ),
        (
            r#"body.language == "ru""#,
            "Большое спасибо за подробный рассказ, нам всем очень понравилось. Мы с ребятами обязательно попробуем \
             сделать так же на следующей неделе, когда все вернутся с каникул.",
            true,
        ),
        (r#"body.language == "en""#, "ok", false),
    ] {
        let rules = compile(&one_rule(when)).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert_eq!(!judge(&rules, body).reasons.is_empty(), expected, "{when} on {body}");
    }
}

#[test]
fn names_that_are_no_names_are_told() {
    let tells = |when: &str, name: &str| {
        let rules = compile(&one_rule(when)).unwrap_or_else(|error| panic!("{error}"));
        let comment = signed("hello", name, "kim@mail.example.com", "https://kim.example.com");
        !evaluate(&rules, &comment, &Facts::none(NOW)).reasons.is_empty()
    };
    for name in ["cheap-shoes.com", "call +44 20 7946 0018", "kim@mail.example.com"] {
        assert!(tells("author.name_is_contact", name), "{name}");
    }
    assert!(!tells("author.name_is_contact", "Kim J. Miller 3rd"));
    assert!(tells("author.name_mixed", "Саsino Kim") && !tells("author.name_mixed", "Ким Miller"));
}
