//! A proof for a person at a terminal: about ten lines.

use voe_evidence::check::regressed;
use voe_proof::{Proof, ProofVerdict};
use voe_trace::{Check, Level};

use super::words;
use crate::show::one_line;
use crate::show::paint::Paint;
use crate::show::text::Text;

/// Checks of one kind that are shown.
const MOST: usize = 5;

pub(super) fn render(proof: &Proof, paint: Paint) -> Text {
    let mut out = Text::default();
    let mut row = |name: &str, text: Text| {
        out.push(paint.dim(&format!("{name:<9}")));
        out.push(" ");
        out.push(text);
        out.push("\n");
    };
    let verdict = words::verdict(proof);
    row(
        "verdict",
        match proof.verdict {
            ProofVerdict::Proven => paint.green(&verdict),
            ProofVerdict::Regressed => paint.red(&verdict),
            ProofVerdict::NotProven | ProofVerdict::NothingToProve => paint.yellow(&verdict),
        },
    );
    row("change", format!("{}: {}", words::sides(proof), words::files(proof)).into());
    for (name, checks) in [("checks", &proof.checks), ("own tests", &proof.own_tests)] {
        for (at, check) in checks.iter().take(MOST).enumerate() {
            let level = level(check, paint);
            row(if at == 0 { name } else { "" }, level.then(format!("  {}", words::command(check))));
            if check.level != Level::Kept {
                row("", paint.dim(&words::showed(check)));
            }
        }
        if checks.len() > MOST {
            row("", format!("and {} more (--format json has all)", checks.len() - MOST).into());
        }
    }
    for note in &proof.notes {
        row("note", one_line(note).into());
    }
    out
}

fn level(check: &Check, paint: Paint) -> Text {
    let word = check.level.word();
    match check.level {
        Level::Proven | Level::Kept => paint.green(word),
        _ if regressed(check) => paint.red("regression"),
        Level::Refuted => paint.red(word),
        _ => paint.yellow(word),
    }
}
