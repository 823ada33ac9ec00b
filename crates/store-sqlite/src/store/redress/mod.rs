//! What authors and readers can do, and what leaves the house because of it.
//!
//! | module | what it holds |
//! |---|---|
//! | `reports` | readers' reports, and how decisions answer them |
//! | `appeals` | authors' objections, and how decisions answer them |
//! | `statements` | statements of reasons, and what follows from decisions |
//! | `rejections` | what the engine rejected, until it is stated |
//! | `mails` | mails that wait to be sent |
//! | `urgent` | what should not wait, and who was told of it |

pub(crate) mod appeals;
mod mails;
mod rejections;
pub(crate) mod reports;
mod statements;
mod urgent;

use std::time::Duration;

use async_trait::async_trait;
use moderato_domain::{
    AppealText, CommentName, DecisionId, Notice, Puid, Report, Revision, SiteId, Statement, Timestamp, UserId,
};
use moderato_store::{
    AppealCase, Appealed, DecisionRecord, DueEffect, DueRejection, Effect, EventCursor, Mail, Outbox,
    Redress, ReportFold, Reported, StatedRejection, StatementPosition, StoreError, TakenMail, UrgentItem,
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

    async fn due_effects(&self, now: Timestamp, limit: u32) -> Result<Vec<DueEffect>, StoreError> {
        statements::due(&self.database, now, limit).await.map_err(store_error)
    }

    async fn decision_about(
        &self,
        decision: DecisionId,
        name: &CommentName,
    ) -> Result<Option<DecisionRecord>, StoreError> {
        statements::decided(&self.database, decision, name).await.map_err(store_error)
    }

    async fn carry_out(&self, effects: &[Effect], now: Timestamp) -> Result<(), StoreError> {
        statements::carry_out(&self.database, effects, now).await.map_err(store_error)
    }

    async fn set_effect_aside(&self, effect: &DueEffect, next: Timestamp) -> Result<(), StoreError> {
        statements::set_aside(&self.database, effect, next).await.map_err(store_error)
    }

    async fn rejections(&self, limit: u32) -> Result<Vec<(EventCursor, DueRejection)>, StoreError> {
        rejections::logged(&self.database, limit).await.map_err(store_error)
    }

    async fn rejections_set_aside(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueRejection>, StoreError> {
        rejections::set_aside(&self.database, now, limit).await.map_err(store_error)
    }

    async fn state_rejections(
        &self,
        until: Option<EventCursor>,
        stated: &[StatedRejection],
    ) -> Result<(), StoreError> {
        rejections::state(&self.database, until, stated).await.map_err(store_error)
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

    async fn urgent_items(
        &self,
        site: &SiteId,
        untold: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UrgentItem>, StoreError> {
        urgent::items(&self.database, site, untold, limit).await.map_err(store_error)
    }

    async fn urgent_mails(&self, user: UserId, since: Timestamp) -> Result<u32, StoreError> {
        urgent::mails(&self.database, user, since).await.map_err(store_error)
    }

    async fn tell_urgent(
        &self,
        user: UserId,
        site: &SiteId,
        items: &[UrgentItem],
        mail: &Mail,
    ) -> Result<bool, StoreError> {
        urgent::tell(&self.database, user, site, items, mail).await.map_err(store_error)
    }
}
