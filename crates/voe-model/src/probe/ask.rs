//! One question to a server.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use crate::address::Address;
use crate::client::{authorise, chain, client};
use crate::error::ModelError;
use crate::secret::Secret;

/// The most bytes of an answer that are read: a list of some hundred models.
const LONGEST: usize = 8 << 20;

/// Asks a server.
pub(super) struct Asker<'a> {
    client: Client,
    address: &'a Address,
    key: Option<&'a Secret>,
    limit: Duration,
}

/// What it answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The `server` header.
    pub(super) server: String,
    pub(super) text: String,
    /// The text as JSON; `Null` where it is none.
    pub(super) body: Value,
}

impl Answer {
    /// What the server says is wrong.
    pub(super) fn message(&self) -> String {
        let error = ["/error/message", "/error", "/message", "/detail"]
            .iter()
            .find_map(|path| self.body.pointer(path)?.as_str());
        error
            .unwrap_or(&self.text)
            .chars()
            .take(300)
            .collect::<String>()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl<'a> Asker<'a> {
    pub(super) fn new(address: &'a Address, key: Option<&'a Secret>, limit: Duration) -> Result<Self, ModelError> {
        Ok(Self { client: client(address, limit)?, address, key, limit })
    }

    pub(super) async fn get(&self, url: Url) -> Result<Answer, ModelError> {
        self.send(self.client.get(url)).await
    }

    /// The JSON of an address; `None` where there is none.
    pub(super) async fn json(&self, url: Url) -> Option<Value> {
        let answer = self.get(url).await.ok()?;
        (answer.status == 200 && !answer.body.is_null()).then_some(answer.body)
    }

    pub(super) async fn post(&self, url: Url, body: &Value) -> Option<Value> {
        let answer = self.send(self.client.post(url).json(body)).await.ok()?;
        (answer.status == 200 && !answer.body.is_null()).then_some(answer.body)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, ModelError> {
        let unreachable = |message: String| ModelError::Unreachable { server: self.address.shown(), message };
        let ask = async {
            let mut response =
                authorise(request, self.address, self.key).send().await.map_err(|e| unreachable(chain(&e)))?;
            let status = response.status().as_u16();
            let server =
                response.headers().get("server").and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(|error| unreachable(chain(&error)))? {
                bytes.extend_from_slice(&piece);
                if bytes.len() > LONGEST {
                    return Err(unreachable("the answer is too long for one of a model server".to_owned()));
                }
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let text = self.key.map_or(text.clone(), |key| key.redact(&text));
            let body = serde_json::from_str(text.trim()).unwrap_or(Value::Null);
            Ok(Answer { status, server, text, body })
        };
        match tokio::time::timeout(self.limit, ask).await {
            Ok(answer) => answer,
            Err(_) => Err(unreachable(format!("no answer within {} s", self.limit.as_secs_f64()))),
        }
    }
}
