//! Reads a model's verdict strictly: an ambiguous one does not count.

use super::Verdict;

/// The format of a verdict; appended to each question that asks for one.
pub(super) const FORM: &str = "Answer in plain text, without calling a tool: first your reasons, one a line; then, as a line of its own, either \
                               `VERDICT: pass` or `VERDICT: fail`.";

/// The verdict in `text`: a line with nothing else. None, or two that differ, is neither pass nor fail.
pub(super) fn read(text: &str) -> Verdict {
    let mut found: Option<bool> = None;
    let mut clash = false;
    let mut reasons = Vec::new();
    for line in text.lines() {
        match verdict(line) {
            Some(pass) => {
                clash |= found.is_some_and(|before| before != pass);
                found = Some(pass);
            }
            None => reasons.push(line),
        }
    }
    let reasons = reasons.join("\n").trim().to_owned();
    match found {
        Some(passed) if !clash && reasons.is_empty() => Verdict::new(Some(passed), "No reasons were given."),
        Some(passed) if !clash => Verdict::new(Some(passed), reasons),
        Some(_) => Verdict::new(None, "The answer contains two different verdicts."),
        None => Verdict::new(None, "The answer contains no line `VERDICT: pass` or `VERDICT: fail`."),
    }
}

/// Reads a line that is a verdict, ignoring Markdown around it.
fn verdict(line: &str) -> Option<bool> {
    let bare: String = line.chars().filter(|c| !matches!(c, '*' | '`')).collect();
    match bare.trim().strip_prefix("VERDICT:")?.trim() {
        "pass" => Some(true),
        "fail" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::read;

    #[test]
    fn a_line_of_its_own_is_a_verdict_and_the_rest_are_reasons() {
        let verdict = read("- the empty list is missing\n\n**VERDICT: fail**\n");
        assert_eq!((verdict.passed, verdict.text.as_str()), (Some(false), "- the empty list is missing"));
        assert_eq!(read("VERDICT: pass").passed, Some(true));
        assert_eq!(read("VERDICT: pass\nall good\n`VERDICT: pass`").passed, Some(true));
    }

    #[test]
    fn what_has_to_be_guessed_at_is_neither() {
        for text in [
            "",
            "Looks good to me, I would pass it.",
            "VERDICT: pass|fail",
            "VERDICT: pass\nVERDICT: fail",
            "My VERDICT: pass",
            "VERDICT: passed",
            "VERDICT: pass, mostly",
            "verdict - pass",
        ] {
            assert_eq!(read(text).passed, None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_only_a_verdict_line_makes_a_verdict(text in "(?s).{0,200}") {
            if !text.contains("VERDICT:") {
                prop_assert_eq!(read(&text).passed, None);
            }
        }

        #[test]
        fn a_verdict_is_found_wherever_it_stands(before in "[a-z \n]{0,80}", after in "[a-z \n]{0,80}", pass: bool) {
            let text = format!("{before}\nVERDICT: {}\n{after}", if pass { "pass" } else { "fail" });
            prop_assert_eq!(read(&text).passed, Some(pass));
        }
    }
}
