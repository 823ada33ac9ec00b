//! Contact details in the text: e-mail addresses and phone numbers.

use std::ops::Range;

use memchr::memchr_iter;
use moderato_domain::Field;

use super::links::has_known_suffix;
use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::has_digit;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::ContactsEmails, FieldId::ContactsPhones]),
    // Digits of a web address are no phone number.
    needs: FieldSet::of(&[FieldId::LinksCount]),
    run: |context, seen| find(context, seen),
};

/// Most contacts counted.
const CONTACTS_MAX: usize = 100;
/// RFC 5321 §4.5.3.1.1 and §4.5.3.1.2: longest local part and domain.
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;
/// Longest run of digits and separators looked at: 15 digits (ITU-T E.164), each with a separator.
const PHONE_BYTES_MAX: usize = 32;

fn find(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.folded();
    let emails = emails(text);
    let taken = |range: &Range<usize>| {
        seen.links.iter().any(|link| link.folded.start < range.end && range.start < link.folded.end)
            || emails.iter().any(|email| email.start < range.end && range.start < email.end)
    };
    let phones: Vec<_> = phones(text).into_iter().filter(|range| !taken(range)).collect();
    for (field, ranges) in [(FieldId::ContactsEmails, emails), (FieldId::ContactsPhones, phones)] {
        seen.set_count(field, ranges.len());
        for range in ranges {
            seen.seen_at(field, Field::Body, context.body.folded_origin(range));
        }
    }
}

/// Whether a text holds a mail address or a phone number.
pub(super) fn has_contact(text: &str) -> bool {
    !emails(text).is_empty() || !phones(text).is_empty()
}

fn emails(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut cursor = 0;
    for at in memchr_iter(b'@', bytes) {
        if at < cursor || found.len() >= CONTACTS_MAX {
            continue;
        }
        let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-'".contains(byte);
        let domain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        let before = bytes[cursor..at].iter().rev().take(LOCAL_MAX).take_while(|byte| local(byte)).count();
        let after = bytes[at + 1..].iter().take(DOMAIN_MAX).take_while(|byte| domain(byte)).count();
        let host = text[at + 1..at + 1 + after].trim_end_matches(['.', '-']);
        if before > 0 && !host.starts_with('.') && !host.contains("..") && has_known_suffix(host) {
            cursor = at + 1 + host.len();
            found.push(at - before..cursor);
        } else {
            cursor = at + 1;
        }
    }
    found
}

fn phones(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    if !has_digit(text) {
        return found;
    }
    let mut at = 0;
    while at < bytes.len() && found.len() < CONTACTS_MAX {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| in_phone(**byte)).count();
        let mut end = at + length;
        while !bytes[end - 1].is_ascii_digit() {
            end -= 1;
        }
        // A plus or an opening bracket before the first digit belongs to the number.
        let opened = bytes[..at].iter().rev().take(2).take_while(|byte| matches!(byte, b'+' | b'(')).count();
        let range = at - opened..end;
        if end - at <= PHONE_BYTES_MAX && is_phone(text, &range) {
            found.push(range);
        }
        at += length;
    }
    found
}

const fn in_phone(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// Whether digits and separators are grouped as people write phone numbers, rather than dates,
/// prices, addresses of machines or serial numbers.
fn is_phone(text: &str, range: &Range<usize>) -> bool {
    let number = &text[range.clone()];
    let before = text[..range.start].chars().next_back().unwrap_or(' ');
    let after = text[range.end..].chars().next().unwrap_or(' ');
    if before.is_alphanumeric()
        || after.is_alphanumeric()
        || "#$£€.,:/_=%".contains(before)
        || "%:_@".contains(after)
    {
        return false;
    }
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let groups: Vec<usize> =
        number.split(|ch: char| !ch.is_ascii_digit()).map(str::len).filter(|length| *length > 0).collect();
    if number.starts_with('+') || number.starts_with("(+") || number.starts_with("00") {
        return (8..=15).contains(&digits) && groups.len() <= 7;
    }
    // A trunk prefix: 0171 1234567, 07700 900123.
    if number.trim_start_matches('(').starts_with('0') {
        return (9..=12).contains(&digits) && groups.len() <= 5 && groups.iter().any(|length| *length >= 3);
    }
    // North America: 555-555-0100, (555) 555 0100, 1-555-555-0100.
    let american = matches!(groups.as_slice(), [3, 3, 4] | [1, 3, 3, 4]);
    // Unbroken mobile numbers of 10 to 12 digits, as in India or Brazil; epochs start with 1.
    let unbroken = groups.len() == 1 && (10..=12).contains(&digits) && !number.starts_with('1');
    american || unbroken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_told_from_other_numbers() {
        for text in [
            "call +44 20 7946 0018 now",
            "0171 1234567",
            "(555) 555-0100",
            "555.555.0100",
            "08002986030",
            "whatsapp 9876543210",
            "+1 (555) 555 0100",
        ] {
            assert_eq!(phones(text).len(), 1, "{text}");
        }
        for text in [
            "2024-01-15 12:30",
            "15.01.2024",
            "192.168.100.200",
            "1,000,000",
            "$1000000000",
            "1700000000",
            "3.14159265358979",
            "isbn 978-3-16-148410-0",
            "2019/2020",
            "10 20 30 40",
            "rfc 5321",
            "100 000 000",
        ] {
            assert!(phones(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn mail_addresses_are_found_with_their_whole_text() {
        let text = "write to jane.doe+x@mail.example.com.";
        assert_eq!(
            emails(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>(),
            ["jane.doe+x@mail.example.com"]
        );
        for text in ["@someone hi", "a @ b.com", "x@localhost", "me@.com", "@@@@"] {
            assert!(emails(text).is_empty(), "{text}");
        }
    }
}
