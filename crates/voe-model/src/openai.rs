//! Chat Completions over HTTP: vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenRouter and others.

mod accumulator;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use voe_trace::chat::{Message, Usage};
use voe_trace::event::{ModelFacts, RetryKind};

use crate::address::Address;
use crate::body;
use crate::bounds::{MODEL_LIST, ReplyBounds, clip};
use crate::client::{authorise, client};
use crate::error::ModelError;
use crate::exchange::{Exchange, HttpReply, On};
use crate::fail::Failure;
use crate::limits::{Idle, RetryPolicy};
use crate::model::{Delta, Model, ModelFuture, ModelReply, ModelRequest, ReplyFuture};
use crate::normalize::{Raw, describe_lost, lost_tokens, normalize};
use crate::prices::Prices;
use crate::retry::Retries;
use crate::secret::Secret;
use crate::tokens::{Estimator, estimate_tokens, fit_max_tokens};
use crate::tool::ToolSpec;
use accumulator::{Field, Gathered};

/// A reply that is limited to fewer tokens than this is not worth asking for.
const SHORTEST_REPLY: u64 = 128;

/// The limit on asking for a model's window.
const WINDOW: Duration = Duration::from_secs(5);

/// How the model's own thinking is sent back to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThinkingHistory {
    /// By the server: llama.cpp and SGLang read `reasoning_content` (and ignore the other silently), vLLM and Ollama
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
    /// Retries.
    pub retry: RetryPolicy,
    /// How thinking is sent back.
    pub history: ThinkingHistory,
    /// The context window, as probed or as set by the user.
    pub window: Option<u64>,
    /// The server's kind and version, as probed ("vllm 0.32").
    pub server: Option<String>,
    /// What tokens cost, for a hosted model; a server's own report of the cost takes precedence.
    pub prices: Option<Prices>,
    /// Additional headers.
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
            history: ThinkingHistory::Auto,
            window: None,
            server: None,
            prices: None,
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
    /// Whether the server has ever answered: if not, waiting for it makes little sense.
    answered: AtomicBool,
    estimator: Estimator,
}

impl OpenAi {
    /// Creates a client. Sends no request.
    ///
    /// # Errors
    /// `base_url` is not an address, or the certificates can't be read.
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
            ThinkingHistory::Reasoning => Some(Field::Reasoning),
            ThinkingHistory::ReasoningContent => Some(Field::ReasoningContent),
            ThinkingHistory::Drop => None,
            ThinkingHistory::Auto if reads(&["vllm", "ollama"]) => Some(Field::Reasoning),
            ThinkingHistory::Auto if reads(&["llama.cpp", "sglang"]) => Some(Field::ReasoningContent),
            ThinkingHistory::Auto => match self.field.load(Ordering::Relaxed) {
                1 => Some(Field::Reasoning),
                2 => Some(Field::ReasoningContent),
                _ => None,
            },
        }
    }

    async fn run(
        &self,
        request: ModelRequest<'_>,
        on: &mut (dyn FnMut(Delta<'_>) + Send),
    ) -> Result<ModelReply, ModelError> {
        let mut retries = Retries::new(self.config.retry);
        let (mut max_tokens, mut refitted) = (request.max_tokens, false);
        let (mut stream, mut repairs) = (request.stream, Vec::new());
        loop {
            let mut failure = match self.once(&request, max_tokens, stream, on).await {
                Ok(got) if stream && is_empty_turn(&got) => {
                    // Streaming parsers lose calls that the others return as text.
                    stream = false;
                    repairs.push("an empty reply was asked for again without streaming".to_owned());
                    on(Delta::Retry {
                        kind: RetryKind::Empty,
                        error: "the streamed reply was empty",
                        wait: Duration::ZERO,
                    });
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
        request: &ModelRequest<'_>,
        max_tokens: Option<u64>,
        stream: bool,
        on: &mut On<'_>,
    ) -> Result<HttpReply<Gathered>, Failure> {
        let config = &self.config;
        let body = wire::body(&config.model, request, self.history(), max_tokens, stream);
        let mut builder = self.client.post(self.address.join("chat/completions"));
        for (name, value) in &config.headers {
            builder = builder.header(name, value);
        }
        let builder = authorise(builder, &self.address, config.api_key.as_ref());
        let key = config.api_key.as_ref();
        let bounds = ReplyBounds::of(wire::token_limit(request, max_tokens));
        let exchange = Exchange { address: &self.address, model: &config.model, key, idle: config.idle, bounds };
        exchange.send(builder, body, stream, || self.answered.store(true, Ordering::Relaxed), on).await
    }

    fn finish(&self, request: &ModelRequest<'_>, got: HttpReply<Gathered>, mut repairs: Vec<String>) -> ModelReply {
        let HttpReply { gathered, seconds, first_token, request_bytes, .. } = got;
        if let Some(field) = gathered.field {
            self.field.store(if field == Field::Reasoning { 1 } else { 2 }, Ordering::Relaxed);
        }
        let reported = gathered.usage.filter(|usage| usage.prompt > 0);
        let sent = estimate_tokens(request.messages, request.tools);
        let mut usage = match reported {
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
        if let Some(prices) = self.config.prices.as_ref().filter(|_| usage.cost.is_none()) {
            usage.cost = prices.cost(&self.config.model, &usage);
        }
        let finish_reason = gathered.raw.finish_reason.clone();
        let lost = reported.filter(|usage| !request.tools.is_empty() && lost_tokens(&gathered.raw, usage.output));
        let earlier = request.messages.iter().map(|message| message.tool_calls.len()).sum();
        let normalized = normalize(gathered.raw, request.tools, earlier);
        repairs.extend(normalized.repairs);
        let nothing = normalized.message.tool_calls.is_empty() && normalized.malformed.is_none();
        let lost = lost.filter(|_| nothing).map(|usage| {
            repairs.push(format!("the server lost a call: {} tokens counted, next to nothing handed on", usage.output));
            describe_lost(usage.output, request.tools)
        });
        let key = self.config.api_key.as_ref();
        ModelReply {
            message: Secret::redact_reply(key, normalized.message),
            finish_reason,
            usage,
            estimated: reported.is_none(),
            seconds,
            first_token,
            repairs,
            salvaged: normalized.salvaged,
            malformed: Secret::redact_reply(key, normalized.malformed.or(lost)),
            request_bytes,
        }
    }

    fn estimate_usage(&self, request: &ModelRequest<'_>, raw: &Raw) -> Usage {
        let calls = raw.calls.iter().map(|call| self.estimator.text(&call.name) + self.estimator.text(&call.arguments));
        Usage {
            prompt: self.estimator.estimate(request.messages, request.tools),
            output: self.estimator.text(&raw.content) + self.estimator.text(&raw.reasoning) + calls.sum::<u64>(),
            ..Usage::default()
        }
    }

    /// The names of the models that the server lists.
    async fn listed(&self) -> Vec<String> {
        let request =
            authorise(self.client.get(self.address.join("models")), &self.address, self.config.api_key.as_ref());
        let value = body::json(request, Duration::from_secs(5), MODEL_LIST).await.unwrap_or_default();
        let models = value["data"].as_array().into_iter().flatten();
        models.filter_map(|model| model["id"].as_str()).map(|name| clip(name).to_owned()).take(20).collect()
    }
}

/// Whether nothing arrived, or far less than was counted.
fn is_empty_turn(got: &HttpReply<Gathered>) -> bool {
    let raw = &got.gathered.raw;
    let silent = raw.calls.is_empty() && raw.content.trim().is_empty();
    let lost = got.gathered.usage.is_none_or(|usage| lost_tokens(raw, usage.output)) && raw.finish_reason != "length";
    silent && (raw.reasoning.is_empty() || lost)
}

impl Model for OpenAi {
    fn complete<'a>(&'a self, request: ModelRequest<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(self.run(request, on))
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts {
            name: self.config.model.clone(),
            provider: "openai".into(),
            base_url: self.address.shown(),
            server: self.config.server.clone(),
            window: self.config.window,
        }
    }

    fn another<'a>(&'a self, name: &'a str) -> ModelFuture<'a> {
        Box::pin(async move {
            let mut config = OpenAiConfig { model: name.to_owned(), ..self.config.clone() };
            let probe = crate::probe(&config.base_url, config.api_key.as_ref(), WINDOW).await;
            // The user's window was meant for the other model; if a server does not report one, it is used anyway.
            config.window = probe.ok().and_then(|probe| probe.window(name)).or(config.window);
            Ok(Arc::new(Self::new(config)?) as Arc<dyn Model>)
        })
    }

    fn estimate(&self, messages: &[Message], tools: &[ToolSpec]) -> u64 {
        self.estimator.estimate(messages, tools)
    }
}
