//! What a model is asked and what it answers.

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

/// How the next token is drawn. What is `None` is not sent: the server's own default holds.
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
    /// Penalty for tokens that were there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Further fields of the request, as they are (`chat_template_kwargs` …).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// What a model is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The conversation.
    pub messages: &'a [Message],
    /// The tools on offer; none for a request for a summary.
    pub tools: &'a [ToolSpec],
    /// How to draw.
    pub sampling: &'a Sampling,
    /// The most tokens that the reply may have; see [`crate::fit_max_tokens`].
    pub max_tokens: Option<u64>,
    /// Whether to show the reply while it comes. For batch runs rather not: some servers' streaming parsers lose calls.
    pub stream: bool,
}

/// A part of a reply while it comes, or a notice that the request is made again: what came before a [`Delta::Retry`]
/// belongs to a reply that was dropped.
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
    /// The request failed and is made again.
    Retry {
        /// The error's class, see [`ModelError::kind`].
        kind: RetryKind,
        /// The error, one line.
        error: &'a str,
        /// How long until then.
        wait: Duration,
    },
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What the conversation keeps. Calls in it can be run: names are those offered or at least plain, arguments are
    /// JSON texts of objects, coerced by the tools' schemas.
    pub message: Message,
    /// The server's word on why it stopped; says nothing of completeness.
    pub finish_reason: String,
    /// Tokens.
    pub usage: Usage,
    /// Whether `usage` is voe's own estimate, for want of the server's.
    pub estimated: bool,
    /// Seconds from the (last) request to the last token.
    pub seconds: f64,
    /// Seconds to the first token, when streamed.
    pub first_token: Option<f64>,
    /// What had to be repaired to read it, one line each.
    pub repairs: Vec<String>,
    /// Whether calls were read from text, because the server did not.
    pub salvaged: bool,
    /// Set when a call was meant but could not be read: what is wrong, the model's own text, the right form. For the
    /// model. Calls that could be read are in `message` all the same.
    pub malformed: Option<String>,
    /// Bytes of the request's body; 0 where none was sent.
    pub request_bytes: u64,
}

/// A reply to come.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, ModelError>> + Send + 'a>>;

/// A model to come.
pub type ModelFuture<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Model>, ModelError>> + Send + 'a>>;

/// A model that can be asked.
pub trait Model: Send + Sync {
    /// Asks for one reply. Retries happen in here: an error that comes out is final. Dropping the future ends the request.
    fn complete<'a>(&'a self, request: Request<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a>;

    /// What is known of the model and its server; no keys.
    fn facts(&self) -> ModelFacts;

    /// Another model of the same server, by name, asked with the same key and the same patience.
    fn another<'a>(&'a self, name: &'a str) -> ModelFuture<'a> {
        let provider = self.facts().provider;
        let message = format!("a {provider} model has no other beside it ({name:?}); leave out search.models");
        Box::pin(async move { Err(ModelError::Setup { message }) })
    }

    /// What a prompt is about in tokens, as far as this model's replies have taught it.
    fn estimate(&self, messages: &[Message], tools: &[ToolSpec]) -> u64 {
        crate::tokens::estimate_tokens(messages, tools)
    }
}
