//! Events of the conversation: replies, and rewriting it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::{Message, Usage};

/// The model's reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedReply {
    /// The step it begins, from 1.
    pub step: u32,
    /// The message that the conversation keeps.
    pub message: Message,
    /// The server's reason for stopping; it does not show whether the reply is complete.
    pub finish_reason: String,
    /// Tokens.
    #[serde(default)]
    pub usage: Usage,
    /// Whether the counts in `usage` are voe's own estimate, because the server reported none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Seconds from request to the last token.
    pub seconds: f64,
    /// Seconds to the first token, when streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token: Option<f64>,
    /// Repairs that voe made to read it, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// Set if a call was meant but could not be read: the error, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
    /// Messages in the request.
    #[serde(default)]
    pub request_messages: usize,
    /// Bytes of the request's body.
    #[serde(default)]
    pub request_bytes: u64,
}

/// The conversation was rewritten: messages left out, replaced or added to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationRewritten {
    /// The step it followed.
    pub step: u32,
    /// The kind of rewrite.
    pub kind: RewriteKind,
    /// Tokens before, estimated.
    pub before: u64,
    /// Tokens after, estimated.
    pub after: u64,
    /// Tokens that the summary itself cost.
    #[serde(default)]
    pub usage: Usage,
    /// Seconds that the summary took.
    #[serde(default)]
    pub seconds: f64,
    /// The conversation from here on.
    pub messages: Vec<Message>,
}

/// A kind of rewrite of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewriteKind {
    /// Old tool results were shortened, to fit the window.
    Shorten,
    /// The model summarized what came before the newest steps, to fit the window or after a failed verification.
    Summary,
    /// It starts again from the task and a summary, to fit the window.
    Restart,
    /// It starts again from the task and the state of the workspace, after a failed verification.
    Fresh,
    /// A pipeline's next question has a conversation of its own.
    Question,
    /// A search added to the last message.
    Extend,
}

impl RewriteKind {
    /// Whether this counts as a compaction: the conversation grew too long or was discarded.
    pub fn is_compaction(self) -> bool {
        !matches!(self, Self::Question | Self::Extend)
    }

    /// The name in records and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shorten => "shorten",
            Self::Summary => "summary",
            Self::Restart => "restart",
            Self::Fresh => "fresh",
            Self::Question => "question",
            Self::Extend => "extend",
        }
    }
}

impl std::fmt::Display for RewriteKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}
