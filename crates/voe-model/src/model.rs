//! Requests to a model and its replies.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use voe_trace::chat::{Message, Usage};
use voe_trace::event::{ModelFacts, RetryKind};

use crate::error::ModelError;
use crate::tool::ToolSpec;

/// How tokens are sampled. What is `None` is not sent: the server's default applies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Only the k likeliest tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Only tokens at least this likely, relative to the likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// Penalty for repeated tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Additional fields of the request, unchanged (`chat_template_kwargs` …).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// A request to a model.
#[derive(Debug, Clone, Copy)]
pub struct ModelRequest<'a> {
    /// The conversation.
    pub messages: &'a [Message],
    /// The tools on offer; none for a request for a summary.
    pub tools: &'a [ToolSpec],
    /// How to sample.
    pub sampling: &'a Sampling,
    /// The token limit of the reply; see [`crate::fit_max_tokens`].
    pub max_tokens: Option<u64>,
    /// Whether to stream the reply. Better not for batch runs: some servers' streaming parsers lose calls.
    pub stream: bool,
}

/// A part of a reply while it arrives, or a notice of a retry: what came before a [`Delta::Retry`]
/// belongs to a discarded reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delta<'a> {
    /// Thinking.
    Reasoning(&'a str),
    /// Text.
    Text(&'a str),
    /// A call has begun.
    Call {
        /// The tool's name.
        name: &'a str,
    },
    /// The request failed and is retried.
    Retry {
        /// The error's class, see [`ModelError::kind`].
        kind: RetryKind,
        /// The error, one line.
        error: &'a str,
        /// The pause before the retry.
        wait: Duration,
    },
}

/// A model's reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReply {
    /// The message for the conversation. Its calls can be run: names are those offered or at least plain, arguments are
    /// JSON texts of objects, coerced by the tools' schemas.
    pub message: Message,
    /// The server's finish reason; no proof of completeness.
    pub finish_reason: String,
    /// Tokens.
    pub usage: Usage,
    /// Whether `usage` is voe's own estimate, because the server sent none.
    pub estimated: bool,
    /// Seconds from the (last) request to the last token.
    pub seconds: f64,
    /// Seconds to the first token, when streamed.
    pub first_token: Option<f64>,
    /// What had to be repaired to read it, one line each.
    pub repairs: Vec<String>,
    /// Whether calls were read from text, because the server did not parse them.
    pub salvaged: bool,
    /// Set when a call was intended but could not be read: the error, the model's own text, the right form. For the
    /// model. Calls that could be read are still in `message`.
    pub malformed: Option<String>,
    /// Bytes of the request's body; 0 where none was sent.
    pub request_bytes: u64,
}

/// A future reply.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<ModelReply, ModelError>> + Send + 'a>>;

/// A future model.
pub type ModelFuture<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Model>, ModelError>> + Send + 'a>>;

/// A model that can be asked.
pub trait Model: Send + Sync {
    /// Requests one reply. Retries happen inside: a returned error is final. Dropping the future ends the request.
    fn complete<'a>(&'a self, request: ModelRequest<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a>;

    /// Facts about the model and its server, without keys.
    fn facts(&self) -> ModelFacts;

    /// Another model of the same server, by name, with the same key and time limits.
    fn another<'a>(&'a self, name: &'a str) -> ModelFuture<'a> {
        let provider = self.facts().provider;
        let message = format!("a {provider} model has no others next to it ({name:?}); leave out search.models");
        Box::pin(async move { Err(ModelError::Setup { message }) })
    }

    /// The estimated tokens of a prompt, calibrated by this model's replies.
    fn estimate(&self, messages: &[Message], tools: &[ToolSpec]) -> u64 {
        crate::tokens::estimate_tokens(messages, tools)
    }
}
