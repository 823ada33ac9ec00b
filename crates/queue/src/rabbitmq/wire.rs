//! An envelope as AMQP properties and a body, and back.
//!
//! Reading never fails: somebody may have put a message on the queue by hand. What is missing or
//! makes no sense is filled in, and the worker finds a kind or schema that it does not know and
//! gives the message up with that reason.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use moderato_domain::Timestamp;
use uuid::Uuid;

use crate::derived_id::derived_id;
use crate::{Envelope, PublishError};

const CONTENT_TYPE: &str = "application/x-protobuf";
const PERSISTENT: u8 = 2;

const SCHEMA: &str = "x-schema";
const ITEMS: &str = "x-items";
const ATTEMPT: &str = "x-attempt";
const FIRST_ACCEPT_MS: &str = "x-first-accept-ms";
const LAST_ERROR: &str = "x-last-error";
const TRACEPARENT: &str = "traceparent";
/// The broker's own, on quorum queues.
const DELIVERY_COUNT: &str = "x-delivery-count";
const DEATHS: &str = "x-death";

/// Properties travel in one frame, and a broker's frames hold 128 KiB unless it says otherwise.
const MAX_HEADERS: usize = 64 * 1024;

pub(super) fn encode(message: &Envelope, max_body: usize) -> Result<BasicProperties, PublishError> {
    let texts = [&message.last_error, &message.traceparent].into_iter().flatten();
    if message.body.len() > max_body || texts.map(String::len).sum::<usize>() > MAX_HEADERS {
        return Err(PublishError::TooLarge);
    }
    let mut headers = FieldTable::default();
    headers.insert(SCHEMA.into(), AMQPValue::LongLongInt(message.schema.into()));
    headers.insert(ITEMS.into(), AMQPValue::LongLongInt(message.items.into()));
    headers.insert(ATTEMPT.into(), AMQPValue::LongLongInt(message.attempt.into()));
    headers.insert(FIRST_ACCEPT_MS.into(), AMQPValue::LongLongInt(message.first_accept.as_millis()));
    for (name, value) in [(LAST_ERROR, &message.last_error), (TRACEPARENT, &message.traceparent)] {
        if let Some(value) = value {
            headers.insert(name.into(), AMQPValue::LongString(LongString::from(value.as_str())));
        }
    }
    let seconds = message.first_accept.as_millis().max(0).unsigned_abs() / 1000;
    let properties = BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_type(short(&message.kind)?)
        .with_message_id(message.message_id.hyphenated().to_string().into())
        .with_timestamp(seconds)
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    Ok(match &message.correlation_id {
        Some(id) => properties.with_correlation_id(short(id)?),
        None => properties,
    })
}

/// AMQP has no place for a longer one.
fn short(text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text).map_err(|_| PublishError::TooLarge)
}

/// The envelope and how often it was delivered before.
pub(super) fn decode(properties: &BasicProperties, body: Vec<u8>) -> (Envelope, u32) {
    let headers = properties.headers().as_ref();
    let whole = |name| headers.and_then(|headers| integer(headers.inner().get(name)?));
    let count = |name| whole(name).and_then(|value| u32::try_from(value).ok());
    let string = |name| headers.and_then(|headers| text(headers.inner().get(name)?));
    let seconds = properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok());
    let written = properties.message_id().as_ref().map_or("", ShortString::as_str);
    let envelope = Envelope {
        message_id: Uuid::parse_str(written)
            .unwrap_or_else(|_| derived_id(&[written.as_bytes(), &body].into_iter())),
        kind: properties.kind().as_ref().map(ToString::to_string).unwrap_or_default(),
        schema: count(SCHEMA).unwrap_or(0),
        items: count(ITEMS).unwrap_or(1).max(1),
        first_accept: Timestamp::from_millis(
            whole(FIRST_ACCEPT_MS)
                .or_else(|| seconds.map(|seconds| seconds.saturating_mul(1000)))
                .unwrap_or(0),
        ),
        attempt: count(ATTEMPT).unwrap_or(0),
        last_error: string(LAST_ERROR),
        correlation_id: properties.correlation_id().as_ref().map(ToString::to_string),
        traceparent: string(TRACEPARENT),
        body: Bytes::from(body),
    };
    (envelope, count(DELIVERY_COUNT).unwrap_or(0))
}

/// A dead letter. If the broker itself gave the message up, that is the reason, before whatever the
/// message was retried for earlier.
pub(super) fn decode_dead(delivery: &mut Delivery, work_queue: &str) -> Envelope {
    let (mut envelope, _) = decode(&delivery.properties, std::mem::take(&mut delivery.data));
    if let Some(reason) =
        delivery.properties.headers().as_ref().and_then(|headers| death_in(headers, work_queue))
    {
        let before =
            envelope.last_error.as_ref().map(|error| format!("; before: {error}")).unwrap_or_default();
        envelope = envelope.for_dead_letter(&format!("given up by the broker: {reason}{before}"));
    }
    envelope
}

/// Why the broker took a message out of this queue, if it did.
fn death_in(headers: &FieldTable, queue: &str) -> Option<String> {
    let deaths = headers.inner().get(DEATHS)?.as_array()?;
    let death = |value: &AMQPValue| {
        let fields = value.as_field_table()?.inner();
        (text(fields.get("queue")?)? == queue).then(|| text(fields.get("reason")?))?
    };
    deaths.as_slice().iter().find_map(death)
}

fn integer(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(value) => Some((*value).into()),
        AMQPValue::ShortShortUInt(value) => Some((*value).into()),
        AMQPValue::ShortInt(value) => Some((*value).into()),
        AMQPValue::ShortUInt(value) => Some((*value).into()),
        AMQPValue::LongInt(value) => Some((*value).into()),
        AMQPValue::LongUInt(value) => Some((*value).into()),
        AMQPValue::LongLongInt(value) => Some(*value),
        _ => None,
    }
}

fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(value) => Some(value.to_string()),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Envelope {
        Envelope {
            message_id: Uuid::from_u128(7),
            kind: "moderato.submissions".to_owned(),
            schema: 3,
            items: 64,
            first_accept: Timestamp::from_millis(1_700_000_000_123),
            attempt: 2,
            last_error: Some("the store was away".to_owned()),
            correlation_id: Some("request-1".to_owned()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            body: Bytes::from_static(b"body"),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let message = full();
        let properties = encode(&message, 1024).unwrap();
        assert_eq!(decode(&properties, b"body".to_vec()), (message, 0));
    }

    #[test]
    fn a_message_without_properties_has_no_known_kind_and_a_stable_id() {
        let (message, count) = decode(&BasicProperties::default(), b"by hand".to_vec());
        assert_eq!((message.kind.as_str(), message.schema, message.items, count), ("", 0, 1, 0));
        assert_eq!(message.message_id, decode(&BasicProperties::default(), b"by hand".to_vec()).0.message_id);
        assert_ne!(message.message_id, decode(&BasicProperties::default(), b"other".to_vec()).0.message_id);
    }

    #[test]
    fn garbage_in_headers_is_ignored() {
        let mut headers = FieldTable::default();
        headers.insert(SCHEMA.into(), AMQPValue::LongString("one".into()));
        headers.insert(ITEMS.into(), AMQPValue::LongLongInt(-4));
        headers.insert(ATTEMPT.into(), AMQPValue::Void);
        headers.insert(LAST_ERROR.into(), AMQPValue::Boolean(true));
        let properties =
            BasicProperties::default().with_headers(headers).with_message_id("not a uuid".into());
        let (message, _) = decode(&properties, Vec::new());
        assert_eq!((message.schema, message.items, message.attempt, message.last_error), (0, 1, 0, None));
    }

    #[test]
    fn what_amqp_cannot_carry_is_too_large() {
        let long_kind = Envelope { kind: "k".repeat(256), ..full() };
        let long_id = Envelope { correlation_id: Some("c".repeat(256)), ..full() };
        let long_trace = Envelope { traceparent: Some("t".repeat(MAX_HEADERS + 1)), ..full() };
        for message in [long_kind, long_id, long_trace] {
            assert_eq!(encode(&message, 1024).unwrap_err(), PublishError::TooLarge);
        }
        assert_eq!(encode(&full(), 3).unwrap_err(), PublishError::TooLarge);
    }
}
