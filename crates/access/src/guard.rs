//! Who is calling, and may they.

use std::sync::Arc;

use moderato_api::status::Refusal;
use moderato_domain::{Actor, Clock, ErrorCode, Permission, Site, SiteId, Timestamp};
use moderato_store::{ApiKey, Directory, DirectorySnapshot};
use tonic::metadata::MetadataMap;

use crate::key::Presented;

/// Checks keys against the directory, which is served stale while the store is away: a platform can
/// hand in comments as long as the queue stands.
#[derive(Debug, Clone)]
pub struct Guard {
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
}

/// Who is calling: a key that was live when it was last checked, with one permission on one site.
#[derive(Debug, Clone)]
pub struct Caller {
    key: Arc<ApiKey>,
    site: Arc<Site>,
    permission: Permission,
    seen: Arc<DirectorySnapshot>,
}

impl Guard {
    /// A guard that knows these keys.
    pub fn new(directory: Arc<Directory>, clock: Arc<dyn Clock>) -> Self {
        Self { directory, clock }
    }

    /// May the caller do this at all? On which site is asked next: see [`Caller::on`].
    pub fn authenticate(&self, metadata: &MetadataMap, permission: Permission) -> Result<Caller, Refusal> {
        let presented = Presented::parse(bearer(metadata)?).ok_or_else(rejected)?;
        let seen = self.directory.snapshot();
        let key =
            seen.keys.get(&presented.id).filter(|key| presented.opens(key)).cloned().ok_or_else(rejected)?;
        admit(key, permission, seen, self.clock.now())
    }

    /// Is the caller's key still good? Cheap unless the directory has changed, so that a stream asks
    /// before every chunk, and a key that is revoked or expires stops it.
    pub fn renew(&self, caller: &mut Caller) -> Result<(), Refusal> {
        let now = self.clock.now();
        let seen = self.directory.snapshot();
        if Arc::ptr_eq(&seen, &caller.seen) {
            return live(&caller.key, now);
        }
        // The same id with another secret would be another key.
        let same = |key: &&Arc<ApiKey>| key.secret_sha256 == caller.key.secret_sha256;
        let key = seen.keys.get(&caller.key.id).filter(same).cloned().ok_or_else(rejected)?;
        *caller = admit(key, caller.permission, seen, now)?;
        Ok(())
    }
}

impl Caller {
    /// The site, if it is the caller's. Another one is refused in words that are the same whether it
    /// exists or not.
    pub fn on(&self, site: &SiteId) -> Result<&Arc<Site>, Refusal> {
        if self.site.id == *site {
            return Ok(&self.site);
        }
        Err(Refusal::Error(ErrorCode::PermissionDenied, format!("this key is not for sites/{site}")))
    }

    /// Who acts: whose key it is, or the key.
    pub fn actor(&self) -> Actor {
        self.key.actor()
    }

    /// The key's site.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }
}

fn admit(
    key: Arc<ApiKey>,
    permission: Permission,
    seen: Arc<DirectorySnapshot>,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    live(&key, now)?;
    if !key.roles.iter().any(|role| role.allows(permission)) {
        let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str()).collect();
        let message = format!("this key has the roles [{}], which do not allow this call", roles.join(", "));
        return Err(Refusal::Error(ErrorCode::PermissionDenied, message));
    }
    let Some(site) = seen.sites.get(&key.site).cloned() else {
        return Err(Refusal::Error(
            ErrorCode::SiteNotFound,
            "the key's site does not exist any more".to_owned(),
        ));
    };
    Ok(Caller { key, site, permission, seen })
}

fn live(key: &ApiKey, now: Timestamp) -> Result<(), Refusal> {
    let expired = key.expire_time.is_some_and(|end| end <= now);
    if expired || key.revoke_time.is_some() { Err(rejected()) } else { Ok(()) }
}

fn bearer(metadata: &MetadataMap) -> Result<&str, Refusal> {
    let missing = || {
        let message = "no API key; send it as metadata `authorization: Bearer mk_…`".to_owned();
        Refusal::Error(ErrorCode::KeyMissing, message)
    };
    let value = metadata.get("authorization").ok_or_else(missing)?;
    let (scheme, key) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key.trim()) } else { Err(missing()) }
}

/// One answer for unknown, wrong, revoked and expired: the difference helps only who guesses.
fn rejected() -> Refusal {
    Refusal::Error(ErrorCode::KeyRejected, "the API key is not valid".to_owned())
}

#[cfg(test)]
mod tests;
