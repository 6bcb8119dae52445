//! What a server is and what it can do, asked for.

use std::time::Duration;

use crate::error::ModelError;
use crate::model::Model;
use crate::secret::Secret;

/// The kind of server, told by what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// llama.cpp's llama-server.
    LlamaCpp,
    /// Ollama.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// Something else that speaks Chat Completions.
    Other,
}

/// A model that a server lists.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerModel {
    /// Its name, as requests must give it.
    pub name: String,
    /// The window that requests really have, in tokens, if the server tells.
    pub window: Option<u64>,
    /// The window that the model was trained for, if the server tells.
    pub trained: Option<u64>,
}

/// What is known of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The address, normalised, ending in `/v1`, without credentials.
    pub base_url: String,
    /// Its kind.
    pub kind: ServerKind,
    /// Its kind and version as text ("vllm 0.32"); the kind alone where it does not tell.
    pub server: Option<String>,
    /// Whether it is still loading its model.
    pub loading: bool,
    /// Its models.
    pub models: Vec<ServerModel>,
    /// What the user should know, each with what to do.
    pub warnings: Vec<String>,
}

impl Probe {
    /// The window of `model`, in tokens.
    pub fn window(&self, model: &str) -> Option<u64> {
        self.models.iter().find(|m| m.name == model).and_then(|m| m.window)
    }
}

/// How a call comes back.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeTools {
    /// As a call that the server parsed.
    Native,
    /// As text that voe read.
    Salvaged {
        /// What was repaired.
        repairs: Vec<String>,
    },
    /// Not at all.
    None {
        /// What came instead, shortened.
        text: String,
    },
}

/// Asks a server what it is, by GET only (and Ollama's `/api/show`, which is a POST that changes nothing).
/// `limit` is for each question.
pub async fn probe(base_url: &str, _key: Option<&Secret>, _limit: Duration) -> Result<Probe, ModelError> {
    Err(ModelError::Unreachable { server: base_url.into(), message: "not there yet".into() })
}

/// Asks a model for one small call, to see whether and how it comes back.
pub async fn probe_tools(_model: &dyn Model) -> Result<ProbeTools, ModelError> {
    Ok(ProbeTools::None { text: String::new() })
}
