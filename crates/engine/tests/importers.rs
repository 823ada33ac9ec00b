//! What becomes of other platforms' lists.

mod support;

use moderato_domain::Action::{Allow, Reject, Review};
use moderato_engine::importers::{Change, ImportError, Imported, Platform, Refusal, import};
use moderato_engine::{CompiledRuleSet, Facts, evaluate};
use support::{NOW, comment, compile, judge, signed};

fn compiled(imported: &Imported) -> CompiledRuleSet {
    compile(&imported.document).unwrap_or_else(|error| panic!("{error}\n{}", imported.document))
}

#[test]
fn keys_of_wordpress_become_whole_words_hosts_addresses_and_people() {
    let keys =
        "press\ncheap pills\nspam.example.com\n192.0.2.\nseller@mail.example.com\nonline\n</a>\nPRESS\n\n";
    let imported = import(Platform::WordPress, keys, Refusal::Reject).unwrap();
    let report = &imported.report;
    assert_eq!(report.imported, 6);
    for (change, count) in [
        (Change::WholeWords, 2),
        (Change::Host, 1),
        (Change::Address, 1),
        (Change::Person, 1),
        (Change::Everyday, 1),
        (Change::NoText, 1),
        (Change::Duplicate, 1),
    ] {
        assert_eq!(report.count(change), count, "{change:?}\n{report}");
    }
    let rules = compiled(&imported);
    assert_eq!(judge(&rules, "We run it on WordPress, online").action, Allow);
    assert_eq!(judge(&rules, "stop the press").action, Reject);
    assert_eq!(judge(&rules, "see https://shop.spam.example.com/x").action, Reject);
    let by = signed("Hello there", "Kim", "seller@mail.example.com", "https://kim.example.org");
    assert_eq!(evaluate(&rules, &by, &Facts::none(NOW)).action, Reject);
    let mut from = comment("Hello there");
    from.client.ip = "192.0.2.77".parse().ok();
    assert_eq!(evaluate(&rules, &from, &Facts::none(NOW)).action, Reject);
}

#[test]
fn short_keys_are_reported_and_count_only_in_company() {
    let imported = import(Platform::WordPress, "ass\nsex\ncialis", Refusal::Review).unwrap();
    assert_eq!((imported.report.count(Change::Short), imported.report.count(Change::Everyday)), (1, 1));
    assert!(imported.report.to_string().contains("\"ass\""), "{}", imported.report);
    let rules = compiled(&imported);
    assert_eq!(judge(&rules, "A specialist from Essex came to class").action, Allow);
    assert_eq!(judge(&rules, "buy cialis").action, Review);
}

#[test]
fn words_of_coral_are_banned_or_suspect() {
    let settings =
        r#"{"data": {"settings": {"wordList": {"banned": ["grawlix", "two words"], "suspect": ["hmpf"]}}}}"#;
    let imported = import(Platform::Coral, settings, Refusal::Reject).unwrap();
    assert_eq!(imported.report.count(Change::Separators), 1);
    let rules = compiled(&imported);
    for (text, action) in
        [("oh Grawlix!", Reject), ("hmpf", Review), ("grawlixes", Allow), ("in two words", Reject)]
    {
        assert_eq!(judge(&rules, text).action, action, "{text}");
    }
    let plain = compiled(&import(Platform::Coral, "grawlix\nhmpf", Refusal::Reject).unwrap());
    assert_eq!(judge(&plain, "hmpf").action, Reject);
}

#[test]
fn watched_words_of_discourse_keep_their_stars_and_patterns() {
    let csv = "word,replacement,action\nbad*,,block\nhmpf,,require_approval\nheck,h**k,censor\n\
               (foo|bar)baz,,flag\nfoo(?=bar),,block\nold,new,replace\n";
    let imported = import(Platform::Discourse, csv, Refusal::Reject).unwrap();
    let report = &imported.report;
    for change in [Change::Wildcard, Change::Pattern, Change::Held, Change::BadPattern, Change::NotARule] {
        assert_eq!(report.count(change), 1, "{change:?}\n{report}");
    }
    let rules = compiled(&imported);
    for (text, action) in [
        ("a badger, bad-mannered", Reject),
        ("not so bad", Reject),
        ("abad", Allow),
        ("hmpf", Review),
        ("what the heck", Review),
        ("barbaz", Review),
        ("old", Allow),
    ] {
        assert_eq!(judge(&rules, text).action, action, "{text}");
    }
    let bare = compiled(&import(Platform::Discourse, "hmpf,flag\n", Refusal::Reject).unwrap());
    assert_eq!(judge(&bare, "hmpf").action, Review);
}

#[test]
fn settings_of_komento_become_rules() {
    let json = r#"{"filter_word": "1", "filter_word_text": "hmpf, gr.wlix", "blacklist_ip": "192.0.2.7",
                   "antispam_max_length_enable": 1, "antispam_max_length": "30",
                   "enable_auto_moderation": true, "moderation_threshold": 2, "antispam_honeypot": 1}"#;
    let imported = import(Platform::Komento, json, Refusal::Reject).unwrap();
    assert_eq!(imported.report.count(Change::NotARule), 1);
    let rules = compiled(&imported);
    for (text, action, rule) in [
        ("hmpf", Reject, "imported.rejected-words"),
        ("Grawlix", Reject, "imported.rejected-patterns"),
        ("a text that goes on and on and on", Review, "imported.longest"),
        ("short", Review, "imported.new-author"),
    ] {
        let evaluation = judge(&rules, text);
        assert_eq!(evaluation.action, action, "{text}");
        assert!(
            evaluation.reasons.iter().any(|reason| reason.rule == rule),
            "{text}: {:?}",
            evaluation.reasons
        );
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let refused = |platform, text: &str| import(platform, text, Refusal::Review).unwrap_err();
    assert_eq!(refused(Platform::WordPress, " \n\n"), ImportError::Nothing);
    assert!(matches!(refused(Platform::Coral, "{"), ImportError::Form { .. }));
    assert!(matches!(refused(Platform::Coral, "{\"a\": 1}"), ImportError::Form { .. }));
    assert!(matches!(refused(Platform::Komento, "[]"), ImportError::Form { .. }));
    let large = "x\n".repeat(11 * 1024 * 1024);
    assert!(matches!(refused(Platform::WordPress, &large), ImportError::TooLarge { .. }));
}
