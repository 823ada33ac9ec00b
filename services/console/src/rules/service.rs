//! One method per RPC: admit the caller, read what is asked, answer.

use std::sync::Arc;

use moderato_access::{Caller, Guard};
use moderato_api::intake::to_timestamp;
use moderato_api::pb::rules as pb;
use moderato_api::pb::rules::rule_set_service_server::RuleSetService;
use moderato_api::status::Refusal;
use moderato_api::view;
use moderato_domain::{ErrorCode, RuleSetVersion, Violation};
use moderato_runtime::shutdown::Shutdown;
use moderato_store::{Directory, Slot};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::ConsoleDeps;
use crate::rules::backtest::BacktestScope;
use crate::rules::desk::{DeskError, RuleDesk};
use crate::rules::draft::{Draft, Mistake, Unfit};
use crate::rules::request::{self, Documents, Tried};
use crate::rules::stream::{self, BacktestStream, refused};
use crate::rules::{Rpc, present};

/// Backtests of one process at a time: each keeps a third of a core busy.
const MAX_BACKTESTS: usize = 2;

/// Most of a refusal that is told in words: it travels in a header, and clients accept 16 KiB.
const MAX_MESSAGE: usize = 3_000;

/// Serves rule sets.
#[derive(Debug)]
pub struct Console {
    guard: Guard,
    directory: Arc<Directory>,
    desk: RuleDesk,
    backtests: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl Console {
    pub(crate) fn new(deps: ConsoleDeps) -> Self {
        let ConsoleDeps { store, directory, clock, shutdown } = deps;
        Self {
            guard: Guard::new(Arc::clone(&directory), Arc::clone(&clock)),
            directory,
            desk: RuleDesk::new(store, clock),
            backtests: Arc::new(Semaphore::new(MAX_BACKTESTS)),
            shutdown,
        }
    }

    /// The key must be good for the RPC.
    fn admit<R>(&self, rpc: Rpc, request: &Request<R>) -> Result<Caller, Refusal> {
        self.guard.authenticate(request.metadata(), rpc.permission())
    }

    /// A key is for one site, and rules are for all: it can change them only where that is the same.
    fn must_be_alone(&self) -> Result<(), Refusal> {
        if self.directory.snapshot().sites.len() <= 1 {
            return Ok(());
        }
        Err(Refusal::Error(
            ErrorCode::PermissionDenied,
            "these rules are in force for other sites, too: `moderato rules` on the server changes them"
                .to_owned(),
        ))
    }

    async fn told(&self, version: &RuleSetVersion) -> Result<pb::RuleSet, Refusal> {
        let store = self.desk.store();
        let document = store.rule_set(version).await.map_err(|error| refused(&error))?;
        let document = document.ok_or_else(|| refusal(&DeskError::Unknown(version.clone())))?;
        let in_force = store.rules_in_force().await.map_err(|error| refused(&error))?;
        Ok(pb::RuleSet {
            name: present::name(version),
            document: document.document,
            guidelines: document.guidelines,
            create_time: Some(to_timestamp(document.create_time)),
            slot: present::slot_of(version, &in_force),
        })
    }

    async fn tried(&self, tried: Tried) -> Result<Draft, Refusal> {
        match tried {
            Tried::Stored(version) => self.desk.stored(&version).await.map_err(|error| refusal(&error)),
            Tried::Draft(documents) => self.compile("draft", documents).await,
        }
    }

    async fn compile(&self, field: &'static str, documents: Documents) -> Result<Draft, Refusal> {
        let compiled = self.desk.compile(documents.document, documents.guidelines).await;
        compiled.map_err(|error| match error {
            DeskError::Unfit(Unfit::Mistakes(mistakes)) => invalid(field, &mistakes),
            other => refusal(&other),
        })
    }
}

#[tonic::async_trait]
impl RuleSetService for Console {
    async fn create_rule_set(&self, request: Request<pb::CreateRuleSetRequest>) -> Answer<pb::RuleSet> {
        self.admit(Rpc::CreateRuleSet, &request)?;
        let pb::CreateRuleSetRequest { rule_set, validate_only } = request.into_inner();
        let draft = self.compile("rule_set", request::documents("rule_set", rule_set)?).await?;
        let version = draft.document.version.clone();
        if validate_only {
            return Ok(Response::new(pb::RuleSet {
                name: present::name(&version),
                document: draft.document.document.clone(),
                guidelines: draft.document.guidelines.clone(),
                ..pb::RuleSet::default()
            }));
        }
        self.must_be_alone()?;
        self.desk.create(&draft).await.map_err(|error| refusal(&error))?;
        Ok(Response::new(self.told(&version).await?))
    }

    async fn get_rule_set(&self, request: Request<pb::GetRuleSetRequest>) -> Answer<pb::RuleSet> {
        self.admit(Rpc::GetRuleSet, &request)?;
        let version = request::version("name", &request.get_ref().name)?;
        Ok(Response::new(self.told(&version).await?))
    }

    async fn list_rule_sets(
        &self,
        request: Request<pb::ListRuleSetsRequest>,
    ) -> Answer<pb::ListRuleSetsResponse> {
        self.admit(Rpc::ListRuleSets, &request)?;
        let asked = request::versions(request.get_ref())?;
        let store = self.desk.store();
        let in_force = store.rules_in_force().await.map_err(|error| refused(&error))?;
        let mut entries =
            store.rule_sets(asked.after.as_ref(), asked.size + 1).await.map_err(|error| refused(&error))?;
        let more = entries.len() > asked.size as usize;
        entries.truncate(asked.size as usize);
        let next = entries.last().filter(|_| more).map(request::versions_after);
        let rule_sets = entries.iter().map(|entry| pb::RuleSet {
            name: present::name(&entry.version),
            create_time: Some(to_timestamp(entry.create_time)),
            slot: present::slot_of(&entry.version, &in_force),
            ..pb::RuleSet::default()
        });
        Ok(Response::new(pb::ListRuleSetsResponse {
            rule_sets: rule_sets.collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn activate_rule_set(&self, request: Request<pb::ActivateRuleSetRequest>) -> Answer<pb::RuleSet> {
        self.admit(Rpc::ActivateRuleSet, &request)?;
        let version = request::version("name", &request.get_ref().name)?;
        let slot = request::slot(request.get_ref().slot)?;
        self.must_be_alone()?;
        self.desk.activate(slot, &version).await.map_err(|error| refusal(&error))?;
        Ok(Response::new(self.told(&version).await?))
    }

    async fn rollback_rule_set(&self, request: Request<pb::RollbackRuleSetRequest>) -> Answer<pb::RuleSet> {
        self.admit(Rpc::RollbackRuleSet, &request)?;
        self.must_be_alone()?;
        let change = self.desk.roll_back().await.map_err(|error| refusal(&error))?;
        Ok(Response::new(self.told(&change.version).await?))
    }

    async fn end_shadow(&self, request: Request<pb::EndShadowRequest>) -> Answer<pb::EndShadowResponse> {
        self.admit(Rpc::EndShadow, &request)?;
        self.must_be_alone()?;
        let ended = self.desk.end_shadow().await.map_err(|error| refusal(&error))?;
        let name = ended.as_ref().map(present::name).unwrap_or_default();
        Ok(Response::new(pb::EndShadowResponse { name }))
    }

    async fn test_rule_set(
        &self,
        request: Request<pb::TestRuleSetRequest>,
    ) -> Answer<pb::TestRuleSetResponse> {
        self.admit(Rpc::TestRuleSet, &request)?;
        let draft = self.tried(request::tested(request.into_inner())?).await?;
        let (tests, failures) = match self.desk.test(draft).await {
            Ok(tests) => (tests, Vec::new()),
            Err(DeskError::Unfit(Unfit::TestsFail { tests, failures })) => (tests, failures),
            Err(other) => return Err(refusal(&other).into()),
        };
        Ok(Response::new(pb::TestRuleSetResponse {
            tests: i32::try_from(tests).unwrap_or(i32::MAX),
            failures: failures.into_iter().map(present::failure).collect(),
        }))
    }

    type BacktestRuleSetStream = BacktestStream;

    async fn backtest_rule_set(
        &self,
        request: Request<pb::BacktestRuleSetRequest>,
    ) -> Answer<BacktestStream> {
        let caller = self.admit(Rpc::BacktestRuleSet, &request)?;
        let asked = request::backtest(request.into_inner())?;
        caller.on(&asked.site)?;
        let permit = Arc::clone(&self.backtests).try_acquire_owned().map_err(|_| {
            Refusal::Error(
                ErrorCode::Overloaded,
                format!("{MAX_BACKTESTS} backtests are running; try again later"),
            )
        })?;
        let draft = self.tried(asked.rules).await?;
        let scope = BacktestScope { sites: vec![asked.site], since: asked.since, limit: asked.limit };
        let store = Arc::clone(self.desk.store());
        Ok(Response::new(stream::open(store, draft.rules, scope, self.shutdown.clone(), permit)))
    }

    async fn get_rule_stats(&self, request: Request<pb::GetRuleStatsRequest>) -> Answer<pb::RuleStats> {
        let caller = self.admit(Rpc::GetRuleStats, &request)?;
        let asked = request::stats(request.get_ref())?;
        caller.on(&asked.site)?;
        let site = Some(&asked.site);
        let rules =
            self.desk.health(asked.slot, site, asked.limits).await.map_err(|error| refusal(&error))?;
        let mut stats = pb::RuleStats {
            rules: rules.into_iter().map(present::statistics).collect(),
            ..pb::RuleStats::default()
        };
        if asked.slot == Slot::Shadow {
            let store = self.desk.store();
            let in_force = store.rules_in_force().await.map_err(|error| refused(&error))?;
            if let Some(shadow) = &in_force.shadow {
                for counts in store.comparisons(site, shadow).await.map_err(|error| refused(&error))? {
                    stats.compared += counts.compared;
                    stats.differing += counts.differing;
                }
            }
        }
        Ok(Response::new(stats))
    }

    async fn list_shadow_differences(
        &self,
        request: Request<pb::ListShadowDifferencesRequest>,
    ) -> Answer<pb::ListShadowDifferencesResponse> {
        let caller = self.admit(Rpc::ListShadowDifferences, &request)?;
        let site = request::site(&request.get_ref().parent)?;
        let size = request::page_size(request.get_ref().page_size)?;
        caller.on(&site)?;
        let store = self.desk.store();
        let in_force = store.rules_in_force().await.map_err(|error| refused(&error))?;
        let Some(shadow) = in_force.shadow else {
            return Ok(Response::new(pb::ListShadowDifferencesResponse::default()));
        };
        let found =
            store.shadow_differences(Some(&site), &shadow, size).await.map_err(|error| refused(&error))?;
        let differences = found.into_iter().map(present::difference).collect();
        Ok(Response::new(pb::ListShadowDifferencesResponse { differences }))
    }

    async fn explain_comment(&self, request: Request<pb::ExplainCommentRequest>) -> Answer<pb::Explanation> {
        let caller = self.admit(Rpc::ExplainComment, &request)?;
        let (name, revision) = request::explained(request.get_ref())?;
        caller.on(&name.site)?;
        let explained = self.desk.explain(&name, revision).await.map_err(|error| refusal(&error))?;
        let Some((judged, explanation)) = explained else {
            return Err(
                Refusal::Error(ErrorCode::VerdictNotFound, format!("{name} has no verdict (yet)")).into()
            );
        };
        Ok(Response::new(pb::Explanation {
            verdict: Some(view::verdict(judged.verdict)),
            review_from: explanation.review_from,
            reject_from: explanation.reject_from,
            rules: explanation.rules.into_iter().map(present::explained).collect(),
        }))
    }
}

type Answer<T> = Result<Response<T>, Status>;

/// Every mistake, with the document it is in.
fn invalid(field: &'static str, mistakes: &[Mistake]) -> Refusal {
    let violation = |mistake: &Mistake| {
        let document = match mistake {
            Mistake::Guidelines(_) => "guidelines",
            Mistake::Rules(_) => "document",
        };
        Violation::new(format!("{field}.{document}"), "RULE_SET_MISTAKE", shortened(mistake.to_string()))
    };
    Refusal::Invalid(mistakes.iter().map(violation).collect())
}

/// What a desk's refusal is on the wire.
pub(crate) fn refusal(error: &DeskError) -> Refusal {
    match error {
        DeskError::Unknown(_) => Refusal::Error(ErrorCode::RuleSetNotFound, error.to_string()),
        DeskError::Unfit(_) | DeskError::NothingBefore => {
            Refusal::Error(ErrorCode::RuleSetUnfit, shortened(error.to_string()))
        }
        DeskError::EngineFault => Refusal::Error(ErrorCode::Internal, error.to_string()),
        DeskError::Store(failed) => refused(failed),
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE));
        text.push('…');
    }
    text
}
