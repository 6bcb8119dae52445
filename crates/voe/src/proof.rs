//! `voe proof`: the evidence of an attempt as a short note, ready for a pull request.

use std::fmt::Write;

use voe_evidence::check::regressed;
use voe_evidence::examination::Examine;
use voe_trace::event::Finish;
use voe_trace::{ChangeKind, Check, Level, Trajectory};

use crate::show::markdown::{code, ended, fenced, side};
use crate::show::one_line;
use crate::{UsageError, cli, exit, trust};

pub(crate) fn run(args: &cli::ProofArgs) -> anyhow::Result<u8> {
    let trajectory = Trajectory::read(&args.trajectory)?;
    let finish = trajectory.finish().ok_or_else(|| {
        UsageError(format!("{}: this attempt has not ended, so nothing is proven", args.trajectory.display()))
    })?;
    let own = trust::record::is_own(&args.trajectory);
    out!("{}", render(finish, own));
    if let Some(examination) = voe_evidence::examination::of(&trajectory.records) {
        out!("\n{}", examination.render());
    }
    if !own {
        errln!(
            "voe: {} was not written by your voe, or can be changed by others: its content was not observed here",
            one_line(&args.trajectory.display().to_string())
        );
    }
    Ok(if own && finish.evidence.level == Level::Proven { exit::OK } else { exit::PARTLY })
}

/// The note. `own`: whether voe made the record for this user; somebody else's is shown, and not vouched for.
pub(crate) fn render(finish: &Finish, own: bool) -> String {
    let mut out = String::new();
    let checks = &finish.evidence.checks;
    let level = finish.evidence.level;
    if let Some(why) = &finish.evidence.void {
        return format!(
            "### Evidence\n\nThe evidence of this patch is **void**: {}. What was shown applies to the tree as it was before.\n\n\
             Files changed: {}.\n",
            code(why),
            files(finish)
        );
    }
    let title = match level {
        Level::Proven => "This patch is proven: a check fails without it and passes with it.",
        Level::Refuted => "**This patch is refuted**: a check fails with it.",
        _ => "This patch is **not proven**: no check was seen to fail without it and pass with it.",
    };
    let _ = writeln!(out, "### Evidence\n\n{title}\n");
    let _ = writeln!(out, "Files changed: {}.\n", files(finish));
    for check in checks.iter().filter(|check| check.level == Level::Proven) {
        let _ = writeln!(out, "{}\n", fenced("sh", &check.command));
        side(&mut out, "Without the patch", check.without.as_ref());
        side(&mut out, "With the patch", Some(&check.with));
    }
    let broken: Vec<&Check> = checks.iter().filter(|c| c.level == Level::Refuted).collect();
    if !broken.is_empty() {
        let _ = writeln!(out, "Checks that fail with the patch:\n");
        for check in broken {
            let before = match &check.without {
                Some(_) if regressed(check) => "passes without it: a regression",
                Some(_) => "fails without it too",
                None => "not run without it",
            };
            let _ = writeln!(out, "- {} ({}; {before})", code(&check.command), ended(&check.with));
            let tests = check.tests.iter().flat_map(|tests| &tests.regressed);
            tests.for_each(|test| _ = writeln!(out, "  - {}", code(test)));
        }
        let _ = writeln!(out);
    }
    let kept: Vec<&Check> = checks.iter().filter(|check| check.level == Level::Kept).collect();
    if !kept.is_empty() {
        let _ = writeln!(out, "Tests of the repository that the patch keeps (they pass without it and with it):\n");
        for check in kept {
            let _ = writeln!(out, "- {}", code(&check.command));
            difference(&mut out, check);
        }
        let _ = writeln!(out);
    }
    let others: Vec<&Check> = checks
        .iter()
        .filter(|c| c.with.passed() && !matches!(c.level, Level::Proven | Level::Refuted | Level::Kept))
        .collect();
    if !others.is_empty() {
        let _ = writeln!(out, "Other checks that pass with the patch (regressions would show here):\n");
        for check in others {
            let before = match (check.level, &check.without) {
                (Level::Vacuous, _) => "passes without it too",
                (Level::Inconclusive, _) => "shows nothing without it",
                (_, Some(_)) => "run without it as well",
                _ => "not run without it",
            };
            let _ = writeln!(out, "- {} ({before})", code(&check.command));
            difference(&mut out, check);
        }
        let _ = writeln!(out);
    }
    if !finish.evidence.unchecked.is_empty() {
        let unchecked: Vec<String> = finish.evidence.unchecked.iter().map(|path| code(path)).collect();
        let _ = writeln!(out, "Nothing was run since the last edit of: {}.\n", unchecked.join(", "));
    }
    let left: Vec<String> = finish
        .changes
        .iter()
        .filter(|change| change.role.is_check_file() && change.kind != ChangeKind::Deleted)
        .map(|change| format!("{} ({})", code(&change.path), change.role.rule()))
        .collect();
    if !left.is_empty() {
        let _ = writeln!(out, "Check files left in the patch: {}.\n", left.join(", "));
    }
    let _ = writeln!(
        out,
        "{}",
        if own {
            "Made by voe: each check was run by the harness, with the patch and on a copy without it."
        } else {
            "**From a record that was not made by this voe**: these checks were not run here."
        }
    );
    out
}

/// Where the outputs of two runs that passed differ.
fn difference(out: &mut String, check: &Check) {
    let Some(difference) = &check.difference else { return };
    let printed = |line: &str| if line.is_empty() { "nothing".to_owned() } else { code(line) };
    let (with, without) = (printed(&difference.with), printed(&difference.without));
    let _ = writeln!(out, "  It prints {with} with the patch and {without} without it, but does not assert that.");
}

fn files(finish: &Finish) -> String {
    let file = |c: &voe_trace::Change| format!("{} (+{} -{})", code(&c.path), c.added, c.removed);
    if finish.changes.is_empty() {
        "none".into()
    } else {
        finish.changes.iter().map(file).collect::<Vec<_>>().join(", ")
    }
}
