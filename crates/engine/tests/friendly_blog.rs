//! What the default rules say about comments that a moderator can read.

mod support;

use moderato_domain::Action::{Allow, Reject, Review};
use moderato_domain::{
    Action, AuthorFacts, Comment, FactKind, MissingFact, MissingPolicy, TextFingerprint, Timestamp,
};
use moderato_engine::{Facts, evaluate};
use support::{NOW, comment, judge, rule_ids, signed, starter};

/// Text, action, and rules that have to be among the reasons.
const UNWANTED: &[(&str, Action, &[&str])] = &[
    // links
    (
        "http://a.example.com http://b.example.com http://c.example.com see these three",
        Review,
        &["links.many"],
    ),
    ("Nice, more on https://bit.ly/3xYz about this trip", Review, &["links.shortener"]),
    ("I put the photos of the walk on mywalks dot com for everybody", Review, &["links.hidden"]),
    ("Join our group https://t.me/joinchat and say hello", Review, &["links.invite"]),
    // advertising
    (
        "Earn daily with our crypto investment, details at https://coins.example.com/start",
        Reject,
        &["spam.phrase-with-link"],
    ),
    ("Check out my channel and subscribe please", Review, &["spam.phrase"]),
    ("We offer SEO services for your site", Review, &["spam.phrase"]),
    (
        "Personal loans at 2%, contact lender@loans.example.com",
        Reject,
        &["spam.phrase-with-link", "personal.mail"],
    ),
    // dodges
    ("C\u{200B}heck out my ch\u{AD}annel, and subscribe", Review, &["spam.phrase"]),
    ("best оnlinе саsіnо in town", Review, &["spam.phrase"]),
    ("best 𝐨𝐧𝐥𝐢𝐧𝐞 ｃａｓｉｎｏ in town", Review, &["spam.phrase"]),
    ("best <b>online</b> cas<i></i>ino in town", Review, &["spam.phrase"]),
    ("best &#111;nline casin&#x6f; in town", Review, &["spam.phrase"]),
    // civility
    ("You are an idiot and everybody knows it.", Review, &["civility.insult"]),
    ("Who wrote this fucking bullshit? Shit, honestly.", Review, &["civility.oaths"]),
    ("kill yourself you fucking loser", Reject, &["civility.vicious", "civility.threat"]),
    // personal details
    ("write me at kim.miller@mail.example.com", Review, &["personal.mail"]),
    ("my number is (555) 555-0100", Review, &["personal.phone"]),
    // readability
    ("x\u{200B}y\u{200B}z\u{200B}a\u{200B}b\u{200B}c", Review, &["hidden.characters"]),
    ("Z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}algo", Review, &["stacked-marks"]),
    ("spam spam spam spam spam spam spam and eggs", Review, &["repetition.words"]),
    // safety
    ("Some days I want to die and nobody would notice", Review, &["safety.crisis"]),
];

/// Comments that have to appear.
const INNOCENT: &[&str] = &[
    "Thank you, this helped me to prepare for my first week as a mentor.",
    "I grew up in Scunthorpe, near Penistone, and moved to Sussex.",
    "A specialist told us that the class needs more assistance with assessment.",
    "We run it on WordPress and press releases go out on Fridays.",
    "The cockpit of the Peacock, Dick Whittington's ship? No: Moby... well, a whale.",
    "Pass the grass to the bass player, said the classic assassin in Massachusetts.",
    "I <3 this, and 5 < 6 but 7 > 6, AT&T & co.",
    "See https://museum.example.com/opening-hours for the opening times on Sunday.",
    "On 2024-05-01 at 10:30 we counted 1,204,332 visitors, version 2.0.1 of the survey says.",
    "It works.In the end we all had fun, e.g. with main.rs and setup.py.",
    "No no, really?! WOW.",
    "Die Übungen für Größere waren schön, auch wenn es dick geschneit hat – außer Spesen nichts gewesen.",
    "Çok güzel bir yazı olmuş, teşekkür ederim. İstanbul'dan selamlar, ığdır'dan da.",
    "Cảm ơn bạn rất nhiều, bài viết này thật sự hữu ích cho các em học sinh của tôi.",
    "Ca\u{309}m o\u{31B}n ba\u{323}n, ra\u{302}\u{301}t vui \u{111}u\u{31B}\u{1A1}\u{323}c ga\u{323}p ba\u{323}n.",
    "شكراً جزيلاً على هذا المقال، لقد ساعدني كثيراً في عملي مع الشباب.",
    "سلام، خیلی ممنون! می‌خواهم بیشتر بدانم و کتاب‌های شما را می‌خوانم.",
    "とても参考になりました。ありがとうございます。来週の集まりも楽しみにしています。",
    "谢谢你的分享，这篇文章对我帮助很大。",
    "बहुत अच्छा लेख है, धन्यवाद। क्‍या आप और लिखेंगे?",
    "Большое спасибо за статью, очень помогло нашей школе!",
    "Ευχαριστώ πολύ για το άρθρο, ήταν πολύ χρήσιμο.",
    "ขอบคุณมากสำหรับบทความที่มีประโยชน์นี้",
    "🎉🎉 Congratulations to the whole team! 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️",
    "J'ai lu l'article jusqu'au bout : c'était passionnant, merci à toute l'équipe !",
    "¿Cuándo es la próxima reunión? ¡Me encantó la última!",
];

#[test]
fn unwanted_comments_are_held_for_the_right_reason() {
    let rules = starter();
    for (text, action, expected) in UNWANTED {
        let evaluation = judge(&rules, text);
        let found = rule_ids(&evaluation);
        assert_eq!(evaluation.action, *action, "{text}: {found:?} {}", evaluation.score);
        for rule in *expected {
            assert!(found.contains(rule), "{text}: {rule} is not in {found:?}");
        }
    }
}

#[test]
fn innocent_comments_appear() {
    let rules = starter();
    for text in INNOCENT {
        let evaluation = judge(&rules, text);
        assert_eq!(evaluation.action, Allow, "{text}: {:?}", evaluation.reasons);
        assert!(evaluation.reasons.iter().all(|reason| !reason.rule.starts_with("civility.")), "{text}");
    }
}

#[test]
fn somebody_in_danger_is_never_rejected_by_a_machine() {
    let text = "fuck it all, I want to die. hurt? earn daily at https://coins.example.com, kill yourself too";
    let evaluation = judge(&starter(), text);
    assert_eq!(evaluation.action, Review);
    assert!(evaluation.score.get() >= 8.0);
    assert_eq!(evaluation.reasons[0].rule, "safety.crisis");
    assert!(!evaluation.is_spam());
}

#[test]
fn praise_for_any_page_is_only_held_under_a_website() {
    let rules = starter();
    let praise = "Great post, thanks for sharing!";
    assert_eq!(judge(&rules, praise).action, Allow);
    let with_site = signed(praise, "Kim", "kim@mail.example.com", "http://shop.example.com");
    assert_eq!(evaluate(&rules, &with_site, &Facts::none(NOW)).action, Review);
}

#[test]
fn a_throw_away_address_is_named_without_the_person() {
    let rules = starter();
    let throw_away = signed("Hello everybody", "Kim", "kim.secret@Mailinator.com", "https://kim.example.com");
    let evaluation = evaluate(&rules, &throw_away, &Facts::none(NOW));
    let reason = evaluation.reasons.iter().find(|reason| reason.rule == "spam.disposable-mail").unwrap();
    assert_eq!(reason.note, "throw-away mail address at mailinator.com");
}

fn known(comment: &Comment, published: i64, last_seen: Timestamp) -> Facts {
    let author = AuthorFacts {
        comments: published,
        published,
        rejected: 0,
        first_seen: Timestamp::from_millis(0),
        last_seen,
        last_text: TextFingerprint::of(&comment.body),
    };
    Facts { author: Some(author), ..Facts::none(NOW) }
}

#[test]
fn the_same_text_again_within_a_day_is_held() {
    let rules = starter();
    let again = comment("Please come to the meeting on Friday.");
    let just_now =
        evaluate(&rules, &again, &known(&again, 1, Timestamp::from_millis(NOW.as_millis() - 60_000)));
    assert_eq!((just_now.action, rule_ids(&just_now)), (Review, vec!["repetition.same-text"]));
    let two_days = Timestamp::from_millis(NOW.as_millis() - 2 * 86_400_000);
    assert_eq!(evaluate(&rules, &again, &known(&again, 1, two_days)).action, Allow);
}

#[test]
fn missing_facts_are_absent_and_mark_the_evaluation() {
    let rules = starter();
    let missing = |policy| {
        let missing = MissingFact { fact: FactKind::Author, why: "timeout".into(), policy };
        let facts = Facts { missing: vec![missing], ..Facts::none(NOW) };
        evaluate(&rules, &comment("Hello"), &facts)
    };
    let open = missing(MissingPolicy::Open);
    assert_eq!((open.action, open.degraded), (Allow, vec!["facts.author skipped: timeout".to_owned()]));
    let held = missing(MissingPolicy::Hold);
    assert_eq!((held.action, rule_ids(&held)), (Review, vec!["missing_facts"]));
    assert_eq!(held.degraded, ["facts.author skipped: timeout; held for it"]);
    assert_eq!(missing(MissingPolicy::Closed).action, Reject);
    assert!(judge(&rules, "Hello").degraded.is_empty());
}

#[test]
fn every_rule_tells_the_author_and_the_moderator_something() {
    let rules = starter();
    assert!(rules.version().as_str().starts_with("friendly-blog@"));
    assert!(rules.rule_count() >= 30 && rules.list_entry_count() >= 500);
    for (text, _, _) in UNWANTED {
        for reason in judge(&rules, text).reasons {
            assert!(reason.message.ends_with('.') && !reason.note.is_empty(), "{}", reason.rule);
            assert!(reason.guideline.is_some(), "{}", reason.rule);
        }
    }
}
