//! The requests of an attempt as a text that a person can read and compare.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::play::Played;

/// What stands at the head of each snapshot.
const HEAD: &str = "Of each request: the digest of its whole body; the fields that are not as in the request before; and of its messages \
                    those after the ones that it has in common with the request before. Long texts are shown in part.";

/// Characters of a text that are shown from its beginning and from its end.
const BEGINNING: usize = 3000;
const END: usize = 400;

pub(crate) fn shown(played: &Played) -> String {
    let mut out = format!(
        "{HEAD}\n\n{} requests; ended: {}; replies of the script that were not asked for: {}; digest of all: {}\n",
        played.bodies.len(),
        played.reason,
        played.unused,
        digest(&played.bodies.join("\n"))
    );
    let mut before = Map::new();
    for (n, body) in played.bodies.iter().enumerate() {
        let request: Map<String, Value> = serde_json::from_str(body).unwrap();
        let (now, old) = (messages(&request), messages(&before));
        let same = now.iter().zip(&old).take_while(|(now, old)| now == old).count();
        let _ =
            writeln!(out, "\n=== request {}: {} messages, {same} as before; digest {}", n + 1, now.len(), digest(body));
        fields(&mut out, &request, &before);
        now[same..].iter().for_each(|it| message(&mut out, it));
        before = request;
    }
    out
}

fn messages(request: &Map<String, Value>) -> Vec<Value> {
    request.get("messages").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Fields that are new, changed or gone. The definitions of the tools are long: each is a line.
fn fields(out: &mut String, request: &Map<String, Value>, before: &Map<String, Value>) {
    let changed = request.iter().filter(|(name, value)| *name != "messages" && before.get(*name) != Some(value));
    for (name, value) in changed {
        let Some(tools) = value.as_array().filter(|_| name == "tools") else {
            let _ = writeln!(out, "{name}: {value}");
            continue;
        };
        for tool in tools {
            let _ = writeln!(out, "tool {tool}");
        }
    }
    for name in before.keys().filter(|name| !request.contains_key(*name)) {
        let _ = writeln!(out, "{name}: absent");
    }
}

/// A message: its text as it is, all else as JSON.
fn message(out: &mut String, message: &Value) {
    let mut rest = message.as_object().unwrap().clone();
    let (role, content) = (rest.shift_remove("role"), rest.shift_remove("content"));
    let rest = if rest.is_empty() { String::new() } else { format!(" {}", Value::Object(rest)) };
    let _ = writeln!(out, "--- {}{rest}", role.unwrap_or_default().as_str().unwrap_or("no role"));
    let _ = match content.unwrap_or(json!(null)) {
        Value::String(text) if text.is_empty() => Ok(()),
        Value::String(text) => writeln!(out, "{}", part(&text)),
        other => writeln!(out, "content: {other}"),
    };
}

/// The text, or its beginning and its end with the digest of the whole.
fn part(text: &str) -> String {
    let length = text.chars().count();
    if length <= BEGINNING + END {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    let end: String = text.chars().skip(length - END).collect();
    format!("{beginning}\n[… {length} characters in all, digest {} …]\n{end}", digest(text))
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}
