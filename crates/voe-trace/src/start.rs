//! The beginning of an attempt: the task, the model, the sandbox.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The facts that are known when an attempt begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// Version of the format, `major.minor`; a reader of the same major reads every minor.
    pub format: String,
    /// Version of voe.
    pub voe: String,
    /// UTC time, RFC 3339.
    pub time: String,
    /// The task.
    pub task: Task,
    /// The strategy's name.
    pub strategy: String,
    /// The strategy, resolved, as TOML.
    pub strategy_text: String,
    /// The model.
    pub model: ModelFacts,
    /// The sandbox in which the tools run.
    pub sandbox: SandboxFacts,
    /// The tools offered, as sent to the model.
    pub tools: Vec<Value>,
}

/// The facts of a task that the agent may know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its id in the suite, or empty.
    #[serde(default)]
    pub id: String,
    /// The statement.
    pub statement: String,
    /// The workspace's path as the tools see it.
    pub workspace: String,
    /// The commit that was checked out, if any.
    #[serde(default)]
    pub commit: Option<String>,
    /// The git tree of the base: the commit and the user's uncommitted work.
    #[serde(default)]
    pub base: Option<String>,
    /// The user's command that shows the problem.
    #[serde(default)]
    pub check: Option<String>,
}

/// The model and the server, as far as they are known. No keys, no credentials in the address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelFacts {
    /// The model's name, as sent.
    pub name: String,
    /// "openai", "anthropic", "replay", "scripted".
    pub provider: String,
    /// The server's address.
    #[serde(default)]
    pub base_url: String,
    /// The server's name and version, where it reports them ("vllm 0.32").
    #[serde(default)]
    pub server: Option<String>,
    /// The context window in tokens.
    #[serde(default)]
    pub window: Option<u64>,
}

/// The sandbox in which the tools run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SandboxFacts {
    /// "none", "local", "landlock", "docker", "podman".
    pub backend: String,
    /// What it enforces, in one line.
    #[serde(default)]
    pub detail: String,
}
