//! The schema: every field that a rule's condition can use, with its type.
//!
//! To add a field: add a line here, and set it in the analyzer that lists it under `provides`.

/// What a field holds, and so which operators it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// True or false: stands alone in a condition.
    Flag,
    /// A whole number.
    Count,
    /// A real number; shares are between 0 and 1.
    Number,
    /// Words: `==`, `in`, `matches`, and `has list` with a list of phrases.
    Text,
    /// One host name: `==`, `in`, and `has list` with a list of domains.
    Domain,
    /// Any number of host names: `has list` with a list of domains.
    Domains,
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
        }
    }
}

macro_rules! fields {
    ($($field:ident $id:literal $kind:ident $doc:literal)*) => {
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

            /// What it means, in one sentence.
            pub(crate) const fn doc(self) -> &'static str {
                match self { $(Self::$field => $doc),* }
            }
        }
    };
}

fields! {
    Body "body" Text "The text of the comment."
    BodyChars "body.chars" Count "Characters in the body."
    BodyWords "body.words" Count "Words in the body."
    BodyLines "body.lines" Count "Lines in the body."
    LinksCount "links.count" Count "Web addresses in the body, with or without http, also spelled `example dot com`."
    LinksHosts "links.hosts" Domains "The hosts those addresses lead to."
    LinksShare "links.share" Number "Share of the body's characters that belong to web addresses."
    LinksPunycode "links.punycode" Count "Web addresses whose host is not plain ASCII."
    LinksHidden "links.hidden" Count "Web addresses spelled to escape notice: `example dot com`, `example . com`."
    CapsShare "caps.share" Number "Share of capitals among the letters that have case; absent below 12 such letters."
    RepetitionRun "repetition.run" Count "Longest run of one character."
    RepetitionWordShare "repetition.word_share" Number "Share of the most frequent word among those of at least 2 characters; absent below 6 of them."
    ContactsEmails "contacts.emails" Count "E-mail addresses in the body."
    ContactsPhones "contacts.phones" Count "Phone numbers in the body."
    InvisibleCount "invisible.count" Count "Characters in the body that nobody can see and that its script does not need."
    InvisibleShare "invisible.share" Number "Share of such characters."
    CombiningMaxRun "combining.max_run" Count "Most marks stacked on one character."
    LettersMixed "letters.mixed" Count "Words that mix Latin with Cyrillic or Greek letters."
    EmojiShare "emoji.share" Number "Share of emoji among the visible characters."
    AuthorName "author.name" Text "The name that readers see."
    AuthorKnown "author.known" Flag "The site knows the author from earlier comments."
    AuthorComments "author.comments" Count "The author's earlier comments, of any outcome."
    AuthorPublished "author.published" Count "The author's comments that readers can see."
    AuthorRejected "author.rejected" Count "The author's comments that were rejected, as spam or otherwise."
    AuthorGuest "author.guest" Flag "The author is not signed in."
    AuthorRepeatsText "author.repeats_text" Flag "The author's newest comment, of the last 24 hours, has the same text."
    AuthorEmailDomain "author.email_domain" Domain "The part of the author's mail address after the @."
    AuthorHasUrl "author.has_url" Flag "The author left a website."
    AuthorUrlHost "author.url_host" Domain "The host of the author's website."
    CommentIsReply "comment.is_reply" Flag "The comment answers another one."
    CommentLanguage "comment.language" Text "The language that the platform tells, a BCP 47 tag."
    CommentRevision "comment.revision" Count "Which version of the comment this is."
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
pub(crate) struct FieldSet(u64);

// A set is one word of bits.
const _: () = assert!(FieldId::COUNT <= 64);

impl FieldSet {
    /// The set of these fields.
    pub(crate) const fn of(fields: &[FieldId]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < fields.len() {
            bits |= 1 << fields[at] as u64;
            at += 1;
        }
        Self(bits)
    }

    /// Adds a field.
    pub(crate) const fn insert(&mut self, field: FieldId) {
        self.0 |= 1 << field as u64;
    }

    /// Whether the field is in it.
    pub(crate) const fn contains(self, field: FieldId) -> bool {
        self.0 & (1 << field as u64) != 0
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
    /// What it means.
    pub doc: &'static str,
}

/// Every field that a rule's condition can use, in schema order.
pub fn schema() -> impl Iterator<Item = FieldDoc> {
    FieldId::ALL.into_iter().map(|field| FieldDoc { id: field.id(), kind: field.kind(), doc: field.doc() })
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
