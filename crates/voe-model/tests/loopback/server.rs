//! A small HTTP server with scripted answers, byte for byte, piece by piece.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use voe_model::{
    Delta, Idle, Message, Model, ModelError, ModelReply, ModelRequest, OpenAi, OpenAiConfig, RetryPolicy, Sampling,
    ToolSpec,
};

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Lower case, without the first line.
    pub(crate) headers: String,
    pub(crate) body: Value,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// In order.
    Close,
    /// In the middle of the transfer.
    Break,
    /// Never.
    Hang,
}

/// A hostile answer never needs more bytes than this before the client closes: a test's server gives up after it.
pub(crate) const ENDLESS: u64 = 600 << 20;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// After the pieces this is repeated until the client hangs up or [`ENDLESS`] bytes were sent.
    pub(crate) endless: Option<Vec<u8>>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { endless: None, status, headers, pieces: vec![body.into()], end: End::Close }
    }

    /// The same, followed by `more` without end.
    pub(crate) fn endless(self, more: impl Into<Vec<u8>>) -> Self {
        // In pieces that are large enough to send much of.
        let (more, mut piece) = (more.into(), Vec::new());
        while piece.len() < 64 << 10 {
            piece.extend_from_slice(&more);
        }
        Self { endless: Some(piece), ..self }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::new(status, "application/json", body)
    }

    /// A stream of these chunks and `[DONE]`.
    pub(crate) fn events(chunks: &[Value]) -> Self {
        let mut text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        text.push_str("data: [DONE]\n\n");
        Self::stream(&text)
    }

    pub(crate) fn stream(text: &str) -> Self {
        Self::new(200, "text/event-stream; charset=utf-8", text)
    }

    /// A whole completion with this message.
    pub(crate) fn reply(message: Value) -> Self {
        let usage = json!({"prompt_tokens": 20, "completion_tokens": 5});
        Self::json(
            200,
            &json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})
                .to_string(),
        )
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn end(self, end: End) -> Self {
        Self { end, ..self }
    }
}

type Answers = Box<dyn FnMut(&Asked) -> Answer + Send>;

/// A server; ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// Answers by a function of the request.
    pub(crate) async fn by(answers: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap(), answers).await
    }

    /// The same, at a place of one's own.
    pub(crate) async fn at(listener: TcpListener, answers: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Arc<Mutex<Answers>> = Arc::new(Mutex::new(Box::new(answers)));
        let (seen, sent) = (asked.clone(), Arc::new(AtomicU64::new(0)));
        let count = sent.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), seen.clone(), count.clone()));
            }
        });
        Self { url, asked, sent }
    }

    /// Answers in order; the last answer repeatedly.
    pub(crate) async fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        Self::by(move |_| if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }).await
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Bytes of endless answers that clients read, or that are in the system's buffers.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// A client with limits that a test can wait for.
    pub(crate) fn config(&self) -> OpenAiConfig {
        let ms = Duration::from_millis;
        OpenAiConfig {
            idle: Idle { first: ms(300), between: ms(300), unstreamed: ms(300), ..Idle::default() },
            connect: Duration::from_secs(5),
            retry: RetryPolicy { tries: 3, first: ms(2), longest: ms(5), total: ms(500), loading: ms(20) },
            ..OpenAiConfig::new(&self.url, "tinyq")
        }
    }

    /// A client that waits as long as a busy machine needs: for tests that are not about waiting.
    pub(crate) fn patient(&self) -> OpenAiConfig {
        OpenAiConfig { idle: Idle::default(), ..self.config() }
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<Answers>>,
    seen: Arc<Mutex<Vec<Asked>>>,
    sent: Arc<AtomicU64>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let headers = text.split_once("\r\n")?.1.to_lowercase();
    let length: usize =
        headers.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |n| n.trim().parse().unwrap());
    while bytes.len() < head + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let mut first = text.split(' ');
    let asked = Asked {
        method: first.next()?.to_owned(),
        path: first.next()?.to_owned(),
        headers,
        body: serde_json::from_slice(&bytes[head..]).unwrap_or_default(),
    };
    let answer = (answers.lock().unwrap())(&asked);
    seen.lock().unwrap().push(asked);
    let mut out = format!("HTTP/1.1 {} X\r\nconnection: close\r\ntransfer-encoding: chunked\r\n", answer.status);
    for (name, value) in &answer.headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all((out + "\r\n").as_bytes()).await.ok()?;
    for piece in answer.pieces.iter().filter(|piece| !piece.is_empty()) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.ok()?;
        stream.write_all(piece).await.ok()?;
        stream.write_all(b"\r\n").await.ok()?;
        stream.flush().await.ok()?;
        tokio::task::yield_now().await;
    }
    while let Some(piece) = answer.endless.as_ref().filter(|_| sent.load(Ordering::Relaxed) < ENDLESS) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.ok()?;
        stream.write_all(piece).await.ok()?;
        stream.write_all(b"\r\n").await.ok()?;
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
    match answer.end {
        End::Close => stream.write_all(b"0\r\n\r\n").await.ok()?,
        End::Break => {}
        End::Hang => std::future::pending().await,
    }
    stream.shutdown().await.ok()
}

/// The tools of the captures.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, properties: Value, required: &str| ToolSpec {
        name: name.into(),
        description: format!("the tool {name}"),
        parameters: json!({"type": "object", "properties": properties, "required": [required]}),
    };
    vec![
        tool("bash", json!({"command": {"type": "string"}, "timeout": {"type": "integer"}}), "command"),
        tool("read_file", json!({"path": {"type": "string"}, "start_line": {"type": "integer"}}), "path"),
    ]
}

/// One reply, and what was shown while it arrived.
pub(crate) async fn ask(config: OpenAiConfig, stream: bool) -> (Result<ModelReply, ModelError>, Vec<String>) {
    ask_about(config, stream, &[Message::system("You are a coding agent."), Message::user("List the files.")]).await
}

pub(crate) async fn ask_about(
    config: OpenAiConfig,
    stream: bool,
    messages: &[Message],
) -> (Result<ModelReply, ModelError>, Vec<String>) {
    let model = OpenAi::new(config).unwrap();
    let (tools, sampling, mut seen) = (tools(), Sampling::default(), Vec::new());
    let request = ModelRequest { messages, tools: &tools, sampling: &sampling, max_tokens: Some(300), stream };
    let reply = model.complete(request, &mut |delta: Delta<'_>| seen.push(format!("{delta:?}"))).await;
    (reply, seen)
}

/// The calls of a reply, `bash {"command":"ls"}` each.
pub(crate) fn calls(reply: &ModelReply) -> Vec<String> {
    reply.message.tool_calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect()
}
