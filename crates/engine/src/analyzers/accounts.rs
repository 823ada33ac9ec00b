//! Numbers of payment cards and bank accounts, told from other numbers by their checksums.

use std::ops::Range;

use moderato_domain::Field;

use super::{Analyzer, Context, Observed};
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::chars::has_digit;

pub(crate) const ANALYZER: Analyzer = Analyzer {
    provides: FieldSet::of(&[FieldId::AccountsCards, FieldId::AccountsIbans]),
    needs: FieldSet::of(&[]),
    run: |context, seen| find(context, seen),
};

/// Most numbers of a kind that are counted.
const ACCOUNTS_MAX: usize = 100;
/// Most groups that a card's number is written in.
const GROUPS_MAX: usize = 5;

/// The first six digits of the issuers of cards (ISO/IEC 7812), from and to, and how long their numbers are.
const ISSUERS: [(u32, u32, &[usize]); 13] = [
    // Visa
    (400_000, 499_999, &[13, 16, 19]),
    // Mastercard
    (510_000, 559_999, &[16]),
    (222_100, 272_099, &[16]),
    // American Express
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    // Diners Club
    (300_000, 305_999, &[14]),
    (360_000, 369_999, &[14]),
    (380_000, 399_999, &[14]),
    // Discover
    (601_100, 601_199, &[16, 19]),
    (644_000, 659_999, &[16, 19]),
    // UnionPay
    (620_000, 629_999, &[16, 17, 18, 19]),
    // JCB
    (352_800, 358_999, &[16]),
    // Mir
    (220_000, 220_499, &[16]),
];

/// Lengths of account numbers by country (ISO 13616, registry of the members that people here have
/// accounts in).
const IBAN_LENGTHS: [(&[u8; 2], usize); 56] = [
    (b"ad", 24),
    (b"ae", 23),
    (b"al", 28),
    (b"at", 20),
    (b"az", 28),
    (b"ba", 20),
    (b"be", 16),
    (b"bg", 22),
    (b"bh", 22),
    (b"br", 29),
    (b"by", 28),
    (b"ch", 21),
    (b"cr", 22),
    (b"cy", 28),
    (b"cz", 24),
    (b"de", 22),
    (b"dk", 18),
    (b"do", 28),
    (b"ee", 20),
    (b"eg", 29),
    (b"es", 24),
    (b"fi", 18),
    (b"fr", 27),
    (b"gb", 22),
    (b"ge", 22),
    (b"gr", 27),
    (b"hr", 21),
    (b"hu", 28),
    (b"ie", 22),
    (b"il", 23),
    (b"is", 26),
    (b"it", 27),
    (b"jo", 30),
    (b"kw", 30),
    (b"kz", 20),
    (b"lb", 28),
    (b"li", 21),
    (b"lt", 20),
    (b"lu", 20),
    (b"lv", 21),
    (b"mc", 27),
    (b"md", 24),
    (b"me", 22),
    (b"mk", 19),
    (b"mt", 31),
    (b"nl", 18),
    (b"no", 15),
    (b"pl", 28),
    (b"pt", 25),
    (b"ro", 24),
    (b"rs", 22),
    (b"sa", 24),
    (b"se", 24),
    (b"si", 19),
    (b"sk", 24),
    (b"tr", 26),
];

fn find(context: &Context<'_>, seen: &mut Observed<'_>) {
    let text = context.body.folded();
    let text = if has_digit(text) { text } else { "" };
    for (field, ranges) in [(FieldId::AccountsCards, cards(text)), (FieldId::AccountsIbans, ibans(text))] {
        seen.set_count(field, ranges.len());
        for range in ranges {
            seen.seen_at(field, Field::Body, context.body.folded_origin(range));
        }
    }
}

fn cards(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while found.len() < ACCOUNTS_MAX
        && let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit)
    {
        at += digit;
        // A letter before the first digit makes it part of some code.
        let apart = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let end = if apart { card_end(bytes, at) } else { None };
        if let Some(end) = end {
            found.push(at..end);
        }
        at = end.unwrap_or_else(|| at + digits_from(bytes, at));
    }
    found
}

fn digits_from(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where the card's number ends that starts here: unbroken, or in the groups in which it is printed.
fn card_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0_u8; 19];
    let mut count = 0;
    let mut groups = [0; GROUPS_MAX];
    let mut at = start;
    for number in 0..GROUPS_MAX {
        let length = digits_from(bytes, at);
        if length == 0 || count + length > digits.len() {
            return None;
        }
        digits[count..count + length].copy_from_slice(&bytes[at..at + length]);
        count += length;
        groups[number] = length;
        at += length;
        let printed = match groups[..=number] {
            [unbroken] => unbroken >= 13,
            [4, 6, 4 | 5] | [4, 4, 4, 4] => true,
            _ => false,
        };
        if printed && is_card(&digits[..count]) && !bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
            return Some(at);
        }
        if !matches!(bytes.get(at), Some(b' ' | b'-')) {
            return None;
        }
        at += 1;
    }
    None
}

/// Whether digits are the number of a card: an issuer's prefix and length, and the check digit of Luhn.
fn is_card(digits: &[u8]) -> bool {
    let prefix = digits[..6].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let issued = |(first, last, lengths): &(u32, u32, &[usize])| {
        (*first..=*last).contains(&prefix) && lengths.contains(&digits.len())
    };
    ISSUERS.iter().any(issued) && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0') << (place % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn ibans(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    // Nearly every text has no digits to look at: the check digits are found first, then what is before.
    while found.len() < ACCOUNTS_MAX
        && let Some(digit) = bytes.get(at + 2..).and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        at += digit;
        let apart = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let shaped = apart
            && bytes[at..at + 2].iter().all(u8::is_ascii_alphabetic)
            && bytes.get(at + 3).is_some_and(u8::is_ascii_digit);
        let end = if shaped { iban_end(bytes, at) } else { None };
        if let Some(end) = end {
            found.push(at..end);
        }
        at = end.unwrap_or(at + 1);
    }
    found
}

/// Where the account number ends that starts here: as long as its country's, in one piece or with single
/// spaces, and with the check digits of ISO 7064 (remainder 1 by 97).
fn iban_end(bytes: &[u8], start: usize) -> Option<usize> {
    let country = bytes.get(start..start + 2)?;
    let (_, length) = IBAN_LENGTHS.iter().find(|(known, _)| known.as_slice() == country)?;
    let mut characters = Vec::with_capacity(*length);
    let mut at = start;
    while characters.len() < *length {
        match bytes.get(at)? {
            byte if byte.is_ascii_alphanumeric() => characters.push(*byte),
            b' ' if bytes[at - 1] != b' ' => {}
            _ => return None,
        }
        at += 1;
    }
    if bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    characters.rotate_left(4);
    let remainder = characters.iter().fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.to_ascii_lowercase() - b'a') + 10) % 97,
    });
    (remainder == 1).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_told_from_other_long_numbers() {
        // Numbers that issuers publish for tests.
        for text in [
            "my card 4111 1111 1111 1111 12/28",
            "4111111111111111",
            "5555-5555-5555-4444",
            "378282246310005",
            "3782 822463 10005",
            "2 6011111111111117",
        ] {
            assert_eq!(cards(text).len(), 1, "{text}");
        }
        for text in [
            "4111 1111 1111 1112",
            "1234567890123456",
            "isbn 9783161484100",
            "a4111111111111111",
            "41111111111111111111111",
            "4 1 1 1 1 1 1 1 1 1",
            "2024-01-15 12:30:00",
        ] {
            assert!(cards(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn account_numbers_have_their_countrys_length_and_check_digits() {
        // The examples of the registry.
        for text in
            ["iban de89 3704 0044 0532 0130 00.", "gb29nwbk60161331926819", "fr1420041010050500013m02606"]
        {
            assert_eq!(ibans(text).len(), 1, "{text}");
        }
        for text in [
            "de89 3704 0044 0532 0130 01",
            "de893704004405320130",
            "xx89 3704 0044 0532 0130 00",
            "an 12 de34",
        ] {
            assert!(ibans(text).is_empty(), "{text}");
        }
    }
}
