//! The check of a pipeline: a script that needs no file.

/// The language of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
    Shell,
}

impl Language {
    /// The language in which this file's code is easiest to call.
    pub(super) fn of(path: &str) -> Self {
        match path.rsplit('.').next().unwrap_or_default() {
            "py" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "tsx" => Self::Node,
            _ => Self::Shell,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "JavaScript for Node",
            Self::Shell => "bash",
        }
    }

    /// A command that contains the whole script, so that it can be run anywhere.
    pub(super) fn command(self, code: &str) -> String {
        let module = code.lines().any(|line| line.starts_with("import ") || line.starts_with("await "));
        let program = match self {
            Self::Python => "PYTHONPATH=.:src python3 -",
            Self::Node if module => "node --input-type=module -",
            Self::Node => "node -",
            Self::Shell => "bash -eu -s",
        };
        let mut end = "END_OF_CHECK".to_owned();
        while code.lines().any(|line| line.trim() == end) {
            end.push('_');
        }
        format!("{program} <<'{end}'\n{}\n{end}", code.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_contains_the_end_mark_gets_another() {
        let command = Language::Shell.command("echo\nEND_OF_CHECK\n");
        assert!(command.ends_with("\nEND_OF_CHECK_"), "{command}");
    }
}
