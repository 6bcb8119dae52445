//! Downloads from a hub on this machine: complete, interrupted, refused, damaged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use voe_bench::{Hub, Suite};

const ROW: &str = r#"{"repo":"a/b","instance_id":"a__b-1","base_commit":"c","patch":"p","test_patch":"t","problem_statement":"s","version":"1","FAIL_TO_PASS":[],"PASS_TO_PASS":[],"eval_script":"x"}"#;

/// Behavior of the server.
#[derive(Clone, Copy, Default)]
struct Manner {
    /// Bytes of the file after which each response breaks off.
    breaks_after: Option<usize>,
    /// Number of 429 responses before the file is sent.
    busy: usize,
    /// Lists a wrong checksum.
    lies: bool,
    /// Refuses without a token.
    wants_token: bool,
    /// Sends a list of files that is too long.
    long_list: bool,
    /// Sends a file of this many bytes without a content length.
    large: usize,
}

struct Server {
    hub: Hub,
    requests: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

async fn serve(manner: Manner) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut busy = manner.busy;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap();
            seen.lock().unwrap().push(request.clone());
            let (status, body, promised) = answer(&request, manner, &mut busy);
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub {
        endpoint: format!("http://{address}"),
        token: None,
        home: None,
        cache: dir.path().to_owned(),
        offline: false,
        most: 1 << 20,
        wait: Duration::from_millis(1),
    };
    Server { hub, requests, _dir: dir }
}

fn answer(request: &str, manner: Manner, busy: &mut usize) -> (&'static str, Vec<u8>, usize) {
    let whole = |status, body: String| (status, body.clone().into_bytes(), body.len());
    if manner.wants_token && !request.to_lowercase().contains("authorization: bearer hf_x") {
        return whole("401 Unauthorized", String::new());
    }
    let file = format!("{ROW}\n").into_bytes();
    if request.starts_with("GET /api/datasets/") && manner.long_list {
        return whole("200 OK", format!("[{}]", " ".repeat(5 << 20)));
    }
    if request.starts_with("GET /api/datasets/") && manner.large > 0 {
        return whole("200 OK", r#"[{"type": "file", "path": "data/test-00000-of-00001.jsonl"}]"#.to_owned());
    }
    if manner.large > 0 {
        return whole("200 OK", " ".repeat(manner.large));
    }
    if request.starts_with("GET /api/datasets/") {
        let sum = if manner.lies { "0".repeat(64) } else { hex(&Sha256::digest(&file)) };
        let list = serde_json::json!([
            {"type": "file", "path": "data/dev-00000-of-00001.parquet", "size": 1},
            {"type": "file", "path": "data/test-00000-of-00001.jsonl", "size": file.len(), "lfs": {"oid": sum}},
        ]);
        return whole("200 OK", list.to_string());
    }
    if *busy > 0 {
        *busy -= 1;
        return whole("429 Too Many Requests", String::new());
    }
    let from = request
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok())
        .unwrap_or(0);
    let rest = file[from..].to_vec();
    let promised = rest.len();
    let sent = rest[..manner.breaks_after.unwrap_or(promised).min(promised)].to_vec();
    (if from > 0 { "206 Partial Content" } else { "200 OK" }, sent, promised)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_suite_is_downloaded_once_and_then_read_from_the_cache() {
    let server = serve(Manner::default()).await;
    for _ in 0..2 {
        let suite = Suite::open("verified", &server.hub).await.unwrap();
        assert_eq!((suite.name.as_str(), suite.tasks.len()), ("verified", 1));
    }
    assert_eq!(server.requests.lock().unwrap().len(), 2, "a list and a file");
    let offline = Hub { offline: true, ..server.hub.clone() };
    assert!(Suite::open("verified", &offline).await.is_ok());
}

#[tokio::test]
async fn a_mirror_that_sends_too_much_is_given_up_and_nothing_of_it_stays() {
    let server = serve(Manner { long_list: true, ..Manner::default() }).await;
    let error = Suite::open("verified", &server.hub).await.unwrap_err().to_string();
    assert!(error.contains("it has more than 4194304 bytes"), "{error}");
    let server = serve(Manner { large: 2 << 20, ..Manner::default() }).await;
    let error = Suite::open("verified", &server.hub).await.unwrap_err().to_string();
    assert!(error.contains("is larger than 1048576 bytes"), "{error}");
    let suites = server.hub.cache.join("suites/SWE-bench__SWE-bench_Verified");
    assert_eq!(std::fs::read_dir(suites).unwrap().count(), 0);
    // A server that sends a content length.
    let small = Hub { most: 10, ..serve(Manner::default()).await.hub };
    assert!(Suite::open("verified", &small).await.unwrap_err().to_string().contains("is larger than 10 bytes"));
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_broke() {
    let server = serve(Manner { breaks_after: Some(100), busy: 2, ..Manner::default() }).await;
    assert!(Suite::open("verified", &server.hub).await.is_ok());
    let requests = server.requests.lock().unwrap();
    assert!(requests.iter().any(|request| request.to_lowercase().contains("range: bytes=100-")), "{requests:?}");
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_with_the_way_out() {
    let server = serve(Manner { busy: usize::MAX, ..Manner::default() }).await;
    let error = Suite::open("verified", &server.hub).await.unwrap_err().to_string();
    assert!(error.contains("429") && error.contains("give the file"), "{error}");
}

#[tokio::test]
async fn a_wrong_checksum_is_told_and_nothing_is_kept() {
    let server = serve(Manner { lies: true, ..Manner::default() }).await;
    let error = Suite::open("verified", &server.hub).await.unwrap_err().to_string();
    assert!(error.contains("SHA-256") && error.contains("try again"), "{error}");
    let left = std::fs::read_dir(server.hub.cache.join("suites/SWE-bench__SWE-bench_Verified")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_refusal_names_the_token_and_a_token_helps() {
    let server = serve(Manner { wants_token: true, ..Manner::default() }).await;
    let error = Suite::open("verified", &server.hub).await.unwrap_err().to_string();
    assert!(error.contains("HF_TOKEN"), "{error}");
    let with = Hub { token: Some(voe_model::Secret::new("hf_x")), ..server.hub.clone() };
    assert!(Suite::open("verified", &with).await.is_ok());
}

#[tokio::test]
async fn without_a_network_the_message_says_what_to_do() {
    let server = serve(Manner::default()).await;
    let offline = Hub { offline: true, ..server.hub.clone() };
    let error = Suite::open("lite", &offline).await.unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE is set") && error.contains("HF_ENDPOINT"), "{error}");
    let nobody = Hub { endpoint: "http://127.0.0.1:9".to_owned(), ..server.hub.clone() };
    let error = Suite::open("lite", &nobody).await.unwrap_err().to_string();
    assert!(error.contains("cannot download SWE-bench/SWE-bench_Lite"), "{error}");
}

#[tokio::test]
async fn the_hubs_own_cache_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("hub/datasets--SWE-bench--SWE-bench_Lite/snapshots/abc/data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("dev-00000-of-00001.jsonl"), format!("{ROW}\n")).unwrap();
    let hub = Hub {
        endpoint: String::new(),
        token: None,
        home: Some(dir.path().to_owned()),
        cache: dir.path().join("own"),
        most: 1 << 20,
        offline: true,
        wait: Duration::ZERO,
    };
    assert_eq!(Suite::open("lite-dev", &hub).await.unwrap().tasks.len(), 1);
    assert!(Suite::open(Path::new("missing.jsonl").to_str().unwrap(), &hub).await.is_err());
}
