//! Whatever a model server answers with status 200, in one piece or as a stream: an error, or a reply that can be run and sent back.
//!
//! Inputs to start from are in `seeds/reply`: of their first two characters an odd one means Anthropic's protocol, and a stream.
#![no_main]

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use voe_model::{
    Anthropic, AnthropicConfig, Message, Model, ModelRequest, OpenAi, OpenAiConfig, RetryPolicy, Sampling, ToolSpec,
};

/// A server on this machine that answers every request with the same body, and a client of each protocol.
struct World {
    runtime: tokio::runtime::Runtime,
    answer: Arc<Mutex<(bool, Vec<u8>)>>,
    openai: OpenAi,
    anthropic: Anthropic,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answer = Arc::new(Mutex::new((false, Vec::new())));
    let answers = Arc::clone(&answer);
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&answers)));
        }
    });
    let retry = RetryPolicy { tries: 1, ..RetryPolicy::default() };
    let openai = OpenAi::new(OpenAiConfig { retry, ..OpenAiConfig::new(&url, "m") }).expect("a client");
    let anthropic = AnthropicConfig { retry, base_url: url, ..AnthropicConfig::new("m", None) };
    Mutex::new(World { runtime, answer, openai, anthropic: Anthropic::new(anthropic).expect("a client") })
});

/// Answers the requests of one connection.
async fn serve(stream: TcpStream, answer: Arc<Mutex<(bool, Vec<u8>)>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            (stream.read_line(&mut line).await.ok()? > 0).then_some(())?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        stream.read_exact(&mut vec![0; length]).await.ok()?;
        let (is_stream, body) = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kind = if is_stream { "text/event-stream" } else { "application/json" };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await.ok()?;
    }
}

static TOOLS: LazyLock<[ToolSpec; 1]> = LazyLock::new(|| {
    [ToolSpec {
        name: "bash".into(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": {"command": {"type": "string"}, "n": {"type": "integer"}}, "required": ["command"]}),
    }]
});

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (anthropic, is_stream, body) = input;
    let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    *world.answer.lock().unwrap_or_else(PoisonError::into_inner) = (is_stream, body.to_vec());
    let model: &dyn Model = if anthropic { &world.anthropic } else { &world.openai };
    let (messages, sampling) = ([Message::user("x")], Sampling::default());
    let request = ModelRequest {
        messages: &messages,
        tools: &*TOOLS,
        sampling: &sampling,
        max_tokens: Some(1000),
        stream: is_stream,
    };
    match world.runtime.block_on(model.complete(request, &mut |_| {})) {
        Ok(reply) => {
            let mut ids = HashSet::new();
            for call in &reply.message.tool_calls {
                assert!(ids.insert(&call.id), "an id is used twice");
                assert!(serde_json::from_str::<Map<String, Value>>(&call.arguments).is_ok(), "{}", call.arguments);
            }
            // What was taken is what the conversation keeps: a record of it reads the same.
            let text = serde_json::to_string(&reply.message).expect("a message is JSON");
            assert_eq!(serde_json::from_str::<Message>(&text).expect("and is read back"), reply.message);
        }
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    }
});
