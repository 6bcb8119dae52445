//! One question to a server.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::body::{Body, BodyEnd, read};
use crate::bounds::{MODEL_LIST, MOST_VALUES, NotRead, SMALL_ANSWER, clip, exceeded, read_json};
use crate::client::{authorise, chain, client};
use crate::error::{Excess, ModelError};
use crate::secret::Secret;

/// Asks a server.
pub(super) struct Asker<'a> {
    client: Client,
    address: &'a Address,
    key: Option<&'a Secret>,
    limit: Duration,
}

/// The answer.
pub(super) struct ProbeResponse {
    pub(super) status: u16,
    /// The `server` header.
    pub(super) server: String,
    pub(super) text: String,
    /// The text as JSON; `Null` if it is not JSON.
    pub(super) body: Value,
}

impl ProbeResponse {
    /// The server's error message.
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

    pub(super) async fn get(&self, url: Url) -> Result<ProbeResponse, ModelError> {
        self.send(self.client.get(url), SMALL_ANSWER).await
    }

    /// A list of models, which may be long.
    pub(super) async fn list(&self, url: Url) -> Result<ProbeResponse, ModelError> {
        self.send(self.client.get(url), MODEL_LIST).await
    }

    /// The JSON of an address; `None` where there is none.
    pub(super) async fn json(&self, url: Url) -> Option<Value> {
        let answer = self.get(url).await.ok()?;
        (answer.status == 200 && !answer.body.is_null()).then_some(answer.body)
    }

    pub(super) async fn post(&self, url: Url, body: &Value) -> Option<Value> {
        let answer = self.send(self.client.post(url).json(body), SMALL_ANSWER).await.ok()?;
        (answer.status == 200 && !answer.body.is_null()).then_some(answer.body)
    }

    async fn send(&self, request: RequestBuilder, most: usize) -> Result<ProbeResponse, ModelError> {
        let unreachable = |message: String| ModelError::Unreachable { server: self.address.shown(), message };
        let late = || unreachable(format!("no answer within {} s", self.limit.as_secs_f64()));
        let deadline = Instant::now() + self.limit;
        let sent = timeout_at(deadline, authorise(request, self.address, self.key).send()).await;
        let mut response = sent.map_err(|_| late())?.map_err(|error| unreachable(chain(&error)))?;
        let status = response.status().as_u16();
        let server = response.headers().get("server").and_then(|name| name.to_str().ok()).unwrap_or_default();
        let server = clip(server).to_owned();
        let text = match read(&mut response, deadline, most).await {
            Body { text, end: BodyEnd::Whole } => text,
            Body { end: BodyEnd::TooLong, .. } => return Err(exceeded(self.address.shown(), Excess::Body, most)),
            Body { end: BodyEnd::Late, .. } => return Err(late()),
            Body { end: BodyEnd::Broken(message), .. } => return Err(unreachable(message)),
        };
        let text = self.key.map_or(text.clone(), |key| key.redact(&text));
        let body = match read_json(text.trim()) {
            Ok(body) => body,
            Err(NotRead::Values) => return Err(exceeded(self.address.shown(), Excess::Values, MOST_VALUES)),
            Err(NotRead::Json(_)) => Value::Null,
        };
        Ok(ProbeResponse { status, server, text, body })
    }
}
