//! `bash`: commands that keep running, wait, flood, fork away or print garbage.

use std::time::Duration;

use serde_json::json;
use voe_trace::EndedBy;

use crate::lab::{Lab, lives};

crate::tests!(
    output_and_exit_code_are_reported,
    environment_is_what_was_given_and_nothing_else,
    each_call_starts_in_the_workspace_and_a_lost_cd_is_noted,
    a_command_that_waits_for_input_gets_none,
    a_command_that_never_ends_is_killed_with_all_that_it_started,
    a_command_that_ignores_the_term_signal_is_killed,
    what_a_command_leaves_running_is_ended_and_named,
    a_daemon_that_left_its_session_is_ended,
    a_daemon_that_keeps_the_output_open_delays_nobody,
    output_of_a_process_that_outlives_the_shell_a_little_is_kept,
    a_fork_bomb_of_modest_size_is_ended,
    a_flood_is_shortened_and_the_rest_is_readable,
    an_endless_flood_is_ended,
    what_a_test_runner_reports_is_read_from_the_whole_output,
    foreign_bytes_and_escapes_do_no_harm,
    a_closed_output_is_not_the_end,
    a_file_above_the_limit_is_refused,
    death_by_signal_is_reported,
    a_command_longer_than_an_argument_runs,
    a_command_given_up_on_is_ended_and_the_next_is_answered,
    everything_ends_when_voe_is_gone,
    removing_the_workspace_itself_is_survived,
    nonsense_is_answered_with_an_error,
);

fn output_and_exit_code_are_reported() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("echo out; echo err >&2; exit 3");
    assert_eq!(result.text(), "out\nerr\nexit code: 3");
    assert!(result.ok);
    assert_eq!((result.exit, result.ended_by, &*result.tail), (Some(3), None, "out\nerr"));
    assert_eq!(lab.bash("true").text(), "exit code: 0");
    assert_eq!(lab.bash("printf 'no line end'").text(), "no line end\nexit code: 0");
}

fn environment_is_what_was_given_and_nothing_else() {
    let mut lab = Lab::with(&[], |setup| drop(setup.env.insert("GIVEN".into(), "1".into())));
    let text = lab.bash("env | cut -d= -f1 | sort | tr '\\n' ' '").text();
    assert_eq!(
        text.lines().next().unwrap().trim(),
        "EDITOR GIT_EDITOR GIT_PAGER GIT_TERMINAL_PROMPT GIVEN HOME MANPAGER PAGER PATH PWD PYTHONDONTWRITEBYTECODE SHLVL TERM _"
    );
    let home = lab.bash("cd && pwd && touch x").text();
    assert!(home.contains("/scratch/home"), "{home}");
}

fn each_call_starts_in_the_workspace_and_a_lost_cd_is_noted() {
    let mut lab = Lab::new(&[("sub/a", "")]);
    assert!(lab.bash("mkdir -p sub && cd sub").text().contains("starts in the working directory again"));
    let result = lab.bash("pwd; cd sub && ls");
    assert!(result.text().contains("/my work\na\n"), "{}", result.text());
    assert!(!result.text().contains("again"));
}

fn a_command_that_waits_for_input_gets_none() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("cat; read x; echo \"got '$x'\"; git commit");
    assert!(result.text().starts_with("got ''\n"), "{}", result.text());
    assert!(result.seconds < 60.0);
}

fn a_command_that_never_ends_is_killed_with_all_that_it_started() {
    let mut lab = Lab::new(&[]);
    let command = "echo begun; setsid sleep 7501 & (setsid nohup sleep 7501 >/dev/null 2>&1 &) ; sleep 7501";
    let result = lab.call("bash", json!({"command": command, "timeout_s": 0.5}));
    assert_eq!(result.text(), "begun\nkilled: time limit 0.5 s");
    assert_eq!((result.exit, result.ended_by), (None, Some(EndedBy::TimeLimit { seconds: 0.5 })));
    assert!(!lives("sleep\u{0}7501"));
    assert_eq!(lab.bash("echo on").text(), "on\nexit code: 0");
}

fn a_command_that_ignores_the_term_signal_is_killed() {
    let mut lab = Lab::new(&[]);
    let command = "trap '' TERM INT HUP; while :; do sleep 7502; done";
    let result = lab.call("bash", json!({"command": command, "timeout_s": 0.3}));
    assert!(result.ended_by.is_some());
    assert!(!lives("sleep\u{0}7502"));
}

fn what_a_command_leaves_running_is_ended_and_named() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("sleep 7503 & echo done");
    assert!(
        result.text().starts_with("done\nexit code: 0\nended background processes: sleep 7503 (pid "),
        "{}",
        result.text()
    );
    assert!(!lives("sleep\u{0}7503"));
}

fn a_daemon_that_left_its_session_is_ended() {
    let mut lab = Lab::new(&[]);
    // It has a name once it runs; a process that is just being started has none.
    let result = lab.bash(
        "(setsid sh -c 'trap \"\" TERM HUP; (sleep 7504; true) & : > up; sleep 7504; true' >/dev/null 2>&1 &); \
         until [ -e up ]; do sleep 0.01; done",
    );
    assert_eq!(result.exit, Some(0));
    assert!(result.text().contains("7504"), "{}", result.text());
    assert!(!lives("7504"));
}

fn a_daemon_that_keeps_the_output_open_delays_nobody() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("setsid sleep 7505 & echo out");
    assert!(result.text().starts_with("out\nexit code: 0"), "{}", result.text());
    assert!(result.seconds < 60.0);
    assert!(!lives("sleep\u{0}7505"));
}

fn output_of_a_process_that_outlives_the_shell_a_little_is_kept() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("exec > >(cat; echo last); echo first");
    assert!(result.text().starts_with("first\nlast\n"), "{}", result.text());
}

fn a_fork_bomb_of_modest_size_is_ended() {
    let mut lab = Lab::new(&[]);
    // Each level forks two: 2^6 sleepers below shells that wait.
    let command = "f() { if [ $1 -gt 0 ]; then f $(($1-1)) & f $(($1-1)) & wait; else sleep 7506; fi; }; f 6";
    let result = lab.call("bash", json!({"command": command, "timeout_s": 1.0}));
    assert!(result.ended_by.is_some());
    assert!(!lives("sleep\u{0}7506") && !lives("7506"));
}

fn a_flood_is_shortened_and_the_rest_is_readable() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("seq 1 100000");
    assert!(result.text().starts_with("1\n2\n3\n"));
    assert!(result.text().ends_with("99999\n100000\nexit code: 0"));
    assert!(result.text().chars().count() < 31_000);
    let at = result.text().find("all of it is in ").unwrap() + "all of it is in ".len();
    let text = result.text();
    let path: &str = text[at..].split(", for file_read").next().unwrap();
    let page = lab.call("file_read", json!({"path": path, "offset": 50_000, "limit": 2}));
    assert!(page.text().starts_with(" 50000\t50000\n 50001\t50001\n[lines 50000-50001 of 100000"), "{}", page.text());
    let found = lab.call("grep", json!({"path": path, "pattern": "^77777$"}));
    assert!(found.text().ends_with(":77777:77777"), "{}", found.text());
}

fn what_a_test_runner_reports_is_read_from_the_whole_output() {
    let case = "import unittest\nclass Pages(unittest.TestCase):\n    def test_full(self): pass\n    def test_rest(self): self.fail()\n";
    let mut lab = Lab::new(&[("test_pages.py", case)]);
    let result = lab.bash("seq 20000; python3 -m unittest -v test_pages; seq 20000");
    assert!(!result.output.contains("test_rest (test_pages"), "the middle is not shown");
    let tests = result.tests.unwrap();
    assert_eq!((tests.passed, tests.failed), (1, 1));
    assert!(tests.failing[0].starts_with("test_rest (test_pages.Pages"), "{tests:?}");
    assert!(tests.passing[0].starts_with("test_full (test_pages.Pages"), "{tests:?}");
    assert_eq!(lab.bash("echo '1 failed, 2 passed in 0.12s'").tests, None, "it runs no tests");
}

fn an_endless_flood_is_ended() {
    let mut lab = Lab::with(&[], |setup| setup.limits.output_file_bytes = 1 << 20);
    let result = lab.bash("yes");
    assert_eq!(result.ended_by, Some(EndedBy::OutputLimit { bytes: 16 << 20 }));
    assert!(result.text().chars().count() < 31_000);
}

fn foreign_bytes_and_escapes_do_no_harm() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash(r"printf 'a\0b\377\033[31mred\033[0m\r\n\303\251'");
    assert_eq!(result.text(), "ab\u{fffd}red\né\nexit code: 0");
}

fn a_closed_output_is_not_the_end() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("exec >&- 2>&-; sleep 0.2; exit 7");
    assert_eq!(result.text(), "exit code: 7");
}

fn a_file_above_the_limit_is_refused() {
    let mut lab = Lab::with(&[], |setup| setup.limits.file_bytes = 1 << 20);
    let result = lab.bash("exec head -c 2000000 /dev/zero > big");
    assert_eq!(result.ended_by, Some(EndedBy::FileSizeLimit { bytes: 1 << 20 }));
    assert!(std::fs::metadata(lab.path("big")).unwrap().len() <= 1 << 20);
}

fn death_by_signal_is_reported() {
    let mut lab = Lab::new(&[]);
    let result = lab.bash("kill -SEGV $$");
    assert_eq!((result.exit, result.ended_by), (Some(139), None));
    let result = lab.bash("kill -9 $$");
    assert_eq!(result.exit, Some(137));
    assert!(result.text().ends_with("killed: SIGKILL, probably out of memory (limit 4 GiB)"), "{}", result.text());
}

fn a_command_longer_than_an_argument_runs() {
    let mut lab = Lab::new(&[]);
    let text = "0123456789".repeat(40_000);
    let result = lab.bash(&format!("cat > long.txt <<'EOF'\n{text}\nEOF\nwc -c < long.txt"));
    assert_eq!(result.text(), "400001\nexit code: 0");
}

fn a_command_given_up_on_is_ended_and_the_next_is_answered() {
    let mut lab = Lab::new(&[("a", "1\n")]);
    lab.give_up("echo 2 > a; sleep 7507", Duration::from_millis(800));
    let export = lab.export();
    assert_eq!(export.files.len(), 1);
    assert_eq!(export.files[0].now.as_ref().unwrap().content.0, b"2\n");
    assert!(!lives("sleep\u{0}7507"));
    assert_eq!(lab.bash("echo on").text(), "on\nexit code: 0");
}

fn everything_ends_when_voe_is_gone() {
    let mut lab = Lab::new(&[]);
    lab.give_up("trap '' TERM; setsid sleep 7508 & sleep 7508", Duration::from_millis(800));
    lab.drop_pipe();
    assert!(!lives("sleep\u{0}7508"));
}

fn removing_the_workspace_itself_is_survived() {
    let mut lab = Lab::new(&[("a", "1\n")]);
    let result = lab.bash("rm -rf \"$PWD\"");
    assert_eq!(result.changes.len(), 1, "{result:?}");
    let result = lab.bash("echo 1 > a");
    assert_eq!(result.exit, Some(0));
    assert_eq!(result.state.tree, "");
}

fn nonsense_is_answered_with_an_error() {
    let mut lab = Lab::new(&[]);
    for (tool, arguments) in [
        ("bash", json!({})),
        ("bash", json!({"command": ""})),
        ("bash", json!({"command": "echo \u{0}"})),
        ("bash", json!({"command": "ls", "timeout_s": "soon"})),
        ("bash", json!({"cmd": "ls"})),
        ("bash", json!("ls")),
        ("no_such_tool", json!({})),
    ] {
        let result = lab.call(tool, arguments.clone());
        assert!(!result.ok, "{tool} {arguments}");
        assert!(!result.text().is_empty() && !result.text().contains('\n'));
    }
}
