//! Attempts from start to end, without the binary: the loop, its policies, and what is verified when.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check_files;
mod evidence;
mod grid;
mod hidden;
mod own_tests;
mod reasons;
mod red_first;

use std::process::ExitCode;

/// Each test by its name.
macro_rules! tests {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),*]
    };
}

fn main() -> ExitCode {
    voe_testkit::main(tests![
        evidence::a_check_decided_by_chance_proves_nothing,
        evidence::a_proof_stays_a_proof_when_the_model_runs_the_check_again,
        evidence::the_outcome_goes_with_the_next_tool_result_whichever_is_faster,
        evidence::the_gate_refuses_twice_with_the_facts_and_then_lets_an_unproven_patch_end,
        evidence::record_keeps_the_proof_out_of_the_conversation,
        evidence::where_the_sandbox_cannot_fork_a_check_stays_unproven_and_the_attempt_ends,
        evidence::a_test_that_the_model_writes_goes_into_the_run_without_its_edits,
        hidden::a_failure_behind_a_pipe_is_found_by_a_second_run,
        hidden::a_proof_behind_a_pipe_is_found_by_a_second_run,
        hidden::where_no_second_run_is_possible_a_hidden_exit_code_says_nothing,
        hidden::the_runners_report_decides_where_the_exit_code_is_hidden,
        hidden::one_test_that_turned_green_proves_beside_one_that_fails_either_way,
        hidden::a_test_that_turned_red_refutes_whatever_the_exit_codes_are,
        hidden::a_check_that_only_prints_is_vacuous_and_the_difference_is_told,
        own_tests::the_gate_runs_the_repositorys_own_tests_and_refuses_a_regression,
        own_tests::the_gate_records_own_tests_that_the_change_keeps,
        reasons::a_check_that_lost_its_own_file_refutes_nothing,
        reasons::a_file_that_the_change_deletes_is_a_regression_of_what_runs_it,
        reasons::a_missing_runner_refutes_nothing,
        reasons::a_red_check_that_was_green_before_refutes_nothing_and_one_that_never_was_does,
        reasons::a_crash_of_the_check_itself_shows_nothing,
        reasons::a_name_that_the_patch_adds_proves_only_with_an_assertion,
        reasons::the_repositorys_own_tests_are_kept_and_a_test_of_the_change_is_vacuous,
        reasons::a_gate_that_requires_a_run_accepts_any_check_that_passed,
        evidence::a_fact_that_was_recorded_but_not_sent_when_voe_was_killed_goes_with_the_next_result_after_resuming,
        evidence::a_fact_that_the_model_has_is_not_sent_again_after_resuming,
        check_files::a_script_in_the_workspace_that_fails_before_the_fix_and_passes_after_it_is_a_proof,
        check_files::a_script_written_and_run_in_one_command_is_a_proof,
        check_files::helpers_and_data_of_a_script_go_along,
        check_files::a_script_that_the_agent_deletes_keeps_its_proof_also_for_a_later_edit,
        check_files::a_script_that_code_imports_is_part_of_what_is_proven,
        check_files::a_check_that_builds_something_stays_a_check,
        check_files::check_files_are_dropped_from_the_patch_if_the_strategy_wants_that,
        grid::a_verification_that_fails_once_is_recovered_from_and_then_passes,
        grid::where_recovery_loses_a_right_fix_the_best_evidenced_state_is_handed_in,
        grid::an_inconclusive_verdict_is_neither_pass_nor_fail_and_is_recorded,
        grid::without_a_method_the_models_word_is_enough,
        grid::tests_that_failed_before_are_not_held_against_the_patch,
        grid::a_ticked_item_of_the_models_plan_is_verified_like_a_checkpoint,
        grid::a_model_that_keeps_working_instead_of_reviewing_is_reviewed_when_it_is_done_again,
        grid::work_thrown_away_in_recovery_comes_back_when_the_steps_run_out,
        red_first::edits_by_any_tool_are_refused_or_put_back_until_a_check_has_failed,
        red_first::a_failing_check_opens_the_source_and_is_run_again_after_each_edit_with_and_without_it,
        red_first::tests_may_be_written_before_the_failing_check,
        red_first::a_check_that_is_broken_itself_does_not_open_the_source,
        red_first::edits_are_allowed_after_the_strategys_number_of_steps_with_refusals,
        red_first::two_failing_checks_can_be_asked_for,
    ])
}
