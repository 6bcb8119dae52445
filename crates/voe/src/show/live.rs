//! An attempt while it happens, and step by step afterwards.

use serde_json::Value;
use voe_agent::Observer;
use voe_evidence::examination::Examine;
use voe_model::Delta;
use voe_trace::event::{MessageOrigin, NodeKind, RolloutFacts, ToolResult};
use voe_trace::{Event, Record};

use super::one_line;
use super::out;
use super::paint::Paint;
use super::text::Text;

/// Lines of a tool's result that are shown.
const RESULT_LINES: usize = 12;
/// Lines of a diff that are shown.
const DIFF_LINES: usize = 60;

/// Prints the record's events as JSON lines.
pub(crate) struct Json;

impl Observer for Json {
    fn record(&mut self, record: &Record) {
        out::news_json(record);
    }
}

/// Prints for a person.
pub(crate) struct Live {
    paint: Paint,
    /// Whether replies are shown while they come; else when they are there.
    stream: bool,
    /// What the line on the screen is in the middle of.
    within: LivePart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LivePart {
    Nothing,
    Thought,
    Text,
}

impl Live {
    pub(crate) fn new(paint: Paint, stream: bool) -> Self {
        Self { paint, stream, within: LivePart::Nothing }
    }

    fn line(&mut self, text: impl Into<Text>) {
        self.end_stream();
        out::news(&text.into());
    }

    fn end_stream(&mut self) {
        if self.within != LivePart::Nothing {
            self.within = LivePart::Nothing;
            out::news(&Text::default());
        }
    }

    fn piece(&mut self, within: LivePart, text: &str) {
        if self.within == LivePart::Nothing && text.trim().is_empty() {
            return;
        }
        let text = if self.within == LivePart::Nothing { text.trim_start() } else { text };
        if self.within != within {
            self.end_stream();
            self.within = within;
        }
        out::news_part(&if within == LivePart::Thought { self.paint.dim(text) } else { text.into() });
    }

    fn show(&mut self, event: &Event) {
        let paint = self.paint;
        match event {
            Event::Start(start) => {
                let window = start.model.window.map(|w| format!(", window {w}")).unwrap_or_default();
                self.line(paint.dim(&one_line(&format!(
                    "voe {} · {} · {}{window} · sandbox {} ({})",
                    start.voe, start.strategy, start.model.name, start.sandbox.backend, start.sandbox.detail
                ))));
            }
            Event::Resume { step, from } => {
                self.line(paint.yellow(&one_line(&format!("voe: resuming after step {step} ({from})"))))
            }
            Event::Reply(reply) => {
                self.end_stream();
                if !self.stream {
                    let thought = reply.message.reasoning.as_deref().unwrap_or_default().trim();
                    if !thought.is_empty() {
                        self.line(paint.dim(thought));
                    }
                    let text = reply.message.content.trim();
                    if !text.is_empty() {
                        self.line(text);
                    }
                }
                for repair in &reply.repairs {
                    self.line(paint.yellow(&format!("voe: {}", one_line(repair))));
                }
                if reply.malformed.is_some() {
                    self.line(paint.yellow("voe: the model's tool call could not be parsed; it gets the error"));
                }
            }
            Event::Result(result) => self.result(result),
            // As the model gets it, with the mark of voe's messages.
            Event::Nudge { text, .. } | Event::Gate { accepted: false, text, .. } => {
                self.line(paint.yellow(&format!("voe → model: {}", indented(text.trim(), 6))));
            }
            Event::Check(check) if check.without.is_some() || check.why.is_some() => {
                self.line(paint.cyan(&format!("voe: {}", super::block::check_line(check))));
            }
            Event::Message { origin: MessageOrigin::Strategy, message, .. } => {
                self.line(paint.yellow(&format!("voe → model: {}", indented(&message.content, 6))));
            }
            Event::Verify { method, passed, text, .. } => {
                let verdict = match passed {
                    Some(true) => "passed",
                    Some(false) => "failed",
                    None => "unclear",
                };
                self.line(paint.cyan(&format!("voe: {method}: {verdict}. {}", indented(text, 4))));
            }
            Event::ConversationRewritten(c) if c.kind.is_compaction() => {
                self.line(
                    paint.yellow(&format!(
                        "voe: conversation shortened ({}): {} → {} tokens",
                        c.kind, c.before, c.after
                    )),
                );
            }
            Event::Retry { kind, error, wait, .. } => {
                self.line(paint.yellow(&one_line(&format!("voe: {kind}: {error}; retrying in {wait:.1} s"))));
            }
            Event::ToolboxRestarted { why, .. } => {
                self.line(paint.yellow(&one_line(&format!("voe: toolbox restarted: {why}"))))
            }
            Event::Node(node) if node.kind != NodeKind::Root => self.node(node),
            Event::Void { why, .. } => {
                self.line(paint.yellow(&one_line(&format!("voe: evidence is void from now on: {why}"))))
            }
            Event::Note { text } => self.line(paint.yellow(&one_line(&format!("voe: {text}")))),
            _ => {}
        }
    }

    /// A node of a search; for the choice, the matrix that it rests on.
    fn node(&mut self, node: &voe_trace::event::Node) {
        let paint = self.paint;
        let value = node.value.map(|value| format!(" · value {value:.2}")).unwrap_or_default();
        let (id, kind, parent, step) = (node.id, node.kind, node.parent.unwrap_or(0), node.step);
        if let Some(choice) = &node.choice {
            self.line(format!("\n{}", choice.render().trim_end()));
        } else if let Some(RolloutFacts { reason, level, .. }) = &node.rollout {
            let line = format!("voe: attempt {id} ({kind} of {parent}) · to step {step} · {reason} · {level}{value}");
            self.line(paint.cyan(&one_line(&line)));
        }
    }

    fn result(&mut self, result: &ToolResult) {
        let paint = self.paint;
        let tool = paint.bold(&format!("▸ {}", one_line(&result.tool)));
        self.line(tool.then(" ").then(call_line(&result.arguments)));
        if result.diff.is_empty() {
            let text = first_lines(result.text().trim_end(), RESULT_LINES);
            for line in text.split('\n').filter(|_| !text.is_empty()) {
                self.line(Text::from("  ").then(paint.dim(line)));
            }
        } else {
            for line in first_lines(result.diff.trim_end(), DIFF_LINES).split('\n') {
                self.line(Text::from("  ").then(paint.diff_line(line)));
            }
        }
        if let Some(by) = result.ended_by {
            self.line(Text::from("  ").then(paint.red(&format!("ended: {by}"))));
        }
    }
}

impl Observer for Live {
    fn record(&mut self, record: &Record) {
        self.show(&record.event);
    }

    fn delta(&mut self, delta: Delta<'_>) {
        if !self.stream {
            return;
        }
        match delta {
            Delta::Reasoning(text) => self.piece(LivePart::Thought, text),
            Delta::Text(text) => self.piece(LivePart::Text, text),
            Delta::Call { .. } => self.end_stream(),
            Delta::Retry { .. } => self.end_stream(),
        }
    }
}

/// A call's arguments on one line: the first as it is, the others by name, all shortened.
fn call_line(arguments: &Value) -> String {
    let Some(object) = arguments.as_object() else { return String::new() };
    let shown = object.iter().enumerate().map(|(i, (name, value))| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut text = text.trim().replace('\n', "⏎");
        if let Some((at, _)) = text.char_indices().nth(if i == 0 { 160 } else { 40 }) {
            text.truncate(at);
            text.push('…');
        }
        if i == 0 { text } else { format!("{name}={text}") }
    });
    one_line(&shown.collect::<Vec<_>>().join("  "))
}

/// The first lines of a text after words of voe's own: what follows the first can't look like more of these.
fn indented(text: &str, most: usize) -> String {
    first_lines(text, most).replace('\n', "\n  ")
}

/// The first lines of a text, and how many more there are.
pub(crate) fn first_lines(text: &str, most: usize) -> String {
    let total = text.lines().count();
    if total <= most + 1 {
        return text.to_owned();
    }
    // Not `lines`, which drops carriage returns: they are shown.
    let shown: Vec<_> = text.split('\n').take(most).collect();
    format!("{}\n… {} more lines", shown.join("\n"), total - most)
}
