//! From where, and with what, a request came.

use std::net::IpAddr;

use axum::http::HeaderName;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use moderato_runtime::web::Peer;
use sha2::{Digest as _, Sha256};

use super::Web;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    address: Option<IpAddr>,
    /// Such as "Firefox on Linux".
    pub(super) agent: String,
}

impl Client {
    pub(super) fn of(parts: &Parts, web: &Web) -> Self {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.address);
        // Only the last one is what the proxy itself saw; the ones before it are anybody's claim.
        let forwarded = || {
            let last = parts.headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
        };
        let address = if web.options.behind_proxy { forwarded().or(peer) } else { peer };
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Self { address, agent: in_words(agent) }
    }

    /// What one party can have many addresses of counts as one: an IPv4 address, an IPv6 network.
    fn party(&self) -> String {
        match self.address {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            None => "unknown".to_owned(),
        }
    }

    /// The network whose attempts to sign in are counted together.
    pub(super) fn attempts_subject(&self) -> [u8; 32] {
        Sha256::digest(format!("network\0{}", self.party())).into()
    }

    /// Enough for a person to recognise where they were, and no more.
    pub(super) fn network(&self) -> String {
        match self.address {
            Some(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.x")
            }
            Some(IpAddr::V6(address)) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:…")
            }
            None => "unknown".to_owned(),
        }
    }
}

/// A browser and its system, as people call them.
fn in_words(agent: &str) -> String {
    // The order matters: most browsers claim to be the ones before them too.
    let browsers = [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    match (find(&browsers), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => "Another program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client { address: Some(address.parse().unwrap()), agent: String::new() }
    }

    #[test]
    fn one_party_is_one_however_many_addresses_it_has() {
        let subject = |address| client(address).attempts_subject();
        assert_eq!(subject("2001:db8:1:2::3"), subject("2001:db8:1:2:ffff::9"));
        assert_ne!(subject("2001:db8:1:2::3"), subject("2001:db8:1:3::3"));
        assert_ne!(subject("192.0.2.1"), subject("192.0.2.2"));
        assert_eq!(client("192.0.2.17").network(), "192.0.2.x");
        assert_eq!(client("2001:db8:1:2::3").network(), "2001:db8:1:…");
    }

    #[test]
    fn browsers_are_called_what_people_call_them() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(in_words(firefox), "Firefox on Linux");
        assert_eq!(in_words(edge), "Edge on Windows");
        assert_eq!(in_words("curl/8"), "Another program");
    }
}
