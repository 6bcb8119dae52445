//! The viewer's index, answers and refusals, without a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod synthetic;

use std::io::{Read as _, Write as _};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use synthetic::{Shape, write_run};
use voe_report::viewer::index::Index;
use voe_report::viewer::{Options, pages, search, server::Server};

fn built(shape: &Shape) -> (tempfile::TempDir, Index) {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), shape);
    let index = Index::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
    (dir, index)
}

#[test]
fn every_step_is_found_again_at_its_offset() {
    let (_dir, index) = built(&Shape { tasks: 3, steps: 90, ..Shape::default() });
    for (id, entry) in index.entries.iter().enumerate() {
        let attempt = pages::attempt(&index, id).unwrap();
        let summary = attempt["steps"].as_array().unwrap();
        assert_eq!(summary.len(), entry.steps.len());
        let mut seen = 0;
        for chunk in 0..pages::chunks(entry) {
            let value = pages::chunk(entry, chunk).unwrap();
            let steps = value["steps"].as_array().unwrap();
            let own = if chunk == 0 { &steps[1..] } else { &steps[..] };
            assert_eq!(value["first"].as_u64().unwrap() as usize, seen);
            for records in own {
                seen += 1;
                assert_eq!((&records[0]["event"], &records[0]["step"]), (&"reply".into(), &seen.into()));
            }
        }
        assert_eq!(seen, entry.steps.len());
        assert_eq!(attempt["patch"].as_str().unwrap().is_empty(), entry.fold.facts().patch_bytes == 0);
    }
}

#[test]
fn a_growing_file_is_read_on_and_a_torn_line_waits() {
    let (_dir, mut index) = built(&Shape { tasks: 1, arms: &["a"], ..Shape::default() });
    let (before, version) = (index.entries[0].steps.len(), index.version);
    assert!(!index.refresh().unwrap(), "nothing is new");
    let mut file = std::fs::OpenOptions::new().append(true).open(&index.entries[0].path).unwrap();
    let line =
        r#"{"at":999.0,"event":"reply","step":77,"message":{"role":"assistant"},"finish_reason":"stop","seconds":1.0}"#;
    file.write_all(&line.as_bytes()[..40]).unwrap();
    index.refresh().unwrap();
    assert_eq!(index.entries[0].steps.len(), before);
    file.write_all(&line.as_bytes()[40..]).unwrap();
    file.write_all(b"\n").unwrap();
    assert!(index.refresh().unwrap());
    assert_eq!(index.entries[0].steps.len(), before + 1);
    assert!(index.version > version);
    let last = pages::chunk(&index.entries[0], pages::chunks(&index.entries[0]) - 1).unwrap();
    assert_eq!(last["steps"].as_array().unwrap().last().unwrap()[0]["step"], 77);
}

#[test]
fn damage_in_one_file_leaves_the_others_readable() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 2, arms: &["a"], ..Shape::default() });
    let broken = dir.path().join(format!("tasks/{}/a-1/trajectory.jsonl", synthetic::task_id(0)));
    std::fs::write(&broken, b"\xff\xfe{}\n").unwrap();
    let index = Index::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
    let damaged: Vec<bool> = index.entries.iter().map(|e| e.damage.is_some()).collect();
    assert_eq!(damaged.iter().filter(|d| **d).count(), 1);
    let id = damaged.iter().position(|d| *d).unwrap();
    assert!(pages::attempt(&index, id).unwrap()["damage"].as_str().unwrap().contains("not a trajectory"));
}

#[test]
fn a_search_finds_text_whatever_its_case_and_names_the_step() {
    let (_dir, index) = built(&Shape { tasks: 4, hostile: "quote \" and \\ Ünder", ..Shape::default() });
    let targets = search::targets(&index);
    let found =
        |text: &str| search::search(&targets, text, &AtomicBool::new(false))["hits"].as_array().unwrap().clone();
    let hits = found("NEEDLE3 ");
    assert_eq!(hits.len(), 12);
    assert!(hits.iter().all(|h| h["step"] == 3 && h["event"] == "reply" && h["place"] == 3));
    assert!(!found("quote \" and \\ üNDER").is_empty(), "as JSON writes it, and beyond ASCII");
    assert!(found("  ").is_empty() && found("no such text").is_empty() && found(".*").is_empty());
    assert!(search::search(&targets, "needle3", &AtomicBool::new(true))["hits"].as_array().unwrap().is_empty());
}

/// One request over a socket; status line and headers, then the body.
async fn get(address: std::net::SocketAddr, path: &str, host: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn the_server_answers_on_loopback_under_its_own_name_only_and_with_a_strict_policy() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 2, ..Shape::default() });
    let options = Options { inputs: vec![dir.path().to_str().unwrap().into()], ..Options::default() };
    let server = Server::bind(&options).await.unwrap();
    let address = server.address();
    assert!(address.ip().is_loopback());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let own = address.to_string();
    for path in ["/", "/app.js", "/data/overview", "/data/attempt-0", "/figures/leaderboard.svg"] {
        let (head, body) = get(address, path, &own).await;
        assert!(head.starts_with("http/1.1 200") && !body.is_empty(), "{path}: {head}");
        assert!(
            head.contains("content-security-policy: default-src 'none'") && head.contains("nosniff"),
            "{path}: {head}"
        );
        assert!(!head.contains("access-control-allow"), "{head}");
    }
    let (head, body) = get(address, "/data/overview", &format!("evil.example:{}", address.port())).await;
    assert!(head.starts_with("http/1.1 403") && !body.contains("attempts"), "{head}");
    for path in ["/data/attempt-99", "/data/steps-0/99", "/nothing", "/figures/x.svg", "/..%2f..%2fetc%2fpasswd"] {
        assert!(get(address, path, &own).await.0.starts_with("http/1.1 404"), "{path}");
    }
    let overview: Value = serde_json::from_str(&get(address, "/data/overview", &own).await.1).unwrap();
    assert_eq!(overview["attempts"].as_array().unwrap().len(), 6);
    drop(stop);
    running.await.unwrap().unwrap();
}

#[test]
fn what_cannot_be_viewed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |input: &str| Index::build(&[input.to_owned()]).unwrap_err().to_string();
    assert!(refused(dir.path().to_str().unwrap()).contains("there is no trajectory in it"));
    assert!(refused("no/such/run").contains("no/such/run"));
}
