//! What analyzers look at: the comment, the facts, and what was extracted once.

use moderato_domain::{Comment, Email, Facts};

use crate::rules::CompiledRuleSet;
use crate::rules::schema::{FieldId, FieldSet};
use crate::text::Views;

/// A comment with its views.
#[derive(Debug)]
pub(crate) struct Context<'c> {
    pub(crate) comment: &'c Comment,
    pub(crate) facts: &'c Facts,
    pub(crate) rules: &'c CompiledRuleSet,
    /// The fields that some rule uses, or some analyzer builds on.
    pub(crate) used: FieldSet,
    pub(crate) body: Views<'c>,
    /// The author's name; `None` if no rule looks at it.
    pub(crate) name: Option<Views<'c>>,
    /// The domain of the author's mail address; `None` if there is none or no rule looks at it.
    pub(crate) email_domain: Option<String>,
    /// The host of the author's website; `None` if there is none or no rule looks at it.
    pub(crate) url_host: Option<String>,
    /// The MIME types of the attachments; `None` if there are none or no rule looks at them.
    pub(crate) attachment_types: Option<String>,
}

impl<'c> Context<'c> {
    /// Makes the views that `used` fields need.
    pub(crate) fn new(
        rules: &'c CompiledRuleSet,
        used: FieldSet,
        comment: &'c Comment,
        facts: &'c Facts,
    ) -> Self {
        let author = &comment.author;
        let wants = |field| used.contains(field);
        Self {
            comment,
            facts,
            rules,
            used,
            body: Views::of(&comment.body),
            name: wants(FieldId::AuthorName).then(|| Views::of(&author.display_name)),
            email_domain: author
                .email
                .as_ref()
                .filter(|_| wants(FieldId::AuthorEmailDomain))
                .map(Email::domain),
            url_host: author
                .url
                .as_deref()
                .filter(|_| wants(FieldId::AuthorUrlHost))
                .and_then(super::links::host_of_url),
            attachment_types: attachment_types(comment).filter(|_| wants(FieldId::AttachmentsTypes)),
        }
    }
}

fn attachment_types(comment: &Comment) -> Option<String> {
    let files = &comment.circumstances.attachments;
    let types: Vec<&str> = files.iter().map(|file| file.mime_type.as_str()).collect();
    (!types.is_empty()).then(|| types.join(" "))
}
