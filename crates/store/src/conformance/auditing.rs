//! Who did what.

use moderato_domain::{Action, AuditEntry, DecisionKind, State};
use tokio::task::JoinSet;

use super::builders::{Case, actor, at, author};
use crate::{Sanction, verify_audit};

impl Case {
    async fn audited(&self) -> Vec<(String, String)> {
        let entries = self.store.audit_entries(Some(&self.site), 0, 1_000).await.expect("read");
        entries.into_iter().map(|record| (record.entry.action, record.entry.actor.name)).collect()
    }
}

pub(super) async fn what_moderators_do_is_in_the_log(case: Case) {
    case.record([case.draft("c1").state(State::Pending).action(Action::Review)]).await;
    let decision = case.decision("c1", 1, DecisionKind::Reject);
    case.apply(&decision).await;
    case.apply(&decision).await;
    case.refused(&case.decision("nobody", 1, DecisionKind::Reject)).await;
    case.store.undo(&case.site, decision.id, &actor("ann"), at(55)).await.expect("undone");
    let sanction = Sanction {
        author: author(1),
        display_name: "Mallory".to_owned(),
        until: None,
        reason: String::new(),
        actor: actor("mo"),
        time: at(56),
    };
    case.store.put_sanction(&case.site, &sanction).await.expect("put");
    case.store.lift_sanction(&case.site, &author(1), &actor("ann"), at(57)).await.expect("lifted");
    let entry = AuditEntry {
        site: Some(case.site.clone()),
        actor: actor("ann"),
        action: "user.signed_in".to_owned(),
        subject: "users/1".to_owned(),
        details: "{\"from\":\"198.51.100.0/24\"}".to_owned(),
        time: at(58),
    };
    case.store.append_audit(&entry).await.expect("appended");

    let told = |action: &str, who: &str| (action.to_owned(), who.to_owned());
    let expected = [
        told("decision.made", "mo"),
        told("decision.undone", "ann"),
        told("author.banned", "mo"),
        told("author.ban_lifted", "ann"),
        told("user.signed_in", "ann"),
    ];
    assert_eq!(case.audited().await, expected, "what was refused or repeated did nothing");
    let newest = case.store.newest_audit_entries(Some(&case.site), None, 2).await.expect("read");
    assert_eq!(newest[0].entry, entry);
    let before = case.store.newest_audit_entries(Some(&case.site), Some(newest[1].sequence), 1).await;
    assert_eq!(before.expect("read")[0].entry.action, "author.banned");
}

pub(super) async fn entries_of_many_at_once_form_one_chain(case: Case) {
    case.record((0..50).map(|number| case.draft(&format!("c{number}")))).await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let case = case.clone();
        tasks.spawn(async move { case.decide(&format!("c{number}"), 1, DecisionKind::Approve).await });
    }
    tasks.join_all().await;
    assert_eq!(case.audited().await.len(), 50);
    let entries = verify_audit(&*case.store).await.expect("read").expect("nothing was changed");
    assert!(entries >= 50);
    let all = case.store.audit_entries(None, 0, 10_000).await.expect("read");
    assert_eq!(all.last().map(|record| record.sequence), Some(all.len() as i64), "no gaps");
}
