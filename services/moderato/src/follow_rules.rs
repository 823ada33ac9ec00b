//! Keeps a process on the rule sets that are in use: an activated one judges within two seconds, from
//! the next batch on. One that does not compile with this release, or fails its own tests, is reported
//! once and not used; the one before stays.

use std::sync::Arc;
use std::time::Duration;

use moderato_console::{DeskError, Draft, RuleDesk};
use moderato_domain::{RuleSetVersion, SystemClock};
use moderato_engine::ActiveRules;
use moderato_store::Store;

use crate::loops::every;

/// How long an activated rule set waits at most before it judges.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Follows until its task ends.
pub(crate) async fn follow_rules(store: Arc<dyn Store>, rules: Arc<ActiveRules>) {
    let desk = RuleDesk::new(store, Arc::new(SystemClock));
    let (mut active, mut shadow) = (Candidate::default(), Candidate::default());
    let mut ticks = every(LOOK_EVERY);
    loop {
        ticks.tick().await;
        // A store that is away is reported elsewhere.
        let Ok(in_force) = desk.store().rules_in_force().await else { continue };
        if let Some(version) = in_force.active
            && version != *rules.current().version()
            && let Some(draft) = active.fetch(&desk, &version).await
        {
            tracing::info!(rule_set.version = %version, "rule set in force");
            rules.replace(draft.rules);
        }
        // A shadow of itself would never differ.
        let wanted = in_force.shadow.filter(|version| *version != *rules.current().version());
        match wanted {
            None if rules.shadow().is_some() => {
                tracing::info!("no shadow rule set any more");
                rules.replace_shadow(None);
            }
            Some(version) if rules.shadow().is_none_or(|running| *running.version() != version) => {
                if let Some(draft) = shadow.fetch(&desk, &version).await {
                    tracing::info!(rule_set.version = %version, "shadow rule set begins");
                    rules.replace_shadow(Some(draft.rules));
                }
            }
            _ => {}
        }
    }
}

/// What was last found unfit for a slot, so that it is reported once.
#[derive(Default)]
struct Candidate {
    refused: Option<RuleSetVersion>,
}

impl Candidate {
    async fn fetch(&mut self, desk: &RuleDesk, version: &RuleSetVersion) -> Option<Draft> {
        if self.refused.as_ref() == Some(version) {
            return None;
        }
        let error = match desk.fit(version).await {
            Ok(draft) => return Some(draft),
            Err(DeskError::Store(_)) => return None,
            Err(error) => error,
        };
        tracing::error!(rule_set.version = %version, "rule set is not used; the one before stays: {error:#}");
        self.refused = Some(version.clone());
        None
    }
}
