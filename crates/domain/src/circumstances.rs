//! How a comment came about, as the platform tells. None of it is what the author wrote, so none of
//! it is part of the content hash: a retry may tell more than the first try.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Everything a platform tells about a submission besides the comment itself. The default is a
/// platform that tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The platform vouches for the author's identity: signed in, or the address was confirmed. A
    /// name and address that were only typed can be anybody's.
    #[serde(skip_serializing_if = "is_default")]
    pub verified: bool,
    /// How the form was filled in.
    #[serde(skip_serializing_if = "is_default")]
    pub form: Form,
    /// Files that come with the comment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The page it belongs to.
    #[serde(skip_serializing_if = "is_default")]
    pub thread: ThreadState,
}

impl Circumstances {
    /// Whether the platform told nothing.
    pub fn is_untold(&self) -> bool {
        is_default(self)
    }
}

/// How the comment form was filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Form {
    /// A field that people do not see was filled in; `None`: the form has no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honeypot_filled: Option<bool>,
    /// Milliseconds from showing the form to sending it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_time_ms: Option<u64>,
    /// What became of the challenge.
    #[serde(skip_serializing_if = "is_default")]
    pub challenge: Challenge,
}

/// What became of a challenge, such as a captcha or a proof of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Challenge {
    /// There was none.
    #[default]
    None,
    /// It was solved.
    Passed,
    /// It was not solved, and the platform submitted the comment all the same.
    Failed,
}

impl Challenge {
    /// The number that stands for it in the contracts.
    pub const fn number(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Passed => 1,
            Self::Failed => 2,
        }
    }

    /// Reads [`number`](Self::number) back.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::None, Self::Passed, Self::Failed].into_iter().find(|result| result.number() == number)
    }
}

/// A file that comes with a comment, as the platform declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// MIME type without parameters, in lower case.
    pub mime_type: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A commentable page, as the platform knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ThreadState {
    /// When the page was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_time: Option<Timestamp>,
    /// It takes no more comments; `None`: the platform does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_stored_and_the_rest_takes_no_space() {
        let text = |circumstances: &Circumstances| serde_json::to_string(circumstances).unwrap();
        assert_eq!(text(&Circumstances::default()), "{}");
        let told = Circumstances {
            verified: true,
            form: Form {
                honeypot_filled: Some(false),
                fill_time_ms: Some(900),
                challenge: Challenge::Passed,
            },
            attachments: vec![Attachment { mime_type: "image/png".into(), size_bytes: 7 }],
            thread: ThreadState { create_time: Some(Timestamp::from_millis(5)), closed: Some(true) },
        };
        assert_eq!(serde_json::from_str::<Circumstances>(&text(&told)).unwrap(), told);
        // A field of a later release is passed over.
        assert!(serde_json::from_str::<Circumstances>(r#"{"weather":"fine"}"#).unwrap().is_untold());
    }
}
