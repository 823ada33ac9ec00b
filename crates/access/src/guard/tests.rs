use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use moderato_domain::{ManualClock, PrivacyKey, Role, SiteSettings, SystemIds};
use moderato_store::{ApiKeyId, StoreError, Tenants};

use super::*;
use crate::key::{ApiKeySecret, mint};

/// Sites and keys without a store; every change is a new version.
#[derive(Default)]
struct Register(Mutex<DirectorySnapshot>);

impl Register {
    fn change(&self, change: impl FnOnce(&mut DirectorySnapshot)) {
        let mut snapshot = self.0.lock().unwrap();
        snapshot.version += 1;
        change(&mut snapshot);
    }

    fn add_site(&self, id: &str) {
        let site = Site {
            id: SiteId::parse(id).unwrap(),
            display_name: id.to_owned(),
            settings: SiteSettings::default(),
            privacy_key: PrivacyKey::new([7; 32]),
        };
        self.change(|all| drop(all.sites.insert(site.id.clone(), Arc::new(site))));
    }

    fn add_key(&self, site: &str, roles: &[Role], expire_time: Option<Timestamp>) -> ApiKeySecret {
        let site = SiteId::parse(site).unwrap();
        let (mut key, shown) = mint(&SystemIds, site, "test", roles.to_vec(), &ManualClock::default());
        key.expire_time = expire_time;
        self.change(|all| drop(all.keys.insert(key.id.clone(), Arc::new(key))));
        shown
    }
}

#[async_trait]
impl Tenants for Register {
    async fn directory(&self, known: Option<i64>) -> Result<Option<DirectorySnapshot>, StoreError> {
        let snapshot = self.0.lock().unwrap().clone();
        Ok((known != Some(snapshot.version)).then_some(snapshot))
    }
    async fn put_site(&self, _: &Site) -> Result<bool, StoreError> {
        unreachable!()
    }
    async fn add_key(&self, _: &ApiKey) -> Result<(), StoreError> {
        unreachable!()
    }
    async fn revoke_key(&self, _: &ApiKeyId, _: Timestamp) -> Result<bool, StoreError> {
        unreachable!()
    }
    async fn keys(&self, _: Option<&SiteId>) -> Result<Vec<ApiKey>, StoreError> {
        unreachable!()
    }
}

struct Door {
    register: Register,
    directory: Arc<Directory>,
    clock: Arc<ManualClock>,
    guard: Guard,
}

impl Door {
    async fn new(fill: impl FnOnce(&Register)) -> Self {
        let register = Register::default();
        register.add_site("blog");
        register.add_site("shop");
        fill(&register);
        let directory = Arc::new(Directory::load(&register).await.unwrap());
        let clock = Arc::new(ManualClock::default());
        let guard = Guard::new(directory.clone(), clock.clone());
        Self { register, directory, clock, guard }
    }

    fn ask(&self, authorization: &str, site: &str) -> Result<Caller, Refusal> {
        let site = SiteId::parse(site).unwrap();
        let caller = self.guard.authenticate(&metadata(authorization), Permission::SubmitComments)?;
        caller.on(&site)?;
        Ok(caller)
    }
}

fn metadata(authorization: &str) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("authorization", authorization.parse().unwrap());
    metadata
}

fn bearing(key: &ApiKeySecret) -> String {
    format!("Bearer {}", key.expose())
}

fn code<T>(result: Result<T, Refusal>) -> Option<ErrorCode> {
    result.err().map(|refusal| refusal.code())
}

#[tokio::test]
async fn a_live_key_opens_its_own_site_only() {
    let mut key = None;
    let door = Door::new(|all| key = Some(all.add_key("blog", &[Role::Ingest], None))).await;
    let key = bearing(&key.unwrap());
    assert_eq!(door.ask(&key, "blog").unwrap().site().id.as_str(), "blog");
    let elsewhere = |site| match door.ask(&key, site) {
        Err(Refusal::Error(ErrorCode::PermissionDenied, message)) => message.replace(site, "…"),
        other => panic!("{other:?}"),
    };
    assert_eq!(elsewhere("shop"), elsewhere("no-such-site"));
    assert!(!elsewhere("shop").contains("blog"));
    assert_eq!(code(door.ask(&key.replace("Bearer", "bearer"), "blog")), None);
}

#[tokio::test]
async fn every_key_that_is_no_good_gets_the_same_answer() {
    let (mut key, mut brief) = (None, None);
    let door = Door::new(|all| {
        key = Some(all.add_key("blog", &[Role::Ingest], None));
        brief = Some(all.add_key("blog", &[Role::Ingest], Some(Timestamp::from_millis(1))));
    })
    .await;
    let (key, brief) = (bearing(&key.unwrap()), bearing(&brief.unwrap()));
    assert_eq!(code(door.ask(&brief, "blog")), None);
    door.clock.advance(Duration::from_millis(1));
    let unknown = format!("Bearer mk_{}.{}", "0".repeat(12), "0".repeat(64));
    let other_secret = format!("{}{}", &key[..key.len() - 64], "0".repeat(64));
    let refusals: Vec<_> = [&*brief, &unknown, &other_secret, "Bearer x", "Bearer "]
        .map(|key| door.ask(key, "blog").unwrap_err())
        .into();
    assert_eq!(refusals[0].code(), ErrorCode::KeyRejected);
    assert!(refusals.iter().all(|refusal| refusal == &refusals[0]), "{refusals:?}");
    for none in ["", "Basic YTpi", &key[7..]] {
        assert_eq!(code(door.ask(none, "blog")), Some(ErrorCode::KeyMissing), "{none}");
    }
    let without = door.guard.authenticate(&MetadataMap::new(), Permission::SubmitComments);
    assert_eq!(code(without), Some(ErrorCode::KeyMissing));
}

#[tokio::test]
async fn a_stream_stops_when_its_key_is_revoked_or_expires_or_its_site_goes() {
    let mut keys = Vec::new();
    let door = Door::new(|all| {
        keys.push(all.add_key("blog", &[Role::Ingest], None));
        keys.push(all.add_key("blog", &[Role::Ingest], Some(Timestamp::from_millis(50))));
        keys.push(all.add_key("shop", &[Role::Ingest], None));
    })
    .await;
    let sites = ["blog", "blog", "shop"];
    let mut callers: Vec<Caller> =
        keys.iter().zip(sites).map(|(key, on)| door.ask(&bearing(key), on).unwrap()).collect();
    let mut renew =
        || -> Vec<_> { callers.iter_mut().map(|caller| code(door.guard.renew(caller))).collect() };
    assert_eq!(renew(), [None, None, None]);

    door.clock.advance(Duration::from_millis(50));
    assert_eq!(renew(), [None, Some(ErrorCode::KeyRejected), None]);

    let revoked = ApiKeyId(keys[0].expose().split('.').next().unwrap().to_owned());
    door.register.change(|all| {
        all.keys.remove(&revoked);
        all.sites.remove(&SiteId::parse("shop").unwrap());
    });
    door.directory.refresh(&door.register).await.unwrap();
    assert_eq!(
        renew(),
        [Some(ErrorCode::KeyRejected), Some(ErrorCode::KeyRejected), Some(ErrorCode::SiteNotFound)]
    );
}

#[test]
fn what_each_role_may_do() {
    let mut table = String::new();
    for permission in Permission::ALL {
        let mark = |role: Role| if role.allows(permission) { role.as_str() } else { "-" };
        let row = Role::ALL.map(|role| format!("{:10}", mark(role))).concat();
        writeln!(table, "{:15} {}", format!("{permission:?}"), row.trim_end()).unwrap();
    }
    insta::assert_snapshot!(table, @r"
    SubmitComments  ingest    -         -         admin
    CheckComments   ingest    -         moderator admin
    ReadPublished   -         reader    moderator admin
    ReadAll         -         reader    moderator admin
    Decide          -         -         moderator admin
    Configure       -         -         -         admin
    ");
}
