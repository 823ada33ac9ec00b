//! Sites, keys, and the directory that processes keep of them.

use moderato_domain::{Ids, ModerationMode, PrivacyKey, Role, Site, SiteId, SiteSettings, SystemIds};

use super::builders::{Case, at};
use crate::{ApiKey, ApiKeyId, DirectorySnapshot, StoreError};

pub(super) async fn the_directory_changes_with_sites_and_keys(case: Case) {
    let empty = snapshot(&case).await;
    assert!(!empty.sites.contains_key(&case.site));

    assert!(case.store.put_site(&site(&case)).await.expect("stored"));
    let with_site = newer(&case, empty.version).await;
    assert_eq!(*with_site.sites[&case.site], site(&case));

    let mut key = key(&case);
    key.expire_time = Some(at(1));
    case.store.add_key(&key).await.expect("stored");
    let with_key = newer(&case, with_site.version).await;
    // Expired or not is the reader's business.
    assert_eq!(*with_key.keys[&key.id], key);
    let unchanged = case.store.directory(Some(with_key.version)).await.expect("read");
    assert!(unchanged.is_none(), "{unchanged:?}");

    let taken = case.store.add_key(&ApiKey { label: "thief".to_owned(), ..key.clone() }).await;
    assert!(matches!(taken, Err(StoreError::Rejected(_))), "{taken:?}");
    assert_eq!(case.store.keys(Some(&case.site)).await.expect("read"), [key]);
}

pub(super) async fn a_site_keeps_its_privacy_key(case: Case) {
    let first = site(&case);
    assert!(case.store.put_site(&first).await.expect("stored"));
    let version = snapshot(&case).await.version;
    let changed = Site {
        display_name: "Another name".to_owned(),
        settings: SiteSettings { mode: ModerationMode::Auto, body_max_chars: 7, ..SiteSettings::default() },
        privacy_key: PrivacyKey::new([9; 32]),
        ..first.clone()
    };
    assert!(!case.store.put_site(&changed).await.expect("stored"));
    let stored = newer(&case, version).await;
    assert_eq!(*stored.sites[&case.site], Site { privacy_key: first.privacy_key, ..changed });
}

pub(super) async fn a_revoked_key_leaves_the_directory(case: Case) {
    case.store.put_site(&site(&case)).await.expect("stored");
    let (lost, kept) = (key(&case), key(&case));
    case.store.add_key(&lost).await.expect("stored");
    case.store.add_key(&kept).await.expect("stored");
    let version = snapshot(&case).await.version;

    assert!(case.store.revoke_key(&lost.id, at(5)).await.expect("revoked"));
    let after = newer(&case, version).await;
    assert!(!after.keys.contains_key(&lost.id));
    assert!(after.keys.contains_key(&kept.id));
    assert!(!case.store.revoke_key(&lost.id, at(6)).await.expect("asked"));
    assert!(!case.store.revoke_key(&ApiKeyId("nobody".to_owned()), at(6)).await.expect("asked"));

    let mut expected = vec![ApiKey { revoke_time: Some(at(5)), ..lost }, kept];
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    let mut keys = case.store.keys(Some(&case.site)).await.expect("read");
    keys.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(keys, expected);
    let all = case.store.keys(None).await.expect("read");
    assert!(expected.iter().all(|key| all.contains(key)));
    let nobody = SiteId::parse("nobody").expect("a site id");
    assert_eq!(case.store.keys(Some(&nobody)).await.expect("read"), []);
}

async fn snapshot(case: &Case) -> DirectorySnapshot {
    case.store.directory(None).await.expect("read").expect("a snapshot, as none is known")
}

async fn newer(case: &Case, known: i64) -> DirectorySnapshot {
    let snapshot = case.store.directory(Some(known)).await.expect("read").expect("it changed");
    assert_ne!(snapshot.version, known);
    snapshot
}

fn site(case: &Case) -> Site {
    Site {
        id: case.site.clone(),
        display_name: "Zoë's blog".to_owned(),
        settings: SiteSettings { guidelines_version: Some("2".to_owned()), ..SiteSettings::default() },
        privacy_key: PrivacyKey::new([3; 32]),
    }
}

fn key(case: &Case) -> ApiKey {
    ApiKey {
        id: ApiKeyId(format!("mk_{}", SystemIds.time_ordered().simple())),
        site: case.site.clone(),
        label: "the blog's server".to_owned(),
        owner: None,
        secret_sha256: [200; 32],
        roles: vec![Role::Ingest, Role::Reader],
        create_time: at(0),
        expire_time: None,
        revoke_time: None,
    }
}
