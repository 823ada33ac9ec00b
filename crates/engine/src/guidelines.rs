//! The document that authors accept and rules cite: Markdown whose headings carry ids.

use sha2::{Digest, Sha256};

use crate::rules::hex12;

/// A guidelines document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guidelines {
    name: String,
    title: String,
    version: String,
    sections: Vec<Section>,
}

/// A section of the guidelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What rules cite it by.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// Its text, Markdown.
    pub text: String,
}

/// Why a guidelines document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuidelinesError {
    /// No first-level heading with an id.
    #[error("the document needs a title with a name: `# Title {{#name}}`")]
    NoTitle,
    /// No section at all.
    #[error("the document needs a section with an id: `## Title {{#id}}`")]
    NoSections,
    /// A section that no rule could cite.
    #[error(
        "line {line}: this heading needs an id of lower-case letters, digits and '-': `## Title {{#id}}`"
    )]
    NoId {
        /// Line of the document, from 1.
        line: usize,
    },
    /// Two sections of one id.
    #[error("line {line}: a section with the id `{id}` exists already")]
    DuplicateId {
        /// Line of the document, from 1.
        line: usize,
        /// The id.
        id: String,
    },
}

impl Guidelines {
    /// Reads a document: `# Title {#name}`, then sections that start with `## Title {#id}`.
    pub fn parse(markdown: &str) -> Result<Self, GuidelinesError> {
        let mut title = None;
        let mut sections: Vec<Section> = Vec::new();
        let mut fenced = false;
        for (index, line) in markdown.lines().enumerate() {
            let number = index + 1;
            fenced ^= line.trim_start().starts_with("```");
            if !fenced && let Some(heading) = line.strip_prefix("# ") {
                title = title.or(Some(heading_parts(heading).ok_or(GuidelinesError::NoTitle)?));
            } else if !fenced && let Some(heading) = line.strip_prefix("## ") {
                let (title, id) = heading_parts(heading).ok_or(GuidelinesError::NoId { line: number })?;
                if sections.iter().any(|section| section.id == id) {
                    return Err(GuidelinesError::DuplicateId { line: number, id });
                }
                sections.push(Section { id, title, text: String::new() });
            } else if let Some(section) = sections.last_mut() {
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
        for section in &mut sections {
            section.text = section.text.trim().to_owned();
        }
        let (title, name) = title.ok_or(GuidelinesError::NoTitle)?;
        if sections.is_empty() {
            return Err(GuidelinesError::NoSections);
        }
        let version = format!("{name}@{}", hex12(&Sha256::digest(markdown.as_bytes())));
        Ok(Self { name, title, version, sections })
    }

    /// The name that rule sets refer to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The title that readers see.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The name, `@`, and the first 12 hex digits of the document's SHA-256.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every section, in order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section of that id.
    pub fn section(&self, id: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.id == id)
    }
}

/// Splits `Title {#id}`.
fn heading_parts(heading: &str) -> Option<(String, String)> {
    let (title, rest) = heading.trim_end().rsplit_once("{#")?;
    let id = rest.strip_suffix('}')?;
    let fits = !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let title = title.trim();
    (fits && !title.is_empty()).then(|| (title.to_owned(), id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_by_their_ids() {
        let text =
            "# Our rules {#house}\nHello.\n\n## Be kind {#be-kind}\nPlease.\n\n## Links {#links}\nFew.\n";
        let guidelines = Guidelines::parse(text).unwrap();
        assert_eq!((guidelines.name(), guidelines.title()), ("house", "Our rules"));
        assert_eq!(guidelines.section("be-kind").unwrap().text, "Please.");
        assert_eq!(guidelines.sections().len(), 2);
        assert!(guidelines.version().starts_with("house@"));
    }

    #[test]
    fn what_rules_could_not_cite_is_refused() {
        assert_eq!(Guidelines::parse("").unwrap_err(), GuidelinesError::NoTitle);
        assert_eq!(Guidelines::parse("# A {#a}").unwrap_err(), GuidelinesError::NoSections);
        assert_eq!(Guidelines::parse("# A {#a}\n## B").unwrap_err(), GuidelinesError::NoId { line: 2 });
        let twice = "# A {#a}\n## B {#b}\n## C {#b}";
        assert_eq!(
            Guidelines::parse(twice).unwrap_err(),
            GuidelinesError::DuplicateId { line: 3, id: "b".into() }
        );
    }
}
