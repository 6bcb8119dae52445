//! One request over HTTP and its reply, streamed or whole, under the limits on waiting.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::body::{BodyEnd, next, read};
use crate::bounds::{ERROR_BODY, MOST_CALLS, MOST_VALUES, NotRead, ReplyBounds, exceeded, read_json};
use crate::client::chain;
use crate::error::{Excess, ModelError};
use crate::fail::{Failure, RequestInfo, classify, is_error};
use crate::limits::{Idle, Wait};
use crate::model::Delta;
use crate::secret::Secret;
use crate::sse;

/// How long to wait for the end of a stream after its finish reason: the usage follows immediately.
const AFTER_LAST: Duration = Duration::from_secs(10);

/// How long to wait for the body of an error after its status.
const ERROR_WAIT: Duration = Duration::from_secs(30);

/// Receives a reply while it arrives.
pub(crate) type On<'a> = dyn FnMut(Delta<'_>) + Send + 'a;

/// Assembles a reply from its body or from the events of its stream.
pub(crate) trait ReplyAccumulator: Default + Send {
    /// Takes a whole body, or the data of an event.
    fn take(&mut self, value: &Value, on: &mut On<'_>);
    /// Whether there was anything of a reply, even an empty one.
    fn any(&self) -> bool;
    /// Whether the server sent a finish reason.
    fn finished(&self) -> bool;
    /// Bytes received so far: text, thinking, calls. Grows with each piece that is not empty.
    fn held(&self) -> usize;
    /// How many calls there are.
    fn calls(&self) -> usize;
    /// Whether nothing more will come.
    fn ended(&self) -> bool {
        false
    }
}

/// The reply to one request, with its times.
#[derive(Debug)]
pub(crate) struct HttpReply<G> {
    pub(crate) gathered: G,
    pub(crate) begun: Instant,
    pub(crate) first_token: Option<f64>,
    pub(crate) seconds: f64,
    pub(crate) request_bytes: u64,
}

/// The server, and the limits of an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) address: &'a Address,
    pub(crate) model: &'a str,
    pub(crate) key: Option<&'a Secret>,
    pub(crate) idle: Idle,
    pub(crate) bounds: ReplyBounds,
}

impl Exchange<'_> {
    /// Sends a request and assembles the reply. `answered` is called as soon as the server answers anything.
    pub(crate) async fn send<G: ReplyAccumulator>(
        &self,
        request: RequestBuilder,
        body: Vec<u8>,
        stream: bool,
        answered: impl FnOnce(),
        on: &mut On<'_>,
    ) -> Result<HttpReply<G>, Failure> {
        let (begun, server, bytes) = (Instant::now(), self.address.shown(), body.len());
        tracing::debug!(method = "POST", server, model = ?self.model, stream, bytes, "request");
        let got: Result<HttpReply<G>, _> = self.exchange(request, body, stream, answered, on).await;
        let ms = begun.elapsed().as_millis();
        match &got {
            Ok(got) => {
                let first_ms = got.first_token.map(|seconds| (seconds * 1000.0) as u64);
                tracing::info!(server, model = ?self.model, ms, first_ms, bytes = got.gathered.held(), "reply");
            }
            Err(failure) => {
                tracing::info!(server, model = ?self.model, ms, kind = failure.error.kind().word(), "request failed");
            }
        }
        got
    }

    async fn exchange<G: ReplyAccumulator>(
        &self,
        request: RequestBuilder,
        body: Vec<u8>,
        stream: bool,
        answered: impl FnOnce(),
        on: &mut On<'_>,
    ) -> Result<HttpReply<G>, Failure> {
        let begun = Instant::now();
        let limit = if stream { self.idle.first } else { self.idle.unstreamed };
        let what = if stream { Wait::FirstToken } else { Wait::Reply };
        let first_late = || ModelError::IdleTimeout { what, after: limit };
        let mut got = HttpReply {
            gathered: G::default(),
            begun,
            first_token: None,
            seconds: 0.0,
            request_bytes: body.len() as u64,
        };
        let request = request.header("content-type", "application/json").body(body);
        let mut response = match timeout_at(begun + limit, request.send()).await {
            Err(_) => return Err(first_late().into()),
            Ok(Err(error)) => return Err(self.not_sent(&error).into()),
            Ok(Ok(response)) => response,
        };
        answered();
        let status = response.status().as_u16();
        tracing::debug!(server = self.address.shown(), status, ms = begun.elapsed().as_millis(), "answer begins");
        let headers = response.headers().clone();
        if status != 200 {
            // Even an incomplete body contains the reason.
            let body = read(&mut response, (begun + limit).min(Instant::now() + ERROR_WAIT), ERROR_BODY).await;
            return Err(self.classify(status, &headers, &body.text));
        }
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.contains("event-stream") {
            self.stream(response, &mut got, &headers, on).await?;
        } else {
            let body = read(&mut response, begun + limit, self.bounds.body).await;
            match body.end {
                BodyEnd::Whole => self.whole(&body.text, &mut got, &headers, on)?,
                BodyEnd::TooLong => return Err(self.exceeded(Excess::Body, self.bounds.body)),
                BodyEnd::Late => return Err(first_late().into()),
                BodyEnd::Broken(message) => return Err(ModelError::BrokenStream { message }.into()),
            }
        }
        got.seconds = begun.elapsed().as_secs_f64();
        Ok(got)
    }

    /// A reply in one piece. Some servers send it although a stream was requested.
    fn whole<G: ReplyAccumulator>(
        &self,
        body: &str,
        got: &mut HttpReply<G>,
        headers: &HeaderMap,
        on: &mut On<'_>,
    ) -> Result<(), Failure> {
        let text = body.trim();
        if text.is_empty() {
            return Ok(());
        }
        match read_json(text) {
            Ok(value) if is_error(&value) || !value.is_object() => Err(self.classify(200, headers, text)),
            Ok(value) => self.take(&value, got, on),
            Err(NotRead::Values) => Err(self.exceeded(Excess::Values, MOST_VALUES)),
            Err(NotRead::Json(error)) => {
                Err(ModelError::BrokenStream { message: format!("the reply is not JSON: {error}") }.into())
            }
        }
    }

    async fn stream<G: ReplyAccumulator>(
        &self,
        mut response: Response,
        got: &mut HttpReply<G>,
        headers: &HeaderMap,
        on: &mut On<'_>,
    ) -> Result<(), Failure> {
        let (idle, bounds) = (self.idle, self.bounds);
        let broken = |message: String| Failure::from(ModelError::BrokenStream { message });
        let (mut reader, mut events) = (sse::SseReader::new(bounds.event), Vec::new());
        let (mut deadline, end) = (got.begun + idle.first, got.begun + idle.streamed);
        let mut bytes = 0;
        loop {
            let piece = match next(&mut response, deadline.min(end)).await {
                // The reply is complete; the server only did not close the connection.
                Err(_) | Ok(Err(_)) if got.gathered.finished() => return Ok(()),
                Err(_) if end <= deadline && got.first_token.is_some() => {
                    return Err(ModelError::ReplyTimeout { after: idle.streamed }.into());
                }
                Err(_) => {
                    let (what, after) = match got.first_token {
                        None => (Wait::FirstToken, idle.first),
                        Some(_) => (Wait::NextToken, idle.between),
                    };
                    return Err(ModelError::IdleTimeout { what, after }.into());
                }
                Ok(Err(error)) => return Err(broken(chain(&error))),
                Ok(Ok(piece)) => piece,
            };
            let ended = match &piece {
                Some(piece) => {
                    bytes += piece.len();
                    if bytes > bounds.stream {
                        return Err(self.exceeded(Excess::Stream, bounds.stream));
                    }
                    reader.push(piece, &mut events).map_err(|error| self.exceeded(Excess::Event, error.most))?;
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
                let (held, finished) = (got.gathered.held(), got.gathered.finished());
                self.event(&event, got, headers, on)?;
                if got.gathered.ended() {
                    return Ok(());
                }
                // Only what adds to the reply counts as progress: events may be empty, and endless.
                if !finished && got.gathered.finished() {
                    deadline = Instant::now() + AFTER_LAST.min(idle.between);
                } else if !finished && got.gathered.held() > held {
                    deadline = Instant::now() + idle.between;
                }
            }
            if ended {
                return match got.gathered.any() && !got.gathered.finished() {
                    true => Err(broken("the stream ended before the reply did".to_owned())),
                    false => Ok(()),
                };
            }
        }
    }

    fn event<G: ReplyAccumulator>(
        &self,
        event: &sse::SseEvent,
        got: &mut HttpReply<G>,
        headers: &HeaderMap,
        on: &mut On<'_>,
    ) -> Result<(), Failure> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        match read_json(data) {
            Ok(value) if event.name == "error" || is_error(&value) || !value.is_object() => {
                Err(self.classify(200, headers, data))
            }
            Ok(value) => {
                let held = got.gathered.held();
                self.take(&value, got, on)?;
                if got.gathered.held() > held {
                    got.first_token.get_or_insert_with(|| got.begun.elapsed().as_secs_f64());
                }
                Ok(())
            }
            Err(NotRead::Values) => Err(self.exceeded(Excess::Values, MOST_VALUES)),
            Err(_) if event.name == "error" => Err(self.classify(200, headers, data)),
            Err(NotRead::Json(error)) => {
                Err(ModelError::BrokenStream { message: format!("a piece of the stream is not JSON: {error}") }.into())
            }
        }
    }

    /// Adds a part of a reply, within the bounds on the whole.
    fn take<G: ReplyAccumulator>(&self, value: &Value, got: &mut HttpReply<G>, on: &mut On<'_>) -> Result<(), Failure> {
        got.gathered.take(value, on);
        if got.gathered.held() > self.bounds.text {
            return Err(self.exceeded(Excess::Reply, self.bounds.text));
        }
        if got.gathered.calls() > MOST_CALLS {
            return Err(self.exceeded(Excess::Calls, MOST_CALLS));
        }
        Ok(())
    }

    fn exceeded(&self, what: Excess, most: usize) -> Failure {
        exceeded(self.address.shown(), what, most).into()
    }

    fn classify(&self, status: u16, headers: &HeaderMap, body: &str) -> Failure {
        let asked = RequestInfo { server: &self.address.shown(), model: self.model };
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
