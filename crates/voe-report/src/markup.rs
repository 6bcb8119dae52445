//! HTML from templates. Everything that a template outputs is escaped, except voe's own markup that is marked as such here.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value};

use crate::ReportError;
use crate::format::escape;

/// Renders a template.
///
/// # Errors
/// The template is invalid.
pub(crate) fn render(template: &str, values: Value) -> Result<String, ReportError> {
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(escaped);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build()?);
    Ok(environment.render_str(template, values)?)
}

/// Markup of voe's own, which a template outputs unchanged. Foreign text in it must already be escaped.
pub(crate) fn own(markup: impl Into<String>) -> Value {
    Value::from_safe_string(markup.into())
}

/// Replaces minijinja's formatter: it also replaces characters that a browser obeys or hides.
fn escaped(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let text = value.to_string();
    Ok(out.write_str(&if value.is_safe() { text } else { escape(&text) })?)
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn text_is_escaped_and_own_markup_is_not() {
        let made = render(
            "<b title=\"{{ text }}\">{{ text }}</b>{{ own }}\n",
            context! { text => "<'\"&\u{202e}", own => own("<hr>") },
        );
        let safe = "&lt;&#39;&quot;&amp;\u{fffd}";
        assert_eq!(made.unwrap(), format!("<b title=\"{safe}\">{safe}</b><hr>\n"));
    }

    #[test]
    fn a_template_that_asks_for_what_is_not_there_is_refused() {
        assert!(render("{{ missing }}", context! {}).unwrap_err().to_string().contains("undefined"));
    }
}
