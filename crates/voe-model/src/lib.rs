//! Model clients: providers, streaming, call repair, probing, replay.
//!
//! - [`model`]: requests and replies; the [`Model`] trait
//! - [`anthropic`]: Anthropic Messages, with prompt caching and cost
//! - [`error`]: final errors, by class
//! - [`limits`]: time limits and retries
//! - [`openai`]: Chat Completions over HTTP, streamed or not, with retries
//! - [`prices`]: what hosted models cost
//! - [`probe`](mod@probe): detects what a server is and what it can do
//! - [`salvage`](mod@salvage): calls that a server did not parse, found in the text
//! - [`recorded`]: replies from a trajectory or from a file, for replay, demos and tests
//! - [`secret`]: keys, which never reach a log
//! - [`sse`]: server-sent events
//! - [`tokens`]: token estimates and reply limits
//!
//! # Calls that a server did not parse
//!
//! The arguments are converted to the types of the tool's schema, where that loses and invents nothing.
//!
//! ```
//! use serde_json::json;
//! use voe_model::ToolSpec;
//! use voe_model::salvage::{TextSource, salvage};
//!
//! let tools = [ToolSpec {
//!     name: "file_read".into(),
//!     description: "Reads a file.".into(),
//!     parameters: json!({
//!         "type": "object",
//!         "properties": {"path": {"type": "string"}, "offset": {"type": "integer"}},
//!         "required": ["path"],
//!     }),
//! }];
//! let text = r#"I look. <tool_call>{"name": "file_read", "arguments": {"path": "a.py", "offset": "10"}}</tool_call>"#;
//!
//! let found = salvage(text, &tools, TextSource::Content, false);
//! assert_eq!(found.calls[0].name, "file_read");
//! assert_eq!(found.calls[0].arguments["offset"], 10);
//! assert_eq!(found.repairs.len(), 1);
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod address;
pub mod anthropic;
mod body;
mod bounds;
mod client;
mod coerce;
pub mod error;
mod exchange;
mod fail;
pub mod limits;
pub mod model;
mod normalize;
pub mod openai;
pub mod prices;
pub mod probe;
pub mod recorded;
mod retry;
pub mod salvage;
pub mod secret;
pub mod sse;
pub mod tokens;
mod tool;

pub use anthropic::{ANTHROPIC_URL, Anthropic, AnthropicConfig};
pub use error::{Excess, ModelError};
pub use limits::{Idle, RetryPolicy, Wait};
pub use model::{Delta, Model, ModelFuture, ModelReply, ModelRequest, ReplyFuture, Sampling};
pub use openai::{OpenAi, OpenAiConfig, ThinkingHistory};
pub use prices::{Prices, PricesError};
pub use probe::{LOCAL_SERVERS, ProbeTools, SMALL_WINDOW, ServerKind, ServerModel, ServerProbe, probe, probe_tools};
pub use recorded::{ModelScriptError, ReplayModel, Scripted};
pub use secret::Secret;
pub use tokens::{Estimator, estimate_tokens, fit_max_tokens};
pub use tool::ToolSpec;
pub use voe_trace::chat::{Message, Role, ToolCall, Usage};
