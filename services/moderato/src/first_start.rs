//! What must be there before anything is served: rules in force, and on the very first start a site
//! with a key. Several processes may do this at once; each step is done by one and seen by all.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use moderato_access::{ApiKeySecret, BearerSecret};
use moderato_console::{DeskError, RuleDesk};
use moderato_domain::{
    Clock as _, Ids as _, PrivacyKey, Role, Site, SiteId, SiteSettings, SystemClock, SystemIds,
};
use moderato_engine::{CompiledRuleSet, Guidelines, STARTER_GUIDELINES, STARTER_RULES, attach_files};
use moderato_runtime::config::Rules;
use moderato_store::{RuleSetDocument, Slot, Store};

use crate::client::{CREDENTIALS_FILE, Credentials};
use crate::compose::create_private;

/// The site of the first start.
pub(crate) const SITE: &str = "blog";

/// What this start made because there was none.
#[derive(Debug, Default)]
pub(crate) struct Firsts {
    pub site: Option<FirstSite>,
    /// The token of the link that makes the first person.
    pub admin_link: Option<BearerSecret>,
}

/// A site that was just made, with its key.
#[derive(Debug)]
pub(crate) struct FirstSite {
    pub site: SiteId,
    pub key: ApiKeySecret,
}

/// Makes the first site and its key, if there is no site. Of several processes that start at once,
/// one makes them: the store says which. A first start that ended between the two is finished.
pub(crate) async fn site(store: &dyn Store) -> anyhow::Result<Option<FirstSite>> {
    let directory = store.directory(None).await?.unwrap_or_default();
    let site = SiteId::parse(SITE)?;
    if directory.sites.is_empty() {
        let created = store
            .put_site(&Site {
                id: site.clone(),
                display_name: "My blog".to_owned(),
                settings: SiteSettings::default(),
                privacy_key: PrivacyKey::new(SystemIds.secret_bytes()),
            })
            .await?;
        if !created {
            return Ok(None);
        }
    } else if directory.sites.len() > 1 || !directory.sites.contains_key(&site) || has_keys(store).await? {
        return Ok(None);
    }
    let roles = vec![Role::Ingest, Role::Reader, Role::Moderator];
    let (key, secret) =
        moderato_access::mint(&SystemIds, site.clone(), "made at the first start", roles, &SystemClock);
    store.add_key(&key).await?;
    Ok(Some(FirstSite { site, key: secret }))
}

/// Whether there is or was any key.
async fn has_keys(store: &dyn Store) -> anyhow::Result<bool> {
    Ok(!store.keys(None).await?.is_empty())
}

/// The rules in force: those of the configured file, else the active ones, else the starter set.
pub(crate) async fn rules(desk: &RuleDesk, config: &Rules) -> anyhow::Result<Arc<CompiledRuleSet>> {
    if let Some(file) = &config.file {
        let (document, compiled) = read_rules(file, config.guidelines.as_deref())?;
        let in_file = || format!("the rules in {}", file.display());
        put_in_force(desk, &document).await.with_context(in_file)?;
        return Ok(Arc::new(compiled));
    }
    if let Some(version) = desk.store().rules_in_force().await?.active {
        let stored = desk.stored(&version).await.map_err(plain);
        return Ok(stored
            .with_context(|| format!("the active rule set {version} does not compile with this release; activate another with `moderato rules activate FILE`"))?
            .rules);
    }
    let compiled = builtin_rules()?;
    put_in_force(desk, &as_document(&compiled, STARTER_RULES, STARTER_GUIDELINES)).await?;
    Ok(Arc::new(compiled))
}

async fn put_in_force(desk: &RuleDesk, document: &RuleSetDocument) -> anyhow::Result<()> {
    // Several processes may start at once: storing or activating what is there changes nothing.
    desk.store().put_rule_set(document).await?;
    desk.activate(Slot::Active, &document.version).await.map_err(plain)?;
    Ok(())
}

/// A failing store as itself, so that the start can wait for it.
fn plain(error: DeskError) -> anyhow::Error {
    match error {
        DeskError::Store(error) => error.into(),
        other => other.into(),
    }
}

/// Reads and compiles a rule set with its guidelines (the built-in ones if none are given).
pub(crate) fn read_rules(
    file: &Path,
    guidelines: Option<&Path>,
) -> anyhow::Result<(RuleSetDocument, CompiledRuleSet)> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let load = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
    let rules_text =
        attach_files(&read(file)?, load).with_context(|| format!("the rules in {}", file.display()))?;
    let guidelines_text = guidelines.map_or_else(|| Ok(STARTER_GUIDELINES.to_owned()), read)?;
    let compiled =
        compile(&rules_text, &guidelines_text).with_context(|| format!("the rules in {}", file.display()))?;
    Ok((as_document(&compiled, &rules_text, &guidelines_text), compiled))
}

/// The rules that a new installation starts with.
pub(crate) fn builtin_rules() -> anyhow::Result<CompiledRuleSet> {
    compile(STARTER_RULES, STARTER_GUIDELINES).context("the built-in starter rules")
}

/// Compiles stored or read documents.
pub(crate) fn compile(rules: &str, guidelines: &str) -> anyhow::Result<CompiledRuleSet> {
    let guidelines = Guidelines::parse(guidelines).context("the guidelines")?;
    Ok(CompiledRuleSet::compile(rules, &guidelines)?)
}

fn as_document(compiled: &CompiledRuleSet, rules: &str, guidelines: &str) -> RuleSetDocument {
    RuleSetDocument {
        version: compiled.version().clone(),
        document: rules.to_owned(),
        guidelines: guidelines.to_owned(),
        create_time: SystemClock.now(),
    }
}

/// Writes `cli.toml`, readable by its owner only, so that commands on this host need no arguments.
pub(crate) fn write_credentials(data_dir: &Path, credentials: &Credentials) -> anyhow::Result<()> {
    let file = data_dir.join(CREDENTIALS_FILE);
    let text = format!(
        "# Made by `moderato serve`: lets commands on this host connect without arguments. Keep it secret.\n{}",
        toml::to_string(credentials)?
    );
    let write = || {
        create_private(data_dir)?;
        // Written beside and renamed: a reader never sees half of it.
        let beside = data_dir.join(".cli.toml.new");
        let _ = std::fs::remove_file(&beside);
        let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&beside, &file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use moderato_store::Tenants as _;
    use moderato_store_sqlite::{SqliteFile, SqliteOptions};

    use super::*;

    #[tokio::test]
    async fn a_first_start_that_died_before_its_key_is_finished_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(folder.path().join("m.db"), SqliteOptions::default()).await.unwrap();
        let store = file.store();
        let half_done = Site {
            id: SiteId::parse(SITE).unwrap(),
            display_name: "My blog".to_owned(),
            settings: SiteSettings::default(),
            privacy_key: PrivacyKey::new([7; 32]),
        };
        store.put_site(&half_done).await.unwrap();

        let finished = site(&store).await.unwrap().expect("a key is made");
        assert_eq!(finished.site, half_done.id);
        assert!(site(&store).await.unwrap().is_none(), "only once");
        assert_eq!(store.keys(None).await.unwrap().len(), 1);
    }
}
