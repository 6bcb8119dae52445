//! What servers are asked, and the result.

use std::time::Duration;

use serde_json::json;
use voe_model::{OpenAi, ProbeTools, Secret, ServerKind, ServerProbe, probe, probe_tools};

use crate::server::{Answer, Server};

const LIMIT: Duration = Duration::from_secs(20);

/// A server that answers these paths and nothing else.
async fn serving(paths: Vec<(&'static str, serde_json::Value)>) -> Server {
    Server::by(move |asked| match paths.iter().find(|(path, _)| *path == asked.path) {
        Some((_, body)) => Answer::json(200, &body.to_string()),
        None => Answer::json(404, r#"{"error":{"message":"File Not Found"}}"#),
    })
    .await
}

async fn probed(server: &Server) -> ServerProbe {
    probe(&server.url, None, LIMIT).await.unwrap()
}

#[tokio::test]
async fn vllm_tells_its_window_in_its_list() {
    let server = serving(vec![
        ("/v1/models", json!({"data": [{"id": "tinyq", "owned_by": "vllm", "max_model_len": 2048}]})),
        ("/version", json!({"version": "0.32.0"})),
    ])
    .await;
    let probe = probed(&server).await;
    assert_eq!(
        (probe.kind, probe.server.as_deref(), probe.window("tinyq")),
        (ServerKind::Vllm, Some("vllm 0.32.0"), Some(2048))
    );
    assert_eq!(
        probe.warnings,
        [
            "tinyq has a context window of 2048 tokens, too small for most work: start vLLM with --max-model-len 32768 or more"
        ]
    );
    assert!(server.asked().iter().all(|asked| asked.method == "GET"));
}

#[tokio::test]
async fn llama_server_has_the_window_of_one_slot() {
    let list = json!({"data": [{"id": "q", "owned_by": "llamacpp", "meta": {"n_ctx": 65536, "n_ctx_train": 262144}}]});
    let props = json!({"default_generation_settings": {"n_ctx": 16384}, "total_slots": 4, "build_info": "b11434-abc"});
    let probe = probed(&serving(vec![("/v1/models", list), ("/props", props)]).await).await;
    assert_eq!((probe.kind, probe.server.as_deref()), (ServerKind::LlamaCpp, Some("llama.cpp b11434-abc")));
    assert_eq!(
        (probe.models[0].window, probe.models[0].trained, probe.warnings.len()),
        (Some(16384), Some(262_144), 0)
    );
}

#[tokio::test]
async fn ollama_has_the_window_of_the_loaded_model_or_of_its_modelfile() {
    let list = json!({"data": [{"id": "a", "owned_by": "library"}, {"id": "b", "owned_by": "library"}]});
    let server = Server::by(move |asked| {
        let answer = match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/v1/models") => list.clone(),
            ("GET", "/api/version") => json!({"version": "0.20.1"}),
            ("GET", "/api/ps") => json!({"models": [{"name": "a", "model": "a", "context_length": 4096}]}),
            ("POST", "/api/show") if asked.body["model"] == "b" => {
                json!({"parameters": "stop \"x\"\nnum_ctx                        32768", "model_info": {"qwen3.context_length": 40960}, "capabilities": ["completion"]})
            }
            ("POST", "/api/show") => json!({"model_info": {"qwen3.context_length": 40960}, "capabilities": ["completion", "tools"]}),
            other => panic!("asked {other:?}"),
        };
        Answer::json(200, &answer.to_string())
    })
    .await;
    let probe = probed(&server).await;
    assert_eq!((probe.kind, probe.server.as_deref()), (ServerKind::Ollama, Some("ollama 0.20.1")));
    assert_eq!((probe.window("a"), probe.window("b"), probe.models[0].trained), (Some(4096), Some(32768), Some(40960)));
    assert!(probe.warnings[0].contains("OLLAMA_CONTEXT_LENGTH=32768"), "{:?}", probe.warnings);
    assert!(probe.warnings[1].starts_with("b has a template without tools"), "{:?}", probe.warnings);
}

#[tokio::test]
async fn sglang_and_lm_studio_are_known_by_their_own_pages() {
    let list = json!({"data": [{"id": "m", "owned_by": "sglang", "max_model_len": 32768}]});
    let probe =
        probed(&serving(vec![("/v1/models", list), ("/get_server_info", json!({"version": "0.5.9"}))]).await).await;
    assert_eq!((probe.server.as_deref(), probe.window("m")), (Some("sglang 0.5.9"), Some(32768)));

    let list =
        json!({"data": [{"id": "m", "owned_by": "organization_owner"}, {"id": "n", "owned_by": "organization_owner"}]});
    let own = json!({"data": [{"id": "m", "state": "loaded", "loaded_context_length": 4096, "max_context_length": 131072}, {"id": "n", "state": "not-loaded", "max_context_length": 131072}]});
    let probe = probed(&serving(vec![("/v1/models", list), ("/api/v0/models", own)]).await).await;
    assert_eq!(
        (probe.kind, probe.window("m"), probe.window("n"), probe.models[1].loaded),
        (ServerKind::LmStudio, Some(4096), None, Some(false))
    );
    assert!(probe.warnings[0].contains("lms load MODEL"), "{:?}", probe.warnings);
}

#[tokio::test]
async fn hosted_servers_tell_the_window_in_their_lists() {
    let list = json!({"data": [{"id": "qwen/qwen3", "context_length": 262144}, {"id": "x", "context_window": 131072}]});
    let probe = probed(&serving(vec![("/v1/models", list)]).await).await;
    assert_eq!((probe.kind, probe.server), (ServerKind::Other, None));
    assert_eq!((probe.models[0].window, probe.models[1].window), (Some(262_144), Some(131_072)));
}

#[tokio::test]
async fn a_server_that_is_loading_is_one_that_is_there() {
    let server = Server::new([Answer::json(
        503,
        r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
    )
    .header("server", "llama.cpp")])
    .await;
    let probe = probed(&server).await;
    assert!(probe.loading && probe.kind == ServerKind::LlamaCpp);
    assert!(probe.warnings[0].contains("still loading"), "{:?}", probe.warnings);
}

#[tokio::test]
async fn a_failed_probe_reports_why() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(probe(&format!("localhost:{port}"), None, LIMIT).await.unwrap_err().kind().word(), "unreachable");
    let silent = Server::new([Answer::stream("").end(crate::server::End::Hang)]).await;
    assert_eq!(probe(&silent.url, None, Duration::from_millis(40)).await.unwrap_err().kind().word(), "unreachable");
    let closed = Server::new([Answer::json(401, r#"{"error":"no key sk-hidden"}"#)]).await;
    let error = probe(&closed.url, Some(&Secret::new("sk-hidden")), LIMIT).await.unwrap_err();
    assert!(error.kind().word() == "auth" && !error.to_string().contains("hidden"), "{error}");
    let other = serving(vec![]).await;
    assert_eq!(probe(&other.url, None, LIMIT).await.unwrap_err().kind().word(), "gone");
    let empty = serving(vec![("/v1/models", json!({"data": null})), ("/api/version", json!({"version": "1"}))]).await;
    assert!(probed(&empty).await.warnings[0].contains("lists no models; get one with `ollama pull NAME`"));
}

#[tokio::test]
async fn a_native_call_a_call_read_from_text_and_no_call_are_distinguished() {
    let call =
        json!({"tool_calls": [{"id": "a", "function": {"name": "report", "arguments": "{\"word\": \"ready\"}"}}]});
    let text = json!({"content": "```json\n{\"name\": \"report\", \"arguments\": {\"word\": \"ready\"}}\n```"});
    let none = json!({"content": "I am ready."});
    let mut seen = Vec::new();
    for message in [call, text, none] {
        let server = Server::new([Answer::reply(message)]).await;
        let model = OpenAi::new(server.patient()).unwrap();
        seen.push(probe_tools(&model).await.unwrap());
    }
    assert_eq!(seen[0], ProbeTools::Native);
    assert!(matches!(&seen[1], ProbeTools::Salvaged { repairs } if repairs.len() == 1), "{seen:?}");
    assert_eq!(seen[2], ProbeTools::None { text: "I am ready.".into() });
}
