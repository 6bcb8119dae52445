//! Chat Completions over HTTP: vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenRouter and others.

pub(crate) mod fail;
pub(crate) mod gather;
mod wire;

mod retry;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use voe_trace::chat::{Message, Usage};
use voe_trace::event::ModelFacts;

use crate::address::Address;
use crate::client::{authorise, chain, client};
use crate::error::ModelError;
use crate::model::{Delta, Model, Reply, ReplyFuture, Request, ToolSpec};
use crate::secret::Secret;
use crate::settle::{Raw, describe_lost, lost_tokens, settle};
use crate::sse;
use crate::tokens::{Estimator, estimate_tokens, fit_max_tokens};
use fail::{Asked, Failure, classify, is_error};
use gather::{Field, Gathered};
use retry::Retries;

/// A reply that is limited to fewer tokens than this is not worth asking for.
const SHORTEST_REPLY: u64 = 128;

/// How long the end of a stream is waited for after the server has said why it stopped: the usage follows at once.
const AFTER_LAST: Duration = Duration::from_secs(10);

/// The most bytes of an error that are read, and of a reply in one piece.
const LONGEST_ERROR: usize = 1 << 20;
const LONGEST_BODY: usize = 256 << 20;

/// Limits on waiting without news. There is none on the whole: a long reply is no failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Idle {
    /// For the first token of a stream.
    pub first: Duration,
    /// Between two pieces of a stream.
    pub between: Duration,
    /// For a reply that is not streamed: no news come before its end.
    pub unstreamed: Duration,
}

impl Default for Idle {
    /// 20 minutes (a long prompt on a slow machine), 5 minutes, 2 hours.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1200),
            between: Duration::from_secs(300),
            unstreamed: Duration::from_secs(7200),
        }
    }
}

/// How often and how long a request is made again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// The most tries of one request, the first included.
    pub tries: u32,
    /// The first pause; each further one is twice as long, with jitter.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The most time spent on pauses.
    pub total: Duration,
    /// The most time spent on waiting for a server that says it is loading; pauses for that are not counted as tries.
    pub loading: Duration,
}

impl Default for RetryPolicy {
    /// 6 tries, from 1 s to 60 s, 5 minutes of pauses, 10 minutes of loading.
    fn default() -> Self {
        Self {
            tries: 6,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            total: Duration::from_secs(300),
            loading: Duration::from_secs(600),
        }
    }
}

/// How the model's own thinking is sent back to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum History {
    /// By the server: llama.cpp and SGLang read `reasoning_content` (and drop the other in silence), vLLM and Ollama
    /// `reasoning`; where the server is unknown, the name under which it sent thinking, or nothing.
    #[default]
    Auto,
    /// As `reasoning`.
    Reasoning,
    /// As `reasoning_content`.
    ReasoningContent,
    /// Not at all.
    Drop,
}

/// What is needed to talk to a server.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// The server's address, with or without `/v1`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// The key; a local server needs none.
    pub api_key: Option<Secret>,
    /// Limits on waiting.
    pub idle: Idle,
    /// The limit on connecting.
    pub connect: Duration,
    /// Making a request again.
    pub retry: RetryPolicy,
    /// Sending thinking back.
    pub history: History,
    /// The context window, as probed or as the user says.
    pub window: Option<u64>,
    /// The server's kind and version, as probed ("vllm 0.32").
    pub server: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

impl OpenAiConfig {
    /// The defaults for a model at an address.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            idle: Idle::default(),
            connect: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            history: History::Auto,
            window: None,
            server: None,
            headers: Vec::new(),
        }
    }
}

/// A model behind Chat Completions.
#[derive(Debug)]
pub struct OpenAi {
    config: OpenAiConfig,
    address: Address,
    client: reqwest::Client,
    /// The field under which the server sent thinking; 0 none yet.
    field: AtomicU8,
    /// Whether the server has ever answered: if not, there is little sense in waiting for it.
    answered: AtomicBool,
    estimator: Estimator,
}

impl OpenAi {
    /// A client. Fails on an address that is none and on certificates that can't be read; asks nothing of the server.
    pub fn new(config: OpenAiConfig) -> Result<Self, ModelError> {
        let address = Address::parse(&config.base_url)?;
        let client = client(&address, config.connect)?;
        Ok(Self {
            config,
            address,
            client,
            field: AtomicU8::new(0),
            answered: AtomicBool::new(false),
            estimator: Estimator::default(),
        })
    }

    /// The field for thinking in the history.
    fn history(&self) -> Option<Field> {
        let server = self.config.server.as_deref().unwrap_or_default().to_ascii_lowercase();
        let reads = |names: &[&str]| names.iter().any(|name| server.starts_with(name));
        match self.config.history {
            History::Reasoning => Some(Field::Reasoning),
            History::ReasoningContent => Some(Field::ReasoningContent),
            History::Drop => None,
            History::Auto if reads(&["vllm", "ollama"]) => Some(Field::Reasoning),
            History::Auto if reads(&["llama.cpp", "sglang"]) => Some(Field::ReasoningContent),
            History::Auto => match self.field.load(Ordering::Relaxed) {
                1 => Some(Field::Reasoning),
                2 => Some(Field::ReasoningContent),
                _ => None,
            },
        }
    }

    async fn run(&self, request: Request<'_>, on: &mut (dyn FnMut(Delta<'_>) + Send)) -> Result<Reply, ModelError> {
        let mut retries = Retries::new(self.config.retry);
        let (mut max_tokens, mut refitted) = (request.max_tokens, false);
        let (mut stream, mut repairs) = (request.stream, Vec::new());
        loop {
            let mut failure = match self.once(&request, max_tokens, stream, on).await {
                Ok(got) if stream && got.is_empty_turn() => {
                    // Streaming parsers lose calls that the others hand on as text.
                    stream = false;
                    repairs.push("an empty reply was asked for again without streaming".to_owned());
                    on(Delta::Retry { kind: "empty", error: "the streamed reply was empty", wait: Duration::ZERO });
                    continue;
                }
                Ok(got) if got.gathered.any => return Ok(self.finish(&request, got, repairs)),
                Ok(_) => ModelError::BrokenStream { message: "status 200 without a reply in it".into() }.into(),
                Err(failure) => failure,
            };
            if let Some((window, prompt)) = failure.refit.filter(|_| !refitted) {
                let prompt = prompt.unwrap_or_else(|| self.estimator.estimate(request.messages, request.tools));
                let fitted = fit_max_tokens(max_tokens, Some(window), prompt).filter(|&left| left >= SHORTEST_REPLY);
                if max_tokens.is_some() && fitted.is_some() {
                    (max_tokens, refitted) = (fitted, true);
                    repairs.push(format!("max_tokens was fitted to the window of {window} tokens"));
                    continue;
                }
            }
            if let ModelError::NotFound { available, .. } = &mut failure.error
                && available.is_empty()
            {
                *available = self.listed().await;
            }
            let wait = retries.next(&failure, self.answered.load(Ordering::Relaxed))?;
            on(Delta::Retry { kind: failure.error.kind(), error: &failure.error.to_string(), wait });
            tokio::time::sleep(wait).await;
        }
    }

    /// One request.
    async fn once(
        &self,
        request: &Request<'_>,
        max_tokens: Option<u64>,
        stream: bool,
        on: &mut (dyn FnMut(Delta<'_>) + Send),
    ) -> Result<Got, Failure> {
        let body = wire::body(&self.config.model, request, self.history(), max_tokens, stream);
        let request_bytes = body.len() as u64;
        let mut builder =
            self.client.post(self.address.join("chat/completions")).header("content-type", "application/json");
        for (name, value) in &self.config.headers {
            builder = builder.header(name, value);
        }
        let builder = authorise(builder, &self.address, self.config.api_key.as_ref()).body(body);
        let begun = Instant::now();
        let idle = self.config.idle;
        let limit = if stream { idle.first } else { idle.unstreamed };
        let first_late = || ModelError::IdleTimeout { first: true, after: limit };
        let response = match timeout_at(begun + limit, builder.send()).await {
            Err(_) => return Err(first_late().into()),
            Ok(Err(error)) if error.is_builder() => return Err(ModelError::Setup { message: chain(&error) }.into()),
            Ok(Err(error)) => return Err(self.unreachable(&error).into()),
            Ok(Ok(response)) => response,
        };
        self.answered.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        if status != 200 {
            let body = read(response, begun + limit, LONGEST_ERROR).await.unwrap_or_default();
            return Err(self.classify(status, &headers, &body));
        }
        let events =
            headers.get("content-type").and_then(|kind| kind.to_str().ok()).is_some_and(|k| k.contains("event-stream"));
        let mut got = Got { gathered: Gathered::default(), begun, first_token: None, seconds: 0.0, request_bytes };
        if events {
            self.stream(response, &mut got, &headers, on).await?;
        } else {
            let body = match read(response, begun + limit, LONGEST_BODY).await {
                Ok(body) => body,
                Err(None) => return Err(first_late().into()),
                Err(Some(message)) => return Err(ModelError::BrokenStream { message }.into()),
            };
            self.whole(&body, &mut got, &headers, on)?;
        }
        got.seconds = begun.elapsed().as_secs_f64();
        Ok(got)
    }

    /// A reply in one piece. Some servers answer so though a stream was asked for.
    fn whole(
        &self,
        body: &str,
        got: &mut Got,
        headers: &HeaderMap,
        on: &mut (dyn FnMut(Delta<'_>) + Send),
    ) -> Result<(), Failure> {
        let text = body.trim();
        if text.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) if is_error(&value) || !value.is_object() => Err(self.classify(200, headers, text)),
            Ok(value) => {
                got.gathered.take(&value, on);
                Ok(())
            }
            Err(error) => Err(ModelError::BrokenStream { message: format!("the reply is no JSON: {error}") }.into()),
        }
    }

    async fn stream(
        &self,
        mut response: reqwest::Response,
        got: &mut Got,
        headers: &HeaderMap,
        on: &mut (dyn FnMut(Delta<'_>) + Send),
    ) -> Result<(), Failure> {
        let idle = self.config.idle;
        let broken = |message: String| Failure::from(ModelError::BrokenStream { message });
        let (mut reader, mut events) = (sse::Reader::default(), Vec::new());
        let mut deadline = got.begun + idle.first;
        loop {
            let piece = match timeout_at(deadline, response.chunk()).await {
                // All was said; the server only forgot to hang up.
                Err(_) if got.gathered.finished => return Ok(()),
                Err(_) => {
                    let first = got.first_token.is_none();
                    let after = if first { idle.first } else { idle.between };
                    return Err(ModelError::IdleTimeout { first, after }.into());
                }
                Ok(Err(_)) if got.gathered.finished => return Ok(()),
                Ok(Err(error)) => return Err(broken(chain(&error))),
                Ok(Ok(piece)) => piece,
            };
            let ended = match &piece {
                Some(bytes) => {
                    reader.push(bytes, &mut events).map_err(|error| broken(error.to_string()))?;
                    false
                }
                None => {
                    std::mem::take(&mut reader).finish(&mut events);
                    true
                }
            };
            for event in events.drain(..) {
                if event.data.trim() == "[DONE]" {
                    got.gathered.finished |= got.gathered.any;
                    return Ok(());
                }
                self.event(&event, got, headers, on)?;
                deadline = match (got.first_token, got.gathered.finished) {
                    (_, true) => Instant::now() + AFTER_LAST.min(idle.between),
                    (Some(_), _) => Instant::now() + idle.between,
                    (None, _) => deadline,
                };
            }
            if ended {
                return match got.gathered.any && !got.gathered.finished {
                    true => Err(broken("the stream ended before the reply did".to_owned())),
                    false => Ok(()),
                };
            }
        }
    }

    fn event(
        &self,
        event: &sse::Event,
        got: &mut Got,
        headers: &HeaderMap,
        on: &mut (dyn FnMut(Delta<'_>) + Send),
    ) -> Result<(), Failure> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Value>(data) {
            Ok(value) if event.name == "error" || is_error(&value) || !value.is_object() => {
                Err(self.classify(200, headers, data))
            }
            Ok(value) => {
                let (begun, first) = (got.begun, &mut got.first_token);
                got.gathered.take(&value, &mut |delta| {
                    first.get_or_insert_with(|| begun.elapsed().as_secs_f64());
                    on(delta);
                });
                Ok(())
            }
            Err(_) if event.name == "error" => Err(self.classify(200, headers, data)),
            Err(error) => {
                Err(ModelError::BrokenStream { message: format!("a piece of the stream is no JSON: {error}") }.into())
            }
        }
    }

    fn finish(&self, request: &Request<'_>, got: Got, mut repairs: Vec<String>) -> Reply {
        let Got { gathered, seconds, first_token, request_bytes, .. } = got;
        if let Some(field) = gathered.field {
            self.field.store(if field == Field::Reasoning { 1 } else { 2 }, Ordering::Relaxed);
        }
        let reported = gathered.usage.filter(|usage| usage.prompt > 0);
        let sent = estimate_tokens(request.messages, request.tools);
        let usage = match reported {
            Some(usage) => {
                if usage.prompt.saturating_mul(5) < sent.saturating_mul(2) && sent > 3000 {
                    repairs.push(format!(
                        "the server counted {} tokens of a prompt of about {sent}: it dropped the oldest messages (Ollama: set OLLAMA_CONTEXT_LENGTH)",
                        usage.prompt
                    ));
                } else {
                    self.estimator.learn(request.messages, request.tools, &usage);
                }
                usage
            }
            None => self.estimate_usage(request, &gathered.raw),
        };
        let finish_reason = gathered.raw.finish_reason.clone();
        let lost = reported.filter(|usage| !request.tools.is_empty() && lost_tokens(&gathered.raw, usage.output));
        let earlier = request.messages.iter().map(|message| message.tool_calls.len()).sum();
        let settled = settle(gathered.raw, request.tools, earlier);
        repairs.extend(settled.repairs);
        let nothing = settled.message.tool_calls.is_empty() && settled.malformed.is_none();
        let lost = lost.filter(|_| nothing).map(|usage| {
            repairs.push(format!("the server lost a call: {} tokens counted, next to nothing handed on", usage.output));
            describe_lost(usage.output, request.tools)
        });
        Reply {
            message: settled.message,
            finish_reason,
            usage,
            estimated: reported.is_none(),
            seconds,
            first_token,
            repairs,
            malformed: settled.malformed.or(lost),
            request_bytes,
        }
    }

    fn estimate_usage(&self, request: &Request<'_>, raw: &Raw) -> Usage {
        let calls = raw.calls.iter().map(|call| self.estimator.text(&call.name) + self.estimator.text(&call.arguments));
        Usage {
            prompt: self.estimator.estimate(request.messages, request.tools),
            output: self.estimator.text(&raw.content) + self.estimator.text(&raw.reasoning) + calls.sum::<u64>(),
            ..Usage::default()
        }
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &str) -> Failure {
        let asked = Asked { server: &self.address.shown(), model: &self.config.model };
        match &self.config.api_key {
            Some(key) => classify(status, headers, &key.redact(body), asked),
            None => classify(status, headers, body, asked),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ModelError {
        if error.is_connect() {
            ModelError::Unreachable { server: self.address.shown(), message: chain(error) }
        } else {
            ModelError::BrokenStream { message: chain(error) }
        }
    }

    /// The names of the models that the server lists.
    async fn listed(&self) -> Vec<String> {
        let request =
            authorise(self.client.get(self.address.join("models")), &self.address, self.config.api_key.as_ref());
        let limit = Instant::now() + Duration::from_secs(5);
        let Ok(Ok(response)) = timeout_at(limit, request.send()).await else { return Vec::new() };
        let body = read(response, limit, LONGEST_ERROR).await.unwrap_or_default();
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        let models = value["data"].as_array().into_iter().flatten();
        models.filter_map(|model| model["id"].as_str()).map(str::to_owned).take(20).collect()
    }
}

/// What one request brought.
#[derive(Debug)]
struct Got {
    gathered: Gathered,
    begun: Instant,
    first_token: Option<f64>,
    seconds: f64,
    request_bytes: u64,
}

impl Got {
    /// Whether nothing came, or far less than was counted.
    fn is_empty_turn(&self) -> bool {
        let raw = &self.gathered.raw;
        let silent = raw.calls.is_empty() && raw.content.trim().is_empty();
        let lost =
            self.gathered.usage.is_none_or(|usage| lost_tokens(raw, usage.output)) && raw.finish_reason != "length";
        silent && (raw.reasoning.is_empty() || lost)
    }
}

/// Reads a body to its end. `Err(None)`: too late.
async fn read(mut response: reqwest::Response, deadline: Instant, most: usize) -> Result<String, Option<String>> {
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) => return Err(None),
            Ok(Err(error)) => return Err(Some(chain(&error))),
            Ok(Ok(None)) => return Ok(String::from_utf8_lossy(&body).into_owned()),
            Ok(Ok(Some(bytes))) if body.len() + bytes.len() > most => {
                return Err(Some(format!("the reply has more than {most} bytes")));
            }
            Ok(Ok(Some(bytes))) => body.extend_from_slice(&bytes),
        }
    }
}

impl Model for OpenAi {
    fn complete<'a>(&'a self, request: Request<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(self.run(request, on))
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts {
            name: self.config.model.clone(),
            provider: "openai".into(),
            base_url: self.address.shown(),
            server: self.config.server.clone(),
            window: self.config.window,
            sampling: Value::Null,
        }
    }

    fn estimate(&self, messages: &[Message], tools: &[ToolSpec]) -> u64 {
        self.estimator.estimate(messages, tools)
    }
}
