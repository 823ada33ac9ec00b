//! What waits for moderators, and what they make of it, for tools of their own.
//!
//! | module | what it does |
//! |---|---|
//! | `service` | one method per RPC: admit the caller, read the request, answer |
//! | `request`, `present` | from the wire and to the wire |
//!
//! The pages work on the store directly, as the service does. To add an RPC: a line in [`Rpc`], a method
//! in `service`. A test compares [`Rpc::ALL`] with the contract.

mod present;
mod request;
mod service;

use moderato_domain::Permission;

pub use service::ReviewDesk;

/// Every RPC of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the contract")]
pub enum Rpc {
    ListQueue,
    GetQueueCounts,
    GetQueueItem,
    ClaimComments,
    ReleaseComments,
    DecideComment,
    BatchDecideComments,
    UndoDecision,
    AddNote,
    ListDecisions,
    BanAuthor,
    LiftBan,
    ListBans,
}

impl Rpc {
    /// Every RPC, in the order of the contract.
    pub const ALL: [Self; 13] = [
        Self::ListQueue,
        Self::GetQueueCounts,
        Self::GetQueueItem,
        Self::ClaimComments,
        Self::ReleaseComments,
        Self::DecideComment,
        Self::BatchDecideComments,
        Self::UndoDecision,
        Self::AddNote,
        Self::ListDecisions,
        Self::BanAuthor,
        Self::LiftBan,
        Self::ListBans,
    ];

    /// The permission table: what a key must allow. Notes and reports are not for platforms, so reading
    /// takes a moderator, too.
    pub const fn permission(self) -> Permission {
        match self {
            Self::ListQueue
            | Self::GetQueueCounts
            | Self::GetQueueItem
            | Self::ClaimComments
            | Self::ReleaseComments
            | Self::DecideComment
            | Self::BatchDecideComments
            | Self::UndoDecision
            | Self::AddNote
            | Self::ListDecisions
            | Self::BanAuthor
            | Self::LiftBan
            | Self::ListBans => Permission::Decide,
        }
    }

    /// The name in the contract; also the scope of its tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListQueue => "ListQueue",
            Self::GetQueueCounts => "GetQueueCounts",
            Self::GetQueueItem => "GetQueueItem",
            Self::ClaimComments => "ClaimComments",
            Self::ReleaseComments => "ReleaseComments",
            Self::DecideComment => "DecideComment",
            Self::BatchDecideComments => "BatchDecideComments",
            Self::UndoDecision => "UndoDecision",
            Self::AddNote => "AddNote",
            Self::ListDecisions => "ListDecisions",
            Self::BanAuthor => "BanAuthor",
            Self::LiftBan => "LiftBan",
            Self::ListBans => "ListBans",
        }
    }
}

#[cfg(test)]
mod tests {
    use moderato_domain::Role;
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_rpc_of_the_contract_has_its_line_in_the_permission_table() {
        let files = prost_types::FileDescriptorSet::decode(moderato_api::pb::DESCRIPTORS).unwrap();
        let service =
            files.file.iter().flat_map(|f| &f.service).find(|s| s.name() == "ReviewService").unwrap();
        let contract: Vec<&str> =
            service.method.iter().map(prost_types::MethodDescriptorProto::name).collect();
        assert_eq!(contract, Rpc::ALL.map(Rpc::name));
    }

    #[test]
    fn moderators_and_admins_review_and_platforms_do_not() {
        for rpc in Rpc::ALL {
            let allowed: Vec<Role> =
                Role::ALL.into_iter().filter(|role| role.allows(rpc.permission())).collect();
            assert_eq!(allowed, [Role::Moderator, Role::Admin], "{rpc:?}");
        }
    }
}
