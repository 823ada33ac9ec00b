//! People, their sessions, links and attempts to sign in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use moderato_domain::{AuditEntry, DisplayName, Email, Preferences, Role, SiteId, Timestamp, User, UserId};
use moderato_store::{
    ATTEMPTS_KEPT, Account, AccountKey, Accounts, Attempt, AttemptLimit, Attempts, Changed, EndSessions,
    ForeignIdentity, LinkPurpose, LinkUse, OneTimeLink, PasswordHash, SESSIONS_KEPT, SecretHash, Session,
    StoreError, UNASKED_COUNTED, URGENT_REMEMBERED, UserChange, another_attempt,
};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};

use crate::PostgresStore;
use crate::error::{in_time, unreadable};
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

const SESSION_COLUMNS: &str =
    "session_sha256, user_id, create_time_ms, seen_time_ms, idle_end_ms, end_time_ms, network, agent";

#[async_trait]
impl Accounts for PostgresStore {
    async fn has_people(&self) -> Result<bool, StoreError> {
        in_time(sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(&self.pool)).await
    }

    async fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        let query = match key {
            AccountKey::Id(id) => sqlx::query(BY_ID).bind(id.as_uuid()),
            AccountKey::Mail(mail) => sqlx::query(BY_MAIL).bind(mail.normalized()),
            AccountKey::Identity(identity) => {
                sqlx::query(BY_IDENTITY).bind(&identity.issuer).bind(&identity.subject)
            }
        };
        in_time(async { query.fetch_optional(&self.pool).await?.as_ref().map(account).transpose() }).await
    }

    async fn people(
        &self,
        site: Option<&SiteId>,
        after: Option<&Email>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        let query = sqlx::query(if site.is_some() { OF_SITE } else { EVERYBODY })
            .bind(after.map(Email::normalized).unwrap_or_default())
            .bind(i64::from(limit));
        let query = if let Some(site) = site { query.bind(site.as_str()) } else { query };
        in_time(async { query.fetch_all(&self.pool).await?.iter().map(account).collect() }).await
    }

    async fn add_user(&self, user: &User, entry: &AuditEntry) -> Result<bool, StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            if !insert_user(&mut transaction, user, None).await? {
                return Ok(false);
            }
            audit::append(&mut transaction, entry).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        keep: Option<&SecretHash>,
        entry: Option<&AuditEntry>,
    ) -> Result<Changed, StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
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
                let operators: Vec<uuid::Uuid> =
                    sqlx::query_scalar(OPERATORS).fetch_all(&mut *transaction).await?;
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
                end_sessions(&mut transaction, user, which).await?;
            }
            if let Some(entry) = entry {
                audit::append(&mut transaction, entry).await?;
            }
            transaction.commit().await?;
            Ok(Changed::Done)
        })
        .await
    }

    async fn begin_session(
        &self,
        session: &Session,
        replaces: Option<&SecretHash>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        const BEGIN: &str = "
            INSERT INTO sessions (session_sha256, user_id, create_time_ms, seen_time_ms, idle_end_ms,
                                  end_time_ms, network, agent)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        const END_OLDEST: &str = "
            DELETE FROM sessions WHERE session_sha256 IN (
                SELECT session_sha256 FROM sessions WHERE user_id = $1
                ORDER BY create_time_ms DESC, session_sha256 OFFSET $2)";
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            if let Some(SecretHash(replaced)) = replaces {
                sqlx::query("DELETE FROM sessions WHERE session_sha256 = $1")
                    .bind(replaced.as_slice())
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(BEGIN)
                .bind(session.id.0.as_slice())
                .bind(session.user.as_uuid())
                .bind(session.create_time.as_millis())
                .bind(session.seen_time.as_millis())
                .bind(session.idle_end.as_millis())
                .bind(session.end_time.as_millis())
                .bind(&session.network)
                .bind(&session.agent)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(END_OLDEST)
                .bind(session.user.as_uuid())
                .bind(i64::from(SESSIONS_KEPT))
                .execute(&mut *transaction)
                .await?;
            audit::append(&mut transaction, entry).await?;
            transaction.commit().await
        })
        .await
    }

    async fn session(&self, id: &SecretHash, now: Timestamp) -> Result<Option<(Session, User)>, StoreError> {
        // Both by primary key.
        const LIVE: &str = "
            SELECT session_sha256, user_id, sessions.create_time_ms AS create_time_ms, seen_time_ms,
                   idle_end_ms, end_time_ms, network, agent, mail, display_name, password_hash, oidc_issuer,
                   oidc_subject, operator, disable_time_ms, preferences,
                   users.create_time_ms AS user_create_time_ms,
                   (SELECT coalesce(json_object_agg(site_id, role), '{}') FROM memberships m
                    WHERE m.user_id = users.user_id) AS memberships
            FROM sessions JOIN users USING (user_id)
            WHERE session_sha256 = $1 AND idle_end_ms > $2 AND end_time_ms > $2 AND disable_time_ms IS NULL";
        in_time(async {
            let row = sqlx::query(LIVE)
                .bind(id.0.as_slice())
                .bind(now.as_millis())
                .fetch_optional(&self.pool)
                .await?;
            row.map(|row| Ok((session(&row)?, account(&row)?.user))).transpose()
        })
        .await
    }

    async fn touch_session(
        &self,
        id: &SecretHash,
        now: Timestamp,
        idle_end: Timestamp,
    ) -> Result<(), StoreError> {
        const TOUCH: &str =
            "UPDATE sessions SET seen_time_ms = $2, idle_end_ms = $3 WHERE session_sha256 = $1";
        let touch = sqlx::query(TOUCH)
            .bind(id.0.as_slice())
            .bind(now.as_millis())
            .bind(idle_end.as_millis())
            .execute(&self.pool);
        in_time(touch).await?;
        Ok(())
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let text = format!(
            "SELECT {SESSION_COLUMNS} FROM sessions
             WHERE user_id = $1 AND idle_end_ms > $2 AND end_time_ms > $2
             ORDER BY create_time_ms DESC, session_sha256"
        );
        in_time(async {
            let rows =
                sqlx::query(&text).bind(user.as_uuid()).bind(now.as_millis()).fetch_all(&self.pool).await?;
            rows.iter().map(session).collect()
        })
        .await
    }

    async fn end_sessions(
        &self,
        user: UserId,
        which: EndSessions,
        entry: &AuditEntry,
    ) -> Result<u64, StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let ended = end_sessions(&mut transaction, user, which).await?;
            if ended > 0 {
                audit::append(&mut transaction, entry).await?;
            }
            transaction.commit().await?;
            Ok(ended)
        })
        .await
    }

    async fn put_link(&self, link: &OneTimeLink, entry: &AuditEntry) -> Result<(), StoreError> {
        const PUT: &str = "
            INSERT INTO one_time_links (token_sha256, purpose, user_id, create_time_ms, expire_time_ms)
            VALUES ($1, $2, $3, $4, $5)";
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            if let Some(user) = link.user {
                sqlx::query("DELETE FROM one_time_links WHERE user_id = $1 AND purpose = $2")
                    .bind(user.as_uuid())
                    .bind(link.purpose.as_str())
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(PUT)
                .bind(link.token.0.as_slice())
                .bind(link.purpose.as_str())
                .bind(link.user.map(UserId::as_uuid))
                .bind(link.create_time.as_millis())
                .bind(link.expire_time.as_millis())
                .execute(&mut *transaction)
                .await?;
            audit::append(&mut transaction, entry).await?;
            transaction.commit().await
        })
        .await
    }

    async fn link(&self, token: &SecretHash, now: Timestamp) -> Result<Option<OneTimeLink>, StoreError> {
        const LINK: &str = "
            SELECT token_sha256, purpose, user_id, create_time_ms, expire_time_ms
            FROM one_time_links WHERE token_sha256 = $1 AND expire_time_ms > $2";
        in_time(async {
            let row = sqlx::query(LINK)
                .bind(token.0.as_slice())
                .bind(now.as_millis())
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(link).transpose()
        })
        .await
    }

    async fn use_link(
        &self,
        token: &SecretHash,
        link_use: &LinkUse,
        entry: &AuditEntry,
    ) -> Result<Option<UserId>, StoreError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let Some(used) = take_link(&mut transaction, token, entry.time).await? else { return Ok(None) };
            let Some(user) = fulfil(&mut transaction, &used, link_use).await? else { return Ok(None) };
            audit::append(&mut transaction, entry).await?;
            transaction.commit().await?;
            Ok(Some(user))
        })
        .await
    }

    async fn attempt(&self, limits: &[AttemptLimit], now: Timestamp) -> Result<Attempt, StoreError> {
        // Locks in one order, and a row to lock where there was none.
        const MAKE: &str = "
            INSERT INTO sign_in_attempts (subject, failures, last_time_ms, wait_until_ms)
            SELECT subject, 0, 0, 0 FROM unnest($1::bytea[]) AS asked (subject) ORDER BY subject
            ON CONFLICT (subject) DO NOTHING";
        const LOCK: &str = "
            SELECT subject, failures, last_time_ms, wait_until_ms FROM sign_in_attempts
            WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE";
        const PUT: &str = "
            UPDATE sign_in_attempts SET failures = $2, last_time_ms = $3, wait_until_ms = $4
            WHERE subject = $1";
        let subjects: Vec<&[u8]> = limits.iter().map(|limit| limit.subject.as_slice()).collect();
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query(MAKE).bind(&subjects).execute(&mut *transaction).await?;
            let mut stored: BTreeMap<[u8; 32], Attempts> = BTreeMap::new();
            for row in sqlx::query(LOCK).bind(&subjects).fetch_all(&mut *transaction).await? {
                stored.insert(row.try_get("subject")?, attempts(&row)?);
            }
            let known: Vec<_> =
                limits.iter().map(|limit| (*limit, stored.get(&limit.subject).copied())).collect();
            let (begins_burst, rows) = match another_attempt(&known, now) {
                Err(until) => return Ok(Attempt::Wait(until)),
                Ok(counted) => counted,
            };
            for (limit, row) in limits.iter().zip(rows) {
                sqlx::query(PUT)
                    .bind(limit.subject.as_slice())
                    .bind(i64::from(row.failures))
                    .bind(row.last_time.as_millis())
                    .bind(row.wait_until.as_millis())
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(Attempt::Admitted { begins_burst })
        })
        .await
    }

    async fn forgive_attempt(
        &self,
        cleared: &[u8; 32],
        eased: &[u8; 32],
        attempted: Timestamp,
    ) -> Result<(), StoreError> {
        // In the order in which an attempt locks them, or the two would wait for each other.
        const LOCK: &str = "
            SELECT 1 FROM sign_in_attempts WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE";
        // Whoever tried since made others wait, and they still do.
        const EASE: &str = "
            UPDATE sign_in_attempts SET
                failures = greatest(failures - 1, 0),
                wait_until_ms = CASE WHEN last_time_ms = $2 THEN 0 ELSE wait_until_ms END
            WHERE subject = $1";
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let both = [cleared.as_slice(), eased.as_slice()];
            sqlx::query(LOCK).bind(both.as_slice()).execute(&mut *transaction).await?;
            sqlx::query("DELETE FROM sign_in_attempts WHERE subject = $1")
                .bind(cleared.as_slice())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(EASE)
                .bind(eased.as_slice())
                .bind(attempted.as_millis())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        })
        .await
    }

    async fn forget_ended(&self, now: Timestamp) -> Result<u64, StoreError> {
        // Sessions and links are few: a handful for each person.
        const SESSIONS: &str = "DELETE FROM sessions WHERE idle_end_ms <= $1 OR end_time_ms <= $1";
        const LINKS: &str = "DELETE FROM one_time_links WHERE expire_time_ms <= $1";
        const ATTEMPTS: &str = "DELETE FROM sign_in_attempts WHERE last_time_ms <= $1";
        const TOLD: &str = "DELETE FROM urgent_told WHERE time_ms <= $1";
        const COUNTED: &str = "
            UPDATE mails SET recipient_hash = NULL WHERE recipient_hash IS NOT NULL AND due_ms <= $1";
        in_time(async {
            let mut forgotten = 0;
            let ended = [
                (SESSIONS, now),
                (LINKS, now),
                (ATTEMPTS, now.minus(ATTEMPTS_KEPT)),
                (TOLD, now.minus(URGENT_REMEMBERED)),
                (COUNTED, now.minus(UNASKED_COUNTED)),
            ];
            for (text, before) in ended {
                let query = sqlx::query(text).bind(before.as_millis());
                forgotten += query.execute(&self.pool).await?.rows_affected();
            }
            Ok(forgotten)
        })
        .await
    }
}

/// Whether the address was nobody's.
async fn insert_user(
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

async fn apply(transaction: &mut PgConnection, user: UserId, change: &UserChange) -> sqlx::Result<Changed> {
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

async fn end_sessions(transaction: &mut PgConnection, user: UserId, which: EndSessions) -> sqlx::Result<u64> {
    let query = match &which {
        EndSessions::All => sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user.as_uuid()),
        EndSessions::One(SecretHash(id)) => {
            sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND session_sha256 = $2")
                .bind(user.as_uuid())
                .bind(id.as_slice())
        }
        EndSessions::AllBut(SecretHash(id)) => {
            sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND session_sha256 <> $2")
                .bind(user.as_uuid())
                .bind(id.as_slice())
        }
    };
    Ok(query.execute(transaction).await?.rows_affected())
}

/// Takes a link that works and every other one of its person; of two who use it at once, one gets it.
async fn take_link(
    transaction: &mut PgConnection,
    token: &SecretHash,
    now: Timestamp,
) -> sqlx::Result<Option<OneTimeLink>> {
    const TAKE: &str = "
        DELETE FROM one_time_links WHERE token_sha256 = $1 AND expire_time_ms > $2
        RETURNING token_sha256, purpose, user_id, create_time_ms, expire_time_ms";
    // Two that each use one of a person's links would wait for each other's: links are used in turn.
    sqlx::query("LOCK TABLE one_time_links IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
    let row = sqlx::query(TAKE)
        .bind(token.0.as_slice())
        .bind(now.as_millis())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(taken) = row.as_ref().map(link).transpose()? else { return Ok(None) };
    let others = match taken.user {
        Some(user) => sqlx::query("DELETE FROM one_time_links WHERE user_id = $1").bind(user.as_uuid()),
        None => sqlx::query("DELETE FROM one_time_links WHERE user_id IS NULL"),
    };
    others.execute(transaction).await?;
    Ok(Some(taken))
}

/// Does what the link is for; `None` if it is for something else.
async fn fulfil(
    transaction: &mut PgConnection,
    used: &OneTimeLink,
    link_use: &LinkUse,
) -> sqlx::Result<Option<UserId>> {
    match (used.purpose, used.user, link_use) {
        (LinkPurpose::FirstAdmin, None, LinkUse::FirstAdmin { user, password }) => {
            // Two first people at once would not see each other.
            sqlx::query("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
            let somebody: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(&mut *transaction).await?;
            let made = !somebody && insert_user(transaction, user, Some(password)).await?;
            Ok(made.then_some(user.id))
        }
        (
            LinkPurpose::Invite | LinkPurpose::PasswordReset,
            Some(user),
            LinkUse::Password { display_name, password },
        ) => {
            if let Some(name) = display_name {
                apply(transaction, user, &UserChange::DisplayName(name.clone())).await?;
            }
            apply(transaction, user, &UserChange::Password(Some(password.clone()))).await?;
            end_sessions(transaction, user, EndSessions::All).await?;
            Ok(Some(user))
        }
        _ => Ok(None),
    }
}

fn account(row: &PgRow) -> sqlx::Result<Account> {
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

fn session(row: &PgRow) -> sqlx::Result<Session> {
    Ok(Session {
        id: SecretHash(row.try_get("session_sha256")?),
        user: UserId::from_uuid(row.try_get("user_id")?),
        create_time: rows::time(row, "create_time_ms")?,
        seen_time: rows::time(row, "seen_time_ms")?,
        idle_end: rows::time(row, "idle_end_ms")?,
        end_time: rows::time(row, "end_time_ms")?,
        network: row.try_get("network")?,
        agent: row.try_get("agent")?,
    })
}

fn link(row: &PgRow) -> sqlx::Result<OneTimeLink> {
    Ok(OneTimeLink {
        token: SecretHash(row.try_get("token_sha256")?),
        purpose: LinkPurpose::parse(row.try_get("purpose")?)
            .ok_or_else(|| unreadable("purpose of a link"))?,
        user: row.try_get::<Option<uuid::Uuid>, _>("user_id")?.map(UserId::from_uuid),
        create_time: rows::time(row, "create_time_ms")?,
        expire_time: rows::time(row, "expire_time_ms")?,
    })
}

fn attempts(row: &PgRow) -> sqlx::Result<Attempts> {
    let failures: i64 = row.try_get("failures")?;
    Ok(Attempts {
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        last_time: rows::time(row, "last_time_ms")?,
        wait_until: rows::time(row, "wait_until_ms")?,
    })
}
