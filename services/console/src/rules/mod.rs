//! Rule sets: where people change them and see what they do.
//!
//! | module | what it does |
//! |---|---|
//! | `draft` | a rule set compiled and tested, or everything that is wrong with it |
//! | `desk` | stores, activates, rolls back; nothing unfit gets in |
//! | `backtest` | tries a rule set on stored comments |
//! | `replay` | judges a stored comment again, or explains its verdict |
//! | `health` | dead rules and bad rules |
//! | `service` | one method per RPC: admit the caller, read the request, answer |
//! | `request`, `present` | from the wire and to the wire |
//! | `stream` | a backtest on its way to a caller |
//!
//! [`RuleDesk`] is this part without its door: the operators' command line uses it on the store
//! directly. To add an RPC: a line in [`Rpc`] with its permission, a method in `service`. A test
//! compares [`Rpc::ALL`] with the contract.

pub mod backtest;
pub mod desk;
pub mod draft;
pub mod health;
mod present;
pub mod replay;
mod request;
mod service;
mod stream;

use moderato_domain::Permission;

pub use desk::{Change, DeskError, RuleDesk};
pub use draft::{Draft, Mistake, Unfit};
pub use service::Console;
pub(crate) use stream::refused;

/// Every RPC of the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in the contract")]
pub enum Rpc {
    CreateRuleSet,
    GetRuleSet,
    ListRuleSets,
    ActivateRuleSet,
    RollbackRuleSet,
    EndShadow,
    TestRuleSet,
    BacktestRuleSet,
    GetRuleStats,
    ListShadowDifferences,
    ExplainComment,
}

impl Rpc {
    /// Every RPC, in the order of the contract.
    pub const ALL: [Self; 11] = [
        Self::CreateRuleSet,
        Self::GetRuleSet,
        Self::ListRuleSets,
        Self::ActivateRuleSet,
        Self::RollbackRuleSet,
        Self::EndShadow,
        Self::TestRuleSet,
        Self::BacktestRuleSet,
        Self::GetRuleStats,
        Self::ListShadowDifferences,
        Self::ExplainComment,
    ];

    /// The permission table: what a key must allow.
    pub const fn permission(self) -> Permission {
        match self {
            Self::CreateRuleSet
            | Self::ActivateRuleSet
            | Self::RollbackRuleSet
            | Self::EndShadow
            | Self::TestRuleSet
            // It reads only, but keeps a core busy.
            | Self::BacktestRuleSet
            // Its lists can hold addresses of people, whatever site they wrote on.
            | Self::GetRuleSet => Permission::Configure,
            // Conditions are a guide to what slips through.
            Self::ListRuleSets | Self::ExplainComment => Permission::Decide,
            Self::GetRuleStats | Self::ListShadowDifferences => Permission::ReadAll,
        }
    }

    /// The name in the contract; also the scope of its tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateRuleSet => "CreateRuleSet",
            Self::GetRuleSet => "GetRuleSet",
            Self::ListRuleSets => "ListRuleSets",
            Self::ActivateRuleSet => "ActivateRuleSet",
            Self::RollbackRuleSet => "RollbackRuleSet",
            Self::EndShadow => "EndShadow",
            Self::TestRuleSet => "TestRuleSet",
            Self::BacktestRuleSet => "BacktestRuleSet",
            Self::GetRuleStats => "GetRuleStats",
            Self::ListShadowDifferences => "ListShadowDifferences",
            Self::ExplainComment => "ExplainComment",
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
            files.file.iter().flat_map(|f| &f.service).find(|s| s.name() == "RuleSetService").unwrap();
        let contract: Vec<&str> =
            service.method.iter().map(prost_types::MethodDescriptorProto::name).collect();
        assert_eq!(contract, Rpc::ALL.map(Rpc::name));
    }

    #[test]
    fn admins_change_and_read_rules_moderators_see_why_and_readers_what_they_did() {
        let allowed = |rpc: Rpc| {
            let may = |role: &Role| role.allows(rpc.permission());
            Role::ALL.into_iter().filter(may).collect::<Vec<_>>()
        };
        for rpc in Rpc::ALL {
            let expected: &[Role] = match rpc {
                Rpc::ListRuleSets | Rpc::ExplainComment => &[Role::Moderator, Role::Admin],
                Rpc::GetRuleStats | Rpc::ListShadowDifferences => {
                    &[Role::Reader, Role::Moderator, Role::Admin]
                }
                _ => &[Role::Admin],
            };
            assert_eq!(allowed(rpc), expected, "{rpc:?}");
        }
    }
}
