//! Bodies of answers, read within a bound on their bytes and until a deadline.

use std::ops::Deref;
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::bounds::read_json;
use crate::client::chain;

/// The JSON body of a response within `limit` and the given number of bytes; `None` if there is none.
pub(crate) async fn json(request: RequestBuilder, limit: Duration, most: usize) -> Option<Value> {
    let limit = Instant::now() + limit;
    let mut response = timeout_at(limit, request.send()).await.ok()?.ok()?;
    match read(&mut response, limit, most).await {
        Body { text, end: BodyEnd::Whole } => read_json(&text).ok(),
        _ => None,
    }
}

/// What was read of a body.
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) end: BodyEnd,
}

/// Why nothing more was read.
pub(crate) enum BodyEnd {
    /// It has ended.
    Whole,
    /// It has more bytes than are accepted.
    TooLong,
    /// The time was up.
    Late,
    /// The connection broke.
    Broken(String),
}

/// Reads a body, to its end or to the limit.
pub(crate) async fn read(response: &mut Response, deadline: Instant, most: usize) -> Body {
    let mut body = Vec::new();
    let end = loop {
        match next(response, deadline).await {
            Err(_) => break BodyEnd::Late,
            Ok(Err(error)) => break BodyEnd::Broken(chain(&error)),
            Ok(Ok(None)) => break BodyEnd::Whole,
            Ok(Ok(Some(bytes))) => {
                let room = most - body.len();
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if bytes.len() > room {
                    break BodyEnd::TooLong;
                }
            }
        }
    };
    Body { text: String::from_utf8_lossy(&body).into_owned(), end }
}

/// The time was up.
pub(crate) struct Late;

/// The next bytes of a body. Checks the time itself, too: a timer is never polled if the next bytes are always ready.
pub(crate) async fn next(
    response: &mut Response,
    deadline: Instant,
) -> Result<reqwest::Result<Option<impl Deref<Target = [u8]>>>, Late> {
    if Instant::now() >= deadline {
        return Err(Late);
    }
    timeout_at(deadline, response.chunk()).await.map_err(|_| Late)
}
