//! One request over HTTP and its reply, streamed or whole, under the limits on waiting.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::client::chain;
use crate::error::ModelError;
use crate::fail::{Asked, Failure, classify, is_error};
use crate::limits::Idle;
use crate::model::Delta;
use crate::secret::Secret;
use crate::sse;

/// How long the end of a stream is waited for after the server has said why it stopped: the usage follows at once.
const AFTER_LAST: Duration = Duration::from_secs(10);

/// The most bytes of an error that are read, and of a reply in one piece.
const LONGEST_ERROR: usize = 1 << 20;
const LONGEST_BODY: usize = 256 << 20;

/// Where a reply is shown while it comes.
pub(crate) type On<'a> = dyn FnMut(Delta<'_>) + Send + 'a;

/// What gathers a reply from its body or from the events of its stream.
pub(crate) trait Gather: Default + Send {
    /// Takes a whole body, or the data of an event.
    fn take(&mut self, value: &Value, on: &mut On<'_>);
    /// Whether there was anything of a reply, even an empty one.
    fn any(&self) -> bool;
    /// Whether the server said why it stopped.
    fn finished(&self) -> bool;
    /// Whether nothing more is to come.
    fn ended(&self) -> bool {
        false
    }
}

/// What one request brought.
#[derive(Debug)]
pub(crate) struct Got<G> {
    pub(crate) gathered: G,
    pub(crate) begun: Instant,
    pub(crate) first_token: Option<f64>,
    pub(crate) seconds: f64,
    pub(crate) request_bytes: u64,
}

/// With whom, and under which limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) address: &'a Address,
    pub(crate) model: &'a str,
    pub(crate) key: Option<&'a Secret>,
    pub(crate) idle: Idle,
}

impl Exchange<'_> {
    /// Sends a request and gathers the reply. `answered` is called as soon as the server answers anything.
    pub(crate) async fn send<G: Gather>(
        &self,
        request: RequestBuilder,
        body: Vec<u8>,
        stream: bool,
        answered: impl FnOnce(),
        on: &mut On<'_>,
    ) -> Result<Got<G>, Failure> {
        let begun = Instant::now();
        let limit = if stream { self.idle.first } else { self.idle.unstreamed };
        let first_late = || ModelError::IdleTimeout { first: true, after: limit };
        let mut got =
            Got { gathered: G::default(), begun, first_token: None, seconds: 0.0, request_bytes: body.len() as u64 };
        let request = request.header("content-type", "application/json").body(body);
        let response = match timeout_at(begun + limit, request.send()).await {
            Err(_) => return Err(first_late().into()),
            Ok(Err(error)) => return Err(self.not_sent(&error).into()),
            Ok(Ok(response)) => response,
        };
        answered();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        if status != 200 {
            let body = read(response, begun + limit, LONGEST_ERROR).await.unwrap_or_default();
            return Err(self.classify(status, &headers, &body));
        }
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("event-stream") {
            self.stream(response, &mut got, &headers, on).await?;
        } else {
            let body = match read(response, begun + limit, LONGEST_BODY).await {
                Ok(body) => body,
                Err(None) => return Err(first_late().into()),
                Err(Some(message)) => return Err(ModelError::BrokenStream { message }.into()),
            };
            self.whole(&body, &mut got, &headers, on)?;
        }
        got.seconds = begun.elapsed().as_secs_f64();
        Ok(got)
    }

    /// A reply in one piece. Some servers answer so though a stream was asked for.
    fn whole<G: Gather>(
        &self,
        body: &str,
        got: &mut Got<G>,
        headers: &HeaderMap,
        on: &mut On<'_>,
    ) -> Result<(), Failure> {
        let text = body.trim();
        if text.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) if is_error(&value) || !value.is_object() => Err(self.classify(200, headers, text)),
            Ok(value) => {
                got.gathered.take(&value, on);
                Ok(())
            }
            Err(error) => Err(ModelError::BrokenStream { message: format!("the reply is no JSON: {error}") }.into()),
        }
    }

    async fn stream<G: Gather>(
        &self,
        mut response: Response,
        got: &mut Got<G>,
        headers: &HeaderMap,
        on: &mut On<'_>,
    ) -> Result<(), Failure> {
        let idle = self.idle;
        let broken = |message: String| Failure::from(ModelError::BrokenStream { message });
        let (mut reader, mut events) = (sse::Reader::default(), Vec::new());
        let mut deadline = got.begun + idle.first;
        loop {
            let piece = match timeout_at(deadline, response.chunk()).await {
                // All was said; the server only forgot to hang up.
                Err(_) if got.gathered.finished() => return Ok(()),
                Err(_) => {
                    let first = got.first_token.is_none();
                    let after = if first { idle.first } else { idle.between };
                    return Err(ModelError::IdleTimeout { first, after }.into());
                }
                Ok(Err(_)) if got.gathered.finished() => return Ok(()),
                Ok(Err(error)) => return Err(broken(chain(&error))),
                Ok(Ok(piece)) => piece,
            };
            let ended = match &piece {
                Some(bytes) => {
                    reader.push(bytes, &mut events).map_err(|error| broken(error.to_string()))?;
                    false
                }
                None => {
                    std::mem::take(&mut reader).finish(&mut events);
                    true
                }
            };
            for event in events.drain(..) {
                if event.data.trim() == "[DONE]" {
                    return Ok(());
                }
                self.event(&event, got, headers, on)?;
                if got.gathered.ended() {
                    return Ok(());
                }
                deadline = match (got.first_token, got.gathered.finished()) {
                    (_, true) => Instant::now() + AFTER_LAST.min(idle.between),
                    (Some(_), _) => Instant::now() + idle.between,
                    (None, _) => deadline,
                };
            }
            if ended {
                return match got.gathered.any() && !got.gathered.finished() {
                    true => Err(broken("the stream ended before the reply did".to_owned())),
                    false => Ok(()),
                };
            }
        }
    }

    fn event<G: Gather>(
        &self,
        event: &sse::Event,
        got: &mut Got<G>,
        headers: &HeaderMap,
        on: &mut On<'_>,
    ) -> Result<(), Failure> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Value>(data) {
            Ok(value) if event.name == "error" || is_error(&value) || !value.is_object() => {
                Err(self.classify(200, headers, data))
            }
            Ok(value) => {
                let (begun, first) = (got.begun, &mut got.first_token);
                got.gathered.take(&value, &mut |delta| {
                    first.get_or_insert_with(|| begun.elapsed().as_secs_f64());
                    on(delta);
                });
                Ok(())
            }
            Err(_) if event.name == "error" => Err(self.classify(200, headers, data)),
            Err(error) => {
                Err(ModelError::BrokenStream { message: format!("a piece of the stream is no JSON: {error}") }.into())
            }
        }
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &str) -> Failure {
        let asked = Asked { server: &self.address.shown(), model: self.model };
        match self.key {
            Some(key) => classify(status, headers, &key.redact(body), asked),
            None => classify(status, headers, body, asked),
        }
    }

    fn not_sent(&self, error: &reqwest::Error) -> ModelError {
        if error.is_builder() {
            ModelError::Setup { message: chain(error) }
        } else if error.is_connect() {
            ModelError::Unreachable { server: self.address.shown(), message: chain(error) }
        } else {
            ModelError::BrokenStream { message: chain(error) }
        }
    }
}

/// The JSON that a request brings within `limit`; `None` where it brings none.
pub(crate) async fn json(request: RequestBuilder, limit: Duration) -> Option<Value> {
    let limit = Instant::now() + limit;
    let response = timeout_at(limit, request.send()).await.ok()?.ok()?;
    let body = read(response, limit, LONGEST_ERROR).await.ok()?;
    serde_json::from_str(&body).ok()
}

/// Reads a body to its end. `Err(None)`: too late.
async fn read(mut response: Response, deadline: Instant, most: usize) -> Result<String, Option<String>> {
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) => return Err(None),
            Ok(Err(error)) => return Err(Some(chain(&error))),
            Ok(Ok(None)) => return Ok(String::from_utf8_lossy(&body).into_owned()),
            Ok(Ok(Some(bytes))) if body.len() + bytes.len() > most => {
                return Err(Some(format!("the reply has more than {most} bytes")));
            }
            Ok(Ok(Some(bytes))) => body.extend_from_slice(&bytes),
        }
    }
}
