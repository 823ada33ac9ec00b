//! Web addresses: with or without a scheme, in markup, and spelled to escape notice.
//!
//! The folded view is scanned dot by dot. A run of host characters around a dot is a host if its
//! end is a known public suffix; one without scheme, `www.` or path needs more evidence, since
//! "done.In" and "main.rs" have that shape too. Every byte is looked at a bounded number of times.

use std::ops::Range;

use memchr::{memchr_iter, memmem};
use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::lists::domain_key;
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::Views;
use crate::text::confusables::imitates;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[
        FieldId::LinksCount,
        FieldId::LinksHosts,
        FieldId::LinksShare,
        FieldId::LinksDomains,
        FieldId::LinksBare,
        FieldId::LinksMixed,
        FieldId::LinksMailto,
        FieldId::LinksPunycode,
        FieldId::LinksHidden,
    ]),
    needs: FieldSet::of(&[]),
    run: |context, seen| find(context, seen),
};

/// Links after this many are not looked at: no rule asks whether there are more.
const LINKS_MAX: usize = 500;
/// RFC 1035 §2.3.4.
const HOST_MAX: usize = 253;
/// How far behind a link in a tag the same link, as its text, may start and be the same link.
const ANCHOR_REACH: usize = 300;
/// Endings that count without scheme, `www.` or path. None is a common word or file ending.
const BARE_ENDINGS: [&str; 59] = [
    "com", "net", "org", "edu", "gov", "info", "biz", "co", "io", "ai", "app", "dev", "xyz", "top", "site",
    "online", "shop", "store", "club", "blog", "vip", "icu", "buzz", "win", "bet", "casino", "tk", "ml",
    "ga", "cf", "gq", "gg", "tv", "uk", "de", "ru", "ua", "by", "kz", "fr", "nl", "pl", "eu", "ca", "au",
    "br", "cn", "jp", "kr", "es", "ch", "dk", "cz", "ro", "hu", "gr", "tr", "ir", "рф",
];
/// Endings that count behind a spelled-out dot.
const HIDDEN_ENDINGS: [&str; 9] = ["com", "net", "org", "info", "biz", "ru", "xyz", "site", "online"];
/// Names of technologies that look like hosts.
const NOT_HOSTS: [&str; 4] = ["asp.net", "vb.net", "ado.net", "socket.io"];

/// A web address in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// As hosts are compared: ASCII, lower case.
    pub(crate) host: String,
    /// Where in the raw body.
    pub(crate) origin: Range<usize>,
    /// Where in the folded view; empty if the address stands in a tag.
    pub(crate) folded: Range<usize>,
    /// Spelled to escape notice.
    hidden: bool,
    /// Without scheme or `www.`.
    bare: bool,
}

/// An address in a text.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// The host; of a hidden address its part before the last dot.
    host: Range<usize>,
    whole: Range<usize>,
    /// Of a hidden address, what stands behind the last dot.
    ending: Option<&'static str>,
    /// Without scheme or `www.`.
    bare: bool,
}

impl Found {
    fn host_in(&self, text: &str) -> String {
        let host = host_key(&text[self.host.clone()]);
        match self.ending {
            Some(ending) => format!("{host}.{ending}"),
            None => host,
        }
    }
}

/// The host of an address that stands alone, such as an author's website.
pub(super) fn host_of_url(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    domain_key(host)
}

fn find(context: &Context<'_>, seen: &mut Observed<'_>) {
    let body = &context.body;
    let text = body.folded();
    let mut links: Vec<Link> = scan(text)
        .into_iter()
        .map(|found| Link {
            host: written_host(body, &found),
            origin: body.folded_origin(found.whole.clone()),
            folded: found.whole,
            hidden: found.ending.is_some(),
            bare: found.bare,
        })
        .collect();
    if body.has_markup() {
        add_links_in_tags(body.raw(), &mut links);
    }
    let in_links: usize = links.iter().map(|link| text[link.folded.clone()].chars().count()).sum();
    seen.set_count(FieldId::LinksCount, links.len());
    if !links.is_empty() {
        seen.set_share(FieldId::LinksShare, in_links, text.chars().count());
    }
    seen.set_count(FieldId::LinksPunycode, links.iter().filter(|link| is_punycode(&link.host)).count());
    seen.set_count(FieldId::LinksHidden, links.iter().filter(|link| link.hidden).count());
    if context.rules.used().contains(FieldId::LinksDomains) {
        let mut domains: Vec<&str> = links.iter().map(|link| registrable(&link.host)).collect();
        domains.sort_unstable();
        domains.dedup();
        seen.set_count(FieldId::LinksDomains, domains.len());
    }
    seen.set_count(FieldId::LinksBare, links.iter().filter(|link| link.bare).count());
    seen.set_count(FieldId::LinksMixed, links.iter().filter(|link| is_mixed(&link.host)).count());
    if context.rules.used().contains(FieldId::LinksMailto) {
        seen.set_count(FieldId::LinksMailto, memmem::find_iter(body.raw().as_bytes(), "mailto:").count());
    }
    for link in &links {
        if link.bare {
            seen.seen_at(FieldId::LinksBare, Field::Body, link.origin.clone());
        }
        if is_mixed(&link.host) {
            seen.seen_at(FieldId::LinksMixed, Field::Body, link.origin.clone());
        }
        seen.seen_at(FieldId::LinksCount, Field::Body, link.origin.clone());
        if link.hidden {
            seen.seen_at(FieldId::LinksHidden, Field::Body, link.origin.clone());
        }
        if is_punycode(&link.host) {
            seen.seen_at(FieldId::LinksPunycode, Field::Body, link.origin.clone());
        }
    }
    seen.links = links;
}

/// The host as it was written: folding drops accents, which matter in host names.
fn written_host(body: &Views<'_>, found: &Found) -> String {
    let text = body.folded();
    let original = &body.raw()[body.folded_origin(found.host.clone())];
    let written = if original.is_ascii() || found.ending.is_some() { None } else { domain_key(original) };
    written.unwrap_or_else(|| found.host_in(text))
}

fn host_key(host: &str) -> String {
    if host.is_ascii() {
        host.to_ascii_lowercase()
    } else {
        domain_key(host).unwrap_or_else(|| host.to_owned())
    }
}

/// The part of a host that somebody registered; of an address of digits all of it.
fn registrable(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}

fn is_mixed(host: &str) -> bool {
    is_punycode(host) && idna::domain_to_unicode(host).0.split('.').any(imitates)
}

/// Whether a text holds a web address.
pub(super) fn has_address(text: &str) -> bool {
    !scan(text).is_empty()
}

fn is_punycode(host: &str) -> bool {
    !host.is_ascii() || host.split('.').any(|label| label.starts_with("xn--"))
}

/// Adds addresses that only the tags hold, such as `<a href="…">`. One whose text is the same
/// address again is one link.
fn add_links_in_tags(raw: &str, links: &mut Vec<Link>) {
    let visible = links.len();
    for found in scan(raw) {
        let next = links[..visible].partition_point(|link| link.origin.end <= found.whole.start);
        let host = found.host_in(raw);
        let same = links[..visible].get(next).is_some_and(|link| {
            link.origin.start < found.whole.end
                || (link.host == host && link.origin.start - found.whole.end <= ANCHOR_REACH)
        });
        if !same && links.len() < LINKS_MAX {
            links.push(Link { host, origin: found.whole, folded: 0..0, hidden: false, bare: found.bare });
        }
    }
    links.sort_by_key(|link| link.origin.start);
}

/// Every address in a text, in order.
fn scan(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut cursor = 0;
    for dot in memchr_iter(b'.', text.as_bytes()) {
        if dot < cursor {
            continue;
        }
        let run = host_run(text, cursor, dot);
        let address = if run.contains(&dot) { address(text, cursor, run.clone()) } else { None };
        let address = address.or_else(|| hidden(text, cursor, dot..dot + 1));
        // What was no host around this dot is none around the next dot of the same run either.
        cursor = address.as_ref().map_or(run.end.max(dot + 1), |address| address.whole.end);
        found.extend(address);
        if found.len() >= LINKS_MAX {
            return found;
        }
    }
    if memmem::find(text.as_bytes(), b"dot").is_some() {
        let before = found.len();
        for word in memmem::find_iter(text.as_bytes(), "dot") {
            let next = found[..before].partition_point(|link| link.whole.end <= word);
            let from = if next == 0 { 0 } else { found[next - 1].whole.end };
            let from = from.max(found[before..].last().map_or(0, |link| link.whole.end));
            if found.len() < LINKS_MAX
                && from <= word
                && found[..before].get(next).is_none_or(|link| link.whole.start > word)
            {
                found.extend(hidden(text, from, word..word + 3));
            }
        }
        found.sort_by_key(|link| link.whole.start);
        found.dedup_by(|later, earlier| later.whole.start < earlier.whole.end);
    }
    found
}

/// The run of host characters around a dot, without dots and hyphens at its ends.
fn host_run(text: &str, from: usize, dot: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    // Two dots in a row end a host on either side: "wait...what".
    let lone = |at: usize| bytes.get(at + 1) != Some(&b'.') && (at == 0 || bytes[at - 1] != b'.');
    if !lone(dot) {
        return dot..dot;
    }
    let host_char = |at: usize, ch: char| match ch {
        '.' => lone(at),
        '-' | '_' => true,
        _ => ch.is_alphanumeric() || crate::text::chars::is_mark(ch),
    };
    let left = text[from..dot].char_indices().rev().take_while(|(at, ch)| host_char(from + at, *ch));
    let mut start = left.last().map_or(dot, |(at, _)| from + at);
    let right = text[dot..].char_indices().take_while(|(at, ch)| host_char(dot + at, *ch));
    let mut end = right.last().map_or(dot, |(at, ch)| dot + at + ch.len_utf8());
    while start < end && matches!(bytes[start], b'.' | b'-' | b'_') {
        start += 1;
    }
    while start < end && matches!(bytes[end - 1], b'.' | b'-' | b'_') {
        end -= 1;
    }
    start..end
}

/// The address whose host is this run, if it is one.
fn address(text: &str, from: usize, run: Range<usize>) -> Option<Found> {
    let host = &text[run.clone()];
    let before = &text[from..run.start];
    let scheme = scheme_start(before).map(|at| from + at);
    let www = host.len() > 4 && host.as_bytes()[..4].eq_ignore_ascii_case(b"www.");
    if scheme.is_none() && before.ends_with(['@', '/', '\\', '$', '=']) {
        return None;
    }
    let tail = path_length(&text[run.end..]);
    if text[run.end..].starts_with('@') && scheme.is_none() {
        return None;
    }
    if !is_host(text, &run, scheme.is_some(), www, tail > 0) || NOT_HOSTS.contains(&host) {
        return None;
    }
    let start = scheme.unwrap_or(run.start);
    let bare = scheme.is_none() && !www;
    Some(Found { whole: start..run.end + tail, host: run, ending: None, bare })
}

/// Where a scheme starts that ends right here: `https://`, also with a user name behind it.
fn scheme_start(before: &str) -> Option<usize> {
    /// Longest scheme and user name looked for.
    const REACH: usize = 80;
    let mut low = before.len().saturating_sub(REACH);
    while !before.is_char_boundary(low) {
        low += 1;
    }
    let window = &before[low..];
    let mark = window.rfind("://")?;
    let between = &window[mark + 3..];
    if !(between.is_empty() || (between.ends_with('@') && !between.contains([' ', '/']))) {
        return None;
    }
    let letters = window[..mark].bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
    (letters > 0).then_some(low + mark - letters)
}

fn is_host(text: &str, run: &Range<usize>, scheme: bool, www: bool, path: bool) -> bool {
    let host = &text[run.clone()];
    let Some((name, ending)) = host.rsplit_once('.') else { return false };
    if host.len() > HOST_MAX || name.is_empty() || ending.is_empty() {
        return false;
    }
    if scheme {
        return ending.chars().any(char::is_alphabetic) || host.parse::<std::net::Ipv4Addr>().is_ok();
    }
    if ending.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    if www || path {
        return has_known_suffix(host);
    }
    let label = name.rsplit('.').next().unwrap_or(name);
    label.chars().count() >= 2
        && label.chars().any(char::is_alphabetic)
        && BARE_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Whether the host ends in a suffix of the public suffix list.
pub(super) fn has_known_suffix(host: &str) -> bool {
    let lower = host_key(host);
    psl::suffix(lower.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() < lower.len())
}

/// How many bytes of port, path, query and fragment follow a host.
fn path_length(rest: &str) -> usize {
    let port = rest.strip_prefix(':').map_or(0, |digits| {
        let length = digits.bytes().take(5).take_while(u8::is_ascii_digit).count();
        if length == 0 { 0 } else { length + 1 }
    });
    let path = &rest[port..];
    if !path.starts_with(['/', '?', '#']) {
        return port;
    }
    let ends = |ch: char| ch.is_whitespace() || ch.is_control() || "\"<>[]{}|\\^`“”«»".contains(ch);
    let end = path.find(ends).unwrap_or(path.len());
    port + path[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', '*', '_', '…']).len()
}

/// The address around a dot that is spelled out (`dot`) or set apart: ` . `, `[.]`, `(dot)`.
fn hidden(text: &str, from: usize, dot: Range<usize>) -> Option<Found> {
    let (left, right) = (text[from..dot.start].chars().next_back()?, text[dot.end..].chars().next()?);
    if !matches!((left, right), (' ', ' ') | ('[', ']') | ('(', ')') | ('{', '}')) {
        return None;
    }
    let name_end = from + text[from..dot.start - 1].trim_end_matches(' ').len();
    let ending_start =
        dot.end + 1 + (text[dot.end + 1..].len() - text[dot.end + 1..].trim_start_matches(' ').len());
    let name = text[from..name_end]
        .char_indices()
        .rev()
        .take(HOST_MAX)
        .take_while(|(_, ch)| ch.is_alphanumeric() || matches!(ch, '-' | '.'))
        .last()
        .map(|(at, _)| from + at)?;
    let rest = &text[ending_start..];
    let length = rest.find(|ch: char| !ch.is_alphanumeric()).unwrap_or(rest.len());
    let known = HIDDEN_ENDINGS.into_iter().find(|known| rest[..length].eq_ignore_ascii_case(known))?;
    let fits = name_end - name >= 3 && text[name..name_end].chars().any(char::is_alphabetic);
    fits.then_some(Found {
        host: name..name_end,
        whole: name..ending_start + length,
        ending: Some(known),
        bare: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Vec<String> {
        let folded = crate::text::fold::folded(text);
        scan(&folded).iter().map(|found| found.host_in(&folded)).collect()
    }

    #[test]
    fn addresses_are_found_however_they_are_written() {
        for (text, expected) in [
            ("see https://a.example.com/x?y=1, ok", "a.example.com"),
            ("www.shop.example.co.uk!", "www.shop.example.co.uk"),
            ("go to Example.com.", "example.com"),
            ("t.me/joinchat", "t.me"),
            ("kidsite  . com", "kidsite.com"),
            ("my page is bestpills dot com", "bestpills.com"),
            ("bestpills[.]net or", "bestpills.net"),
            ("http://user:pw@evil.example/x", "evil.example"),
            ("http://203.0.113.9/x", "203.0.113.9"),
            ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
            ("hxxp://bad.example", "bad.example"),
        ] {
            assert_eq!(hosts(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_only_has_dots_is_no_address() {
        for text in [
            "done.In the end",
            "e.g. this",
            "i.e.that",
            "main.rs and setup.py",
            "version 1.2.3",
            "3.14",
            "wait...what",
            "ASP.NET",
            "me@example.com",
            "Mr.Smith",
            "a polka dot dress",
            "src/lib.rs",
            "so.So",
        ] {
            assert!(hosts(text).is_empty(), "{text}: {:?}", hosts(text));
        }
    }

    #[test]
    fn accents_are_part_of_a_host() {
        let views = Views::of("auf Bücher.de und w\u{200B}ww.plain.example.com");
        let written: Vec<_> = scan(views.folded()).iter().map(|found| written_host(&views, found)).collect();
        assert_eq!(written, ["xn--bcher-kva.de", "www.plain.example.com"]);
    }

    #[test]
    fn the_whole_address_is_the_span() {
        let text = "see https://a.example.com/x?y=1, ok";
        assert_eq!(&text[scan(text)[0].whole.clone()], "https://a.example.com/x?y=1");
    }

    #[test]
    fn a_link_whose_text_is_itself_counts_once() {
        let raw =
            "<a href=\"http://a.example/x\">http://a.example/x</a> <a href='http://b.example'>click</a>";
        let views = crate::text::Views::of(raw);
        let folded = views.folded();
        let mut links: Vec<Link> = scan(folded)
            .into_iter()
            .map(|found| Link {
                host: found.host_in(folded),
                origin: views.folded_origin(found.whole.clone()),
                folded: found.whole,
                hidden: false,
                bare: found.bare,
            })
            .collect();
        add_links_in_tags(raw, &mut links);
        let hosts: Vec<&str> = links.iter().map(|link| link.host.as_str()).collect();
        assert_eq!(hosts, ["a.example", "b.example"]);
    }
}
