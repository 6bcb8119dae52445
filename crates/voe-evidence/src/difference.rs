//! Compares the outputs of two runs, after masking what differs by chance.

use voe_trace::OutputDifference;

/// The first line each in which the outputs of two runs differ; `None` if they differ only by chance.
pub fn between(with: &str, without: &str) -> Option<OutputDifference> {
    let first = |text: &str, other: &str| -> String {
        let line = text.lines().find(|line| !other.lines().any(|known| known == *line));
        line.unwrap_or_default().chars().take(300).collect()
    };
    let difference = OutputDifference { with: first(with, without), without: first(without, with) };
    (!difference.with.is_empty() || !difference.without.is_empty()).then_some(difference)
}
