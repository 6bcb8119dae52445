//! Classifies errors of servers, by their message first and then by their status.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::bounds::{clip, read_json};
use crate::error::ModelError;

/// Longest quotation of a server, in characters.
const QUOTE: usize = 600;

/// A failed request, before the decision on a retry.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its class.
    pub(crate) error: ModelError,
    /// How long the server asks to wait.
    pub(crate) wait: Option<Duration>,
    /// If the prompt fits and only `max_tokens` is too large: the window, and the prompt's tokens if reported.
    pub(crate) refit: Option<(u64, Option<u64>)>,
    /// Never retried, although errors of its class usually are.
    pub(crate) hopeless: bool,
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self { error, wait: None, refit: None, hopeless: false }
    }
}

/// The target of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestInfo<'a> {
    /// The server's address, as shown.
    pub(crate) server: &'a str,
    /// The model's name.
    pub(crate) model: &'a str,
}

/// Classifies an error by status, headers and body. `status` 200: an error within a reply.
pub(crate) fn classify(status: u16, headers: &HeaderMap, body: &str, asked: RequestInfo<'_>) -> Failure {
    let json: Value = read_json(body.trim()).unwrap_or(Value::Null);
    let message = message_of(&json, body);
    let inner = json.get("error").filter(|error| error.is_object()).unwrap_or(&json);
    let kind = [inner.get("type"), inner.get("code")]
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(" ")
        .to_ascii_lowercase();
    // An error within a reply gives its status, if at all, as a code.
    let code =
        inner.get("code").or(inner.get("status")).and_then(Value::as_u64).filter(|code| (400..600).contains(code));
    let status = if status == 200 { code.map_or(200, |code| code as u16) } else { status };
    let low = message.to_lowercase();
    let server = asked.server.to_owned();

    if let Some(failure) = too_long(&kind, &low, inner, &message) {
        return failure;
    }
    let has = |needles: &[&str]| needles.iter().any(|needle| low.contains(needle));
    if matches!(status, 401 | 403) || kind.contains("authentication_error") || kind.contains("invalid_api_key") {
        return ModelError::Auth { server, status, message }.into();
    }
    let unknown = has(&["does not exist", "not found", "not a valid model", "unknown model", "no such model"]);
    let unknown = unknown || kind.contains("not_found_error") && low.starts_with("model:");
    if matches!(status, 404 | 400) && low.contains("model") && unknown {
        return ModelError::NotFound { server, model: asked.model.to_owned(), available: aliases(&message) }.into();
    }
    if status == 404 || status == 405 || (300..400).contains(&status) {
        let moved = headers.get("location").and_then(|to| to.to_str().ok());
        let message =
            moved.map_or(message, |to| format!("moved to {}", clip(to.split(['?', '@']).next_back().unwrap_or(to))));
        return ModelError::Gone { url: server, status, message }.into();
    }
    let wait = retry_after(headers, inner);
    if status == 429 || kind.contains("rate_limit") {
        let hopeless = kind.contains("insufficient_quota");
        return Failure { hopeless, ..Failure { wait, ..ModelError::RateLimited { wait: None, message }.into() } };
    }
    if status == 503 && has(&["loading", "starting up", "warming up"]) || kind.contains("unavailable_error") {
        return Failure { wait, ..ModelError::Loading { message }.into() };
    }
    if matches!(status, 502..=504 | 529) || kind.contains("overloaded") || has(&["overloaded", "server is busy"]) {
        return Failure { wait, ..ModelError::Overloaded { status, message }.into() };
    }
    // llama-server answers 500 where its template or its grammar refuses the request: a retry does not fix that.
    let ours = has(&["jinja exception", "failed to parse tool call arguments", "json schema error", "chat template"]);
    if (400..500).contains(&status) && status != 408 || ours || kind.contains("invalid_request_error") {
        return ModelError::BadRequest { status, message }.into();
    }
    Failure { wait, ..ModelError::Server { status, message }.into() }
}

/// Whether the prompt, or prompt and reply together, are too long: each server reports it in its own way.
fn too_long(kind: &str, low: &str, inner: &Value, message: &str) -> Option<Failure> {
    let number = |name: &str| inner.get(name).and_then(Value::as_u64);
    let overflow = |prompt: Option<u64>, window: Option<u64>| ModelError::ContextOverflow {
        prompt,
        window,
        message: message.to_owned(),
    };
    // llama-server
    if kind.contains("exceed_context_size") {
        return Some(overflow(number("n_prompt_tokens"), number("n_ctx")).into());
    }
    // vLLM: the limit on the reply alone is more than the window.
    if let Some(window) = after(low, "cannot be greater than max_model_len=") {
        let error = overflow(None, Some(window));
        return Some(Failure { refit: Some((window, None)), ..error.into() });
    }
    // Anthropic: "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000".
    if let Some(prompt) = after(low, "exceed context limit: ") {
        let window = after(low, " > ");
        let refit = window.filter(|&window| prompt < window).map(|window| (window, Some(prompt)));
        return Some(Failure { refit, ..overflow(Some(prompt), window).into() });
    }
    let window = after(low, "maximum context length is ")
        .or(after(low, "context length ("))
        .or(after(low, "context length of only "))
        .or(after(low, "context length of "))
        .or(after(low, "context size ("))
        .or(after(low, "maximum number of tokens allowed ("))
        .or(after(low, " tokens > "));
    let prompt = after(low, "your request has ")
        .or(before(low, " in the messages"))
        .or(after(low, "prompt contains at least "))
        .or(after(low, "prompt contains "))
        .or(after(low, "the input ("))
        .or(after(low, "prompt is too long: "))
        .or(after(low, "input token count ("))
        .or(after(low, "you requested about "))
        .or(after(low, "resulted in "))
        .or(after(low, "first "));
    const SIGNS: [&str; 9] = [
        "maximum context length",
        "model's context length",
        "exceeds the available context",
        "context length of",
        "greater than the context length",
        "exceeds the context",
        "exceed context",
        "prompt is too long",
        "exceeds the maximum number of tokens",
    ];
    if !SIGNS.iter().any(|sign| low.contains(sign)) && !kind.contains("context_length_exceeded") {
        return None;
    }
    let error = overflow(prompt, window);
    let reply_counts = ["too large", "in the completion", "output tokens and your prompt", "of text input"];
    match (prompt, window) {
        (Some(prompt), Some(window)) if prompt < window && reply_counts.iter().any(|sign| low.contains(sign)) => {
            let exact = !low.contains("at least");
            Some(Failure { refit: Some((window, exact.then_some(prompt))), ..error.into() })
        }
        _ => Some(error.into()),
    }
}

/// The number that follows `sign`.
fn after(text: &str, sign: &str) -> Option<u64> {
    let rest = &text[text.find(sign)? + sign.len()..];
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
    digits.parse().ok()
}

/// The number before `sign`.
fn before(text: &str, sign: &str) -> Option<u64> {
    let head = &text[..text.find(sign)?];
    head.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The server's message, in one line.
fn message_of(json: &Value, body: &str) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        Value::Object(_) => value.get("message").or(value.get("msg")).and_then(Value::as_str).map(str::to_owned),
        other => Some(other.to_string()),
    };
    let found = ["error", "message", "detail"].iter().find_map(|key| json.get(key).and_then(text));
    let raw = found.unwrap_or_else(|| match json {
        Value::String(text) => text.clone(),
        _ => plain(body),
    });
    let line = raw.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTE) {
        _ if line.is_empty() => "no reason given".to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The text of a page that a proxy put there.
fn plain(body: &str) -> String {
    if !body.trim_start().starts_with('<') {
        return body.to_owned();
    }
    let (mut out, mut tag) = (String::new(), false);
    for c in body.chars() {
        match c {
            '<' => tag = true,
            '>' => {
                tag = false;
                out.push(' ');
            }
            c if !tag => out.push(c),
            _ => {}
        }
    }
    out
}

/// The names in vLLM's "Valid aliases: a, b."
fn aliases(message: &str) -> Vec<String> {
    let Some((_, list)) = message.split_once("Valid aliases:") else { return Vec::new() };
    list.trim().trim_end_matches('.').split(", ").map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect()
}

/// How long to wait: `retry-after-ms`, `retry-after` in seconds or as a date, or a field of the body.
fn retry_after(headers: &HeaderMap, inner: &Value) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |s: f64| (s.is_finite() && s >= 0.0).then(|| Duration::from_secs_f64(s.min(1e6)));
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return seconds(ms / 1e3);
    }
    match text("retry-after") {
        Some(value) => match value.parse::<f64>() {
            Ok(s) => seconds(s),
            Err(_) => {
                let until = httpdate::parse_http_date(value).ok()?;
                Some(until.duration_since(std::time::SystemTime::now()).unwrap_or_default())
            }
        },
        None => inner.get("retry_after").and_then(Value::as_f64).and_then(seconds),
    }
}

/// Whether a JSON text within a 200 is an error: wrapped, flat, or a bare string.
pub(crate) fn is_error(value: &Value) -> bool {
    match value.get("error") {
        Some(Value::Null) | None => {
            value.get("choices").is_none()
                && (value.get("object").is_some_and(|object| object == "error")
                    || (value.get("message").is_some_and(Value::is_string)
                        && (value.get("code").is_some() || value.get("type").is_some())))
        }
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests;
