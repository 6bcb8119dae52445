//! The events of an attempt.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::{Message, Usage};
use crate::evidence::{Check, Level};
use crate::role::CheckFileCopy;

pub use crate::conversation::{ConversationRewritten, RecordedReply, RewriteKind};
pub use crate::finish::{Applied, Evidence, Finish, Reason, Seconds};
pub use crate::result::{Change, ChangeKind, Note, ToolResult};
pub use crate::search::{Candidate, CheckMatrixRow, Examination, Judgement, Node, NodeKind, RolloutFacts};
pub use crate::start::{ModelFacts, SandboxFacts, Start, Task};

/// One line of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Seconds since the attempt began (a resumed one continues counting).
    pub at: f64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// An event. A reader ignores kinds that it does not know ([`Event::Unknown`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    Start(Box<Start>),
    /// An attempt that was cut off, or a copy of its beginning, continues.
    Resume {
        /// The last complete step in the record.
        step: u32,
        /// What it continues from.
        from: ResumedFrom,
    },
    /// A message that voe added to the conversation.
    Message {
        /// The step after which it was added; 0 before the first.
        step: u32,
        /// Why it was added.
        origin: MessageOrigin,
        /// The message.
        message: Message,
    },
    /// A request that failed and is retried.
    Retry {
        /// The step whose reply was requested.
        step: u32,
        /// The class of the error.
        kind: RetryKind,
        /// The error, one line.
        error: String,
        /// Seconds until the next try.
        wait: f64,
    },
    /// The model's reply; begins a step.
    Reply(Box<RecordedReply>),
    /// A tool call's result; the conversation gets [`ToolResult::text`].
    Result(Box<ToolResult>),
    /// The patch after a call that edited, from which the work can be recovered.
    Patch {
        /// The step.
        step: u32,
        /// Hash over all files that differ from base.
        tree: String,
        /// As `git apply` takes it.
        patch: String,
    },
    /// A remark to the user that the model does not see.
    Note {
        /// The remark, in one line.
        text: String,
    },
    /// voe messaged the model on its own. The text is also in the message or tool result that carried it.
    Nudge {
        /// The step it followed.
        step: u32,
        /// The kind of the nudge.
        kind: NudgeKind,
        /// The text.
        text: String,
    },
    /// A command that counts as evidence; an event with the same command and the same code replaces the earlier one.
    Check(Box<Check>),
    /// Copies of files that a check runs or needs, before the check that names them: it can be run again when they are gone.
    CheckFiles {
        /// The step.
        step: u32,
        /// The files.
        files: Vec<CheckFileCopy>,
    },
    /// Evidence is void from here on: others changed the tree that it rests on.
    Void {
        /// The step after which it was noticed.
        step: u32,
        /// The reason, in one line.
        why: String,
    },
    /// The model declared that it is done and the gate answered.
    Gate {
        /// The step in which it declared that.
        step: u32,
        /// Whether the attempt may end.
        accepted: bool,
        /// The patch's level at that time.
        level: Level,
        /// The answer to the model; empty when accepted.
        #[serde(default)]
        text: String,
    },
    /// A verification by the strategy, and its outcome.
    Verify {
        /// The step it followed.
        step: u32,
        /// The method.
        method: VerifyMethod,
        /// `Some(true)` passed, `Some(false)` failed, `None` unclear (neither of both).
        passed: Option<bool>,
        /// Its report.
        text: String,
        /// Hash over all files that differed from base: the verified state.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        tree: String,
        /// Tokens, if it was a separate question; a review in the conversation counts as a reply.
        #[serde(default)]
        usage: Usage,
        /// Seconds, if it was a separate question.
        #[serde(default)]
        seconds: f64,
    },
    /// The conversation was rewritten.
    ConversationRewritten(Box<ConversationRewritten>),
    /// The toolbox exited unexpectedly and was started again on the same workspace.
    ToolboxRestarted {
        /// The step in which it happened.
        step: u32,
        /// The reason.
        why: String,
    },
    /// A step is complete: all its events are above this line. A record that was cut off is cut back to the last of these, and
    /// continues from there.
    StepEnd {
        /// The step; 0 for the beginning, before the first.
        step: u32,
        /// The scratch files at this moment, where they are kept: a path relative to the directory of all attempts of a search.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scratch: Option<String>,
    },
    /// A node of a search over several attempts.
    Node(Box<Node>),
    /// The last line.
    Finish(Box<Finish>),
    /// An event that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why voe put a message into the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageOrigin {
    /// The standing instructions.
    System,
    /// The task.
    Task,
    /// A nudge; its event has the kind.
    Nudge,
    /// The gate's refusal.
    Gate,
    /// The reply had neither a call nor the completion marker.
    Reminder,
    /// A call could not be parsed; shows the model its own text.
    Malformed,
    /// The result of a verification, or a strategy's own question.
    Strategy,
}

/// What an attempt continues from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum ResumedFrom {
    /// The workspace as the cut-off attempt left it.
    InPlace,
    /// The record: the workspace was rebuilt as it was after the last complete step.
    Record,
    /// Another attempt of a search, in the middle.
    Fork {
        /// The number of that attempt.
        attempt: u32,
        /// The step after which it was forked.
        step: u32,
    },
    /// The records of a search's attempts.
    Attempts,
}

impl std::fmt::Display for ResumedFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InPlace => f.write_str("the work tree as it stands"),
            Self::Record => f.write_str("the workspace made again from the record"),
            Self::Fork { attempt, step } => write!(f, "forked from attempt {attempt} after step {step}"),
            Self::Attempts => f.write_str("attempts that ended are read from their records"),
        }
    }
}

/// The class of an error of a model or its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryKind {
    /// The prompt does not fit the window.
    ContextOverflow,
    /// The key is missing or wrong.
    Auth,
    /// The server does not know the model.
    NotFound,
    /// No such API at that address.
    Gone,
    /// Nothing listens there.
    Unreachable,
    /// The server refused the request's content.
    BadRequest,
    /// The server is overloaded.
    Overloaded,
    /// The account's rate limit was reached.
    RateLimited,
    /// The server is loading the model.
    Loading,
    /// The server failed.
    Server,
    /// The reply was cut off.
    BrokenStream,
    /// The server sent more than a reply may have.
    TooMuch,
    /// The server sent nothing for too long.
    IdleTimeout,
    /// The reply took too long.
    ReplyTimeout,
    /// A recorded or scripted model has no more replies.
    OutOfReplies,
    /// The configuration is invalid.
    Setup,
    /// The streamed reply was empty.
    Empty,
}

impl RetryKind {
    /// The word used in records and shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::ContextOverflow => "context_overflow",
            Self::Auth => "auth",
            Self::NotFound => "not_found",
            Self::Gone => "gone",
            Self::Unreachable => "unreachable",
            Self::BadRequest => "bad_request",
            Self::Overloaded => "overloaded",
            Self::RateLimited => "rate_limited",
            Self::Loading => "loading",
            Self::Server => "server",
            Self::BrokenStream => "broken_stream",
            Self::TooMuch => "too_much",
            Self::IdleTimeout => "idle_timeout",
            Self::ReplyTimeout => "reply_timeout",
            Self::OutOfReplies => "out_of_replies",
            Self::Setup => "setup",
            Self::Empty => "empty",
        }
    }
}

impl std::fmt::Display for RetryKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// Why voe messaged the model on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NudgeKind {
    /// Asks to verify an edit.
    Verify,
    /// The same calls with the same results repeat.
    Stuck,
    /// A reply without a call and without the completion marker.
    Reminder,
    /// A self-review in the middle of the work.
    Review,
    /// A self-review at the end.
    LastReview,
    /// A verification failed.
    Recovery,
    /// The source was edited before a check had failed.
    RedFirst,
    /// Under red-first: what a check showed that should fail, or should pass by now.
    Red,
}

impl NudgeKind {
    /// The word used in records and shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Stuck => "stuck",
            Self::Reminder => "reminder",
            Self::Review => "review",
            Self::LastReview => "last_review",
            Self::Recovery => "recovery",
            Self::RedFirst => "red_first",
            Self::Red => "red",
        }
    }
}

impl std::fmt::Display for NudgeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// How a strategy verifies the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyMethod {
    /// The model reads its own patch.
    SelfReview,
    /// The repository's own tests.
    Tests,
    /// A model compares the patch with the statement.
    Spec,
    /// A command of the strategy's.
    Command,
    /// Whether a check fails without the edits and passes with them.
    Counterfactual,
}

impl VerifyMethod {
    /// The word used in records and shown to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::SelfReview => "self-review",
            Self::Tests => "tests",
            Self::Spec => "spec",
            Self::Command => "command",
            Self::Counterfactual => "counterfactual",
        }
    }
}

impl std::fmt::Display for VerifyMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}
