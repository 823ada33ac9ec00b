//! Bodies that an earlier release may have left on the queue are still read: one fixture per schema,
//! never changed. A failing test here means that a field was renumbered.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use moderato_api::internal::{Submission, decode, encode};
use moderato_domain::intake::Arrival;
use moderato_domain::{
    Attachment, Challenge, Circumstances, Comment, CommentDraft, CommentId, CommentName, Form, RequestId,
    Revision, SiteId, SiteSettings, ThreadState, Timestamp, Withdrawal,
};

const SUBMISSIONS_V1: &str = include_str!("../compat/submissions-v1.hex");

/// With what platforms tell since fields 20 to 26 were added, which readers before pass over.
const CIRCUMSTANCES_V1: &str = include_str!("../compat/circumstances-v1.hex");

fn comment() -> Comment {
    let draft = CommentDraft {
        thread: "post-7".into(),
        parent: "c-0".into(),
        display_name: "Ada Ünal".into(),
        user_id: "u-1".into(),
        email: "ada@example.org".into(),
        url: "https://ada.example".into(),
        body: "Thank you, that helped!".into(),
        language: "en-GB".into(),
        permalink: "https://blog.example/post-7#c-1".into(),
        ip: "2001:db8::7".into(),
        user_agent: "Browser/1.0".into(),
        referrer: "https://blog.example/".into(),
        guidelines_version: "2026-01".into(),
        create_time: Some(Timestamp::from_millis(1_700_000_000_123)),
        ..CommentDraft::default()
    };
    let arrival = Arrival {
        site: SiteId::parse("blog").unwrap(),
        id: CommentId::parse("c-1").unwrap(),
        revision: Revision::new(3).unwrap(),
        request_id: Some(RequestId::parse("req-1").unwrap()),
        accept_time: Timestamp::from_millis(1_700_000_000_456),
    };
    draft.admit(&SiteSettings::default(), arrival).unwrap()
}

fn with_circumstances() -> Submission {
    let circumstances = Circumstances {
        verified: true,
        form: Form { honeypot_filled: Some(false), fill_time_ms: Some(1500), challenge: Challenge::Failed },
        attachments: vec![Attachment { mime_type: "image/png".into(), size_bytes: 4096 }],
        thread: ThreadState {
            create_time: Some(Timestamp::from_millis(1_600_000_000_000)),
            closed: Some(true),
        },
    };
    Submission::Comment(Box::new(Comment { circumstances, ..comment() }))
}

fn submissions() -> [Submission; 2] {
    let withdrawal = Withdrawal {
        comment: CommentName::parse("sites/blog/comments/c-2").unwrap(),
        accept_time: Timestamp::from_millis(1_700_000_000_789),
    };
    [Submission::Comment(Box::new(comment())), Submission::Withdrawal(withdrawal)]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn submissions_of_schema_1_are_still_read() {
    let items = decode(&unhex(SUBMISSIONS_V1).into()).unwrap();
    let read: Vec<_> = items.into_iter().map(|item| item.submission.unwrap()).collect();
    assert_eq!(read, submissions());
}

#[test]
fn submissions_are_still_written_as_schema_1() {
    let written: Vec<u8> = submissions().iter().flat_map(|s| encode(s).to_vec()).collect();
    assert_eq!(
        hex(&written),
        hex(&unhex(SUBMISSIONS_V1)),
        "a reader of the release before could not read this"
    );
}

#[test]
fn circumstances_are_still_read_and_written() {
    assert_eq!(hex(&encode(&with_circumstances())), hex(&unhex(CIRCUMSTANCES_V1)));
    let items = decode(&unhex(CIRCUMSTANCES_V1).into()).unwrap();
    assert_eq!(items[0].submission.clone().unwrap(), with_circumstances());
}

#[test]
fn ids_are_still_derived_as_they_were() {
    let site = SiteId::parse("blog").unwrap();
    let derived = CommentId::derive(&site, &RequestId::parse("req-1").unwrap());
    assert_eq!(derived.as_str(), "51f2a0d8-3e72-8c86-9a9e-5e12c696e707");
    assert_eq!(comment().submission_uid().to_string(), "ac38d09d-eb4b-86ff-ac89-3cbbe97e9cd0");
}
