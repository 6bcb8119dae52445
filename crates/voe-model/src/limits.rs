//! Time limits and retries.

use std::time::Duration;

/// Limits on waiting. Only text, thinking and calls count as progress: keep-alive comments and empty pieces do not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Idle {
    /// For the first token of a stream.
    pub first: Duration,
    /// Between two pieces of a stream.
    pub between: Duration,
    /// For a reply that is not streamed: nothing arrives before its end.
    pub unstreamed: Duration,
    /// For a streamed reply as a whole, however steadily it arrives.
    pub streamed: Duration,
}

/// The part of a reply that a limit applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The first token of a stream: [`Idle::first`].
    FirstToken,
    /// The next piece of a stream: [`Idle::between`].
    NextToken,
    /// All of it: [`Idle::unstreamed`] and [`Idle::streamed`].
    Reply,
}

impl Wait {
    /// The name of the setting that has the limit, for error texts and for the table of settings.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::FirstToken => "timeout.first_token",
            Self::NextToken => "timeout.next_token",
            Self::Reply => "timeout.reply",
        }
    }

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::FirstToken => "first token",
            Self::NextToken => "further token",
            Self::Reply => "reply",
        }
    }
}

impl Default for Idle {
    /// 20 minutes (a long prompt on a slow machine), 5 minutes, 2 hours, 2 hours.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1200),
            between: Duration::from_secs(300),
            unstreamed: Duration::from_secs(7200),
            streamed: Duration::from_secs(7200),
        }
    }
}

/// How often and how long a request is retried.
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
    /// The most time spent waiting for a server that reports that it is loading; these pauses don't count as tries.
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
