//! The eval script with the changes that the official runner makes before it runs it.

use crate::log::{END_MARKER, EXIT_CODE_MARKER};
use crate::text::strip;

/// Adds two lines to the script: one saves the test command's exit code, one prints it after the end marker, where
/// [`grade`](crate::grade) looks for it. Without an end marker nothing is added.
///
/// The exit code of the script itself does not depend on the tests: its last command restores the test files.
pub fn record_exit_code(eval_script: &str) -> String {
    let mut out = String::from("#!/bin/bash\nset -uxo pipefail\n");
    let mut recorded = false;
    for line in strip(eval_script).split('\n') {
        if matches!(line, "#!/bin/bash" | "set -uxo pipefail") {
            continue;
        }
        let ends_tests = !recorded && line.contains(END_MARKER);
        if ends_tests {
            out.push_str("SWEBENCH_TEST_EXIT_CODE=$?\n");
        }
        out.push_str(line);
        out.push('\n');
        if ends_tests {
            out.push_str(&format!("echo \"{EXIT_CODE_MARKER}: $SWEBENCH_TEST_EXIT_CODE\"\n"));
            recorded = true;
        }
    }
    out
}

/// The task's own install commands: the lines between the script's inspection of the repository and the checkout of the
/// test files. Without a network they are expected to fail: environments are installed before.
pub fn install_lines(eval_script: &str) -> impl Iterator<Item = &str> {
    let lines = eval_script.lines().skip_while(|line| !line.starts_with(DIFF)).skip(1);
    lines.take_while(|line| !line.starts_with(CHECKOUT))
}

/// Start of the line that prints the differences from the base.
pub(crate) const DIFF: &str = "git -c core.fileMode=false diff";
/// Start of the line that restores the test files.
pub(crate) const CHECKOUT: &str = "git checkout ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_install_commands_are_the_lines_before_the_test_files() {
        let script = "cd /testbed\ngit show\ngit -c core.fileMode=false diff abc\nsource x\npip install .\ngit checkout abc t.py\nrest\n";
        assert_eq!(install_lines(script).collect::<Vec<_>>(), ["source x", "pip install ."]);
        assert_eq!(install_lines("pytest\n").count(), 0);
    }

    #[test]
    fn the_exit_code_is_kept_before_the_first_end_marker_and_printed_after_it() {
        let script = "#!/bin/bash\nset -uxo pipefail\npytest\n: '>>>>> End Test Output'\ngit checkout x\n";
        insta::assert_snapshot!(record_exit_code(script), @r#"
        #!/bin/bash
        set -uxo pipefail
        pytest
        SWEBENCH_TEST_EXIT_CODE=$?
        : '>>>>> End Test Output'
        echo ">>>>> Test Exit Code: $SWEBENCH_TEST_EXIT_CODE"
        git checkout x
        "#);
    }

    #[test]
    fn a_script_of_another_form_is_not_changed() {
        assert_eq!(record_exit_code("pytest"), "#!/bin/bash\nset -uxo pipefail\npytest\n");
    }
}
