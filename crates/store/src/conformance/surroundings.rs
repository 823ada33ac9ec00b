//! What moderators see around a comment: its campaign, its conversation, its author, notes.

use moderato_domain::{Action, DecisionKind, State, TextSketch};

use super::builders::{Case, actor, at, author, comment_id};
use super::reviewing::flagged;
use crate::{Note, QueueFilter, Sanction, SanctionPosition, Traces};

pub(super) async fn a_campaign_is_the_same_text_and_its_variants(case: Case) {
    let text = "i earn five hundred dollars a day from home ask me how on whatsapp";
    let draft = |id: &str, minute: i64, text: &str, sketched: bool| {
        let sketch = TextSketch::of_words(text.split(' ')).filter(|_| sketched);
        let mut draft = flagged(&case, id, minute, "x").body(text);
        draft.traces = Traces { text: sketch, ..Traces::default() };
        draft
    };
    case.record([
        draft("c1", 1, text, true),
        draft("c2", 2, &format!("{text} today"), true),
        draft("c3", 3, text, false),
        draft("c4", 4, "thank you for this post it helped me a lot at home", true),
        draft("c5", 5, text, true).state(State::Rejected).action(Action::Reject),
    ])
    .await;
    let campaign = async |id: &str| {
        let found = case.store.campaign(&case.name(id), 10).await.expect("read");
        super::builders::ids(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(campaign("c1").await, ["c1", "c2", "c3"]);
    assert_eq!(campaign("c3").await, ["c1", "c3"], "no rule had a sketch made of it");
    assert_eq!(campaign("c4").await, ["c4"]);
    assert_eq!(campaign("c5").await, ["c1", "c3", "c5"], "of what does not wait no sketch is kept");
    assert_eq!(campaign("nobody").await, [""; 0]);
    let items = case.page(&QueueFilter::default(), None, 10).await;
    assert_eq!(items.iter().map(|item| item.campaign).collect::<Vec<_>>(), [3, 2, 2, 1]);
    // Variants of a text are found from both sides, and the same ones by either probe once.
    let variants = (0..3).map(|number| draft(&format!("v{number}"), 5, &format!("{text} {number}"), true));
    case.record(variants).await;
    let sizes = case.page(&QueueFilter::default(), None, 10).await;
    let sizes: Vec<u32> = sizes.iter().map(|item| item.campaign).collect();
    let campaigns = async |id| campaign(id).await.len() as u32;
    for (place, id) in ["c1", "c2", "c3", "c4", "v0", "v1", "v2"].into_iter().enumerate() {
        assert_eq!(sizes[place], campaigns(id).await, "{id}");
    }
    case.withdraw(&["v0", "v1", "v2"], at(6)).await;
    case.decide("c1", 1, DecisionKind::Spam).await;
    assert_eq!(campaign("c3").await, ["c3"]);
}

pub(super) async fn a_conversation_is_shown_around_a_comment(case: Case) {
    let reply = |id: &str, to: &str, minute: i64| {
        let mut draft = case.draft(id).at(minute);
        draft.comment.parent = Some(comment_id(to));
        draft
    };
    case.record([
        case.draft("top").at(1),
        case.draft("before").at(0).state(State::Rejected),
        case.draft("after").at(2).state(State::Pending),
        case.draft("elsewhere").at(2).thread("other"),
        reply("a", "top", 3),
        reply("b", "top", 4).state(State::Spam),
        reply("c", "top", 5),
        reply("b1", "b", 6),
        reply("b2", "b", 7).state(State::Pending),
        reply("b11", "b1", 8),
    ])
    .await;
    let around = async |id: &str| {
        let found = case.store.conversation(&case.name(id)).await.expect("read");
        let ids = |comments: &[crate::StoredComment]| super::builders::ids(comments).join(" ");
        (ids(&found.parents), ids(&found.siblings), ids(&found.replies))
    };
    let told = |parents: &str, siblings: &str, replies: &str| {
        (parents.to_owned(), siblings.to_owned(), replies.to_owned())
    };
    assert_eq!(around("top").await, told("", "before after", "a b c"));
    assert_eq!(around("b").await, told("top", "a c", "b1 b2"));
    assert_eq!(around("b11").await, told("top b b1", "", ""));
    assert_eq!(around("nobody").await, told("", "", ""));
    // A circle has no end, and is shown once.
    case.record([reply("x", "y", 9), reply("y", "x", 10)]).await;
    assert_eq!(around("x").await, told("y", "", "y"));
}

pub(super) async fn an_authors_history_is_shown(case: Case) {
    let history =
        async |number| case.store.author_history(&case.site, &author(number), 2, at(50)).await.expect("read");
    let nobody = history(9).await;
    assert_eq!((nobody.comments, nobody.first_seen, nobody.recent.len()), (0, None, 0));
    case.record([
        case.draft("c1").by(author(1)).at(1),
        case.draft("c2").by(author(1)).at(2).state(State::Spam),
        flagged(&case, "c3", 3, "x").by(author(1)),
        case.draft("c4").by(author(2)).at(4),
    ])
    .await;
    let known = history(1).await;
    assert_eq!((known.comments, known.published, known.rejected), (3, 1, 1));
    assert_eq!(known.first_seen, Some(at(1)));
    assert_eq!(super::builders::ids(&known.recent), ["c3", "c2"]);
    assert_eq!(known.sanction, None);
}

pub(super) async fn notes_are_kept_in_order(case: Case) {
    case.record([case.draft("c1")]).await;
    let note = |id: &str, who: &str, text: &str, minute| Note {
        comment: case.name(id),
        actor: actor(who),
        text: text.to_owned(),
        time: at(minute),
    };
    let notes = [note("c1", "ann", "known from last week", 1), note("c1", "bob", "agreed", 2)];
    for note in &notes {
        assert!(case.store.add_note(note).await.expect("added"));
    }
    assert!(!case.store.add_note(&note("c2", "ann", "about nothing", 1)).await.expect("answered"));
    assert_eq!(case.store.notes(&case.name("c1")).await.expect("read"), notes);
    assert_eq!(case.comment("c1").await.version, 1, "a note changes nothing about the comment");
}

pub(super) async fn sanctions_reach_the_directory_and_expire(case: Case) {
    let sanction = |number, until| Sanction {
        author: author(number),
        display_name: "Mallory".to_owned(),
        until,
        reason: "threats, twice".to_owned(),
        actor: actor("mo"),
        time: at(10 + i64::from(number)),
    };
    let in_force = async |minute| case.store.sanctions(&case.site, at(minute), None, 10).await.expect("read");
    let (ban, pause) = (sanction(1, None), sanction(2, Some(at(30))));
    let version = case.store.directory(None).await.expect("read").expect("some").version;
    case.store.put_sanction(&case.site, &ban).await.expect("put");
    case.store.put_sanction(&case.site, &pause).await.expect("put");
    assert_eq!(in_force(20).await, [pause.clone(), ban.clone()]);
    assert_eq!(in_force(30).await, std::slice::from_ref(&ban));
    let third = Sanction { time: pause.time, ..sanction(3, None) };
    case.store.put_sanction(&case.site, &third).await.expect("put");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = case.store.sanctions(&case.site, at(20), after.as_ref(), 1).await.expect("read");
        let Some(one) = page.first() else { break };
        after = Some(SanctionPosition::from(one));
        paged.extend(page);
    }
    assert_eq!(paged, [third, pause.clone(), ban.clone()], "two of one moment, too");
    case.store.lift_sanction(&case.site, &author(3), &actor("mo"), at(20)).await.expect("lifted");

    let directory = case.store.directory(Some(version)).await.expect("read").expect("it changed");
    let known = |number: u8, minute| directory.sanction(&case.site, Some(&author(number)), at(minute));
    assert!(known(1, 99).is_some_and(|sanction| sanction.until.is_none()));
    assert!(known(2, 29).is_some_and(|sanction| sanction.until == Some(at(30))));
    assert_eq!((known(2, 30), known(3, 0)), (None, None));
    assert_eq!(directory.sanction(&case.site, None, at(0)), None);

    let longer = Sanction { until: Some(at(90)), ..ban.clone() };
    case.store.put_sanction(&case.site, &longer).await.expect("put");
    let history = case.store.author_history(&case.site, &author(1), 1, at(50)).await.expect("read");
    assert_eq!(history.sanction, Some(longer));
    let lift = async |number, minute| {
        case.store
            .lift_sanction(&case.site, &author(number), &actor("mo"), at(minute))
            .await
            .expect("answered")
    };
    assert!(lift(1, 40).await);
    assert!(!lift(1, 40).await && !lift(2, 40).await, "nothing to lift any more");
    assert_eq!(in_force(20).await.len(), 1);
}
