//! Comments as a day brings them, judged by the built-in rules.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use moderato_domain::{
    Action, Actor, Attachment, Author, AuthorKey, Circumstances, Client, Comment, CommentId, ModerationMode,
    Preferences, Priority, Revision, SiteId, Standing, State, SystemIds, ThreadId, Timestamp, Verdict,
};
use moderato_engine::{CompiledRuleSet, Facts, Guidelines, STARTER_GUIDELINES, STARTER_RULES, evaluate};
use moderato_store::{Claim, QueueItem, StoredComment};

use crate::web::view::{Frame, Section};

/// A Wednesday.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_616_581_000);

/// Name, website, text: what somebody typed.
pub(crate) const TYPED: [(&str, Option<&str>, &str); 12] = [
    (
        "Mia Lindqvist",
        None,
        "Thank you for this! My daughter and I built the water rocket on Sunday and it went over the neighbour's garage. One question: would a 0.5 l bottle do as well, or is the nozzle too wide for it?",
    ),
    (
        "Rob",
        Some("https://best-followers.example/buy"),
        "Great post!!! Buy f\u{200B}ollowers and cheap v\u{456}agra here http://bit.ly/3xYzAbC best price guaranteed, visit http://pills-4-u.example/now today",
    ),
    ("Anonymous", None, "you are all pathetic idiots and I will find out where you live and kill you"),
    ("Jo", None, "I can't do this anymore. I want to kill myself and nobody would even notice."),
    (
        "Dr. Smith",
        Some("javascript:alert(document.cookie)"),
        "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} {% include \"card.html\" %} ${7*7} <svg/onload=alert(3)>",
    ),
    (
        "\u{202E}nimda\u{202C}",
        None,
        "Write to my \u{202E}liame\u{202C}: jane.doe@example.com or call +44 20 7946 0958, ask for J\u{430}ne from Elm School",
    ),
    (
        "Priya",
        None,
        "WHY DOES NOBODY ANSWER MY QUESTION FROM LAST WEEK??????? THIS IS SO UNFAIR AND I AM REALLY ANGRY NOW",
    ),
    (
        "Tom",
        Some("http://tom.example/blog?from=here"),
        "The second figure is mislabelled: the axis should read newtons, not newton-metres. Otherwise a lovely piece.",
    ),
    (
        "crypto_king_99",
        None,
        "Make $5000 a week from home, guaranteed profit, join my telegram channel t.me/fastcash now, dm me on whatsapp",
    ),
    ("ندى", None, "شكرا جزيلا على هذا المقال المفيد، تعلمت منه الكثير وسأجربه مع طلابي."),
    (
        "",
        None,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    (
        "Z\u{34F}\u{301}\u{301}\u{301}\u{301}\u{301}algo <b onmouseover=alert(1)>",
        None,
        "h\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}e\u{300}\u{301}\u{302}\u{303}\u{304}llo \u{1D583} style=\"position:fixed\" </textarea></article>",
    ),
];

pub(crate) fn rules() -> &'static CompiledRuleSet {
    static RULES: OnceLock<CompiledRuleSet> = OnceLock::new();
    RULES.get_or_init(|| {
        let guidelines = Guidelines::parse(STARTER_GUIDELINES).unwrap();
        CompiledRuleSet::compile(STARTER_RULES, &guidelines).unwrap()
    })
}

/// What a moderator called Ann sees.
pub(crate) fn frame() -> Frame {
    Frame {
        base: "/sites/blog".to_owned(),
        csrf: "token".to_owned(),
        back: "/sites/blog/queue".to_owned(),
        sections: Section::all(&Guidelines::parse(STARTER_GUIDELINES).unwrap()),
        me: Actor { id: "user:ann".to_owned(), name: "Ann".to_owned() },
        preferences: Preferences::default(),
        now: NOW,
        ids: Arc::new(SystemIds),
    }
}

/// One of [`TYPED`] as a submission.
pub(crate) fn comment(number: usize) -> Comment {
    let (name, url, body) = TYPED[number];
    let time = NOW.minus(Duration::from_secs(60 * (1 + 37 * (TYPED.len() - number) as u64)));
    Comment {
        site: SiteId::parse("blog").unwrap(),
        id: CommentId::parse(&format!("c{number}")).unwrap(),
        revision: Revision::FIRST,
        thread: ThreadId::parse("water-rockets").unwrap(),
        parent: None,
        author: Author { display_name: name.to_owned(), url: url.map(str::to_owned), ..Author::default() },
        body: body.to_owned(),
        language: None,
        permalink: Some("https://blog.example/water-rockets".to_owned()),
        client: Client::default(),
        guidelines_version: None,
        circumstances: Circumstances {
            attachments: vec![Attachment { mime_type: "image/png".to_owned(), size_bytes: 81_234 }],
            ..Circumstances::default()
        },
        request_id: None,
        create_time: time,
        accept_time: time,
    }
}

/// A submission as an item.
pub(crate) fn item(comment: &Comment) -> QueueItem {
    let evaluation = evaluate(rules(), comment, &Facts::none(NOW));
    let state = State::after(ModerationMode::Pre, &evaluation);
    let standing = Standing::judged(state, &evaluation);
    QueueItem {
        comment: StoredComment {
            name: comment.name(),
            thread: comment.thread.clone(),
            parent: None,
            revision: comment.revision,
            content_hash: comment.content_hash(),
            display_name: comment.author.display_name.clone(),
            author_url: comment.author.url.clone(),
            guest: true,
            body: comment.body.clone(),
            language: None,
            permalink: comment.permalink.clone(),
            state,
            action: evaluation.action,
            score: evaluation.score,
            decided: false,
            create_time: comment.create_time,
            accept_time: comment.accept_time,
            update_time: comment.accept_time,
            version: 1,
        },
        author: Some(AuthorKey::from_bytes([7; 16])),
        queue: standing.queue(),
        priority: Priority::of(&evaluation),
        wait_since: comment.accept_time,
        category: evaluation.reasons.first().map(|reason| reason.category.clone()),
        reports: 0,
        campaign: 1,
        claim: None,
        verdict: Verdict {
            comment: comment.name(),
            revision: comment.revision,
            evaluation,
            facts: Facts::none(NOW),
            evaluate_time: comment.accept_time,
        },
    }
}

/// What waits, in the order of the queue.
pub(crate) fn items() -> Vec<QueueItem> {
    let mut items: Vec<QueueItem> = (0..TYPED.len()).map(|number| item(&comment(number))).collect();
    items.retain(|item| item.queue.is_some() || item.comment.action != Action::Allow);
    items[1].campaign = 6;
    items[1].reports = 2;
    items[2].reports = 1;
    items[0].claim = Some(Claim {
        holder: Actor { id: "user:ben".to_owned(), name: "Ben".to_owned() },
        claim_time: NOW,
        expire_time: NOW.plus(Duration::from_secs(100)),
    });
    items.sort_by_key(|item| (std::cmp::Reverse(item.priority), item.wait_since));
    items
}
