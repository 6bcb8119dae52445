//! Whether a reply declares that the work is done.

use crate::strategy::DoneMarker;

/// Whether `text`, a reply without a call, declares the end with the marker: it is alone on a line, apart from markup
/// and punctuation, or ends the last line. A reply that only talks about the marker ("I will answer with … when
/// …") does not, unless the strategy takes the marker anywhere.
pub fn declares_done(text: &str, keys: &DoneMarker) -> bool {
    let marker = keys.marker.as_str();
    if marker.is_empty() {
        return false;
    }
    if keys.anywhere {
        return text.contains(marker);
    }
    let bare = |line: &str| line.trim_matches(|c: char| !c.is_alphanumeric() && c != '_').to_owned();
    let marker = bare(marker);
    let mut fenced = false;
    let mut last = String::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        last = bare(line);
        if last == marker && !fenced {
            return true;
        }
    }
    // Small models tend to put the whole reply into a fence.
    last == marker
        || last
            .strip_suffix(&marker)
            .is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !negated(before))
}

/// Whether the words before the marker postpone or deny it.
fn negated(before: &str) -> bool {
    let before = before.to_lowercase();
    ["not ", "n't ", "before ", "until ", "with ", "say ", "answer ", "reply ", "when ", "once "]
        .iter()
        .any(|word| before.contains(word))
}

#[cfg(test)]
mod tests {
    use super::declares_done;
    use crate::strategy::DoneMarker;

    #[test]
    fn the_marker_on_a_line_of_its_own_ends_the_attempt() {
        for text in [
            "TASK_COMPLETE",
            "All tests pass.\n\n**TASK_COMPLETE**",
            "`TASK_COMPLETE`.",
            "TASK_COMPLETE\n\nSummary: …",
            "The fix is in. TASK_COMPLETE",
            "```\nTASK_COMPLETE\n```",
        ] {
            assert!(declares_done(text, &DoneMarker::default()), "{text}");
        }
    }

    #[test]
    fn talking_about_the_marker_does_not() {
        for text in [
            "I will answer with TASK_COMPLETE when the tests pass.",
            "I am not done, so no TASK_COMPLETE yet.",
            "",
            "Once it passes, I will say TASK_COMPLETE",
            "MY_TASK_COMPLETE",
            "I'm going to run the tests before TASK_COMPLETE",
        ] {
            assert!(!declares_done(text, &DoneMarker::default()), "{text}");
        }
    }

    #[test]
    fn a_strategy_can_take_the_marker_wherever_it_stands() {
        let keys = DoneMarker { anywhere: true, ..DoneMarker::default() };
        assert!(declares_done("I will answer with TASK_COMPLETE when the tests pass.", &keys));
        assert!(!declares_done("All tests pass.", &keys));
    }
}
