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

    async fn due_effects(&self, now: Timestamp, limit: u32) -> Result<Vec<DueEffect>, StoreError> {
        in_time(statements::due(&self.pool, now, limit)).await
    }

    async fn decision_about(
        &self,
        decision: DecisionId,
        name: &CommentName,
    ) -> Result<Option<DecisionRecord>, StoreError> {
        in_time(statements::decided(&self.pool, decision, name)).await
    }

    async fn carry_out(&self, effects: &[Effect], now: Timestamp) -> Result<(), StoreError> {
        in_time(statements::carry_out(&self.pool, effects, now)).await
    }

    async fn set_effect_aside(&self, effect: &DueEffect, next: Timestamp) -> Result<(), StoreError> {
        in_time(statements::set_aside(&self.pool, effect, next)).await
    }

    async fn rejections(&self, limit: u32) -> Result<Vec<(EventCursor, DueRejection)>, StoreError> {
        in_time(rejections::logged(&self.pool, limit)).await
    }

    async fn rejections_set_aside(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueRejection>, StoreError> {
        in_time(rejections::set_aside(&self.pool, now, limit)).await
    }

    async fn state_rejections(
        &self,
        until: Option<EventCursor>,
        stated: &[StatedRejection],
    ) -> Result<(), StoreError> {
        in_time(rejections::state(&self.pool, until, stated)).await
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

    async fn urgent_items(
        &self,
        site: &SiteId,
        untold: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UrgentItem>, StoreError> {
        in_time(urgent::items(&self.pool, site, untold, limit)).await
    }

    async fn urgent_mails(&self, user: UserId, since: Timestamp) -> Result<u32, StoreError> {
        in_time(urgent::mails(&self.pool, user, since)).await
    }

    async fn tell_urgent(
        &self,
        user: UserId,
        site: &SiteId,
        items: &[UrgentItem],
        mail: &Mail,
    ) -> Result<bool, StoreError> {
        in_time(urgent::tell(&self.pool, user, site, items, mail)).await
    }
}
