//! A proof as Markdown, for a pull request.

use std::fmt::Write;

use voe_evidence::check::regressed;
use voe_proof::{Proof, ProofVerdict};
use voe_trace::{Check, Level};

use super::words;
use crate::show::markdown::{code, fenced, side};
use crate::show::one_line;

pub(super) fn render(proof: &Proof) -> String {
    let mut out = String::new();
    let mark = match proof.verdict {
        ProofVerdict::Proven => "✅",
        ProofVerdict::Regressed => "❌",
        ProofVerdict::NotProven => "⚠️",
        ProofVerdict::NothingToProve => "ℹ️",
    };
    let _ = writeln!(out, "### {mark} {}\n", capitalized(&words::verdict(proof)));
    let _ = writeln!(out, "{}: {}.\n", words::sides(proof), words::files(proof));
    for check in proof.checks.iter().filter(|check| check.level == Level::Proven) {
        let _ = writeln!(out, "{}\n", fenced("sh", &check.command));
        side(&mut out, "Without the change", check.without.as_ref());
        side(&mut out, "With the change", Some(&check.with));
    }
    let broken: Vec<&Check> = proof.all_checks().filter(|check| regressed(check)).collect();
    for check in &broken {
        let _ = writeln!(out, "Passes without the change and fails with it:\n\n{}\n", fenced("sh", &check.command));
        side(&mut out, "With the change", Some(&check.with));
    }
    let rest: Vec<&Check> =
        proof.all_checks().filter(|check| check.level != Level::Proven && !regressed(check)).collect();
    if !rest.is_empty() {
        let _ = writeln!(out, "| level | command | |\n| --- | --- | --- |");
        for check in rest {
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                check.level,
                cell(&code(&words::command(check))),
                cell(&words::showed(check))
            );
        }
        let _ = writeln!(out);
    }
    for note in &proof.notes {
        let _ = writeln!(out, "- {}", one_line(note));
    }
    out
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
