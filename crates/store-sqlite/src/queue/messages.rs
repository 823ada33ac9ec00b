//! Envelopes as rows.

use bytes::Bytes;
use moderato_domain::Timestamp;
use moderato_queue::{Envelope, Route};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::rows;

macro_rules! select_messages {
    ($which:literal) => {
        concat!(
            "SELECT message_seq, message_id, kind, schema, items, first_accept_ms, attempt, last_error,
                    correlation_id, traceparent, body
             FROM queue_messages ",
            $which
        )
    };
}
pub(super) use select_messages;

/// Reads an envelope.
pub(super) fn envelope(row: &SqliteRow) -> sqlx::Result<Envelope> {
    Ok(Envelope {
        message_id: row.try_get("message_id")?,
        kind: row.try_get("kind")?,
        schema: rows::count(row, "schema")?,
        items: rows::count(row, "items")?,
        first_accept: rows::time(row, "first_accept_ms")?,
        attempt: rows::count(row, "attempt")?,
        last_error: row.try_get("last_error")?,
        correlation_id: row.try_get("correlation_id")?,
        traceparent: row.try_get("traceparent")?,
        body: Bytes::copy_from_slice(row.try_get("body")?),
    })
}

/// Inserts messages in this order, all at once.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    messages: &[(Route, &Envelope)],
    now: Timestamp,
) -> sqlx::Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO queue_messages
             (place, message_id, kind, schema, items, first_accept_ms, attempt, last_error, correlation_id,
              traceparent, available_at_ms, enqueue_time_ms, body_bytes, body) ",
    );
    insert.push_values(messages, |mut row, (route, message)| {
        let (place, available_at) = match route {
            Route::Work => ("work", 0),
            Route::Retry(delay) => ("work", now.plus(*delay).as_millis()),
            Route::Dead => ("dead", 0),
        };
        row.push_bind(place)
            .push_bind(message.message_id)
            .push_bind(&message.kind)
            .push_bind(message.schema)
            .push_bind(message.items)
            .push_bind(message.first_accept.as_millis())
            .push_bind(message.attempt)
            .push_bind(&message.last_error)
            .push_bind(&message.correlation_id)
            .push_bind(&message.traceparent)
            .push_bind(available_at)
            .push_bind(now.as_millis())
            .push_bind(message.body.len() as i64)
            .push_bind(message.body.as_ref());
    });
    insert.build().execute(connection).await?;
    Ok(())
}
