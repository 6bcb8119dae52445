//! The value of a state, between 0 and 1.

use voe_agent::strategy::SearchKind;
use voe_trace::event::Finish;
use voe_trace::{Level, Reason};

/// Whether the search may stop here.
pub(crate) fn settles(kind: SearchKind, finish: &Finish) -> bool {
    kind != SearchKind::BestOfN && finish.reason == Reason::Completed && finish.evidence.level == Level::Proven
}

/// The question to the judging model.
pub(crate) fn question(statement: &str, patch: &str) -> String {
    let patch = if patch.is_empty() { "(nothing is changed yet)" } else { patch };
    format!(
        "A repository has this problem:\n\n{}\n\nSomeone is working on it. This is the change so far:\n\n```diff\n{}\n```\n\nHow likely \
         is it that this leads to a correct solution? Give your reasons in a few lines; then, as the last line, `SCORE: n` with a whole \
         number from 0 (certainly wrong) to 10 (certainly right).",
        statement.trim(),
        patch.trim_end()
    )
}

/// The score in a judge's answer, from 0 to 1. Parsed strictly: an ambiguous one is ignored.
pub(crate) fn score(answer: &str) -> Option<f64> {
    let line = answer.lines().rev().find(|line| !line.trim().is_empty())?;
    let bare: String = line.chars().filter(|c| !matches!(c, '*' | '`')).collect();
    let score: u8 = bare.trim().strip_prefix("SCORE:")?.trim().parse().ok()?;
    (score <= 10).then(|| f64::from(score) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn a_score_is_read_strictly() {
        assert_eq!(score("It looks right.\n**SCORE: 7**\n"), Some(0.7));
        for text in ["", "7", "SCORE: 11", "SCORE: 7/10", "SCORE: 7\nI think", "score seven"] {
            assert_eq!(score(text), None, "{text}");
        }
    }
}
