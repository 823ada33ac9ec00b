//! Leases on items.

use std::collections::{HashMap, HashSet};

use moderato_domain::{Actor, CommentId, SiteId, Timestamp};
use moderato_store::{CLAIM_LEASE, Claim, Claimed, EventKind};
use sqlx::SqliteConnection;

use super::cases::{self, Held};
use crate::database::Database;
use crate::rows;
use crate::store::events;

pub(super) async fn claim(
    database: &Database,
    site: &SiteId,
    comments: &[CommentId],
    holder: &Actor,
    steal: bool,
    now: Timestamp,
) -> sqlx::Result<Vec<Claimed>> {
    let ids: Vec<&CommentId> = comments.iter().collect();
    let mut transaction = database.write().await?;
    let known = cases::read(&mut transaction, site, &ids).await?;
    let live = live(&mut transaction, site, &ids, now).await?;

    let outcome = |id: &CommentId| {
        if known.contains_key(id) { Claimed::of(live.get(id), holder, steal, now) } else { Claimed::Unknown }
    };
    let outcomes: Vec<Claimed> = comments.iter().map(outcome).collect();

    let mut held: Vec<(&CommentId, Timestamp)> = Vec::new();
    for (id, outcome) in comments.iter().zip(&outcomes) {
        if let Claimed::Held(claim) = outcome {
            held.push((id, claim.claim_time));
        }
    }
    held.sort_unstable();
    held.dedup();
    let put: Vec<_> = held.iter().map(|(id, since)| (id.as_str(), since.as_millis())).collect();
    sqlx::query(
        "INSERT INTO claims (site_id, comment_id, claim_time_ms, expire_time_ms, holder_id, holder_name)
         SELECT ?1, held.value ->> 0, held.value ->> 1, ?3, ?4, ?5 FROM json_each(?2) AS held WHERE true
         ON CONFLICT (site_id, comment_id) DO UPDATE SET
             claim_time_ms = excluded.claim_time_ms, expire_time_ms = excluded.expire_time_ms,
             holder_id = excluded.holder_id, holder_name = excluded.holder_name",
    )
    .bind(site.as_str())
    .bind(rows::to_json(&put)?)
    .bind(now.plus(CLAIM_LEASE).as_millis())
    .bind(&holder.id)
    .bind(&holder.name)
    .execute(&mut *transaction)
    .await?;
    // A renewal changes nothing for others.
    let new =
        held.into_iter().filter(|(id, _)| live.get(*id).is_none_or(|claim| claim.holder.id != holder.id));
    tell(&mut transaction, site, new.filter_map(|(id, _)| known.get(id)), now).await?;
    database.commit_events(transaction).await?;
    Ok(outcomes)
}

pub(super) async fn release(
    database: &Database,
    site: &SiteId,
    comments: &[CommentId],
    holder: &Actor,
    now: Timestamp,
) -> sqlx::Result<()> {
    let ids: Vec<&CommentId> = comments.iter().collect();
    let keys: Vec<&str> = comments.iter().map(CommentId::as_str).collect();
    let mut transaction = database.write().await?;
    let known = cases::read(&mut transaction, site, &ids).await?;
    let ended: Vec<String> = sqlx::query_scalar(
        "DELETE FROM claims
         WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND holder_id = ?3
           AND expire_time_ms > ?4
         RETURNING comment_id",
    )
    .bind(site.as_str())
    .bind(rows::to_json(&keys)?)
    .bind(&holder.id)
    .bind(now.as_millis())
    .fetch_all(&mut *transaction)
    .await?;
    let ended: HashSet<String> = ended.into_iter().collect();
    tell(&mut transaction, site, known.values().filter(|held| ended.contains(held.id.as_str())), now).await?;
    database.commit_events(transaction).await
}

/// Live claims of these comments.
pub(super) async fn live(
    connection: &mut SqliteConnection,
    site: &SiteId,
    comments: &[&CommentId],
    now: Timestamp,
) -> sqlx::Result<HashMap<CommentId, Claim>> {
    let ids: Vec<&str> = comments.iter().map(|id| id.as_str()).collect();
    let found = sqlx::query(
        "SELECT comment_id, holder_id, holder_name, claim_time_ms, expire_time_ms FROM claims
         WHERE site_id = ?1 AND comment_id IN (SELECT value FROM json_each(?2)) AND expire_time_ms > ?3",
    )
    .bind(site.as_str())
    .bind(rows::to_json(&ids)?)
    .bind(now.as_millis())
    .fetch_all(connection)
    .await?;
    let mut claims = HashMap::with_capacity(found.len());
    for row in &found {
        if let Some(claim) = rows::claim(row)? {
            claims.insert(rows::comment_id(row)?, claim);
        }
    }
    Ok(claims)
}

async fn tell<'h>(
    connection: &mut SqliteConnection,
    site: &'h SiteId,
    changed: impl Iterator<Item = &'h Held>,
    now: Timestamp,
) -> sqlx::Result<()> {
    let told: Vec<_> =
        changed.map(|held| held.event(EventKind::ClaimChanged, site, &held.case, now)).collect();
    events::append(connection, &told).await
}
