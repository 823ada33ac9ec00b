//! How what is known about authors changes: counters move with the states of comments.

use std::collections::HashMap;

use moderato_domain::{AuthorKey, SiteId, State, TextFingerprint, Timestamp};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::ROWS_AT_ONCE;
use crate::rows;

/// The changes of one transaction, added up per author, so that each author is written once.
#[derive(Default)]
pub(super) struct AuthorChanges<'a> {
    by_author: HashMap<(&'a SiteId, AuthorKey), Change>,
}

#[derive(Default)]
struct Change {
    comments: i64,
    published: i64,
    rejected: i64,
    seen: Option<Seen>,
}

struct Seen {
    first: Timestamp,
    last: Timestamp,
    text: TextFingerprint,
}

impl<'a> AuthorChanges<'a> {
    /// A comment became the author's, in this state.
    pub(super) fn gained(&mut self, site: &'a SiteId, author: AuthorKey, state: State) {
        let change = self.change(site, author);
        change.comments += 1;
        change.count(state, 1);
    }

    /// A comment stopped being the author's: an edit was signed by somebody else.
    pub(super) fn lost(&mut self, site: &'a SiteId, author: AuthorKey, state: State) {
        let change = self.change(site, author);
        change.comments -= 1;
        change.count(state, -1);
    }

    /// A comment of the author's changed its state.
    pub(super) fn moved(&mut self, site: &'a SiteId, author: AuthorKey, from: State, to: State) {
        let change = self.change(site, author);
        change.count(from, -1);
        change.count(to, 1);
    }

    /// The author wrote this text at this time.
    pub(super) fn seen(
        &mut self,
        site: &'a SiteId,
        author: AuthorKey,
        time: Timestamp,
        text: TextFingerprint,
    ) {
        let seen = self.change(site, author).seen.get_or_insert(Seen { first: time, last: time, text });
        seen.first = seen.first.min(time);
        if time >= seen.last {
            seen.last = time;
            seen.text = text;
        }
    }

    /// Writes the changes.
    pub(super) async fn write(self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let (seen, counted): (Vec<_>, Vec<_>) = self
            .by_author
            .into_iter()
            .filter(|(_, change)| change.matters())
            .partition(|(_, change)| change.seen.is_some());
        for seen in seen.chunks(ROWS_AT_ONCE) {
            add_seen(connection, seen).await?;
        }
        add_counts(connection, &counted).await
    }

    fn change(&mut self, site: &'a SiteId, author: AuthorKey) -> &mut Change {
        self.by_author.entry((site, author)).or_default()
    }
}

impl Change {
    fn count(&mut self, state: State, by: i64) {
        match state {
            State::Published => self.published += by,
            State::Rejected | State::Spam => self.rejected += by,
            State::Pending | State::Withdrawn => {}
        }
    }

    fn matters(&self) -> bool {
        self.seen.is_some() || self.comments != 0 || self.published != 0 || self.rejected != 0
    }
}

type Changed<'a> = ((&'a SiteId, AuthorKey), Change);

/// Authors who wrote something: their row may be new.
async fn add_seen(connection: &mut SqliteConnection, changes: &[Changed<'_>]) -> sqlx::Result<()> {
    let mut upsert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO authors (site_id, author_key, comments, published, rejected,
                              first_seen_ms, last_seen_ms, last_text) ",
    );
    let seen = changes.iter().filter_map(|(author, change)| Some((author, change.seen.as_ref()?, change)));
    upsert.push_values(seen, |mut row, ((site, author), seen, change)| {
        row.push_bind(site.as_str())
            .push_bind(author.as_bytes().as_slice())
            .push_bind(change.comments)
            .push_bind(change.published)
            .push_bind(change.rejected)
            .push_bind(seen.first.as_millis())
            .push_bind(seen.last.as_millis())
            .push_bind(seen.text.as_i64());
    });
    // On the right-hand side, a bare column is the value before the update.
    upsert.push(
        " ON CONFLICT (site_id, author_key) DO UPDATE SET
              comments = comments + excluded.comments,
              published = published + excluded.published,
              rejected = rejected + excluded.rejected,
              first_seen_ms = min(first_seen_ms, excluded.first_seen_ms),
              last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
              last_text = iif(excluded.last_seen_ms >= last_seen_ms, excluded.last_text, last_text)",
    );
    upsert.build().execute(connection).await?;
    Ok(())
}

/// Authors of whom only the counters change. One whose row was erased meanwhile stays erased.
async fn add_counts(connection: &mut SqliteConnection, changes: &[Changed<'_>]) -> sqlx::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let changes: Vec<_> = changes
        .iter()
        .map(|((site, author), change)| {
            (site.as_str(), author.to_string(), change.comments, change.published, change.rejected)
        })
        .collect();
    sqlx::query(
        "UPDATE authors SET
             comments = comments + (change.value ->> 2),
             published = published + (change.value ->> 3),
             rejected = rejected + (change.value ->> 4)
         FROM json_each(?1) AS change
         WHERE site_id = change.value ->> 0 AND author_key = unhex(change.value ->> 1)",
    )
    .bind(rows::to_json(&changes)?)
    .execute(connection)
    .await?;
    Ok(())
}
