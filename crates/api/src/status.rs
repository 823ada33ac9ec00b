//! Errors as gRPC statuses with `google.rpc` details: one table for every door.

use std::time::Duration;

use moderato_domain::{ErrorCode, Violation};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::pb;

/// `google.rpc.ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "moderato";

/// The canonical gRPC code of an error.
pub const fn grpc_code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::MalformedMessage | ErrorCode::InvalidFields | ErrorCode::TokenInvalid => {
            Code::InvalidArgument
        }
        ErrorCode::KeyMissing | ErrorCode::KeyRejected => Code::Unauthenticated,
        ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::SiteNotFound
        | ErrorCode::CommentNotFound
        | ErrorCode::VerdictNotFound
        | ErrorCode::DecisionNotFound
        | ErrorCode::RuleSetNotFound => Code::NotFound,
        ErrorCode::ContentConflict => Code::AlreadyExists,
        ErrorCode::RevisionStale
        | ErrorCode::AlreadySettled
        | ErrorCode::CommentChanged
        | ErrorCode::Claimed
        | ErrorCode::UndoRefused
        | ErrorCode::RuleSetUnfit => Code::FailedPrecondition,
        ErrorCode::MessageTooLarge | ErrorCode::QueueFull | ErrorCode::Overloaded => Code::ResourceExhausted,
        ErrorCode::QueueUnavailable | ErrorCode::StoreUnavailable | ErrorCode::ShuttingDown => {
            Code::Unavailable
        }
        ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorCode::Internal => Code::Internal,
    }
}

/// How long a caller should wait before the same call again, where that helps.
pub const fn retry_delay(code: ErrorCode) -> Option<Duration> {
    match code {
        // The queue drains at thousands a second, a lost broker session is rebuilt within seconds.
        ErrorCode::QueueFull => Some(Duration::from_secs(5)),
        ErrorCode::QueueUnavailable | ErrorCode::StoreUnavailable => Some(Duration::from_secs(2)),
        ErrorCode::Overloaded | ErrorCode::ShuttingDown => Some(Duration::from_millis(500)),
        // A submission that was accepted a moment ago may not be stored yet.
        ErrorCode::CommentNotFound | ErrorCode::VerdictNotFound | ErrorCode::DeadlineExceeded => {
            Some(Duration::from_secs(1))
        }
        _ => None,
    }
}

fn details(code: ErrorCode) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    details.set_error_info(code.as_str(), DOMAIN, std::collections::HashMap::new());
    if let Some(delay) = retry_delay(code) {
        details.set_retry_info(Some(delay));
    }
    details
}

/// A status with ErrorInfo, and RetryInfo where a retry helps.
pub fn error(code: ErrorCode, message: impl Into<String>) -> Status {
    Status::with_error_details(grpc_code(code), message, details(code))
}

/// `INVALID_FIELDS` with every violation as BadRequest.
pub fn invalid(violations: &[Violation]) -> Status {
    let mut details = details(ErrorCode::InvalidFields);
    details.set_bad_request(
        violations
            .iter()
            .map(|v| {
                let mut violation = FieldViolation::new(v.field.as_ref(), v.description.as_str());
                v.reason.clone_into(&mut violation.reason);
                violation
            })
            .collect::<Vec<_>>(),
    );
    Status::with_error_details(Code::InvalidArgument, invalid_message(violations), details)
}

fn invalid_message(violations: &[Violation]) -> String {
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_ref()).collect();
    format!("not acceptable: {}; see the field violations", fields.join(", "))
}

/// Why an item was not accepted, before it becomes a status or a stream's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Fields are wrong.
    Invalid(Vec<Violation>),
    /// Anything else.
    Error(ErrorCode, String),
}

impl Refusal {
    /// The error code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::InvalidFields,
            Self::Error(code, _) => *code,
        }
    }

    /// As the item of a stream.
    pub fn into_pb(self) -> pb::types::Refusal {
        let code = self.code();
        let (message, violations) = match self {
            Self::Invalid(violations) => (invalid_message(&violations), violations),
            Self::Error(_, message) => (message, Vec::new()),
        };
        pb::types::Refusal {
            code: grpc_code(code) as i32,
            reason: code.as_str().to_owned(),
            message,
            violations: violations
                .into_iter()
                .map(|v| pb::types::FieldViolation {
                    field: v.field.into_owned(),
                    reason: v.reason.to_owned(),
                    description: v.description,
                })
                .collect(),
            retry_delay: retry_delay(code).and_then(|delay| delay.try_into().ok()),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(violations) => invalid(&violations),
            Refusal::Error(code, message) => error(code, message),
        }
    }
}

/// The error code a status carries as ErrorInfo, for metrics and tests.
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_reported_with_its_reason_and_says_when_to_retry() {
        for code in ErrorCode::ALL {
            let status = error(code, "x");
            assert_eq!(reason_of(&status).as_deref(), Some(code.as_str()));
            assert_eq!(status.get_details_retry_info().is_some(), code.retry_helps(), "{code:?}");
            assert_ne!(status.code(), Code::Unknown);
        }
    }
}
