//! Colours, where they are wanted.

use anstyle::{AnsiColor, Style};

use super::out;
use super::text::Text;

/// Puts colour on text, or leaves it alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard output: on a terminal, unless the environment (<https://no-color.org>) or the user says no.
    pub(crate) fn stdout(no_color: bool) -> Self {
        Self { on: !no_color && out::has_colors() }
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
        Text::styled(if self.on { style } else { Style::new() }, text)
    }

    pub(crate) fn dim(self, text: &str) -> Text {
        self.with(Style::new().dimmed(), text)
    }

    pub(crate) fn bold(self, text: &str) -> Text {
        self.with(Style::new().bold(), text)
    }

    pub(crate) fn red(self, text: &str) -> Text {
        self.with(AnsiColor::Red.on_default(), text)
    }

    pub(crate) fn green(self, text: &str) -> Text {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn yellow(self, text: &str) -> Text {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    pub(crate) fn cyan(self, text: &str) -> Text {
        self.with(AnsiColor::Cyan.on_default(), text)
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
