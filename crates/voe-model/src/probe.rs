//! Detects what a server is and what it can do.
//!
//! By GET only, so that probing never costs anything; Ollama reports a model's settings only by `POST /api/show`, which
//! changes nothing.

mod ask;
mod kinds;

use std::time::Duration;

use serde_json::{Value, json};

use crate::address::Address;
use crate::error::ModelError;
use crate::model::{Model, ModelRequest, Sampling};
use crate::secret::Secret;
use crate::tool::ToolSpec;
use ask::{Asker, ProbeResponse};
use voe_trace::chat::Message;

/// Where servers listen by default, by name.
pub const LOCAL_SERVERS: [(&str, &str); 5] = [
    ("vLLM", "http://localhost:8000/v1"),
    ("SGLang", "http://localhost:30000/v1"),
    ("llama.cpp", "http://localhost:8080/v1"),
    ("Ollama", "http://localhost:11434/v1"),
    ("LM Studio", "http://localhost:1234/v1"),
];

/// A window below this is too small for work in a repository. Tokens.
pub const SMALL_WINDOW: u64 = 16_384;

/// The maximum number of models in warnings.
const MOST_WARNED: usize = 20;

/// The kind of server, detected by its answers.
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

impl ServerKind {
    /// The name, as in [`ServerProbe::server`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::LlamaCpp => "llama.cpp",
            Self::Ollama => "ollama",
            Self::LmStudio => "lm studio",
            Self::Other => "other",
        }
    }

    /// How to get a larger window.
    fn larger_window(self) -> &'static str {
        match self {
            Self::Vllm => "start vLLM with --max-model-len 32768 or more",
            Self::Sglang => "start SGLang with --context-length 32768 or more",
            Self::LlamaCpp => {
                "start llama-server with -c 32768 or more (-c is shared by the slots: --parallel 1 gives all of it to one)"
            }
            Self::Ollama => "set OLLAMA_CONTEXT_LENGTH=32768 or more for `ollama serve` and restart it",
            Self::LmStudio => {
                "load the model again with a larger Context Length (lms load MODEL --context-length 32768)"
            }
            Self::Other => "serve the model with a larger context",
        }
    }
}

/// A model that a server lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerModel {
    /// Its name, as requests must give it.
    pub name: String,
    /// The window that requests really have, in tokens, if the server reports it.
    pub window: Option<u64>,
    /// The window that the model was trained for, if the server reports it.
    pub trained: Option<u64>,
    /// Whether it is in memory, if the server reports it: if not, it has to be loaded first.
    pub loaded: Option<bool>,
    /// Whether its template supports tools, if the server reports it.
    pub tools: Option<bool>,
}

/// Facts about a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerProbe {
    /// The address, normalised, ending in `/v1` or the like, without credentials.
    pub base_url: String,
    /// Its kind.
    pub kind: ServerKind,
    /// Its kind and version ("vllm 0.32.0"); the kind alone if the version is unknown, `None` if both are.
    pub server: Option<String>,
    /// Whether it is still loading its model.
    pub loading: bool,
    /// Its models.
    pub models: Vec<ServerModel>,
    /// Warnings for the user, each with what to do.
    pub warnings: Vec<String>,
}

impl ServerProbe {
    /// The window of `model`, in tokens.
    pub fn window(&self, model: &str) -> Option<u64> {
        self.models.iter().find(|m| m.name == model).and_then(|m| m.window)
    }
}

/// How a model's call arrives.
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
        /// The reply instead, shortened.
        text: String,
    },
}

/// Asks a server what it is. `limit` applies to each question.
///
/// # Errors
/// Nothing listens at the address, it wants a key, or what answers does not speak Chat Completions.
pub async fn probe(base_url: &str, key: Option<&Secret>, limit: Duration) -> Result<ServerProbe, ModelError> {
    let address = Address::parse(base_url)?;
    let asker = Asker::new(&address, key, limit)?;
    let shown = address.shown();
    let listed = asker.list(address.join("models")).await?;
    let mut probe = ServerProbe {
        base_url: shown.clone(),
        kind: kinds::by_list(&listed),
        server: None,
        loading: false,
        models: Vec::new(),
        warnings: Vec::new(),
    };
    match listed.status {
        200 => probe.models = kinds::models(&listed.body),
        401 | 403 => {
            return Err(ModelError::Auth { server: shown, status: listed.status, message: listed.message() });
        }
        503 if listed.text.to_ascii_lowercase().contains("loading") => {
            probe.loading = true;
            probe.warnings.push(format!("{shown} is still loading its model; try again when it is ready"));
        }
        _ => {}
    }
    let known = kinds::refine(&asker, &address, &mut probe).await;
    if listed.status != 200 && !probe.loading && !known {
        return Err(ModelError::Gone { url: shown, status: listed.status, message: listed.message() });
    }
    warn(&mut probe);
    Ok(probe)
}

fn warn(probe: &mut ServerProbe) {
    if probe.models.is_empty() && !probe.loading {
        let how =
            if probe.kind == ServerKind::Ollama { "get one with `ollama pull NAME`" } else { "load one in the server" };
        probe.warnings.push(format!("{} lists no models; {how}", probe.base_url));
    }
    for model in probe.models.iter().take(MOST_WARNED) {
        if let Some(window) = model.window.filter(|&window| window < SMALL_WINDOW) {
            probe.warnings.push(format!(
                "{} has a context window of {window} tokens, too small for most work: {}",
                model.name,
                probe.kind.larger_window()
            ));
        }
        if model.tools == Some(false) {
            probe.warnings.push(format!(
                "{} has a template without tools: voe reads calls from its text, with less success",
                model.name
            ));
        }
    }
    let unloaded = probe.models.iter().any(|model| model.loaded == Some(false) && model.window.is_none());
    if probe.kind == ServerKind::Ollama && unloaded {
        probe.warnings.push(
            "Ollama reports the window of a model only when it is loaded, gives it 4096 tokens by default, and then drops the oldest messages in silence: set OLLAMA_CONTEXT_LENGTH=32768 or more for `ollama serve`, and load the model once with `ollama run NAME hello`".to_owned(),
        );
    }
}

/// Asks a model for one small call, to see whether and how it arrives. Costs one request.
///
/// # Errors
/// The request failed. A model that answers without a call is not an error.
pub async fn probe_tools(model: &dyn Model) -> Result<ProbeTools, ModelError> {
    let tools = [ToolSpec {
        name: "report".into(),
        description: "Reports a word to the user.".into(),
        parameters: json!({
            "type": "object",
            "properties": {"word": {"type": "string", "description": "the word"}},
            "required": ["word"],
        }),
    }];
    let messages = [
        Message::system("You work with tools. Answer with a tool call."),
        Message::user("Call the tool `report` with the word \"ready\"."),
    ];
    let sampling = Sampling::default();
    let request =
        ModelRequest { messages: &messages, tools: &tools, sampling: &sampling, max_tokens: Some(2048), stream: true };
    let reply = model.complete(request, &mut |_| {}).await?;
    if reply.message.tool_calls.iter().any(|call| call.name == "report") {
        return Ok(match reply.salvaged {
            true => ProbeTools::Salvaged { repairs: reply.repairs },
            false => ProbeTools::Native,
        });
    }
    let text = reply.malformed.unwrap_or(reply.message.content);
    Ok(ProbeTools::None { text: text.chars().take(300).collect() })
}

/// A number of a JSON value, by its path.
fn number(value: &Value, path: &str) -> Option<u64> {
    value.pointer(path).and_then(Value::as_u64)
}
