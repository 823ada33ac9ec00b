//! What every store backend must do, as tests that see nothing but the traits.
//!
//! A backend's test makes an empty store and calls [`run`]. Each case works on a site of its own, so
//! all of them share the one database, as tenants do.
//!
//! To add a case: an `async fn(Case)` in the file of its use case, and its name in `CASES`.

mod accounts;
mod auditing;
mod authors;
mod builders;
mod deciding;
mod events;
mod facts;
mod insight;
mod reading;
mod recording;
mod redressing;
mod reporting;
mod reviewing;
mod rule_effects;
mod rule_sets;
mod surroundings;
mod tenants;
mod withdrawing;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Store;
use builders::Case;

type Run = fn(Case) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($file:ident :: $name:ident,)+) => {
        &[$((concat!(stringify!($file), "::", stringify!($name)), |case| Box::pin($file::$name(case)))),+]
    };
}

const CASES: &[(&str, Run)] = cases![
    recording::a_new_comment_is_applied_and_reads_back_whole,
    recording::in_a_crowd_of_new_comments_each_reads_back_whole,
    recording::a_crowd_can_hold_every_outcome,
    recording::the_same_submission_again_is_a_duplicate,
    recording::other_content_under_the_same_revision_is_a_conflict,
    recording::an_older_revision_is_stale_but_kept,
    recording::one_batch_can_hold_every_outcome,
    recording::an_empty_batch_is_nothing,
    recording::a_poisoned_batch_leaves_nothing_behind,
    recording::a_verdict_reads_back_exactly_as_it_was,
    recording::the_same_id_on_two_sites_is_two_comments,
    recording::of_concurrent_equals_exactly_one_is_applied,
    recording::of_concurrent_revisions_the_newest_stays,
    recording::any_order_of_revisions_ends_with_the_newest,
    deciding::a_decision_sets_what_readers_see,
    deciding::a_decision_outranks_the_engine_on_its_revision,
    deciding::an_edit_after_a_decision_is_judged_anew,
    deciding::a_decision_about_something_else_is_refused,
    deciding::concurrent_decisions_are_applied_one_after_the_other,
    reviewing::every_comment_waits_in_the_queue_of_its_standing,
    reviewing::queues_are_ordered_by_priority_then_age_and_stay_stable,
    reviewing::filters_narrow_a_queue_and_its_count,
    deciding::a_bulk_decision_applies_what_it_can_once,
    deciding::a_decision_about_what_changed_meanwhile_is_refused,
    deciding::an_id_stands_for_one_decision_also_of_two_at_once,
    deciding::what_a_decision_comes_to_can_be_foreseen,
    deciding::decisions_are_found_by_id_and_by_comment,
    deciding::undo_restores_what_was,
    deciding::an_undo_is_refused_whole,
    reviewing::a_claim_is_a_lease,
    deciding::of_fifty_who_decide_at_once_one_does,
    deciding::decisions_are_listed_newest_first_in_pages,
    surroundings::a_campaign_is_the_same_text_and_its_variants,
    surroundings::a_conversation_is_shown_around_a_comment,
    surroundings::an_authors_history_is_shown,
    surroundings::notes_are_kept_in_order,
    surroundings::sanctions_reach_the_directory_and_expire,
    reviewing::filters_are_somebodys_or_everybodys,
    deciding::only_what_stands_counts_for_rules,
    auditing::what_moderators_do_is_in_the_log,
    auditing::entries_of_many_at_once_form_one_chain,
    withdrawing::a_withdrawn_comment_is_gone_for_readers,
    withdrawing::withdrawn_stays_withdrawn_when_a_newer_revision_arrives,
    withdrawing::a_batch_tells_applied_from_duplicate_and_unknown,
    reading::counts_come_in_the_order_asked,
    reading::published_comments_come_oldest_first,
    reading::pages_stay_stable_while_comments_arrive,
    reading::filters_combine,
    reading::verdicts_come_newest_first_in_pages,
    authors::counters_follow_record_edit_decide_withdraw,
    authors::facts_come_in_the_order_asked,
    authors::an_edit_by_another_author_moves_the_comment,
    authors::concurrent_batches_lose_no_count,
    facts::rates_count_what_came_before_the_asked_moment,
    facts::texts_are_found_by_either_probe,
    facts::a_history_follows_what_becomes_of_comments,
    facts::a_page_shows_what_readers_see,
    facts::one_call_answers_questions_of_every_kind,
    facts::the_log_forgets_by_age,
    facts::a_verdict_keeps_the_facts_it_was_given_with,
    facts::circumstances_read_back_for_replays,
    events::every_change_leaves_one_event,
    events::a_batch_of_any_size_leaves_its_events_in_its_order,
    events::the_head_is_followed_by_what_happens_next,
    events::a_follower_sees_every_event_exactly_once,
    events::a_hint_tells_that_the_log_grew,
    tenants::the_directory_changes_with_sites_and_keys,
    tenants::a_site_keeps_its_privacy_key,
    tenants::a_revoked_key_leaves_the_directory,
    rule_sets::a_rule_set_is_stored_once_and_activated_at_will,
    rule_sets::a_shadow_comes_and_goes_beside_the_active_one,
    rule_sets::rule_sets_are_listed_newest_first_in_pages,
    rule_effects::hits_add_up_by_rule_slot_and_version,
    rule_effects::overturns_count_the_last_decision_about_each_match,
    rule_effects::differences_of_a_shadow_are_kept_newest_first_and_bounded,
    rule_effects::the_next_shadow_forgets_the_differences_of_the_last,
    rule_effects::judged_comments_come_newest_first_with_what_was_said,
    // First of its kind: it is about an installation with nobody.
    accounts::the_first_person_is_made_once,
    accounts::a_person_is_found_by_id_address_and_identity,
    accounts::what_changes_about_a_person_reads_back,
    accounts::people_of_a_site_come_by_address_in_pages,
    accounts::somebody_who_can_do_everything_stays,
    accounts::a_session_lives_until_its_ends,
    accounts::sessions_end_alone_together_and_by_number,
    accounts::a_link_works_once_and_until_it_expires,
    accounts::links_do_not_outlive_what_they_were_made_for,
    accounts::two_pages_of_preferences_do_not_undo_each_other,
    accounts::failures_make_the_next_attempt_wait,
    accounts::an_account_of_ones_own_does_not_help_to_guess_others,
    accounts::what_ended_is_forgotten,
    accounts::a_persons_key_lives_as_long_as_they_may_do_something,
    reporting::the_first_report_opens_a_case_and_the_others_join_it,
    reporting::a_decision_answers_what_readers_said,
    reporting::undoing_a_decision_opens_reports_again,
    reporting::a_report_of_what_nobody_sees_is_filed_or_refused,
    reporting::of_concurrent_reports_one_opens_the_case,
    redressing::effects_wait_for_the_time_to_undo_and_happen_once,
    redressing::rejections_by_the_engine_are_found_in_order_and_stated_once,
    redressing::statements_are_listed_oldest_first_in_pages,
    redressing::an_appeal_reaches_somebody_else_and_can_bring_the_comment_back,
    redressing::an_appeal_is_about_a_restriction_in_force,
    redressing::a_mail_is_taken_by_one_until_it_is_sent_or_given_up,
    redressing::an_address_that_anybody_typed_gets_few_mails_a_day,
    redressing::a_person_is_told_of_an_urgent_item_once,
    insight::work_is_counted_by_hour_and_actor,
    insight::waits_have_percentiles_by_day_and_in_all,
    insight::a_decision_is_overturned_when_somebody_else_reverses_it,
    insight::answered_appeals_count_for_who_decided_and_for_the_rules,
    insight::others_look_again_at_a_sample,
    insight::a_second_look_counts_once_and_changes_nothing,
];

/// Runs every case, one after the other, and panics with the names of those that failed.
pub async fn run(store: Arc<dyn Store>) {
    store.ready().await.expect("the store is ready");
    let mut failed = Vec::new();
    for (number, (name, run)) in CASES.iter().enumerate() {
        let case = Case::new(Arc::clone(&store), number);
        // As a task, so that a case that panics does not keep the others from running.
        if tokio::spawn(run(case)).await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{} of {} cases failed: {failed:#?}", failed.len(), CASES.len());
}
