//! The store: each use case in its own file, the traits put together here.

mod accounts;
mod audit;
mod authors;
mod comments;
mod events;
mod facts;
mod insight;
mod judged;
mod recent;
mod record;
mod redress;
mod review;
mod rule_effects;
mod rule_sets;
mod tenants;
mod verdicts;
mod withdraw;

use std::sync::Arc;

use async_trait::async_trait;
use moderato_domain::{
    CommentName, Revision, RuleSetVersion, Site, SiteId, ThreadId, Timestamp, Verdict, Withdrawal,
};
use moderato_store::{
    Activation, ActorRecord, Agreement, Answers, ApiKey, ApiKeyId, CommentFilter, CommentPosition,
    Comparisons, DirectorySnapshot, Event, EventCursor, EventLog, HourOfWork, Insight, JudgedComment,
    NewRecord, Period, Pipeline, Questions, Reading, Recorded, RuleAppeals, RuleEffects, RuleSetDocument,
    RuleSetEntry, RuleSets, RuleStatistics, RuleTally, RulesInForce, SampleScope, SampledDecision,
    SecondLook, SecondLooked, ShadowDifference, Slot, StatisticsScope, Store, StoreError, StoredComment,
    Tenants, WaitingTimes, Withdrawn,
};
use tokio::sync::watch;

use crate::database::Database;
use crate::error::store_error;

/// The store in an open file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    database: Arc<Database>,
}

impl SqliteStore {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        events::watch_other_processes(&database);
        Self { database }
    }
}

#[async_trait]
impl Pipeline for SqliteStore {
    async fn facts(&self, questions: &Questions) -> Result<Answers, StoreError> {
        facts::answer(&self.database, questions).await.map_err(store_error)
    }

    async fn forget_recent(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        recent::forget(&self.database, before, limit).await.map_err(store_error)
    }

    async fn record(&self, batch: &[NewRecord]) -> Result<Vec<Recorded>, StoreError> {
        record::record(&self.database, batch).await.map_err(store_error)
    }

    async fn withdraw(&self, batch: &[Withdrawal]) -> Result<Vec<Withdrawn>, StoreError> {
        withdraw::withdraw(&self.database, batch).await.map_err(store_error)
    }
}

#[async_trait]
impl Reading for SqliteStore {
    async fn comment(&self, name: &CommentName) -> Result<Option<StoredComment>, StoreError> {
        comments::one(&self.database, name).await.map_err(store_error)
    }

    async fn comments(
        &self,
        site: &SiteId,
        filter: &CommentFilter,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError> {
        comments::newest_first(&self.database, site, filter, after, limit).await.map_err(store_error)
    }

    async fn published(
        &self,
        site: &SiteId,
        thread: &ThreadId,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<StoredComment>, StoreError> {
        comments::published(&self.database, site, thread, after, limit).await.map_err(store_error)
    }

    async fn count_published(&self, site: &SiteId, threads: &[ThreadId]) -> Result<Vec<i64>, StoreError> {
        comments::count_published(&self.database, site, threads).await.map_err(store_error)
    }

    async fn verdict(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<Verdict>, StoreError> {
        verdicts::one(&self.database, name, revision).await.map_err(store_error)
    }

    async fn verdicts(
        &self,
        name: &CommentName,
        after: Option<Revision>,
        limit: u32,
    ) -> Result<Vec<Verdict>, StoreError> {
        verdicts::newest_first(&self.database, name, after, limit).await.map_err(store_error)
    }
}

#[async_trait]
impl EventLog for SqliteStore {
    async fn events_after(
        &self,
        cursor: EventCursor,
        site: Option<&SiteId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        events::after(&self.database, cursor, site, limit).await.map_err(store_error)
    }

    async fn event_head(&self) -> Result<EventCursor, StoreError> {
        events::head(&self.database).await.map_err(store_error)
    }

    fn event_hint(&self) -> watch::Receiver<u64> {
        self.database.events.subscribe()
    }
}

#[async_trait]
impl Tenants for SqliteStore {
    async fn directory(&self, known: Option<i64>) -> Result<Option<DirectorySnapshot>, StoreError> {
        tenants::directory(&self.database, known).await.map_err(store_error)
    }

    async fn put_site(&self, site: &Site) -> Result<bool, StoreError> {
        tenants::put_site(&self.database, site).await.map_err(store_error)
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        tenants::add_key(&self.database, key).await.map_err(store_error)
    }

    async fn revoke_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        tenants::revoke_key(&self.database, id, now).await.map_err(store_error)
    }

    async fn keys(&self, site: Option<&SiteId>) -> Result<Vec<ApiKey>, StoreError> {
        tenants::keys(&self.database, site).await.map_err(store_error)
    }
}

#[async_trait]
impl RuleSets for SqliteStore {
    async fn put_rule_set(&self, rule_set: &RuleSetDocument) -> Result<(), StoreError> {
        rule_sets::put(&self.database, rule_set).await.map_err(store_error)
    }

    async fn rule_set(&self, version: &RuleSetVersion) -> Result<Option<RuleSetDocument>, StoreError> {
        rule_sets::one(&self.database, version).await.map_err(store_error)
    }

    async fn rule_sets(
        &self,
        after: Option<&RuleSetEntry>,
        limit: u32,
    ) -> Result<Vec<RuleSetEntry>, StoreError> {
        rule_sets::newest_first(&self.database, after, limit).await.map_err(store_error)
    }

    async fn activate_rule_set(
        &self,
        slot: Slot,
        version: &RuleSetVersion,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        rule_sets::activate(&self.database, slot, version, now).await.map_err(store_error)
    }

    async fn end_shadow(&self, now: Timestamp) -> Result<(), StoreError> {
        rule_sets::end_shadow(&self.database, now).await.map_err(store_error)
    }

    async fn rules_in_force(&self) -> Result<RulesInForce, StoreError> {
        rule_sets::newest(&self.database).await.map_err(store_error)
    }

    async fn activations(&self, slot: Slot, limit: u32) -> Result<Vec<Activation>, StoreError> {
        rule_sets::history(&self.database, slot, limit).await.map_err(store_error)
    }
}

#[async_trait]
impl RuleEffects for SqliteStore {
    async fn add_tally(&self, tally: &RuleTally) -> Result<(), StoreError> {
        rule_effects::add(&self.database, tally).await.map_err(store_error)
    }

    async fn rule_statistics(&self, scope: &StatisticsScope) -> Result<Vec<RuleStatistics>, StoreError> {
        rule_effects::statistics(&self.database, scope).await.map_err(store_error)
    }

    async fn comparisons(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
    ) -> Result<Vec<Comparisons>, StoreError> {
        rule_effects::comparisons(&self.database, site, shadow).await.map_err(store_error)
    }

    async fn shadow_differences(
        &self,
        site: Option<&SiteId>,
        shadow: &RuleSetVersion,
        limit: u32,
    ) -> Result<Vec<ShadowDifference>, StoreError> {
        rule_effects::differences(&self.database, site, shadow, limit).await.map_err(store_error)
    }

    async fn judged_comment(
        &self,
        name: &CommentName,
        revision: Option<Revision>,
    ) -> Result<Option<JudgedComment>, StoreError> {
        judged::one(&self.database, name, revision).await.map_err(store_error)
    }

    async fn judged_comments(
        &self,
        site: &SiteId,
        since: Timestamp,
        after: Option<&CommentPosition>,
        limit: u32,
    ) -> Result<Vec<JudgedComment>, StoreError> {
        judged::newest_first(&self.database, site, since, after, limit).await.map_err(store_error)
    }

    async fn count_judged(&self, site: &SiteId, since: Timestamp) -> Result<i64, StoreError> {
        judged::count(&self.database, site, since).await.map_err(store_error)
    }
}

#[async_trait]
impl Insight for SqliteStore {
    async fn work(&self, site: &SiteId, period: Period) -> Result<Vec<HourOfWork>, StoreError> {
        insight::work(&self.database, site, period).await.map_err(store_error)
    }

    async fn waiting_times(&self, site: &SiteId, period: Period) -> Result<WaitingTimes, StoreError> {
        insight::waiting_times(&self.database, site, period).await.map_err(store_error)
    }

    async fn actor_records(&self, site: &SiteId, period: Period) -> Result<Vec<ActorRecord>, StoreError> {
        insight::actor_records(&self.database, site, period).await.map_err(store_error)
    }

    async fn rule_appeals(&self, site: &SiteId, period: Period) -> Result<Vec<RuleAppeals>, StoreError> {
        insight::rule_appeals(&self.database, site, period).await.map_err(store_error)
    }

    async fn agreement(&self, site: &SiteId, period: Period) -> Result<Vec<Agreement>, StoreError> {
        insight::agreement(&self.database, site, period).await.map_err(store_error)
    }

    async fn sampled_decisions(
        &self,
        site: &SiteId,
        scope: &SampleScope,
        limit: u32,
    ) -> Result<Vec<SampledDecision>, StoreError> {
        insight::sampled_decisions(&self.database, site, scope, limit).await.map_err(store_error)
    }

    async fn look_again(&self, look: &SecondLook) -> Result<SecondLooked, StoreError> {
        insight::look_again(&self.database, look).await.map_err(store_error)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.database.check_writable().await.map_err(store_error)
    }
}
