//! Colours, where they are wanted.

use super::out;
use super::text::{Style, Text};

/// Puts colour on text, or leaves it alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output: on a terminal, unless `NO_COLOR` is set or the user says no. <https://no-color.org>
    pub(crate) fn stdout(no_color: bool) -> Self {
        let env = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self { on: !no_color && !env && !dumb && out::is_terminal() }
    }

    #[cfg(test)]
    pub(super) fn always() -> Self {
        Self { on: true }
    }

    #[cfg(test)]
    pub(super) fn never() -> Self {
        Self { on: false }
    }

    fn with(self, style: Style, text: &str) -> Text {
        Text::styled(self.on.then_some(style), text)
    }

    pub(crate) fn dim(self, text: &str) -> Text {
        self.with(Style::Dim, text)
    }

    pub(crate) fn bold(self, text: &str) -> Text {
        self.with(Style::Bold, text)
    }

    pub(crate) fn red(self, text: &str) -> Text {
        self.with(Style::Red, text)
    }

    pub(crate) fn green(self, text: &str) -> Text {
        self.with(Style::Green, text)
    }

    pub(crate) fn yellow(self, text: &str) -> Text {
        self.with(Style::Yellow, text)
    }

    pub(crate) fn cyan(self, text: &str) -> Text {
        self.with(Style::Cyan, text)
    }

    /// A line of a unified diff.
    pub(crate) fn diff_line(self, line: &str) -> Text {
        match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => self.bold(line),
            Some(b'+') => self.green(line),
            Some(b'-') => self.red(line),
            Some(b'@') => self.cyan(line),
            _ => Text::from(line),
        }
    }

    /// A unified diff.
    pub(crate) fn diff(self, diff: &str) -> Text {
        let mut text = Text::default();
        // Not `lines`: a carriage return at the end of a line is a change, too.
        for (n, line) in diff.split('\n').enumerate() {
            if n > 0 {
                text.push("\n");
            }
            text.push(self.diff_line(line));
        }
        text
    }
}
