//! How what is known about authors changes: counters move with the states of comments.

use std::collections::HashMap;

use moderato_domain::{AuthorKey, SiteId, State, TextFingerprint, Timestamp};
use sqlx::SqliteConnection;

use crate::many::{Many, ROWS_AT_ONCE};

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

    /// Writes the changes. Who wrote something may be new; one of whom only the counters change and
    /// whose row was erased meanwhile stays erased.
    pub(super) async fn write(self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let changes: Vec<_> = self.by_author.into_iter().filter(|(_, change)| change.matters()).collect();
        for changes in changes.chunks(ROWS_AT_ONCE) {
            add(connection, changes).await?;
            change(connection, changes).await?;
        }
        Ok(())
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

/// Adds who is new, with nothing counted yet.
async fn add(connection: &mut SqliteConnection, changes: &[Changed<'_>]) -> sqlx::Result<()> {
    const INTO: &str = "
        INSERT OR IGNORE INTO authors (site_id, author_key, comments, published, rejected,
                                       first_seen_ms, last_seen_ms, last_text)";
    let seen: Vec<_> =
        changes.iter().filter_map(|(author, change)| Some((author, change.seen.as_ref()?))).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let insert = Many::insert(
        INTO,
        &seen,
        |((site, author), seen), row| {
            row.bind(site.as_str())
                .bind(author.as_bytes().as_slice())
                .bind(0)
                .bind(0)
                .bind(0)
                .bind(seen.first.as_millis())
                .bind(seen.last.as_millis())
                .bind(seen.text.as_i64());
        },
        "",
    )?;
    insert.execute(connection).await
}

/// Not with DO UPDATE, nor with any function: see the crate's page.
async fn change(connection: &mut SqliteConnection, changes: &[Changed<'_>]) -> sqlx::Result<()> {
    const WITH: &str =
        "WITH change (site, author, comments, published, rejected, first_ms, last_ms, text) AS";
    // On the right-hand side, a column of `authors` is the value before the update.
    const UPDATE: &str = "
        UPDATE OR ROLLBACK authors SET
            comments = authors.comments + change.comments,
            published = authors.published + change.published,
            rejected = authors.rejected + change.rejected,
            first_seen_ms = CASE WHEN first_ms < first_seen_ms THEN first_ms ELSE first_seen_ms END,
            last_seen_ms = CASE WHEN last_ms > last_seen_ms THEN last_ms ELSE last_seen_ms END,
            last_text = CASE WHEN last_ms >= last_seen_ms THEN text ELSE last_text END
        FROM change WHERE site_id = site AND author_key = author";
    let update = Many::new(
        WITH,
        changes,
        |((site, author), change), row| {
            let seen = change.seen.as_ref();
            row.bind(site.as_str())
                .bind(author.as_bytes().as_slice())
                .bind(change.comments)
                .bind(change.published)
                .bind(change.rejected)
                .bind(seen.map(|seen| seen.first.as_millis()))
                .bind(seen.map(|seen| seen.last.as_millis()))
                .bind(seen.map(|seen| seen.text.as_i64()));
        },
        UPDATE,
    )?;
    update.execute(connection).await
}
