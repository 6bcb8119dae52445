//! Renders the templates of a strategy.

use minijinja::{Environment, context};
use voe_trace::event::Task;

use crate::strategy::Strategy;

/// The mark of voe's own messages, so that the model can tell them from the user's and from a program's output.
pub const HARNESS: &str = "[voe]";

/// Instruction limit of a template: thousands of times what a shipped one needs, and quick to reach.
const FUEL: u64 = 1_000_000;

/// Fills in `template`; a template that fails is shown unrendered (it was validated when it was loaded).
pub(crate) fn render(template: &str, values: minijinja::Value) -> String {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.render_str(template, values).unwrap_or_else(|_| template.to_owned()).trim().to_owned()
}

/// The system message.
pub fn system(strategy: &Strategy, task: &Task) -> String {
    render(&strategy.prompt.system, values(strategy, task, ""))
}

/// The first user message. `notes`: the repository's AGENTS.md, or empty.
pub fn task(strategy: &Strategy, task: &Task, notes: &str) -> String {
    let notes = first(notes.trim(), strategy.prompt.project_notes_chars);
    render(&strategy.prompt.task, values(strategy, task, notes))
}

/// The reminder after a reply with neither call nor marker.
pub fn reminder(strategy: &Strategy, task: &Task) -> String {
    format!("{HARNESS} {}", render(&strategy.prompt.reminder, values(strategy, task, "")))
}

/// The nudge after an edit of `files`.
pub fn nudge(strategy: &Strategy, files: &[String]) -> String {
    format!(
        "{HARNESS} {}",
        render(&strategy.nudge.text, context! { files => files.to_vec(), marker => &strategy.done.marker })
    )
}

/// The first `chars` characters of `text`.
pub(crate) fn first(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(at, _)| &text[..at])
}

/// The same, with a note where text is left out.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    match first(text, chars) {
        all if all.len() == text.len() => all.to_owned(),
        part => format!("{part}\n{HARNESS} The rest is left out."),
    }
}

/// The last `most` lines of `text`.
pub(crate) fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(most)..].join("\n")
}

fn values(strategy: &Strategy, task: &Task, notes: &str) -> minijinja::Value {
    context! {
        workspace => &task.workspace,
        task_id => &task.id,
        statement => task.statement.trim(),
        check => &task.check,
        notes => notes,
        marker => &strategy.done.marker,
        tools => &strategy.tools.offer,
    }
}

/// All templates of a strategy, with their keys.
pub(crate) fn templates(strategy: &Strategy) -> Vec<(&'static str, &str)> {
    let mut all: Vec<(&str, &str)> = vec![
        ("prompt.system", &strategy.prompt.system),
        ("prompt.task", &strategy.prompt.task),
        ("prompt.reminder", &strategy.prompt.reminder),
        ("nudge.text", &strategy.nudge.text),
    ];
    if let Some(keys) = &strategy.pipeline {
        let ask = &keys.ask;
        all.extend([
            ("pipeline.ask.place", ask.place.as_str()),
            ("pipeline.ask.check", ask.check.as_str()),
            ("pipeline.ask.change", ask.change.as_str()),
        ]);
    }
    all
}

/// Parses all templates of a strategy.
///
/// # Errors
/// The first template that does not parse: its key and the error, in one line.
pub(crate) fn parse(strategy: &Strategy) -> Result<(), String> {
    for (key, template) in templates(strategy) {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Lenient);
        environment.template_from_str(template).map(|_| ()).map_err(|e| format!("{key}: {e}"))?;
    }
    Ok(())
}

/// Whether a template does nothing but insert values by name.
pub(crate) fn only_names(template: &str) -> bool {
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        rest = &rest[at..];
        match rest.get(..2) {
            Some("{{") => {
                let Some((name, after)) = rest[2..].split_once("}}") else { return false };
                let name = name.trim_matches([' ', '-']);
                if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                    return false;
                }
                rest = after;
            }
            Some("{%" | "{#") => return false,
            _ => rest = &rest[1..],
        }
    }
    true
}
