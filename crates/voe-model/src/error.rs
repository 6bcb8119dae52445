//! Final errors, by class.

use std::time::Duration;

use voe_trace::event::RetryKind;

use crate::limits::Wait;

/// What a server sent too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// Bytes of a stream.
    Stream,
    /// Bytes of one line or event of a stream.
    Event,
    /// Bytes of a reply's text, thinking and calls.
    Reply,
    /// Calls of tools in one reply.
    Calls,
    /// Bytes of an answer in one piece.
    Body,
    /// Values in one JSON text.
    Values,
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stream => "bytes in one stream",
            Self::Event => "bytes in one event of a stream",
            Self::Reply => "bytes of text, thinking and calls in one reply",
            Self::Calls => "tool calls in one reply",
            Self::Body => "bytes in one answer",
            Self::Values => "values in one JSON text",
        })
    }
}

/// A request that failed and is not retried.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The prompt does not fit the window. The one error that a caller can do something about: compact, then ask again.
    #[error("the prompt{} does not fit the context window{}; shorten the conversation or serve the model with a larger window: {message}", of(.prompt), of(.window))]
    ContextOverflow {
        /// Tokens of the prompt, if the server reported them (vLLM's number is a lower bound).
        prompt: Option<u64>,
        /// Tokens of the window, if the server reported them.
        window: Option<u64>,
        /// The server's message.
        message: String,
    },
    /// The key is missing or wrong.
    #[error(
        "{server} refuses the API key ({status}): {message}; put a valid key into the environment variable given by --api-key-env"
    )]
    Auth {
        /// The server's address.
        server: String,
        /// HTTP status.
        status: u16,
        /// The server's message.
        message: String,
    },
    /// The server does not know the model.
    #[error("{server} has no model {model:?}; {}", choice(.available))]
    NotFound {
        /// The server's address.
        server: String,
        /// The name that was asked for.
        model: String,
        /// The names that the server lists.
        available: Vec<String>,
    },
    /// That address does not have the API.
    #[error(
        "nothing answers Chat Completions at {url} ({status}: {message}); check --base-url (most servers end it in /v1)"
    )]
    Gone {
        /// The address asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The server's message.
        message: String,
    },
    /// No connection.
    #[error("cannot reach {server}: {message}; start the server or give its address with --base-url")]
    Unreachable {
        /// The server's address.
        server: String,
        /// The system's error.
        message: String,
    },
    /// The server understood the request and refused it.
    #[error(
        "the server refuses the request ({status}): {message}; check the sampling settings and extra fields of the strategy"
    )]
    BadRequest {
        /// HTTP status.
        status: u16,
        /// The server's message.
        message: String,
    },
    /// The server is overloaded.
    #[error(
        "the server is overloaded ({status}) and stayed so: {message}; try again later or with fewer attempts at a time"
    )]
    Overloaded {
        /// HTTP status.
        status: u16,
        /// The server's message.
        message: String,
    },
    /// The account has asked too often or spent too much.
    #[error("the server limits the rate of requests{}: {message}; try again later", after(.wait))]
    RateLimited {
        /// The wait that the server asked for, if it is longer than voe waits.
        wait: Option<Duration>,
        /// The server's message.
        message: String,
    },
    /// The server has not loaded the model yet.
    #[error(
        "the server was still loading the model when voe gave up: {message}; wait for it to be ready (voe doctor reports when)"
    )]
    Loading {
        /// The server's message.
        message: String,
    },
    /// The server failed internally.
    #[error("the server failed ({status}): {message}; see its log")]
    Server {
        /// HTTP status; 200 if the error was in a reply.
        status: u16,
        /// The server's message.
        message: String,
    },
    /// The reply broke off or was not a reply.
    #[error("the reply broke off: {message}; see the server's log")]
    BrokenStream {
        /// What was observed.
        message: String,
    },
    /// The server sent more than any reply or answer can have. A retry would get the same.
    #[error(
        "{server} sent more than {most} {what}, which no model does; check that a model server runs there, and its log"
    )]
    TooMuch {
        /// The server's address.
        server: String,
        /// What it sent too much of.
        what: Excess,
        /// The most that is accepted.
        most: u64,
    },
    /// No part of a reply arrived for too long.
    #[error("no {} from the server for {} s; check that it is not overloaded or stuck (see its log), or raise {}", .what.words(), .after.as_secs_f64(), .what.setting())]
    IdleTimeout {
        /// The part that did not arrive.
        what: Wait,
        /// The limit.
        after: Duration,
    },
    /// A reply started, but did not end.
    #[error(
        "the server did not finish its reply within {} s; raise {}, limit the reply with limits.reply_tokens of the strategy, or \
         use a faster model or server",
        .after.as_secs_f64(),
        Wait::Reply.setting()
    )]
    ReplyTimeout {
        /// The limit.
        after: Duration,
    },
    /// A recorded or scripted model has no replies left.
    #[error(
        "the {what} has no reply left after {served}; it went another way than the record, or the script is too short"
    )]
    OutOfReplies {
        /// "trajectory" or "script".
        what: &'static str,
        /// How many replies were served.
        served: usize,
    },
    /// The client could not be set up.
    #[error("cannot set up the client: {message}")]
    Setup {
        /// The problem, and what to do.
        message: String,
    },
}

impl ModelError {
    /// The error's class, as recorded.
    pub fn kind(&self) -> RetryKind {
        match self {
            Self::ContextOverflow { .. } => RetryKind::ContextOverflow,
            Self::Auth { .. } => RetryKind::Auth,
            Self::NotFound { .. } => RetryKind::NotFound,
            Self::Gone { .. } => RetryKind::Gone,
            Self::Unreachable { .. } => RetryKind::Unreachable,
            Self::BadRequest { .. } => RetryKind::BadRequest,
            Self::Overloaded { .. } => RetryKind::Overloaded,
            Self::RateLimited { .. } => RetryKind::RateLimited,
            Self::Loading { .. } => RetryKind::Loading,
            Self::Server { .. } => RetryKind::Server,
            Self::BrokenStream { .. } => RetryKind::BrokenStream,
            Self::TooMuch { .. } => RetryKind::TooMuch,
            Self::IdleTimeout { .. } => RetryKind::IdleTimeout,
            Self::ReplyTimeout { .. } => RetryKind::ReplyTimeout,
            Self::OutOfReplies { .. } => RetryKind::OutOfReplies,
            Self::Setup { .. } => RetryKind::Setup,
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Overloaded { .. }
                | Self::RateLimited { .. }
                | Self::Loading { .. }
                | Self::Server { .. }
                | Self::BrokenStream { .. }
                | Self::IdleTimeout { .. }
                | Self::ReplyTimeout { .. }
        )
    }
}

fn of(tokens: &Option<u64>) -> String {
    tokens.map(|n| format!(" of {n} tokens")).unwrap_or_default()
}

fn after(wait: &Option<Duration>) -> String {
    wait.map(|wait| format!(" (asked for {} s)", wait.as_secs())).unwrap_or_default()
}

fn choice(available: &[String]) -> String {
    if available.is_empty() {
        "give one that it serves with --model (voe doctor lists them)".to_owned()
    } else {
        format!("give one of these with --model: {}", available.join(", "))
    }
}
