//! Text in spans, some of them styled.

use anstyle::Style;
use voe_untrusted::text::sanitize;

/// What is to be printed. Its spans are foreign text until they are printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    spans: Vec<(Style, String)>,
}

impl Text {
    pub(crate) fn styled(style: Style, text: &str) -> Self {
        Self { spans: vec![(style, text.to_owned())] }
    }

    /// Adds more to it.
    pub(crate) fn push(&mut self, more: impl Into<Self>) {
        self.spans.extend(more.into().spans);
    }

    /// This with more after it.
    pub(crate) fn then(mut self, more: impl Into<Self>) -> Self {
        self.push(more);
        self
    }

    /// As it is printed: each span filtered, then its style around it. Only the sink has a use for it.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        for (style, text) in &self.spans {
            let text = sanitize(text);
            if !text.is_empty() {
                out += &format!("{style}{text}{style:#}");
            }
        }
        out
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::styled(Style::new(), text)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::styled(Style::new(), text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { spans: vec![(Style::new(), text)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::Paint;

    #[test]
    fn foreign_text_in_a_styled_span_adds_no_sequence_of_its_own() {
        let foreign = "a\u{1b}[0m\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}b\r";
        let paint = Paint::always();
        let styles = [
            paint.dim(foreign),
            paint.bold(foreign),
            paint.red(foreign),
            paint.green(foreign),
            paint.yellow(foreign),
            paint.cyan(foreign),
            paint.diff(&format!("+{foreign}\n-{foreign}\n@{foreign}\n {foreign}\n+++ {foreign}")),
            Text::from(foreign),
        ];
        for text in styles {
            let mut rendered = text.render();
            for own in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"] {
                rendered = rendered.replace(own, "");
            }
            assert_eq!(sanitize(&rendered), rendered);
            assert!(
                rendered.contains("a\u{fffd}[0m\u{fffd}]52;c;eA==\u{fffd}\u{fffd}31m\u{fffd}b\u{fffd}"),
                "{rendered}"
            );
        }
    }

    #[test]
    fn a_line_that_gains_a_carriage_return_looks_different_in_a_diff() {
        let diff = Paint::never().diff("-a\n+a\r\n");
        assert_eq!(diff.render(), "-a\n+a\u{fffd}\n");
    }
}
