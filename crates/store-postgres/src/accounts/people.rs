//! People: found, added, changed.

use moderato_domain::{AuditEntry, DisplayName, Email, Preferences, Role, SiteId, Timestamp, User, UserId};
use moderato_store::{
    Account, AccountKey, Changed, EndSessions, ForeignIdentity, PasswordHash, SecretHash, UserChange,
};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};

use super::sessions;
use crate::error::unreadable;
use crate::tenants::raise_version;
use crate::{audit, rows};

/// A person with their roles on sites; found by the primary key or a unique index.
macro_rules! select_accounts {
    ($which:literal) => {
        concat!(
            "SELECT user_id, mail, display_name, password_hash, oidc_issuer, oidc_subject, operator,
                    disable_time_ms, preferences, users.create_time_ms AS user_create_time_ms,
                    (SELECT coalesce(json_object_agg(site_id, role), '{}') FROM memberships m
                     WHERE m.user_id = users.user_id) AS memberships
             FROM users ",
            $which
        )
    };
}

const BY_ID: &str = select_accounts!("WHERE user_id = $1");
const BY_MAIL: &str = select_accounts!("WHERE mail = $1");
const BY_IDENTITY: &str = select_accounts!("WHERE oidc_issuer = $1 AND oidc_subject = $2");
const EVERYBODY: &str = select_accounts!("WHERE mail > $1 ORDER BY mail LIMIT $2");
const OF_SITE: &str = select_accounts!(
    "JOIN memberships here USING (user_id) WHERE here.site_id = $3 AND mail > $1 ORDER BY mail LIMIT $2"
);

const ADD_USER: &str = "
    INSERT INTO users (user_id, mail, display_name, password_hash, operator, preferences, create_time_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (mail) DO NOTHING";

const PUT_ROLE: &str = "
    INSERT INTO memberships (user_id, site_id, role) VALUES ($1, $2, $3)
    ON CONFLICT (user_id, site_id) DO UPDATE SET role = excluded.role";

/// Everybody who can do everything, locked: of two operators who go at once, one stays.
const OPERATORS: &str =
    "SELECT user_id FROM users WHERE operator AND disable_time_ms IS NULL ORDER BY user_id FOR UPDATE";

const OF_IDENTITY: &str = "SELECT user_id FROM users WHERE oidc_issuer = $1 AND oidc_subject = $2";

/// Not of somebody who has nothing else to sign in with.
const UNLINK: &str = "
    UPDATE users SET oidc_issuer = NULL, oidc_subject = NULL
    WHERE user_id = $1 AND password_hash IS NOT NULL";

const STORED_PREFERENCES: &str = "SELECT preferences FROM users WHERE user_id = $1 FOR UPDATE";

pub(super) async fn has_people(pool: &PgPool) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(pool).await
}

pub(super) async fn account(pool: &PgPool, key: &AccountKey) -> sqlx::Result<Option<Account>> {
    let query = match key {
        AccountKey::Id(id) => sqlx::query(BY_ID).bind(id.as_uuid()),
        AccountKey::Mail(mail) => sqlx::query(BY_MAIL).bind(mail.normalized()),
        AccountKey::Identity(identity) => {
            sqlx::query(BY_IDENTITY).bind(&identity.issuer).bind(&identity.subject)
        }
    };
    query.fetch_optional(pool).await?.as_ref().map(stored).transpose()
}

pub(super) async fn people(
    pool: &PgPool,
    site: Option<&SiteId>,
    after: Option<&Email>,
    limit: u32,
) -> sqlx::Result<Vec<Account>> {
    let query = sqlx::query(if site.is_some() { OF_SITE } else { EVERYBODY })
        .bind(after.map(Email::normalized).unwrap_or_default())
        .bind(i64::from(limit));
    let query = if let Some(site) = site { query.bind(site.as_str()) } else { query };
    query.fetch_all(pool).await?.iter().map(stored).collect()
}

pub(super) async fn add_user(pool: &PgPool, user: &User, entry: &AuditEntry) -> sqlx::Result<bool> {
    let mut transaction = pool.begin().await?;
    if !insert_user(&mut transaction, user, None).await? {
        return Ok(false);
    }
    audit::append(&mut transaction, entry).await?;
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn change_user(
    pool: &PgPool,
    user: UserId,
    change: &UserChange,
    keep: Option<&SecretHash>,
    entry: Option<&AuditEntry>,
) -> sqlx::Result<Changed> {
    let mut transaction = pool.begin().await?;
    if change.withdraws_links() {
        // Before the person is locked: who uses a link locks links first, too.
        sqlx::query("DELETE FROM one_time_links WHERE user_id = $1")
            .bind(user.as_uuid())
            .execute(&mut *transaction)
            .await?;
    }
    // Their keys live as long as they may do something.
    if matches!(change, UserChange::Role(..) | UserChange::Operator(_) | UserChange::Disabled(_)) {
        raise_version(&mut transaction).await?;
    }
    if matches!(change, UserChange::Operator(false) | UserChange::Disabled(Some(_))) {
        let operators: Vec<uuid::Uuid> = sqlx::query_scalar(OPERATORS).fetch_all(&mut *transaction).await?;
        if operators == [user.as_uuid()] {
            return Ok(Changed::LastOperator);
        }
    }
    let changed = apply(&mut transaction, user, change).await?;
    if changed != Changed::Done {
        return Ok(changed);
    }
    if matches!(change, UserChange::Password(_) | UserChange::Disabled(Some(_))) {
        let which = keep.map_or(EndSessions::All, |kept| EndSessions::AllBut(*kept));
        sessions::end(&mut transaction, user, which).await?;
    }
    if let Some(entry) = entry {
        audit::append(&mut transaction, entry).await?;
    }
    transaction.commit().await?;
    Ok(Changed::Done)
}

/// Whether the address was nobody's.
pub(super) async fn insert_user(
    transaction: &mut PgConnection,
    user: &User,
    password: Option<&PasswordHash>,
) -> sqlx::Result<bool> {
    let added = sqlx::query(ADD_USER)
        .bind(user.id.as_uuid())
        .bind(user.mail.normalized())
        .bind(user.display_name.as_str())
        .bind(password.map(|hash| hash.0.as_str()))
        .bind(user.operator)
        .bind(Json(&user.preferences))
        .bind(user.create_time.as_millis())
        .execute(&mut *transaction)
        .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    for (site, role) in &user.memberships {
        put_role(transaction, user.id, site, Some(*role)).await?;
    }
    Ok(true)
}

async fn put_role(
    transaction: &mut PgConnection,
    user: UserId,
    site: &SiteId,
    role: Option<Role>,
) -> sqlx::Result<()> {
    let query = match role {
        Some(role) => sqlx::query(PUT_ROLE).bind(user.as_uuid()).bind(site.as_str()).bind(role.as_str()),
        None => sqlx::query("DELETE FROM memberships WHERE user_id = $1 AND site_id = $2")
            .bind(user.as_uuid())
            .bind(site.as_str()),
    };
    query.execute(transaction).await?;
    Ok(())
}

pub(super) async fn apply(
    transaction: &mut PgConnection,
    user: UserId,
    change: &UserChange,
) -> sqlx::Result<Changed> {
    let id = user.as_uuid();
    let query = match change {
        UserChange::Role(site, role) => {
            let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE user_id = $1)")
                .bind(id)
                .fetch_one(&mut *transaction)
                .await?;
            if known {
                put_role(transaction, user, site, *role).await?;
            }
            return Ok(if known { Changed::Done } else { Changed::Unknown });
        }
        UserChange::Operator(operator) => {
            sqlx::query("UPDATE users SET operator = $2 WHERE user_id = $1").bind(id).bind(*operator)
        }
        UserChange::Disabled(since) => {
            sqlx::query("UPDATE users SET disable_time_ms = $2 WHERE user_id = $1")
                .bind(id)
                .bind(since.map(Timestamp::as_millis))
        }
        UserChange::DisplayName(name) => {
            sqlx::query("UPDATE users SET display_name = $2 WHERE user_id = $1").bind(id).bind(name.as_str())
        }
        UserChange::Password(hash) => sqlx::query("UPDATE users SET password_hash = $2 WHERE user_id = $1")
            .bind(id)
            .bind(hash.as_ref().map(|hash| hash.0.as_str())),
        UserChange::Identity(Some(identity)) => {
            let of: Option<uuid::Uuid> = sqlx::query_scalar(OF_IDENTITY)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .fetch_optional(&mut *transaction)
                .await?;
            if of.is_some_and(|of| of != id) {
                return Ok(Changed::IdentityTaken);
            }
            sqlx::query("UPDATE users SET oidc_issuer = $2, oidc_subject = $3 WHERE user_id = $1")
                .bind(id)
                .bind(&identity.issuer)
                .bind(&identity.subject)
        }
        UserChange::Identity(None) => {
            let unlinked = sqlx::query(UNLINK).bind(id).execute(transaction).await?;
            return Ok(if unlinked.rows_affected() > 0 { Changed::Done } else { Changed::OnlyWayIn });
        }
        UserChange::Preferences { shown, chosen } => {
            let stored: Option<Json<Preferences>> =
                sqlx::query_scalar(STORED_PREFERENCES).bind(id).fetch_optional(&mut *transaction).await?;
            let Some(Json(stored)) = stored else { return Ok(Changed::Unknown) };
            sqlx::query("UPDATE users SET preferences = $2 WHERE user_id = $1")
                .bind(id)
                .bind(Json(stored.with_changes(shown, chosen)))
        }
    };
    let known = query.execute(transaction).await?.rows_affected() > 0;
    Ok(if known { Changed::Done } else { Changed::Unknown })
}

pub(super) fn stored(row: &PgRow) -> sqlx::Result<Account> {
    let Json(preferences) = row.try_get("preferences")?;
    let Json(memberships) = row.try_get("memberships")?;
    let disabled: Option<i64> = row.try_get("disable_time_ms")?;
    let issuer: Option<String> = row.try_get("oidc_issuer")?;
    let subject: Option<String> = row.try_get("oidc_subject")?;
    Ok(Account {
        user: User {
            id: UserId::from_uuid(row.try_get("user_id")?),
            mail: Email::parse(row.try_get("mail")?).ok_or_else(|| unreadable("mail address"))?,
            display_name: DisplayName::parse(row.try_get("display_name")?)
                .map_err(|_| unreadable("display name"))?,
            operator: row.try_get("operator")?,
            disable_time: disabled.map(Timestamp::from_millis),
            memberships,
            preferences,
            create_time: rows::time(row, "user_create_time_ms")?,
        },
        password: row.try_get::<Option<String>, _>("password_hash")?.map(PasswordHash),
        identity: issuer.zip(subject).map(|(issuer, subject)| ForeignIdentity { issuer, subject }),
    })
}
