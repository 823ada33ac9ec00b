//! What an entry of a list is: words, a host, an address, a person.

use std::net::{IpAddr, Ipv4Addr};

use moderato_domain::Email;

use crate::rules::lists::domain_key;
use crate::text::fold::folded;

/// Entries up to this many characters are in ordinary words everywhere.
const SHORT_CHARS: usize = 4;

/// Everyday English words of lists of keys: the ground that advertising and ordinary talk share.
const EVERYDAY: &[&str] = &[
    "about",
    "accept",
    "account",
    "add",
    "address",
    "adult",
    "advice",
    "amazing",
    "animal",
    "apple",
    "application",
    "area",
    "art",
    "article",
    "auto",
    "baby",
    "bank",
    "bar",
    "base",
    "beach",
    "best",
    "better",
    "bill",
    "black",
    "blog",
    "board",
    "body",
    "book",
    "box",
    "brand",
    "bring",
    "business",
    "buy",
    "call",
    "camera",
    "car",
    "card",
    "care",
    "cash",
    "center",
    "chat",
    "cheap",
    "check",
    "child",
    "city",
    "class",
    "click",
    "club",
    "code",
    "color",
    "com",
    "company",
    "computer",
    "content",
    "cost",
    "course",
    "credit",
    "date",
    "day",
    "deal",
    "design",
    "diet",
    "discount",
    "doctor",
    "download",
    "drug",
    "earn",
    "email",
    "energy",
    "event",
    "family",
    "fashion",
    "fast",
    "fat",
    "film",
    "find",
    "fitness",
    "food",
    "free",
    "fun",
    "game",
    "games",
    "gift",
    "girl",
    "girls",
    "gold",
    "good",
    "great",
    "group",
    "guide",
    "hair",
    "health",
    "help",
    "home",
    "hot",
    "hotel",
    "house",
    "info",
    "information",
    "insurance",
    "internet",
    "job",
    "jobs",
    "law",
    "learn",
    "life",
    "link",
    "links",
    "live",
    "loan",
    "local",
    "love",
    "mail",
    "market",
    "marketing",
    "media",
    "mobile",
    "money",
    "movie",
    "music",
    "network",
    "new",
    "news",
    "offer",
    "online",
    "order",
    "party",
    "phone",
    "photo",
    "play",
    "post",
    "price",
    "product",
    "review",
    "sale",
    "school",
    "search",
    "service",
    "sex",
    "shop",
    "site",
    "sites",
    "software",
    "sport",
    "store",
    "style",
    "test",
    "travel",
    "video",
    "web",
    "website",
    "weight",
    "win",
    "work",
];

/// An entry, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Words, folded.
    Words(String),
    /// An everyday word, folded.
    Everyday(String),
    /// Words so short that ordinary texts are full of them, folded.
    Short(String),
    /// A host.
    Host(String),
    /// An address or a network, as lists of addresses spell it.
    Address(String),
    /// A mail address.
    Person(String),
    /// Nothing that is left once markup and white space are gone.
    NoText,
}

impl Entry {
    /// Understands an entry of a list that was looked for in every field of a comment.
    pub(super) fn of_any_field(text: &str) -> Self {
        let text = text.trim();
        if let Some(address) = address(text) {
            return Self::Address(address);
        }
        if let Some(person) = person(text) {
            return Self::Person(person);
        }
        if let Some(host) = host(text) {
            return Self::Host(host);
        }
        Self::words(text)
    }

    /// Understands an entry of a list of words.
    pub(super) fn words(text: &str) -> Self {
        let words = folded(text).trim().to_owned();
        if !words.chars().any(char::is_alphanumeric) || words.contains(['<', '>']) {
            return Self::NoText;
        }
        if EVERYDAY.binary_search(&words.as_str()).is_ok() {
            Self::Everyday(words)
        } else if words.chars().count() <= SHORT_CHARS {
            Self::Short(words)
        } else {
            Self::Words(words)
        }
    }
}

/// An IP address, a network, or the beginning of an IPv4 address such as `192.0.2.`.
pub(super) fn address(text: &str) -> Option<String> {
    if text.parse::<IpAddr>().is_ok() {
        return Some(text.to_owned());
    }
    if let Some((network, bits)) = text.split_once('/') {
        let whole = if network.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
        return bits.parse::<u8>().is_ok_and(|bits| bits <= whole).then(|| text.to_owned());
    }
    let begin = text.strip_suffix(".*").or_else(|| text.strip_suffix('.'))?;
    let parts: Vec<u8> = begin.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if !(1..=3).contains(&parts.len()) {
        return None;
    }
    let mut octets = [0; 4];
    octets[..parts.len()].copy_from_slice(&parts);
    Some(format!("{}/{}", Ipv4Addr::from(octets), parts.len() * 8))
}

/// A whole mail address, as a list of authors takes it, of a domain that there can be.
fn person(text: &str) -> Option<String> {
    let (_, domain) = text.split_once('@')?;
    host(domain)?;
    Some(Email::parse(text)?.normalized())
}

/// The host of a web address or a bare host under a known ending.
fn host(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")).unwrap_or(&lower);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = bare.strip_prefix("www.").unwrap_or(bare);
    let key = domain_key(bare)?;
    let labelled = key.split('.').all(|label| !label.is_empty() && label.len() <= 63);
    let known = psl::suffix(key.as_bytes()).is_some_and(|suffix| suffix.is_known());
    (labelled && known && psl::domain(key.as_bytes()).is_some()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_where_it_belongs() {
        for (text, expected) in [
            ("192.0.2.7", Entry::Address("192.0.2.7".into())),
            ("192.0.2.", Entry::Address("192.0.2.0/24".into())),
            ("10.*", Entry::Address("10.0.0.0/8".into())),
            ("2001:db8::/32", Entry::Address("2001:db8::/32".into())),
            ("Someone@Mail.Example.com", Entry::Person("someone@mail.example.com".into())),
            ("some,one@mail.example.com", Entry::Words("some,one@mail.example.com".into())),
            ("https://www.pills.example.com/buy?x", Entry::Host("pills.example.com".into())),
            ("Cheap Pills", Entry::Words("cheap pills".into())),
            ("ONLINE", Entry::Everyday("online".into())),
            ("node.js is", Entry::Words("node.js is".into())),
            ("</a>", Entry::NoText),
            (" - ", Entry::NoText),
        ] {
            assert_eq!(Entry::of_any_field(text), expected, "{text}");
        }
    }

    #[test]
    fn everyday_words_are_in_order() {
        assert!(EVERYDAY.is_sorted());
    }
}
