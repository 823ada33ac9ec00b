//! The schema: every field that a rule's condition can use, with its type.
//!
//! To add a field: add it to the list below, with its type, cost, meaning and an example, and set it in
//! the analyzer that names it under `provides`. Examples may ask for the lists `phrases`,
//! `domains`, `addresses` and `authors`; a test compiles every one.

use std::fmt::Write as _;

/// What a field holds, and so which operators it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// True or false: stands alone in a condition.
    Flag,
    /// A whole number.
    Count,
    /// A real number; shares are between 0 and 1.
    Number,
    /// A span of time, compared with `30s`, `15m`, `2h`, `7d` or `4w`.
    Duration,
    /// Words: `==`, `in`, `matches`, and `has list` with a list of phrases.
    Text,
    /// One host name: `==`, `in`, and `has list` with a list of domains.
    Domain,
    /// Any number of host names: `has list` with a list of domains.
    Domains,
    /// An IP address: `has list` with a list of addresses.
    Address,
    /// A person: `has list` with a list of authors.
    Author,
}

/// What it costs to find a field out. Fields that no rule uses cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Stands in the comment: nanoseconds.
    Given,
    /// A pass over the text: about a microsecond per kilobyte.
    Pass,
    /// A search of the text for things of some shape: a few microseconds.
    Search,
    /// Asked of the store or another source before the comment is judged, for a whole batch at once.
    Fact,
}

impl Cost {
    /// The word for it in the reference.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Pass => "pass",
            Self::Search => "search",
            Self::Fact => "fact",
        }
    }
}

impl FieldKind {
    /// How error messages call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flag => "a flag",
            Self::Count => "a count",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Domain => "a domain",
            Self::Domains => "a set of domains",
            Self::Address => "an IP address",
            Self::Author => "a person",
            Self::Duration => "a span of time",
        }
    }
}

macro_rules! fields {
    ($($field:ident $id:literal $kind:ident $cost:ident $doc:literal $example:literal)*) => {
        /// A field of the schema.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub(crate) enum FieldId { $(#[doc = $doc] $field),* }

        impl FieldId {
            /// Every field, in the order in which evaluations list signals.
            pub(crate) const ALL: [Self; [$(stringify!($field)),*].len()] = [$(Self::$field),*];

            /// The name that rules use.
            pub(crate) const fn id(self) -> &'static str {
                match self { $(Self::$field => $id),* }
            }

            /// What it holds.
            pub(crate) const fn kind(self) -> FieldKind {
                match self { $(Self::$field => FieldKind::$kind),* }
            }

            /// What finding it out costs.
            pub(crate) const fn cost(self) -> Cost {
                match self { $(Self::$field => Cost::$cost),* }
            }

            /// What it means, in one sentence.
            pub(crate) const fn doc(self) -> &'static str {
                match self { $(Self::$field => $doc),* }
            }

            /// A condition that uses it.
            pub(crate) const fn example(self) -> &'static str {
                match self { $(Self::$field => $example),* }
            }
        }
    };
}

fields! {
    Body "body" Text Given
        "The text of the comment."
        r#"body has list("phrases")"#
    BodyUnquoted "body.unquoted" Text Search
        "The text outside of quotations: lines behind `>`, quoting markup, quotation marks."
        r#"body.unquoted has list("phrases")"#
    BodyAddressed "body.addressed" Text Search
        "The sentences that speak to somebody, by a pronoun of the second person."
        r#"body.addressed has list("phrases")"#
    BodyChars "body.chars" Count Pass
        "Characters in the body."
        "body.chars > 8000"
    BodyGraphemes "body.graphemes" Count Search
        "Characters in the body as a reader counts them: an emoji or a letter with its marks is one."
        "body.graphemes < 2"
    BodyWords "body.words" Count Pass
        "Words in the body."
        "body.words < 3"
    BodyLines "body.lines" Count Pass
        "Lines in the body."
        "body.lines > 100"
    BodyLanguage "body.language" Text Search
        "The language of the body as detected, a BCP 47 tag; absent if it is too short to tell. Costs some 100 µs."
        r#"body.language in ["id", "vi"]"#
    MarkupShare "markup.share" Number Pass
        "Share of the body that is tags, entities and BBCode."
        "markup.share > 0.5"
    QuotesShare "quotes.share" Number Pass
        "Share of the body that is quoted."
        "quotes.share >= 0.5"
    AddressSecondPerson "address.second_person" Count Search
        "Pronouns of the second person in the body: *you*, *du*, *ты*."
        "address.second_person >= 3"
    QuestionsShare "questions.share" Number Search
        "Share of questions among the sentences."
        "questions.share == 1.0"
    LinksCount "links.count" Count Search
        "Web addresses in the body, with or without http, also spelled `example dot com`."
        "links.count >= 3"
    LinksHosts "links.hosts" Domains Search
        "The hosts those addresses lead to."
        r#"links.hosts has list("domains")"#
    LinksShare "links.share" Number Search
        "Share of the body's characters that belong to web addresses."
        "links.share >= 0.5"
    LinksDomains "links.domains" Count Search
        "Different registrable domains among those addresses, by the public suffix list."
        "links.domains >= 3"
    LinksBare "links.bare" Count Search
        "Web addresses without http or www."
        "links.bare >= 2"
    LinksMixed "links.mixed" Count Search
        "Web addresses whose host has a label that mixes scripts, or looks Latin and is not."
        "links.mixed >= 1"
    LinksMailto "links.mailto" Count Pass
        "Links that write a mail."
        "links.mailto >= 1"
    LinksPunycode "links.punycode" Count Search
        "Web addresses whose host is not plain ASCII."
        "links.punycode >= 1"
    LinksHidden "links.hidden" Count Search
        "Web addresses spelled to escape notice: `example dot com`, `example . com`."
        "links.hidden >= 1"
    CapsShare "caps.share" Number Pass
        "Share of capitals among the letters that have case; absent below 12 such letters."
        "caps.share > 0.7 and body.chars >= 30"
    RepetitionRun "repetition.run" Count Pass
        "Longest run of one character."
        "repetition.run >= 20"
    RepetitionWordShare "repetition.word_share" Number Pass
        "Share of the most frequent word among those of at least 2 characters; absent below 6 of them."
        "repetition.word_share >= 0.5"
    ContactsEmails "contacts.emails" Count Search
        "E-mail addresses in the body."
        "contacts.emails >= 1"
    ContactsPhones "contacts.phones" Count Search
        "Phone numbers in the body."
        "contacts.phones >= 1"
    ContactsStreets "contacts.streets" Count Search
        "Streets with a house number in the body: a weak sign of a postal address."
        "contacts.streets >= 1 and contacts.phones >= 1"
    AccountsCards "accounts.cards" Count Search
        "Numbers of payment cards in the body, by issuer, length and check digit."
        "accounts.cards >= 1"
    AccountsIbans "accounts.ibans" Count Search
        "Numbers of bank accounts (IBAN) in the body, by country, length and check digits."
        "accounts.ibans >= 1"
    MentionsCount "mentions.count" Count Pass
        "People called by `@name` in the body."
        "mentions.count >= 5"
    HashtagsCount "hashtags.count" Count Pass
        "Subjects like `#this` in the body."
        "hashtags.count >= 5"
    InvisibleCount "invisible.count" Count Pass
        "Characters in the body that nobody can see and that its script does not need."
        "invisible.count >= 5"
    InvisibleShare "invisible.share" Number Pass
        "Share of such characters."
        "invisible.share >= 0.05"
    CombiningMaxRun "combining.max_run" Count Pass
        "Most marks stacked on one character."
        "combining.max_run >= 6"
    LettersMixed "letters.mixed" Count Pass
        "Words that mix Latin with Cyrillic or Greek letters."
        "letters.mixed >= 3"
    LettersScript "letters.script" Text Pass
        "The script of most letters: `latin`, `cyrillic`, `greek`, `arabic`, `hebrew`, `indic`, `thai`, `han`, `kana`, `hangul`, `armenian`, `georgian` or `other`."
        r#"letters.script != "latin""#
    LettersScripts "letters.scripts" Count Pass
        "Different scripts among the letters."
        "letters.scripts >= 4"
    LettersLatinShare "letters.latin_share" Number Pass
        "Share of Latin letters among the letters."
        "letters.latin_share < 0.2"
    EmojiCount "emoji.count" Count Pass
        "Emoji in the body."
        "emoji.count >= 20"
    EmojiShare "emoji.share" Number Pass
        "Share of emoji among the visible characters."
        "emoji.share >= 0.8"
    Author "author" Author Given
        "Who writes, by name, mail address or the platform's id."
        r#"author has list("authors")"#
    AuthorName "author.name" Text Given
        "The name that readers see."
        r#"author.name matches "^anonym""#
    AuthorNameIsContact "author.name_is_contact" Flag Search
        "The author's name holds a web address, mail address or phone number."
        "author.name_is_contact"
    AuthorNameMixed "author.name_mixed" Flag Pass
        "The author's name mixes Latin with Cyrillic or Greek letters in one word."
        "author.name_mixed"
    AuthorKnown "author.known" Flag Fact
        "The site knows the author from earlier comments, and the platform vouches that this is the author."
        "not author.known"
    AuthorComments "author.comments" Count Fact
        "The author's earlier comments, of any outcome."
        "author.comments < 3"
    AuthorPublished "author.published" Count Fact
        "The author's comments that readers can see."
        "author.published >= 10"
    AuthorRejected "author.rejected" Count Fact
        "The author's comments that were rejected, as spam or otherwise."
        "author.rejected >= 3 and author.rejected > author.published"
    AuthorGuest "author.guest" Flag Given
        "The author is not signed in."
        "author.guest"
    AuthorRepeatsText "author.repeats_text" Flag Fact
        "The author's newest comment, of the last 24 hours, has the same text."
        "author.repeats_text"
    AuthorVerified "author.verified" Flag Given
        "The platform vouches for the author: signed in, or the mail address was confirmed."
        "not author.verified"
    AuthorAge "author.age" Duration Fact
        "How long the site has known the author; absent for somebody new."
        "author.age < 7d"
    AuthorRejectionRate "author.rejection_rate" Number Fact
        "Share of rejected comments among the author's newest 20 of the last 7 days that are settled; absent below 3."
        "author.rejection_rate >= 0.5"
    AuthorRateMinute "author.rate_1m" Count Fact
        "Comments of the author within a minute before this one, at most 256; absent for an edit."
        "author.rate_1m >= 3"
    AuthorRateTenMinutes "author.rate_10m" Count Fact
        "Comments of the author within ten minutes before this one, at most 256; absent for an edit."
        "author.rate_10m >= 10"
    AuthorRateHour "author.rate_1h" Count Fact
        "Comments of the author within an hour before this one, at most 256; absent for an edit."
        "author.rate_1h >= 30"
    AuthorRateDay "author.rate_24h" Count Fact
        "Comments of the author within a day before this one, at most 256; absent for an edit."
        "author.rate_24h >= 100"
    NetworkRateMinute "network.rate_1m" Count Fact
        "Comments from the author's network (/24 of IPv4, /48 of IPv6) within a minute before this one, at most 256; absent for an edit."
        "network.rate_1m >= 3"
    NetworkRateTenMinutes "network.rate_10m" Count Fact
        "Comments from the author's network (/24 of IPv4, /48 of IPv6) within ten minutes before this one, at most 256; absent for an edit."
        "network.rate_10m >= 10"
    NetworkRateHour "network.rate_1h" Count Fact
        "Comments from the author's network (/24 of IPv4, /48 of IPv6) within an hour before this one, at most 256; absent for an edit."
        "network.rate_1h >= 30"
    NetworkRateDay "network.rate_24h" Count Fact
        "Comments from the author's network (/24 of IPv4, /48 of IPv6) within a day before this one, at most 256; absent for an edit."
        "network.rate_24h >= 100"
    ThreadRateMinute "thread.rate_1m" Count Fact
        "Comments on the page within a minute before this one, at most 256; absent for an edit."
        "thread.rate_1m >= 3"
    ThreadRateTenMinutes "thread.rate_10m" Count Fact
        "Comments on the page within ten minutes before this one, at most 256; absent for an edit."
        "thread.rate_10m >= 10"
    ThreadRateHour "thread.rate_1h" Count Fact
        "Comments on the page within an hour before this one, at most 256; absent for an edit."
        "thread.rate_1h >= 30"
    ThreadRateDay "thread.rate_24h" Count Fact
        "Comments on the page within a day before this one, at most 256; absent for an edit."
        "thread.rate_24h >= 100"
    RepeatsAuthor "repeats.author" Count Fact
        "Other comments of the author, of the last 7 days, with the same text or a variant of it."
        "repeats.author >= 1"
    RepeatsSite "repeats.site" Count Fact
        "Other comments on the site, of the last 7 days, with the same text or a variant of it."
        "repeats.site >= 3 and body.words >= 8"
    RepeatsIdentical "repeats.identical" Count Fact
        "Those of them that have the very same words."
        "repeats.identical >= 2 and body.words >= 8"
    RepeatsAuthors "repeats.authors" Count Fact
        "Other authors on the site who wrote it."
        "repeats.authors >= 2 and body.words >= 8"
    RepeatsSites "repeats.sites" Count Fact
        "Other sites that got the same text or a variant of it in the last 7 days."
        "repeats.sites >= 2 and body.words >= 8"
    ThreadAge "thread.age" Duration Fact
        "Since the page was published, as the platform tells; else since the oldest comment that readers see on it."
        "thread.age > 26w"
    ThreadClosed "thread.closed" Flag Given
        "The platform says that the page takes no more comments."
        "thread.closed"
    ThreadComments "thread.comments" Count Fact
        "Comments that readers see on the page, at most 1,000."
        "thread.comments == 0"
    FormHoneypotFilled "form.honeypot_filled" Flag Given
        "A field of the form that people do not see was filled in."
        "form.honeypot_filled"
    FormFillTime "form.fill_time" Duration Given
        "From showing the form to sending it; absent if the platform does not tell."
        "form.fill_time < 3s"
    FormChallengePassed "form.challenge_passed" Flag Given
        "The author solved the platform's challenge, such as a captcha."
        "not form.challenge_passed"
    FormChallengeFailed "form.challenge_failed" Flag Given
        "The author did not solve the platform's challenge."
        "form.challenge_failed"
    AttachmentsCount "attachments.count" Count Given
        "Files that come with the comment."
        "attachments.count > 3"
    AttachmentsBytes "attachments.bytes" Count Given
        "Their size together."
        "attachments.bytes > 2_000_000"
    AttachmentsTypes "attachments.types" Text Given
        "Their MIME types, with a space between two."
        r#"attachments.types matches "application/""#
    GuidelinesAccepted "guidelines.accepted" Flag Given
        "The author accepted the guidelines in the version that the site asks for; absent if it asks for none."
        "not guidelines.accepted"
    BlockListsCount "block_lists.count" Count Fact
        "Public block lists (DNSBL) that list the author's address."
        "block_lists.count >= 1"
    AuthorEmailDomain "author.email_domain" Domain Given
        "The part of the author's mail address after the @."
        r#"author.email_domain == "mail.example""#
    AuthorHasUrl "author.has_url" Flag Given
        "The author left a website."
        "author.has_url"
    AuthorUrlHost "author.url_host" Domain Given
        "The host of the author's website."
        r#"author.url_host has list("domains")"#
    ClientIp "client.ip" Address Given
        "The address the author wrote from, as the platform tells."
        r#"client.ip has list("addresses")"#
    CommentIsReply "comment.is_reply" Flag Given
        "The comment answers another one."
        "comment.is_reply"
    CommentLanguage "comment.language" Text Given
        "The language that the platform tells, a BCP 47 tag."
        r#"comment.language in ["en", "de"]"#
    CommentRevision "comment.revision" Count Given
        "Which version of the comment this is."
        "comment.revision > 1"
}

impl FieldId {
    /// How many fields there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

    /// The field of that name.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.id() == id)
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FieldSet(u128);

// A set is one word of bits.
const _: () = assert!(FieldId::COUNT <= 128);

impl FieldSet {
    /// The set of these fields.
    pub(crate) const fn of(fields: &[FieldId]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < fields.len() {
            bits |= 1 << fields[at] as u128;
            at += 1;
        }
        Self(bits)
    }

    /// Adds a field.
    pub(crate) const fn insert(&mut self, field: FieldId) {
        self.0 |= 1 << field as u128;
    }

    /// Whether the field is in it.
    pub(crate) const fn contains(self, field: FieldId) -> bool {
        self.0 & (1 << field as u128) != 0
    }

    /// Its fields, in schema order.
    pub(crate) fn iter(self) -> impl Iterator<Item = FieldId> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            let at = bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            FieldId::ALL.get(at).copied()
        })
    }

    /// Whether the two sets share a field.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One line of the schema, for documentation and editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldDoc {
    /// The name that rules use.
    pub id: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// What finding it out costs.
    pub cost: Cost,
    /// What it means.
    pub doc: &'static str,
    /// A condition that uses it.
    pub example: &'static str,
}

/// Every field that a rule's condition can use, in schema order.
pub fn schema() -> impl Iterator<Item = FieldDoc> {
    FieldId::ALL.into_iter().map(|field| FieldDoc {
        id: field.id(),
        kind: field.kind(),
        cost: field.cost(),
        doc: field.doc(),
        example: field.example(),
    })
}

/// The reference of all fields, as Markdown: what `FIELDS.md` holds.
pub fn field_reference() -> String {
    let mut page = "# Fields of conditions\n\n\
        Written by `field_reference`; a test keeps it up to date. A field that no rule uses is not computed.\n\n\
        | cost | |\n|---|---|\n\
        | given | stands in the comment: nanoseconds |\n\
        | pass | a pass over the text: about a microsecond per kilobyte |\n\
        | search | a search of the text for things of some shape: a few microseconds |\n\
        | fact | asked before the comment is judged, for a whole batch at once |\n\n\
        | field | type | cost | meaning | example |\n|---|---|---|---|---|\n"
        .to_owned();
    for field in FieldId::ALL {
        let (id, kind, cost) = (field.id(), field.kind().name(), field.cost().as_str());
        let (doc, example) = (field.doc().replace('|', "\\|"), field.example());
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{id}` | {kind} | {cost} | {doc} | `{example}` |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_fits_the_set_and_is_found_by_name() {
        for field in FieldId::ALL {
            assert_eq!(FieldId::parse(field.id()), Some(field));
            let mut set = FieldSet::default();
            set.insert(field);
            assert!(set.contains(field) && set.meets(FieldSet::of(&[field])));
        }
    }
}
