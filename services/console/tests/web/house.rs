//! An installation with pages, and browsers that look at them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moderato_access::Passwords;
use moderato_console::web::oidc::{OidcOptions, Provider};
use moderato_console::web::{Web, WebOptions, router};
use moderato_console::{Invitation, PeopleDesk};
use moderato_domain::{
    Actor, DisplayName, Email, Ids as _, ManualClock, PrivacyKey, Role, Site, SiteId, SiteSettings,
    SystemIds, Timestamp, User,
};
use moderato_runtime::shutdown::{self, ShutdownTrigger};
use moderato_runtime::web::serve;
use moderato_store::{Audit as _, AuditRecord, Directory, Tenants as _, verify_audit};
use moderato_store_sqlite::{SqliteFile, SqliteOptions, SqliteStore};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// An installation with the sites `blog` and `news`.
pub(crate) struct House {
    pub(crate) base: String,
    pub(crate) store: SqliteStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) desk: PeopleDesk,
    _trigger: ShutdownTrigger,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut WebOptions)) -> Self {
        Self::build(change, None).await
    }

    pub(crate) async fn open_with_provider(options: OidcOptions) -> Self {
        Self::build(|_| {}, Some(Provider::new(options))).await
    }

    async fn build(change: impl FnOnce(&mut WebOptions), oidc: Option<Provider>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteFile::open(folder.path().join("m.db"), SqliteOptions::default()).await.unwrap();
        let store = file.store();
        for id in ["blog", "news"] {
            let site = Site {
                id: site(id),
                display_name: format!("The {id}"),
                settings: SiteSettings::default(),
                privacy_key: PrivacyKey::new(SystemIds.secret_bytes()),
            };
            store.put_site(&site).await.unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let (trigger, shutdown) = shutdown::channel();
        let mut options = WebOptions {
            public_url: base.clone(),
            public_url_is_certain: false,
            secure: false,
            behind_proxy: true,
            session_idle: 12 * HOUR,
            session_max: 168 * HOUR,
            invite: 72 * HOUR,
            undo: Duration::from_secs(20),
            mails: false,
        };
        change(&mut options);
        let web = Web {
            store: Arc::new(store.clone()),
            directory: Arc::new(Directory::load(&store).await.unwrap()),
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            passwords: Passwords::default(),
            oidc,
            shutdown: shutdown.clone(),
            options,
        };
        let desk = web.people();
        tokio::spawn(serve(listener, None, router(web), shutdown));
        Self { base, store, clock, desk, _trigger: trigger, _folder: folder }
    }

    pub(crate) fn browser(&self) -> Browser {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Browser { client, base: self.base.clone(), cookies: BTreeMap::new() }
    }

    /// The first person, signed in.
    pub(crate) async fn operator(&self) -> Browser {
        let token = self.desk.first_admin_link(HOUR).await.unwrap().expect("nobody yet");
        let mut browser = self.browser();
        let fields =
            [("mail", "ann@example.org"), ("name", "Ann"), ("password", PASSWORD), ("again", PASSWORD)];
        let made = browser.post(&format!("/link/{}", token.expose()), &fields).await;
        assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/"), "{}", made.body);
        browser
    }

    /// Somebody with roles, who has chosen a password.
    pub(crate) async fn person(&self, name: &str, roles: &[(&str, Role)]) -> (User, Browser) {
        let invitation = Invitation {
            mail: Email::parse(&format!("{name}@example.org")).unwrap(),
            display_name: DisplayName::parse(name).unwrap(),
            memberships: roles.iter().map(|(id, role)| (site(id), *role)).collect(),
            operator: false,
        };
        let (user, token) = self.desk.invite(&invitation, HOUR, &Actor::operator()).await.unwrap();
        let mut browser = self.browser();
        let fields = [("name", name), ("password", PASSWORD), ("again", PASSWORD)];
        let chosen = browser.post(&format!("/link/{}", token.expose()), &fields).await;
        assert_eq!(chosen.status, StatusCode::SEE_OTHER, "{}", chosen.body);
        (user, browser)
    }

    /// The audit log, which must be whole.
    pub(crate) async fn audit(&self) -> Vec<AuditRecord> {
        verify_audit(&self.store).await.unwrap().expect("the chain holds");
        self.store.audit_entries(None, 0, 1_000).await.unwrap()
    }

    /// How often something stands in the audit log.
    pub(crate) async fn audited(&self, action: &str) -> usize {
        self.audit().await.iter().filter(|record| record.entry.action == action).count()
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it comes to that");
}

pub(crate) fn site(id: &str) -> SiteId {
    SiteId::parse(id).unwrap()
}

/// A browser: keeps cookies, follows nothing by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    base: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub(crate) fn problem(&self) -> &str {
        self.header("x-problem")
    }
}

impl Browser {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.cookies.is_empty() {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        request.header("accept", "text/html")
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for set in headers.get_all(SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    /// Another host's page.
    pub(crate) async fn visit(&mut self, address: &str) -> Answer {
        self.send(self.client.get(address)).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts a form as it is given.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).form(fields)).await
    }

    /// Posts a form of a page of the session: with its token.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let fields = [fields, &[("csrf", csrf.as_str())]].concat();
        self.post(path, &fields).await
    }

    /// The token that the session's pages hold.
    pub(crate) async fn csrf(&mut self) -> String {
        let page = self.get("/account").await;
        assert_eq!(page.status, StatusCode::OK, "signed in");
        let (_, rest) = page.body.split_once("name=\"csrf-token\" content=\"").unwrap();
        rest[..64].to_owned()
    }

    pub(crate) async fn sign_in(&mut self, mail: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("mail", mail), ("password", password)]).await
    }

    pub(crate) async fn is_in(&mut self) -> bool {
        self.get("/account").await.status == StatusCode::OK
    }
}
