//! Names that are used as names of directories and files.

/// Longest accepted name, in bytes.
const LONGEST: usize = 100;

/// What a valid name of an experiment is, for messages.
pub const RULE: &str = "1 to 100 letters, digits, `.`, `_` and `-`, not starting with `.`";

/// Whether it is a valid name for an experiment, and so for its run directory.
pub fn is_valid(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=LONGEST).contains(&name.len()) && !name.starts_with('.') && name.chars().all(fits)
}

/// The name with characters that could trouble a file system replaced; `instead` if nothing is left.
pub fn slug(name: &str, instead: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let slug: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if slug.trim_matches('.').is_empty() { instead.to_owned() } else { slug }
}

/// A name for an experiment without one, made from its parts.
pub fn of_experiment(parts: &str) -> String {
    let slug = slug(parts, "run").replace(['@', '+'], "_");
    slug.trim_start_matches('.').chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_its_directory_or_hide_there_is_not_valid() {
        for name in ["prove-on-edit", "a", "Q-35B_v1.2", "..."[..0].trim(), "x..y"] {
            assert_eq!(is_valid(name), !name.is_empty(), "{name:?}");
        }
        for name in ["..", ".", ".x", "a/b", "../../x", "/tmp/x", "a b", "a\u{1b}[2J", "a\n", "ä", "a\u{202e}b", "a\0"]
        {
            assert!(!is_valid(name), "{name:?}");
        }
        assert!(is_valid(&"a".repeat(LONGEST)) && !is_valid(&"a".repeat(LONGEST + 1)));
    }

    #[test]
    fn a_name_made_from_anything_is_valid() {
        for parts in ["", "..", "../x", "mini-..-a b", ".hidden", "a@b+c", "\u{1b}]0;x\u{7}", &"long".repeat(100)] {
            assert!(is_valid(&of_experiment(parts)), "{parts:?}: {:?}", of_experiment(parts));
        }
        assert_eq!(of_experiment("mini-verify-on-edit-Q-35B"), "mini-verify-on-edit-Q-35B");
    }
}
