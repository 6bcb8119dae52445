//! Finds the exit code that a command hides: behind a pipe, `|| true` or a last `echo`.

use voe_trace::{FoundBy, HiddenExit, Outcome};

use crate::command::hides_exit;

/// Exit code of a program that wrote to a pipe which nobody reads any more, as in `pytest | head -3`: it shows nothing.
const SIGPIPE: i32 = 128 + 13;

/// The exit code by the runner's own report, if `command` exits with 0 and hides what it runs.
pub fn by_summary(command: &str, outcome: &Outcome) -> Option<HiddenExit> {
    let tests = outcome.tests.as_ref().filter(|tests| tests.passed + tests.failed > 0)?;
    let hidden = outcome.exit == Some(0) && hides_exit(command).is_some();
    hidden.then(|| HiddenExit { exit: i32::from(tests.failed > 0), by: FoundBy::Summary })
}

/// The exit code by a second run, in which the command does not hide it.
pub fn by_second_run(second: &Outcome) -> Option<HiddenExit> {
    let exit = second.exit.filter(|exit| *exit != SIGPIPE)?;
    Some(HiddenExit { exit, by: FoundBy::SecondRun })
}

/// The form of `command` that a second run needs to find the exit code of `outcome`; `None`: the exit code is known.
pub fn unknown(command: &str, outcome: &Outcome) -> Option<String> {
    let unknown = outcome.exit == Some(0) && outcome.hidden.is_none();
    if unknown { hides_exit(command) } else { None }
}

#[cfg(test)]
mod tests {
    use voe_trace::TestRun;

    use super::*;

    fn ended(exit: i32, tests: Option<(u32, u32)>) -> Outcome {
        let tests = tests.map(|(passed, failed)| TestRun { passed, failed, ..TestRun::default() });
        Outcome { exit: Some(exit), tests, ..Outcome::default() }
    }

    #[test]
    fn the_runners_report_decides_where_the_command_hides_its_exit_code() {
        let exit = |command, outcome: &Outcome| by_summary(command, outcome).map(|hidden| hidden.exit);
        assert_eq!(exit("pytest | tail -5", &ended(0, Some((3, 1)))), Some(1));
        assert_eq!(exit("pytest | tail -5", &ended(0, Some((3, 0)))), Some(0));
        assert_eq!(exit("pytest", &ended(0, Some((3, 0)))), None);
        assert_eq!(exit("pytest | tail -5", &ended(0, None)), None);
        assert_eq!(exit("pytest | tail -5", &ended(0, Some((0, 0)))), None);
    }

    #[test]
    fn a_second_run_decides_unless_the_pipe_ended_it() {
        assert_eq!(by_second_run(&ended(1, None)).map(|hidden| hidden.exit), Some(1));
        assert_eq!(by_second_run(&ended(141, None)), None);
        assert!(unknown("python3 t.py | tail", &ended(0, None)).is_some());
        assert!(unknown("python3 t.py | tail", &ended(1, None)).is_none());
        assert!(unknown("python3 t.py", &ended(0, None)).is_none());
    }
}
