//! Facts from a real store, and from block lists over a real name server on this host.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moderato_domain::intake::Arrival;
use moderato_domain::{
    AuthorKey, Comment, CommentDraft, CommentId, FactKind, FactSet, MissingPolicy, PrivacyKey, Revision,
    SiteId, SiteSettings, TextSketch, Timestamp, Windows,
};
use moderato_facts::block_lists::{BlockListOptions, BlockLists};
use moderato_facts::{Collector, Subject};
use moderato_store_sqlite::{SqliteFile, SqliteOptions};
use tokio::net::UdpSocket;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const BUDGET: Duration = Duration::from_secs(2);

fn comment(id: &str, name: &str, ip: &str) -> Comment {
    let draft = CommentDraft {
        thread: "post-1".into(),
        display_name: name.into(),
        ip: ip.into(),
        body: "a comment".into(),
        ..CommentDraft::default()
    };
    let arrival = Arrival {
        site: SiteId::parse("blog").unwrap(),
        id: CommentId::parse(id).unwrap(),
        revision: Revision::FIRST,
        request_id: None,
        accept_time: NOW,
    };
    draft.admit(&SiteSettings::default(), arrival).unwrap()
}

fn subject<'c>(needs: FactSet, comment: &'c Comment, text: Option<&'c TextSketch>) -> Subject<'c> {
    let mut subject = Subject::new(needs, comment, AuthorKey::of(comment, &PrivacyKey::new([1; 32])));
    subject.text = text;
    subject
}

async fn store(folder: &tempfile::TempDir) -> SqliteFile {
    SqliteFile::open(folder.path().join("m.db"), SqliteOptions::default()).await.unwrap()
}

/// A name server that lists 192.0.2.99, refuses 192.0.2.66, never answers about 192.0.2.13 and knows
/// no other; the list refusing.example refuses all. And how often it was asked.
async fn name_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(answer) = answer(&buffer[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    (address, asked)
}

/// The answer to a query with one question (RFC 1035 §4.1); `None`: silence.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let first = usize::from(query[12]);
    let last_byte = std::str::from_utf8(&query[13..13 + first]).unwrap();
    let refuses = query.windows(8).any(|bytes| bytes == b"refusing");
    let address = match last_byte {
        _ if refuses => Some([127, 255, 255, 254]),
        "99" => Some([127, 0, 0, 2]),
        "66" => Some([127, 255, 255, 254]),
        "13" => return None,
        _ => None,
    };
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap() + 12;
    let question = &query[12..name + 5];
    let mut answer = query[..2].to_vec();
    // Response, recursion desired and available; NXDOMAIN where there is no address.
    answer.extend([0x81, if address.is_some() { 0x80 } else { 0x83 }]);
    answer.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(question);
    if let Some(address) = address {
        // The question's name, A, IN, one minute, four bytes.
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address);
    }
    Some(answer)
}

#[tokio::test]
async fn block_lists_are_asked_within_a_budget_and_answers_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(&folder).await;
    let (address, asked) = name_server().await;
    let lists = BlockLists::new(BlockListOptions {
        zones: vec!["dnsbl.example".to_owned()],
        name_server: Some(address),
        budget: Duration::from_millis(500),
        missing: MissingPolicy::Hold,
    });
    let collector = Collector::new(Arc::new(file.store()), MissingPolicy::Open, Some(lists.unwrap()));
    let needs = FactSet::NONE.with(FactKind::BlockLists);
    let addresses = ["192.0.2.99", "192.0.2.1", "192.0.2.66", "192.0.2.13", "10.0.0.99", ""];
    let comments: Vec<Comment> =
        (0..).zip(addresses).map(|(number, ip)| comment(&format!("c{number}"), "Kim", ip)).collect();
    let subjects: Vec<Subject<'_>> = comments.iter().map(|comment| subject(needs, comment, None)).collect();

    let facts = collector.collect(needs, &subjects, NOW, BUDGET).await.unwrap();
    assert_eq!(facts[0].block_lists, Some(vec!["dnsbl.example".to_owned()]));
    assert_eq!(facts[1].block_lists, Some(vec![]));
    let missing = |number: usize| {
        assert_eq!(facts[number].block_lists, None);
        facts[number].missing.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(missing(2), ["facts.block_lists skipped: refused by the list; held for it"]);
    assert_eq!(missing(3), ["facts.block_lists skipped: timeout; held for it"]);
    assert_eq!(facts[4].block_lists, Some(vec![]), "nobody lists private addresses");
    assert_eq!((facts[5].block_lists.clone(), missing(5).len()), (None, 0));

    let before = asked.load(Ordering::Relaxed);
    let again = collector.collect(needs, &subjects[..1], NOW, BUDGET).await.unwrap();
    assert_eq!(again[0].block_lists, facts[0].block_lists);
    assert_eq!(asked.load(Ordering::Relaxed), before, "the answer was kept");
    // Rules that do not use it ask nobody.
    let unasked = collector.collect(FactSet::NONE, &subjects, NOW, BUDGET).await.unwrap();
    assert!(unasked.iter().all(|facts| facts.block_lists.is_none() && facts.missing.is_empty()));
}

#[tokio::test]
async fn what_is_known_without_the_store_is_told_while_it_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(&folder).await;
    let (address, _) = name_server().await;
    let lists = BlockLists::new(BlockListOptions {
        zones: vec!["dnsbl.example".to_owned()],
        name_server: Some(address),
        budget: Duration::from_secs(5),
        missing: MissingPolicy::Hold,
    });
    let collector = Collector::new(Arc::new(file.store()), MissingPolicy::Open, Some(lists.unwrap()));
    let needs = FactSet::NONE.with(FactKind::Author).with(FactKind::BlockLists).with(FactKind::Guidelines);
    let comment = comment("c1", "Kim", "192.0.2.99");
    let mut subject = subject(needs, &comment, None);
    subject.guidelines = Some("v2");
    let subjects = [subject];
    file.close().await;

    assert!(collector.collect(needs, &subjects, NOW, BUDGET).await.is_err());
    let facts = collector.collect_now(needs, &subjects, NOW, BUDGET).await;
    assert_eq!(facts[0].block_lists, Some(vec!["dnsbl.example".to_owned()]));
    assert_eq!(facts[0].guidelines.as_deref(), Some("v2"));
    let missing: Vec<_> = facts[0].missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["facts.author skipped: unavailable"]);
}

#[tokio::test]
async fn a_list_that_answers_is_asked_on_while_another_rests() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(&folder).await;
    let (address, _) = name_server().await;
    let lists = BlockLists::new(BlockListOptions {
        zones: vec!["refusing.example".to_owned(), "dnsbl.example".to_owned()],
        name_server: Some(address),
        budget: Duration::from_millis(500),
        missing: MissingPolicy::Open,
    });
    let collector = Collector::new(Arc::new(file.store()), MissingPolicy::Open, Some(lists.unwrap()));
    let needs = FactSet::NONE.with(FactKind::BlockLists);
    let (innocent, listed) = (comment("c1", "Kim", "192.0.2.1"), comment("c2", "Ann", "192.0.2.99"));

    let first = collector.collect(needs, &[subject(needs, &innocent, None)], NOW, BUDGET).await.unwrap();
    assert_eq!(first[0].missing[0].why, "refused by the list");
    let both = [subject(needs, &innocent, None), subject(needs, &listed, None)];
    let second = collector.collect(needs, &both, NOW, BUDGET).await.unwrap();
    assert_eq!(second[0].missing[0].why, "no answers lately", "on the one list it may be");
    assert_eq!(second[1].block_lists, Some(vec!["dnsbl.example".to_owned()]));
}

#[tokio::test]
async fn comments_of_a_batch_know_of_those_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(&folder).await;
    let collector = Collector::new(Arc::new(file.store()), MissingPolicy::Open, None);
    let words = "earn five hundred dollars a day from home ask me how on whatsapp right now";
    let text = TextSketch::of_words(words.split(' ')).unwrap();
    let variant = TextSketch::of_words(words.replace("five", "nine").split(' ')).unwrap();
    let comments = [
        comment("c1", "Kim", "192.0.2.1"),
        comment("c2", "Kim", "192.0.2.2"),
        comment("c2", "Kim", "192.0.2.2"),
        comment("c3", "Ann", "192.0.2.3"),
        comment("c4", "Ann", "198.51.100.4"),
    ];
    let texts = [&text, &text, &text, &variant, &text];
    let subjects: Vec<Subject<'_>> = comments
        .iter()
        .zip(texts)
        .map(|(comment, text)| subject(FactSet::ALL, comment, Some(text)))
        .collect();
    let facts = collector.collect(FactSet::ALL, &subjects, NOW, BUDGET).await.unwrap();

    let rates: Vec<_> = facts.iter().map(|facts| facts.rates).collect();
    assert_eq!(rates[0].author, Some(Windows([0; 4])));
    assert_eq!(rates[1].author, Some(Windows([1; 4])));
    assert_eq!((rates[3].author, rates[3].network), (Some(Windows([0; 4])), Some(Windows([2; 4]))));
    assert_eq!((rates[4].network, rates[4].thread), (Some(Windows([0; 4])), Some(Windows([3; 4]))));
    let last = facts[4].repeats.unwrap();
    assert!(last.site >= 2 && last.authors >= 1);
    assert_eq!((last.identical, last.author), (2, 0));
    assert_eq!(facts[0].repeats.unwrap().site, 0);

    // Only what rules ask for is kept.
    let traces = |needs| subject(needs, &comments[0], None).traces();
    assert!(traces(FactSet::NONE).is_empty());
    let traces = traces(FactSet::NONE.with(FactKind::AuthorRate));
    assert!(traces.counted[0].is_some() && traces.counted[1].is_none() && traces.text.is_none());
}

#[tokio::test]
async fn a_store_that_takes_too_long_leaves_facts_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(&folder).await;
    let collector = Collector::new(Arc::new(file.store()), MissingPolicy::Closed, None);
    let comment = comment("c1", "Kim", "192.0.2.1");
    let needs = FactSet::NONE.with(FactKind::Author).with(FactKind::Repeats);
    let facts =
        collector.collect(needs, &[subject(needs, &comment, None)], NOW, Duration::ZERO).await.unwrap();
    let missing: Vec<_> = facts[0].missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["facts.author skipped: timeout; rejected for it"], "it has no text to repeat");
}
