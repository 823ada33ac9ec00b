//! Submissions on the work queue: encoded at the door, decoded by the worker.

use bytes::Bytes;
use moderato_domain::{
    Attachment, Author, Challenge, Circumstances, Client, Comment, CommentId, CommentName, Email, Form,
    RequestId, Revision, SiteId, ThreadId, ThreadState, Timestamp, Withdrawal,
};
use prost::Message as _;

use crate::pb::internal as pb;
use crate::pb::internal::submission::Kind;

/// What a platform handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// A new comment or a newer revision.
    Comment(Box<Comment>),
    /// A comment taken back.
    Withdrawal(Withdrawal),
}

/// Why a body on the queue is not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf of the expected message.
    #[error("the body is not a list of submissions: {0}")]
    Malformed(String),
    /// One submission holds something that ingest would never have let in.
    #[error("submission {index}: {why}")]
    Invalid {
        /// Its position in the body.
        index: usize,
        /// What is wrong.
        why: String,
    },
}

/// Encodes one submission as a `Submissions` body. Bodies can be concatenated.
pub fn encode(submission: &Submission) -> Bytes {
    let kind = match submission {
        Submission::Comment(comment) => Kind::Comment(to_pb(comment)),
        Submission::Withdrawal(withdrawal) => Kind::Withdrawal(pb::CommentWithdrawn {
            site: withdrawal.comment.site.to_string(),
            comment: withdrawal.comment.comment.to_string(),
            accept_time_ms: withdrawal.accept_time.as_millis(),
        }),
    };
    let body = pb::Submissions { items: vec![pb::Submission { kind: Some(kind) }] };
    body.encode_to_vec().into()
}

/// One submission of a body: its own bytes, and what they say.
#[derive(Debug, Clone)]
pub struct Item {
    /// A `Submissions` body of just this one: a slice of the whole, not a copy.
    pub body: Bytes,
    /// The submission, or why it is none.
    pub submission: Result<Submission, DecodeError>,
}

/// Decodes a body into its submissions, each on its own: one bad item does not spoil its neighbours.
///
/// # Errors
/// [`DecodeError::Malformed`] if the body as a whole cannot be read.
pub fn decode(body: &Bytes) -> Result<Vec<Item>, DecodeError> {
    let mut items = Vec::new();
    let mut rest: &[u8] = body;
    while !rest.is_empty() {
        let start = body.len() - rest.len();
        let Some((field, payload)) = next_field(&mut rest)? else { continue };
        if field != ITEMS_FIELD {
            continue;
        }
        let index = items.len();
        let submission = pb::Submission::decode(payload)
            .map_err(|error| error.to_string())
            .and_then(from_pb)
            .map_err(|why| DecodeError::Invalid { index, why });
        items.push(Item { body: body.slice(start..body.len() - rest.len()), submission });
    }
    Ok(items)
}

/// Number of `Submissions.items`.
const ITEMS_FIELD: u32 = 1;

/// Takes one length-delimited field off the front; `None` for a field of another wire type, which is
/// skipped as protobuf readers skip what a later release added.
fn next_field<'a>(rest: &mut &'a [u8]) -> Result<Option<(u32, &'a [u8])>, DecodeError> {
    use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
    let malformed = |error: prost::DecodeError| DecodeError::Malformed(error.to_string());
    let (field, wire_type) = decode_key(rest).map_err(malformed)?;
    if wire_type != WireType::LengthDelimited {
        skip_field(wire_type, field, rest, DecodeContext::default()).map_err(malformed)?;
        return Ok(None);
    }
    let length = decode_varint(rest).map_err(malformed)?;
    let (payload, after) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| DecodeError::Malformed("it ends in the middle of a field".to_owned()))?;
    *rest = after;
    Ok(Some((field, payload)))
}

fn to_pb(comment: &Comment) -> pb::CommentSubmitted {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let Circumstances { verified, form, attachments, thread } = &comment.circumstances;
    pb::CommentSubmitted {
        site: comment.site.to_string(),
        comment: comment.id.to_string(),
        revision: comment.revision.get(),
        thread: comment.thread.to_string(),
        parent: comment.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
        display_name: comment.author.display_name.clone(),
        user_id: text(&comment.author.user_id),
        email: comment.author.email.as_ref().map(|e| e.as_str().to_owned()).unwrap_or_default(),
        author_url: text(&comment.author.url),
        body: comment.body.clone(),
        language: text(&comment.language),
        permalink: text(&comment.permalink),
        ip: comment.client.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        user_agent: text(&comment.client.user_agent),
        referrer: text(&comment.client.referrer),
        guidelines_version: text(&comment.guidelines_version),
        request_id: comment.request_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        create_time_ms: comment.create_time.as_millis(),
        accept_time_ms: comment.accept_time.as_millis(),
        verified: *verified,
        honeypot_filled: form.honeypot_filled,
        fill_time_ms: form.fill_time_ms,
        challenge: form.challenge.number(),
        attachments: attachments
            .iter()
            .map(|file| pb::Attachment { mime_type: file.mime_type.clone(), size_bytes: file.size_bytes })
            .collect(),
        thread_create_time_ms: thread.create_time.map(Timestamp::as_millis),
        thread_closed: thread.closed,
    }
}

fn from_pb(item: pb::Submission) -> Result<Submission, String> {
    match item.kind {
        Some(Kind::Comment(comment)) => comment_from_pb(comment).map(Box::new).map(Submission::Comment),
        Some(Kind::Withdrawal(withdrawal)) => Ok(Submission::Withdrawal(Withdrawal {
            comment: CommentName {
                site: parse("site", SiteId::parse(&withdrawal.site))?,
                comment: parse("comment", CommentId::parse(&withdrawal.comment))?,
            },
            accept_time: Timestamp::from_millis(withdrawal.accept_time_ms),
        })),
        None => Err("neither a comment nor a withdrawal".to_owned()),
    }
}

fn comment_from_pb(comment: pb::CommentSubmitted) -> Result<Comment, String> {
    let optional = |text: String| (!text.is_empty()).then_some(text);
    Ok(Comment {
        site: parse("site", SiteId::parse(&comment.site))?,
        id: parse("comment", CommentId::parse(&comment.comment))?,
        revision: parse("revision", Revision::new(comment.revision))?,
        thread: parse("thread", ThreadId::parse(&comment.thread))?,
        parent: optional(comment.parent).map(|p| parse("parent", CommentId::parse(&p))).transpose()?,
        author: Author {
            display_name: comment.display_name,
            user_id: optional(comment.user_id),
            email: optional(comment.email)
                .map(|e| Email::parse(&e).ok_or_else(|| "email: malformed".to_owned()))
                .transpose()?,
            url: optional(comment.author_url),
        },
        body: comment.body,
        language: optional(comment.language),
        permalink: optional(comment.permalink),
        client: Client {
            ip: optional(comment.ip).map(|ip| parse("ip", ip.parse())).transpose()?,
            user_agent: optional(comment.user_agent),
            referrer: optional(comment.referrer),
        },
        guidelines_version: optional(comment.guidelines_version),
        circumstances: Circumstances {
            verified: comment.verified,
            form: Form {
                honeypot_filled: comment.honeypot_filled,
                fill_time_ms: comment.fill_time_ms,
                challenge: Challenge::from_number(comment.challenge)
                    .ok_or_else(|| format!("challenge: {} is unknown", comment.challenge))?,
            },
            attachments: comment
                .attachments
                .into_iter()
                .map(|file| Attachment { mime_type: file.mime_type, size_bytes: file.size_bytes })
                .collect(),
            thread: ThreadState {
                create_time: comment.thread_create_time_ms.map(Timestamp::from_millis),
                closed: comment.thread_closed,
            },
        },
        request_id: optional(comment.request_id)
            .map(|r| parse("request_id", RequestId::parse(&r)))
            .transpose()?,
        create_time: Timestamp::from_millis(comment.create_time_ms),
        accept_time: Timestamp::from_millis(comment.accept_time_ms),
    })
}

fn parse<T, E: std::fmt::Display>(field: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{field}: {error}"))
}

#[cfg(test)]
mod tests {
    use moderato_domain::SiteSettings;
    use moderato_domain::intake::Arrival;
    use proptest::prelude::*;

    use super::*;

    fn comment(id: &str, body: &str) -> Submission {
        let draft = moderato_domain::CommentDraft {
            thread: "post-1".into(),
            display_name: "Ada".into(),
            email: "ada@example.org".into(),
            ip: "2001:db8::1".into(),
            body: body.into(),
            ..Default::default()
        };
        let arrival = Arrival {
            site: SiteId::parse("blog").unwrap(),
            id: CommentId::parse(id).unwrap(),
            revision: Revision::FIRST,
            request_id: Some(RequestId::parse("r").unwrap()),
            accept_time: Timestamp::from_millis(7),
        };
        Submission::Comment(Box::new(draft.admit(&SiteSettings::default(), arrival).unwrap()))
    }

    #[test]
    fn concatenated_bodies_are_the_body_of_all() {
        let all = [comment("a", "one"), comment("b", "two"), comment("c", "three")];
        let joined: Vec<u8> = all.iter().flat_map(|s| encode(s).to_vec()).collect();
        let items = decode(&joined.into()).unwrap();
        let decoded: Vec<_> = items.iter().map(|item| item.submission.clone().unwrap()).collect();
        assert_eq!(decoded, all);
        for (item, submission) in items.iter().zip(&all) {
            assert_eq!(item.body, encode(submission), "an item's bytes are a body of their own");
        }
    }

    #[test]
    fn one_bad_item_does_not_spoil_its_neighbours() {
        let bad = pb::Submissions { items: vec![pb::Submission { kind: None }] };
        let joined =
            [&encode(&comment("a", "one"))[..], &bad.encode_to_vec(), &encode(&comment("b", "two"))].concat();
        let decoded = decode(&joined.into()).unwrap();
        assert!(decoded[0].submission.is_ok() && decoded[2].submission.is_ok());
        assert!(matches!(decoded[1].submission, Err(DecodeError::Invalid { index: 1, .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes.into());
        }
    }
}
