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

use crate::PostgresStore;
use crate::error::in_time;

#[async_trait]
impl Redress for PostgresStore {
    async fn report(&self, report: &Report) -> Result<Reported, StoreError> {
        in_time(reports::report(&self.pool, report)).await
    }

    async fn reports(&self, name: &CommentName) -> Result<Vec<ReportFold>, StoreError> {
        in_time(reports::folded(&self.pool, name)).await
    }

    async fn statement(&self, name: &CommentName) -> Result<Option<Statement>, StoreError> {
        in_time(statements::newest(&self.pool, name)).await
    }

    async fn statements(
        &self,
        site: &SiteId,
        since: Timestamp,
        until: Timestamp,
        after: Option<&StatementPosition>,
        limit: u32,
    ) -> Result<Vec<Statement>, StoreError> {
        in_time(statements::oldest_first(&self.pool, site, since, until, after, limit)).await
    }

    async fn file_appeal(
        &self,
        statement: &Puid,
        name: &CommentName,
        text: &AppealText,
        now: Timestamp,
    ) -> Result<Appealed, StoreError> {
        in_time(appeals::file(&self.pool, statement, name, text, now)).await
    }

    async fn appeal(&self, name: &CommentName) -> Result<Option<AppealCase>, StoreError> {
        in_time(appeals::newest(&self.pool, name)).await
    }

    async fn due_effects(&self, now: Timestamp, limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        in_time(crate::review::due(&self.pool, now, limit)).await
    }

    async fn carry_out(&self, effects: &[Effect], now: Timestamp) -> Result<(), StoreError> {
        in_time(statements::carry_out(&self.pool, effects, now)).await
    }

    async fn rejections(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        in_time(statements::rejections(&self.pool, limit)).await
    }

    async fn state_rejections(
        &self,
        until: EventCursor,
        statements: &[Statement],
        mails: &[Mail],
    ) -> Result<(), StoreError> {
        in_time(statements::state_rejections(&self.pool, until, statements, mails)).await
    }

    async fn author_mail(
        &self,
        name: &CommentName,
        revision: Revision,
    ) -> Result<Option<String>, StoreError> {
        in_time(statements::author_mail(&self.pool, name, revision)).await
    }

    async fn answered_notices(
        &self,
        name: &CommentName,
        decision: DecisionId,
    ) -> Result<Vec<Notice>, StoreError> {
        in_time(statements::answered_notices(&self.pool, name, decision)).await
    }
}

#[async_trait]
impl Outbox for PostgresStore {
    async fn post(&self, mails: &[Mail]) -> Result<(), StoreError> {
        in_time(mails::post(&self.pool, mails)).await
    }

    async fn take_mails(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<TakenMail>, StoreError> {
        in_time(mails::take(&self.pool, now, lease, limit)).await
    }

    async fn mail_sent(&self, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
        in_time(mails::sent(&self.pool, id, now)).await
    }

    async fn mail_failed(&self, id: Uuid, error: &str, next: Option<Timestamp>) -> Result<(), StoreError> {
        in_time(mails::failed(&self.pool, id, error, next)).await
    }
}
