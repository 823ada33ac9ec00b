//! What an import changes in meaning, counted and with examples.

use std::fmt;

/// Most examples kept of one change.
const EXAMPLES_MAX: usize = 8;

/// A way in which the document means something else than the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Matched anywhere, also inside words; now only as whole words.
    WholeWords,
    /// So short that it matched inside ordinary words everywhere: it counts only in company.
    Short,
    /// An everyday word, which as an outright entry would hold a good part of all comments: it counts
    /// only in company.
    Everyday,
    /// A host or a web address: now compared with where links lead, and covers subdomains.
    Host,
    /// An IP address, or the beginning of one: now compared with the client's address only.
    Address,
    /// A mail address: now compared with the author's, no longer looked for in texts.
    Person,
    /// Case, accents and look-alike letters make no difference any more.
    Folded,
    /// Punctuation between the words of a phrase matched too; now only white space does.
    Separators,
    /// `*` stood for anything up to the next space; a pattern says so now.
    Wildcard,
    /// A pattern, whose dialect differs in details.
    Pattern,
    /// Only markup or punctuation, which is not in the text that words are looked for in.
    NoText,
    /// A pattern that this language cannot say: left out.
    BadPattern,
    /// Twice the same once case and accents are gone: kept once.
    Duplicate,
    /// Something that rules cannot do, such as replacing a word: a person looks instead.
    Held,
    /// Something that is no rule here: a setting of the site, or of another part.
    NotARule,
}

impl Change {
    /// One sentence for the person who imports.
    const fn sentence(self) -> &'static str {
        match self {
            Self::WholeWords => "matched anywhere, also inside words; now whole words only",
            Self::Short => {
                "are so short that ordinary texts are full of them: they count only together with others"
            }
            Self::Everyday => "are everyday words: they count only together with others",
            Self::Host => "name hosts; now compared with where links lead, subdomains included",
            Self::Address => "are IP addresses or begin one; now compared with the author's address only",
            Self::Person => "are mail addresses; now compared with the author's, not looked for in texts",
            Self::Folded => "ignore accents and look-alike letters now, besides case",
            Self::Separators => "are phrases; punctuation between their words no longer counts as a space",
            Self::Wildcard => "hold `*`; a pattern says the same",
            Self::Pattern => "are patterns; their dialect differs in details, so test them",
            Self::NoText => {
                "are markup or punctuation, which comments are freed of before words are looked for: left out"
            }
            Self::BadPattern => "are patterns that cannot be said here, such as look-ahead: left out",
            Self::Duplicate => "are the same as another entry: kept once",
            Self::Held => "ask for something that rules cannot do; a person looks instead",
            Self::NotARule => "are no rules here; set them where the site is set up",
        }
    }
}

/// What an import changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries and settings that the document holds.
    pub imported: usize,
    /// How often each change was made, with examples.
    changes: Vec<(Change, usize, Vec<String>)>,
}

impl Report {
    /// Notes a change.
    pub(super) fn note(&mut self, change: Change, example: &str) {
        let at = self.changes.iter().position(|(known, ..)| *known == change).unwrap_or_else(|| {
            self.changes.push((change, 0, Vec::new()));
            self.changes.len() - 1
        });
        let (_, count, examples) = &mut self.changes[at];
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(example.to_owned());
        }
    }

    /// How often a change was made.
    pub fn count(&self, change: Change) -> usize {
        self.changes.iter().find(|(known, ..)| *known == change).map_or(0, |(_, count, _)| *count)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} entries imported", self.imported)?;
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|(change, ..)| *change);
        for (change, count, examples) in changes {
            let dots = if *count > examples.len() { ", …" } else { "" };
            // Debug quotes, and shows what an eye cannot see.
            let quoted: Vec<String> = examples.iter().map(|example| format!("{example:?}")).collect();
            writeln!(f, "{count} {}: {}{dots}", change.sentence(), quoted.join(", "))?;
        }
        Ok(())
    }
}
