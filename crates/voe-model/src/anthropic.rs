//! Anthropic Messages, for the comparison with a frontier model: tools, thinking returned intact, prompt caching, cost.

mod blocks;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;
use voe_trace::chat::Message;
use voe_trace::event::ModelFacts;

use crate::address::Address;
use crate::body;
use crate::bounds::{MODEL_LIST, ReplyBounds, SMALL_ANSWER};
use crate::client::client;
use crate::error::ModelError;
use crate::exchange::{Exchange, HttpReply, On};
use crate::fail::Failure;
use crate::limits::{Idle, RetryPolicy};
use crate::model::{Delta, Model, ModelFuture, ModelReply, ModelRequest, ReplyFuture};
use crate::normalize::normalize;
use crate::prices::Prices;
use crate::retry::Retries;
use crate::secret::Secret;
use crate::tokens::{Estimator, fit_max_tokens};
use crate::tool::ToolSpec;
use blocks::Blocks;

/// The default server.
pub const ANTHROPIC_URL: &str = "https://api.anthropic.com";

/// The version of the API that this client uses.
const VERSION: &str = "2023-06-01";

/// The default token limit of a reply: the API requires one.
const REPLY_TOKENS: u64 = 32_768;

/// A reply that is limited to fewer tokens than this is not worth asking for.
const SHORTEST_REPLY: u64 = 128;

/// The limit on a question about models.
const QUESTION: Duration = Duration::from_secs(10);

/// The most pages read of a list of models: a page has a thousand.
const MOST_PAGES: usize = 10;

/// What is needed to talk to the server.
#[derive(Debug, Clone)]
pub struct AnthropicConfig {
    /// The server's address, with or without `/v1`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// The key.
    pub api_key: Option<Secret>,
    /// Limits on waiting.
    pub idle: Idle,
    /// The limit on connecting.
    pub connect: Duration,
    /// Retries.
    pub retry: RetryPolicy,
    /// The context window in tokens, where known; [`Anthropic::ask_window`] asks.
    pub window: Option<u64>,
    /// What tokens cost.
    pub prices: Prices,
    /// Additional headers (`anthropic-beta` …).
    pub headers: Vec<(String, String)>,
}

impl AnthropicConfig {
    /// The defaults for a model.
    pub fn new(model: impl Into<String>, api_key: Option<Secret>) -> Self {
        Self {
            base_url: ANTHROPIC_URL.to_owned(),
            model: model.into(),
            api_key,
            idle: Idle::default(),
            connect: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            window: None,
            prices: Prices::shipped(),
            headers: Vec::new(),
        }
    }
}

/// A model behind Anthropic Messages.
///
/// Thinking is asked for by a field of [`crate::Sampling::extra`], `thinking = { type = "adaptive" }` or, for older models,
/// `{ type = "enabled", budget_tokens = 8000 }`. Its blocks are kept in [`Message::provider`] and sent back unchanged.
#[derive(Debug)]
pub struct Anthropic {
    config: AnthropicConfig,
    address: Address,
    client: reqwest::Client,
    answered: AtomicBool,
    /// The model accepts no sampling parameters such as temperature: newer ones refuse them.
    no_sampling: AtomicBool,
    estimator: Estimator,
}

impl Anthropic {
    /// Creates a client. Sends no request.
    ///
    /// # Errors
    /// `base_url` is not an address, or the certificates can't be read.
    pub fn new(config: AnthropicConfig) -> Result<Self, ModelError> {
        let address = Address::parse(&config.base_url)?;
        let client = client(&address, config.connect)?;
        let (answered, no_sampling) = Default::default();
        Ok(Self { config, address, client, answered, no_sampling, estimator: Estimator::default() })
    }

    /// Asks the server for the model's window, by GET. `None` where it does not report it.
    pub async fn ask_window(&self) -> Option<u64> {
        let url = self.address.join(&format!("models/{}", self.config.model));
        let model = body::json(self.headers(self.client.get(url)), QUESTION, SMALL_ANSWER).await?;
        model.get("max_input_tokens").and_then(Value::as_u64)
    }

    /// The names of the server's models, by GET, page by page. `None` where it lists none, or not all of them.
    pub async fn list(&self) -> Option<Vec<String>> {
        let (mut names, mut after) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut url = self.address.join("models");
            url.query_pairs_mut().append_pair("limit", "1000");
            if let Some(after) = &after {
                url.query_pairs_mut().append_pair("after_id", after);
            }
            let page = body::json(self.headers(self.client.get(url)), QUESTION, MODEL_LIST).await?;
            let models = page.get("data")?.as_array()?;
            names.extend(models.iter().filter_map(|model| model.get("id")?.as_str()).map(str::to_owned));
            if page.get("has_more").and_then(Value::as_bool) != Some(true) {
                return Some(names).filter(|names| !names.is_empty());
            }
            after = Some(page.get("last_id")?.as_str()?.to_owned());
        }
        None
    }

    /// Whether the server has the model, which it may list under another name: an alias stands for a dated version.
    pub async fn has_model(&self) -> bool {
        let url = self.address.join(&format!("models/{}", self.config.model));
        let model = body::json(self.headers(self.client.get(url)), QUESTION, SMALL_ANSWER).await;
        model.is_some_and(|model| model.get("id").is_some_and(Value::is_string))
    }

    fn headers(&self, mut request: RequestBuilder) -> RequestBuilder {
        request = request.header("anthropic-version", VERSION);
        if let Some(key) = &self.config.api_key {
            request = request.header("x-api-key", key.expose());
        }
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        request
    }

    async fn run(&self, request: ModelRequest<'_>, on: &mut On<'_>) -> Result<ModelReply, ModelError> {
        let mut retries = Retries::new(self.config.retry);
        let (mut max_tokens, mut refitted) = (request.max_tokens.unwrap_or(REPLY_TOKENS), false);
        let mut repairs = Vec::new();
        loop {
            let failure = match self.once(&request, max_tokens, on).await {
                Ok(got) if got.gathered.begun() => return Ok(self.finish(&request, got, repairs)),
                Ok(_) => ModelError::BrokenStream { message: "status 200 without a reply in it".into() }.into(),
                Err(failure) => failure,
            };
            if let Some((window, prompt)) = failure.refit.filter(|_| !refitted) {
                let prompt = prompt.unwrap_or_else(|| self.estimator.estimate(request.messages, request.tools));
                let fitted = fit_max_tokens(Some(max_tokens), Some(window), prompt);
                if let Some(fitted) = fitted.filter(|&left| left >= SHORTEST_REPLY) {
                    (max_tokens, refitted) = (fitted, true);
                    repairs.push(format!("max_tokens was fitted to the window of {window} tokens"));
                    continue;
                }
            }
            if wire::refuses_sampling(&failure.error) && !self.no_sampling.swap(true, Ordering::Relaxed) {
                repairs.push("the model takes no temperature, top_p or top_k: they were left out".to_owned());
                continue;
            }
            let wait = retries.next(&failure, self.answered.load(Ordering::Relaxed))?;
            on(Delta::Retry { kind: failure.error.kind(), error: &failure.error.to_string(), wait });
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(
        &self,
        request: &ModelRequest<'_>,
        max_tokens: u64,
        on: &mut On<'_>,
    ) -> Result<HttpReply<Blocks>, Failure> {
        let config = &self.config;
        let sampling = !self.no_sampling.load(Ordering::Relaxed);
        let body = wire::body(&config.model, request, max_tokens, sampling);
        let key = config.api_key.as_ref();
        let bounds = ReplyBounds::of(Some(max_tokens));
        let exchange = Exchange { address: &self.address, model: &config.model, key, idle: config.idle, bounds };
        let builder = self.headers(self.client.post(self.address.join("messages")));
        exchange.send(builder, body, request.stream, || self.answered.store(true, Ordering::Relaxed), on).await
    }

    fn finish(&self, request: &ModelRequest<'_>, got: HttpReply<Blocks>, mut repairs: Vec<String>) -> ModelReply {
        let mut usage = got.gathered.usage();
        let estimated = usage.prompt == 0;
        if estimated {
            usage.prompt = self.estimator.estimate(request.messages, request.tools);
        } else {
            self.estimator.learn(request.messages, request.tools, &usage);
        }
        usage.cost = self.config.prices.cost(&self.config.model, &usage);
        let finish_reason = got.gathered.finish_reason().to_owned();
        let earlier = request.messages.iter().map(|message| message.tool_calls.len()).sum();
        let normalized = normalize(got.gathered.raw(), request.tools, earlier);
        repairs.extend(normalized.repairs);
        let mut message = normalized.message;
        // Where nothing was dropped or found in the text, the original blocks contain the same, and more.
        if normalized.malformed.is_none() {
            message.provider = got.gathered.provider(&message);
        }
        let key = self.config.api_key.as_ref();
        ModelReply {
            message: Secret::redact_reply(key, message),
            finish_reason,
            usage,
            estimated,
            seconds: got.seconds,
            first_token: got.first_token,
            repairs,
            salvaged: normalized.salvaged,
            malformed: Secret::redact_reply(key, normalized.malformed),
            request_bytes: got.request_bytes,
        }
    }
}

impl Model for Anthropic {
    fn complete<'a>(&'a self, request: ModelRequest<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(self.run(request, on))
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts {
            name: self.config.model.clone(),
            provider: "anthropic".into(),
            base_url: self.address.shown(),
            window: self.config.window,
            ..ModelFacts::default()
        }
    }

    fn another<'a>(&'a self, name: &'a str) -> ModelFuture<'a> {
        Box::pin(async move {
            let mut config = AnthropicConfig { model: name.to_owned(), ..self.config.clone() };
            config.window = Self::new(config.clone())?.ask_window().await.or(config.window);
            Ok(Arc::new(Self::new(config)?) as Arc<dyn Model>)
        })
    }

    fn estimate(&self, messages: &[Message], tools: &[ToolSpec]) -> u64 {
        self.estimator.estimate(messages, tools)
    }
}
