//! Chat Completions over HTTP: vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenRouter and others.

pub(crate) mod fail;
pub(crate) mod gather;
mod wire;

use std::time::Duration;

use voe_trace::event::ModelFacts;

use crate::error::ModelError;
use crate::model::{Delta, Model, ReplyFuture, Request};
use crate::secret::Secret;

/// Limits on waiting without news. There is none on the whole: a long reply is no failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Idle {
    /// For the first byte of the reply; without streaming, for all of it.
    pub first: Duration,
    /// Between two pieces of a stream.
    pub between: Duration,
}

impl Default for Idle {
    /// 20 minutes (a long prompt on a slow machine), 5 minutes.
    fn default() -> Self {
        Self { first: Duration::from_secs(1200), between: Duration::from_secs(300) }
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
}

impl OpenAi {
    /// A client. Fails on an address that is none and on certificates that can't be read; asks nothing of the server.
    pub fn new(config: OpenAiConfig) -> Result<Self, ModelError> {
        Ok(Self { config })
    }
}

impl Model for OpenAi {
    fn complete<'a>(&'a self, _request: Request<'a>, _on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move { Err(ModelError::Setup { message: "not there yet".into() }) })
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts {
            name: self.config.model.clone(),
            provider: "openai".into(),
            window: self.config.window,
            ..ModelFacts::default()
        }
    }
}
