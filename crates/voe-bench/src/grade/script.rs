//! What runs inside the sandbox to grade a patch.

use std::path::Path;

use voe_grade::Instance;
use voe_grade::eval_script::record_exit_code;

use crate::workspace::prepared::TESTBED;

/// Exit code of the driver when no way of applying the patch worked.
pub(super) const NOT_APPLIED: i32 = 97;

/// The driver's files, by name.
pub(super) struct GradingScript {
    pub(super) drive: String,
    pub(super) eval: String,
}

/// Whether `eval` is the task's eval script, wherever its checkout was: the row may have changed since.
pub(super) fn is_of(task: &Instance, eval: &str) -> bool {
    let own = task.eval_script.as_deref().map(record_exit_code).unwrap_or_default();
    let Some(at) = eval.lines().find_map(|line| line.strip_prefix("cd ")) else { return own == eval };
    own == eval || own.replace(TESTBED, at) == eval
}

/// The driver for a task whose checkout is at `at` inside the sandbox, with its files in `work`.
///
/// Tries the official ways of applying a patch in their order, with a clean tree before each further one.
pub(super) fn script(task: &Instance, before: &str, at: &Path, work: &Path) -> Option<GradingScript> {
    let eval = record_exit_code(task.eval_script.as_deref()?);
    let (at, work) = (at.display().to_string(), work.display().to_string());
    // Without their own file system, commands see the checkout at its path on the host.
    let eval = if at == TESTBED { eval } else { eval.replace(TESTBED, &at) };
    let drive = format!(
        r#"W='{work}'
{before}
cd '{at}' || exit 98
git config --global --add safe.directory '{at}' 2>/dev/null
applied=
if [ -s "$W/patch.diff" ]; then
    for way in 'git apply --verbose' 'git apply --verbose --3way' 'git apply --verbose --reject' 'patch --batch --forward --fuzz=5 -p1 -i'; do
        echo "+ $way"
        if $way "$W/patch.diff"; then applied="$way"; break; fi
        git checkout -- . ; git clean -fd
    done > "$W/apply.log" 2>&1
    if [ -z "$applied" ] && git apply --check --reverse "$W/patch.diff" >> "$W/apply.log" 2>&1; then
        echo "it is there already" >> "$W/apply.log"; applied=already
    fi
    if [ -z "$applied" ]; then exit {NOT_APPLIED}; fi
    # Trees in which the first ways failed are clean again when the patch was there already.
fi
/bin/bash "$W/eval.sh" > "$W/log" 2>&1 < /dev/null
exit 0
"#
    );
    Some(GradingScript { drive, eval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eval_script_is_known_again_wherever_its_checkout_was_and_not_after_the_row_changed() {
        let mut task = crate::shipped::tasks("mini").unwrap().remove(0).row();
        let run = |task: &Instance, at: &str| script(task, "", Path::new(at), Path::new("/tmp")).unwrap().eval;
        for at in [TESTBED, "/somewhere/else"] {
            assert!(is_of(&task, &run(&task, at)), "{at}");
        }
        let before = run(&task, TESTBED);
        task.eval_script = task.eval_script.map(|script| script + "echo more\n");
        assert!(!is_of(&task, &before));
    }
}
