//! Leases on items.

use std::collections::{HashMap, HashSet};

use moderato_domain::{Actor, CommentId, SiteId, Timestamp};
use moderato_store::{CLAIM_LEASE, Claim, Claimed, EventKind};
use sqlx::{PgConnection, PgPool, Row};

use super::cases::{self, Locked};
use crate::changes::{column, publish};
use crate::rows;

const LIVE: &str = "
    SELECT comment_id, holder_id, holder_name, claim_time_ms, expire_time_ms FROM claims
    WHERE site_id = $1 AND comment_id = ANY ($2) AND expire_time_ms > $3";

const PUT: &str = "
    INSERT INTO claims (site_id, comment_id, claim_time_ms, expire_time_ms, holder_id, holder_name)
    SELECT $1, comment_id, claim_time_ms, $4, $5, $6
    FROM unnest($2::text[], $3::bigint[]) AS n (comment_id, claim_time_ms)
    ON CONFLICT (site_id, comment_id) DO UPDATE SET
        claim_time_ms = excluded.claim_time_ms, expire_time_ms = excluded.expire_time_ms,
        holder_id = excluded.holder_id, holder_name = excluded.holder_name";

const END: &str = "
    DELETE FROM claims
    WHERE site_id = $1 AND comment_id = ANY ($2) AND holder_id = $3 AND expire_time_ms > $4
    RETURNING comment_id";

/// The comments are locked, so that of two who claim one, or claim it and decide, the second sees
/// what the first did.
pub(super) async fn claim(
    pool: &PgPool,
    site: &SiteId,
    comments: &[CommentId],
    holder: &Actor,
    steal: bool,
    now: Timestamp,
) -> sqlx::Result<Vec<Claimed>> {
    let ids: Vec<&CommentId> = comments.iter().collect();
    let mut transaction = pool.begin().await?;
    let locked = cases::lock(&mut transaction, site, comments).await?;
    let live = live(&mut transaction, site, &ids, now).await?;

    let outcome = |id: &CommentId| {
        if locked.contains_key(id) { Claimed::of(live.get(id), holder, steal, now) } else { Claimed::Unknown }
    };
    let outcomes: Vec<Claimed> = column(comments, outcome);

    let mut held: Vec<(&CommentId, Timestamp)> = Vec::new();
    for (id, outcome) in comments.iter().zip(&outcomes) {
        if let Claimed::Held(claim) = outcome {
            held.push((id, claim.claim_time));
        }
    }
    held.sort_unstable();
    held.dedup();
    sqlx::query(PUT)
        .bind(site.as_str())
        .bind(column(&held, |(id, _)| id.as_str()))
        .bind(column(&held, |(_, since)| since.as_millis()))
        .bind(now.plus(CLAIM_LEASE).as_millis())
        .bind(&holder.id)
        .bind(&holder.name)
        .execute(&mut *transaction)
        .await?;
    // A renewal changes nothing for others.
    let new =
        held.into_iter().filter(|(id, _)| live.get(*id).is_none_or(|claim| claim.holder.id != holder.id));
    tell(&mut transaction, new.filter_map(|(id, _)| locked.get(id)), now).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

pub(super) async fn release(
    pool: &PgPool,
    site: &SiteId,
    comments: &[CommentId],
    holder: &Actor,
    now: Timestamp,
) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    let locked = cases::lock(&mut transaction, site, comments).await?;
    let ended: Vec<String> = sqlx::query_scalar(END)
        .bind(site.as_str())
        .bind(column(comments, CommentId::as_str))
        .bind(&holder.id)
        .bind(now.as_millis())
        .fetch_all(&mut *transaction)
        .await?;
    let ended: HashSet<String> = ended.into_iter().collect();
    let released = locked.values().filter(|locked| ended.contains(locked.name.comment.as_str()));
    tell(&mut transaction, released, now).await?;
    transaction.commit().await
}

/// Live claims of these comments.
pub(super) async fn live(
    transaction: &mut PgConnection,
    site: &SiteId,
    comments: &[&CommentId],
    now: Timestamp,
) -> sqlx::Result<HashMap<CommentId, Claim>> {
    let found = sqlx::query(LIVE)
        .bind(site.as_str())
        .bind(column(comments, |id| id.as_str()))
        .bind(now.as_millis())
        .fetch_all(transaction)
        .await?;
    let mut claims = HashMap::with_capacity(found.len());
    for row in &found {
        if let Some(claim) = rows::claim(row)? {
            claims.insert(rows::comment_id(row.try_get("comment_id")?)?, claim);
        }
    }
    Ok(claims)
}

async fn tell<'l>(
    transaction: &mut PgConnection,
    changed: impl Iterator<Item = &'l Locked>,
    now: Timestamp,
) -> sqlx::Result<()> {
    let changes = column(changed, |locked| locked.change(EventKind::ClaimChanged, &locked.case, now));
    publish(transaction, &changes).await
}
