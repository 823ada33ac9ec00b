//! What authors and readers can do, and what leaves the house because of it.
//!
//! | module | what it holds |
//! |---|---|
//! | `reports` | readers' reports, and how decisions answer them |
//! | `appeals` | authors' objections, and how decisions answer them |
//! | `statements` | statements of reasons, and what follows from decisions |
//! | `mails` | mails that wait to be sent |

pub(crate) mod appeals;
mod mails;
pub(crate) mod reports;
mod statements;

use std::time::Duration;

use async_trait::async_trait;
use moderato_domain::{
    AppealText, CommentName, DecisionId, Notice, Puid, Report, Revision, SiteId, Statement, Timestamp,
};
use moderato_store::{
    AppealCase, Appealed, DecisionRecord, Effect, Event, EventCursor, Mail, Outbox, Redress, ReportFold,
    Reported, StatementPosition, StoreError, TakenMail,
};
use uuid::Uuid;

use super::SqliteStore;
use crate::error::store_error;

#[async_trait]
impl Redress for SqliteStore {
    async fn report(&self, report: &Report) -> Result<Reported, StoreError> {
        reports::report(&self.database, report).await.map_err(store_error)
    }

    async fn reports(&self, name: &CommentName) -> Result<Vec<ReportFold>, StoreError> {
        reports::folded(&self.database, name).await.map_err(store_error)
    }

    async fn statement(&self, name: &CommentName) -> Result<Option<Statement>, StoreError> {
        statements::newest(&self.database, name).await.map_err(store_error)
    }

    async fn statements(
        &self,
        site: &SiteId,
        since: Timestamp,
        until: Timestamp,
        after: Option<&StatementPosition>,
        limit: u32,
    ) -> Result<Vec<Statement>, StoreError> {
        statements::oldest_first(&self.database, site, since, until, after, limit).await.map_err(store_error)
    }

    async fn file_appeal(
        &self,
        statement: &Puid,
        name: &CommentName,
        text: &AppealText,
        now: Timestamp,
    ) -> Result<Appealed, StoreError> {
        appeals::file(&self.database, statement, name, text, now).await.map_err(store_error)
    }

    async fn appeal(&self, name: &CommentName) -> Result<Option<AppealCase>, StoreError> {
        appeals::newest(&self.database, name).await.map_err(store_error)
    }

    async fn due_effects(&self, now: Timestamp, limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        super::review::due(&self.database, now, limit).await.map_err(store_error)
    }

    async fn carry_out(&self, effects: &[Effect], now: Timestamp) -> Result<(), StoreError> {
        statements::carry_out(&self.database, effects, now).await.map_err(store_error)
    }

    async fn rejections(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        statements::rejections(&self.database, limit).await.map_err(store_error)
    }

    async fn state_rejections(
        &self,
        until: EventCursor,
        statements: &[Statement],
        mails: &[Mail],
    ) -> Result<(), StoreError> {
        statements::state_rejections(&self.database, until, statements, mails).await.map_err(store_error)
    }

    async fn author_mail(
        &self,
        name: &CommentName,
        revision: Revision,
    ) -> Result<Option<String>, StoreError> {
        statements::author_mail(&self.database, name, revision).await.map_err(store_error)
    }

    async fn answered_notices(
        &self,
        name: &CommentName,
        decision: DecisionId,
    ) -> Result<Vec<Notice>, StoreError> {
        statements::answered_notices(&self.database, name, decision).await.map_err(store_error)
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn post(&self, mails: &[Mail]) -> Result<(), StoreError> {
        mails::post(&self.database, mails).await.map_err(store_error)
    }

    async fn take_mails(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<TakenMail>, StoreError> {
        mails::take(&self.database, now, lease, limit).await.map_err(store_error)
    }

    async fn mail_sent(&self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        mails::sent(&self.database, id, now).await.map_err(store_error)
    }

    async fn mail_failed(&self, id: Uuid, error: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        mails::failed(&self.database, id, error, next).await.map_err(store_error)
    }
}
