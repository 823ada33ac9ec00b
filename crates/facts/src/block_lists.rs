//! Public block lists of addresses, asked over DNS (RFC 5782).
//!
//! An address is listed if its name in the list's zone has an address in 127.0.0.0/8: whether
//! 192.0.2.99 is on `dnsbl.example` is asked as `99.2.0.192.dnsbl.example`. Answers are kept as long
//! as the list says. Off unless zones are configured: each question tells the list's operator who
//! writes on the site.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver, TokioResolver};
use moderato_domain::{FactKind, MissingFact, MissingPolicy, Stopwatch};

/// Answers kept: a day's addresses of a large site, some 10 MB.
const CACHE_ENTRIES: u64 = 65_536;

/// Questions under way at once.
const AT_ONCE: usize = 64;

/// After a batch of which a list answered nothing, it is not asked for this long: every batch would
/// wait as long for nothing.
const REST: Duration = Duration::from_secs(5);

/// How to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockListOptions {
    /// The lists' zones, such as `zen.spamhaus.org`.
    pub zones: Vec<String>,
    /// Whom to ask; `None`: the system's name servers. Many lists refuse to answer public resolvers.
    pub name_server: Option<SocketAddr>,
    /// How long one batch of comments waits for answers.
    pub budget: Duration,
    /// What follows for a comment if an answer does not come.
    pub missing: MissingPolicy,
}

/// The system's name servers are not known.
#[derive(Debug, thiserror::Error)]
#[error("the system's name servers are not known: {0}")]
pub struct NoNameServers(#[from] NetError);

/// Asks block lists.
pub struct BlockLists {
    resolver: TokioResolver,
    options: BlockListOptions,
    /// Of each zone: runs since the last batch of which it answered nothing.
    resting: Mutex<Vec<Option<Stopwatch>>>,
}

/// What the lists said about one address so far.
#[derive(Debug, Clone)]
struct Answers {
    /// The lists it is on.
    listed: Vec<String>,
    /// Lists that are still to answer.
    open: usize,
    /// Why one of them did not.
    lost: Option<Lost>,
}

/// What is wrong if there is no answer.
type Lost = &'static str;

impl BlockLists {
    /// Prepares to ask; nothing is asked yet.
    pub fn new(options: BlockListOptions) -> Result<Self, NoNameServers> {
        let mut builder = match options.name_server {
            Some(address) => {
                let mut udp = ConnectionConfig::udp();
                udp.port = address.port();
                let server = NameServerConfig::new(address.ip(), true, vec![udp]);
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => Resolver::builder_tokio()?,
        };
        let settings = builder.options_mut();
        settings.cache_size = CACHE_ENTRIES;
        settings.timeout = options.budget;
        settings.attempts = 1;
        settings.edns0 = false;
        let resting = Mutex::new(vec![None; options.zones.len()]);
        Ok(Self { resolver: builder.build()?, options, resting })
    }

    /// The lists that each address is on; `None` where there is no address. An answer that does not
    /// come within the budget is missing.
    pub(crate) async fn look_up(
        &self,
        addresses: impl Iterator<Item = Option<IpAddr>>,
    ) -> Vec<Option<Result<Vec<String>, MissingFact>>> {
        let addresses: Vec<Option<IpAddr>> = addresses.collect();
        let asked: HashSet<IpAddr> = addresses.iter().flatten().copied().filter(is_public).collect();
        let answers = self.ask_all(asked).await;
        let answer = |address: IpAddr| {
            if !is_public(&address) {
                return Ok(Vec::new());
            }
            let answer = answers.get(&address).cloned().unwrap_or(Err("timeout"));
            answer.map_err(|why| MissingFact {
                fact: FactKind::BlockLists,
                why: why.to_owned(),
                policy: self.options.missing,
            })
        };
        addresses.into_iter().map(|address| address.map(answer)).collect()
    }

    /// What came within the budget. Lists that answer count even if others do not.
    async fn ask_all(&self, asked: HashSet<IpAddr>) -> HashMap<IpAddr, Result<Vec<String>, Lost>> {
        let zones = &self.options.zones;
        let awake = self.awake();
        let resting = (awake.len() < zones.len()).then_some("no answers lately");
        let fresh = Answers { listed: Vec::new(), open: awake.len(), lost: resting };
        let mut answers: HashMap<IpAddr, Answers> =
            asked.iter().map(|address| (*address, fresh.clone())).collect();
        let mut answered = vec![false; zones.len()];

        let questions: Vec<(IpAddr, usize)> =
            asked.iter().flat_map(|address| awake.iter().map(|zone| (*address, *zone))).collect();
        let questions = iter(questions)
            .map(async |(address, zone)| (address, zone, self.is_listed(address, &zones[zone]).await));
        let mut coming = std::pin::pin!(questions.buffer_unordered(AT_ONCE));
        let collect = async {
            while let Some((address, zone, answer)) = coming.next().await {
                answered[zone] |= answer.is_ok();
                let Some(known) = answers.get_mut(&address) else { continue };
                known.open -= 1;
                match answer {
                    Ok(true) => known.listed.push(zones[zone].clone()),
                    Ok(false) => {}
                    Err(why) => known.lost = Some(why),
                }
            }
        };
        // What is still open then is told by the counts.
        let _ = tokio::time::timeout(self.options.budget, collect).await;
        if !asked.is_empty() {
            self.rest(awake.iter().copied().filter(|zone| !answered[*zone]));
        }
        answers.into_iter().map(|(address, known)| (address, known.meaning())).collect()
    }

    /// The lists that are not resting.
    fn awake(&self) -> Vec<usize> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = |since: &Option<Stopwatch>| since.is_some_and(|since| since.elapsed() < REST);
        (0..resting.len()).filter(|zone| !rests(&resting[*zone])).collect()
    }

    /// Lets lists rest.
    fn rest(&self, silent: impl Iterator<Item = usize>) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        for zone in silent {
            tracing::warn!(zone = self.options.zones[zone], "a block list does not answer; resting");
            resting[zone] = Some(Stopwatch::start());
        }
    }

    async fn is_listed(&self, address: IpAddr, zone: &str) -> Result<bool, Lost> {
        match self.resolver.ipv4_lookup(name_in(address, zone)).await {
            Ok(answer) => {
                let found = answer.answers().iter().filter_map(|record| match &record.data {
                    RData::A(address) => Some(address.0),
                    _ => None,
                });
                meaning(found)
            }
            Err(error) if error.is_no_records_found() => Ok(false),
            Err(NetError::Timeout) => Err("timeout"),
            Err(error) => {
                tracing::debug!(%error, zone, "a block list did not answer");
                Err("no answer")
            }
        }
    }
}

impl Answers {
    /// A listing counts whatever else is missing; that an address is on no list is known only from all.
    fn meaning(mut self) -> Result<Vec<String>, Lost> {
        match self.lost.or((self.open > 0).then_some("timeout")) {
            Some(why) if self.listed.is_empty() => Err(why),
            _ => {
                self.listed.sort_unstable();
                Ok(self.listed)
            }
        }
    }
}

impl std::fmt::Debug for BlockLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockLists").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What a list's answer means. Addresses outside 127.0.0.0/8 come from resolvers that make answers
/// up; those in 127.255.255.0/24 say that the list refuses to answer (Spamhaus: a public resolver,
/// too many questions), and must not count as listings.
fn meaning(found: impl Iterator<Item = Ipv4Addr>) -> Result<bool, Lost> {
    let mut listed = false;
    for address in found {
        match address.octets() {
            [127, 255, 255, _] => return Err("refused by the list"),
            [127, ..] => listed = true,
            _ => return Err("not a list's answer"),
        }
    }
    Ok(listed)
}

/// An address's name in a zone: its bytes (IPv4) or half-bytes (IPv6) in reverse.
fn name_in(address: IpAddr, zone: &str) -> String {
    let mut name = String::with_capacity(80);
    // Writing to a string cannot fail.
    let _ = match address {
        IpAddr::V4(address) => address.octets().iter().rev().try_for_each(|byte| write!(name, "{byte}.")),
        IpAddr::V6(address) => address
            .octets()
            .iter()
            .rev()
            .try_for_each(|byte| write!(name, "{:x}.{:x}.", byte & 0xf, byte >> 4)),
    };
    // Fully qualified, so that the system's search domains are not tried.
    let _ = write!(name, "{}.", zone.trim_end_matches('.'));
    name
}

/// Whether lists can know of the address.
fn is_public(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reversed() {
        assert_eq!(name_in("192.0.2.99".parse().unwrap(), "dnsbl.example"), "99.2.0.192.dnsbl.example.");
        assert_eq!(
            name_in("2001:db8::1".parse().unwrap(), "v6.example."),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.v6.example."
        );
    }

    #[test]
    fn only_a_listing_is_a_listing() {
        let of = |text: &str| meaning(text.split(' ').map(|address| address.parse().unwrap()));
        assert_eq!(of("127.0.0.2"), Ok(true));
        assert_eq!(of("127.0.0.4 127.0.0.10"), Ok(true));
        assert_eq!(of("127.255.255.254"), Err("refused by the list"));
        assert_eq!(of("203.0.113.1"), Err("not a list's answer"));
        assert!(!is_public(&"::ffff:10.1.2.3".parse().unwrap()));
    }
}
