//! The viewer's index, answers and refusals, without a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod synthetic;

use std::io::{Read as _, Write as _};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use synthetic::{Shape, write_run};
use voe_report::data::cell::GradeVerdict;
use voe_report::viewer::index::ViewerIndex;
use voe_report::viewer::{ViewOptions, pages, search, server::ViewServer};

fn built(shape: &Shape) -> (tempfile::TempDir, ViewerIndex) {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), shape);
    let index = ViewerIndex::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
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
    let mut file = std::fs::OpenOptions::new().append(true).open(index.entries[0].place.path()).unwrap();
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
    let index = ViewerIndex::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
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
    let options = ViewOptions { inputs: vec![dir.path().to_str().unwrap().into()], ..ViewOptions::default() };
    let server = ViewServer::bind(&options).await.unwrap();
    let address = server.address();
    assert!(address.ip().is_loopback());
    let base = server.url().strip_prefix(&format!("http://{address}")).unwrap().trim_end_matches('/').to_owned();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let own = address.to_string();
    let below = |path: &str| format!("{base}{path}");
    for path in ["/", "/app.js", "/data/overview", "/data/attempt-0", "/figures/leaderboard.svg"] {
        let (head, body) = get(address, &below(path), &own).await;
        assert!(head.starts_with("http/1.1 200") && !body.is_empty(), "{path}: {head}");
        assert!(
            head.contains("content-security-policy: default-src 'none'") && head.contains("nosniff"),
            "{path}: {head}"
        );
        assert!(!head.contains("access-control-allow"), "{head}");
    }
    let (head, body) = get(address, &below("/data/overview"), &format!("evil.example:{}", address.port())).await;
    assert!(head.starts_with("http/1.1 403") && !body.contains("attempts"), "{head}");
    for path in ["/data/attempt-99", "/data/steps-0/99", "/nothing", "/figures/x.svg", "/..%2f..%2fetc%2fpasswd"] {
        assert!(get(address, &below(path), &own).await.0.starts_with("http/1.1 404"), "{path}");
    }
    let overview: Value = serde_json::from_str(&get(address, &below("/data/overview"), &own).await.1).unwrap();
    assert_eq!(overview["attempts"].as_array().unwrap().len(), 6);
    drop(stop);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_the_token_of_its_address_the_viewer_shows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 1, ..Shape::default() });
    let options = ViewOptions { inputs: vec![dir.path().to_str().unwrap().into()], ..ViewOptions::default() };
    let (server, second) = (ViewServer::bind(&options).await.unwrap(), ViewServer::bind(&options).await.unwrap());
    let (address, url, other) = (server.address(), server.url(), second.url());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let token = url.strip_prefix(&format!("http://{address}/")).unwrap().trim_end_matches('/').to_owned();
    let other = other.rsplit('/').nth(1).unwrap().to_owned();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) && token != other, "{url}");
    let own = address.to_string();
    let pages = ["", "app.js", "style.css", "data/version", "data/overview", "data/attempt-0", "data/steps-0/0"];
    let more = ["data/search?q=needle", "figures/leaderboard.svg", "nothing"];
    for page in pages.into_iter().chain(more) {
        let (head, _) = get(address, &format!("/{token}/{page}"), &own).await;
        assert!(!head.starts_with("http/1.1 403"), "{page}: {head}");
        let guesses =
            ["".to_owned(), other.clone(), token[..31].to_owned(), format!("{token}0"), token.to_uppercase() + "x"];
        for guess in guesses {
            for path in [format!("/{guess}/{page}"), format!("/{page}?token={guess}"), format!("/{guess}%2f{page}")] {
                let (head, body) = get(address, &path, &own).await;
                assert!(head.starts_with("http/1.1 403") && body.contains("voe view"), "{path}: {head}");
                assert!(!body.contains(&token) && !head.contains(&token) && !head.contains("set-cookie"), "{head}");
                assert!(head.contains("referrer-policy: no-referrer") && head.contains("no-store"), "{head}");
            }
        }
        // The right token under another host's name, another port, or none.
        for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            let (head, _) = get(address, &format!("/{token}/{page}"), host).await;
            assert!(!head.starts_with("http/1.1 200"), "{host}: {head}");
        }
    }
    for host in ["localhost", "[::1]"] {
        let (head, _) = get(address, &format!("/{token}/"), &format!("{host}:{}", address.port())).await;
        assert!(head.starts_with("http/1.1 200"), "{host}: {head}");
    }
    drop(stop);
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_ask_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 1, ..Shape::default() });
    let options = ViewOptions { inputs: vec![dir.path().to_str().unwrap().into()], ..ViewOptions::default() };
    let server = ViewServer::bind(&options).await.unwrap();
    let (address, url) = (server.address(), server.url());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    let path = url.strip_prefix(&format!("http://{address}")).unwrap().to_owned();
    let others = tokio::task::spawn_blocking(move || {
        let connect = || {
            let stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
            stream
        };
        let ask = |stream: &mut std::net::TcpStream| {
            stream.write_all(format!("GET {path}data/version HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
        };
        let mut reader = connect();
        ask(&mut reader);
        let half = |_| {
            let mut stream = connect();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
            stream
        };
        let mut others: Vec<_> = (0..200).map(half).collect();
        // The oldest gave way, and one with the token did not.
        let closed = match others[0].read(&mut [0; 1]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        assert!(closed, "it is still open");
        ask(&mut reader);
        ask(&mut connect());
        others
    });
    let others = others.await.unwrap();
    // Nor do they keep the viewer from ending.
    drop(stop);
    tokio::time::timeout(std::time::Duration::from_secs(60), running).await.expect("it does not end").unwrap().unwrap();
    drop(others);
}

#[test]
fn the_attempts_within_a_search_are_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 2, arms: &["a"], ..Shape::default() });
    let host = dir.path().join(format!("tasks/{}/a-1", synthetic::task_id(0)));
    let part = host.join("attempts/1");
    std::fs::create_dir_all(&part).unwrap();
    let whole = std::fs::read_to_string(host.join("trajectory.jsonl")).unwrap();
    std::fs::write(part.join("trajectory.jsonl"), &whole).unwrap();
    let (start, finish) = (whole.lines().next().unwrap(), whole.lines().last().unwrap());
    let node = r#"{"at":1.0,"event":"node","id":1,"parent":0,"kind":"rollout","trajectory":"attempts/1/trajectory.jsonl","step":0,"value":0.5}"#;
    std::fs::write(host.join("trajectory.jsonl"), format!("{start}\n{node}\n{finish}\n")).unwrap();
    let index = ViewerIndex::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
    assert_eq!((index.entries.len(), index.attempts()), (3, 2));
    let (overview, _) = pages::overview(&index, None);
    assert_eq!(overview["attempts"].as_array().unwrap().len(), 2);
    let part = &overview["parts"][0];
    assert_eq!((&part["part_of"], &part["part"]), (&0.into(), &"attempts/1/trajectory.jsonl".into()));
    let edits = |id: usize| pages::attempt(&index, id).unwrap()["facts"]["edits"].clone();
    let id = part["id"].as_u64().unwrap() as usize;
    assert!(edits(id).as_object().unwrap().values().any(|n| n.as_u64() > Some(0)));
    assert_eq!(edits(0), edits(id), "the search counts what its attempts did");
}

#[test]
fn arms_of_one_name_and_files_of_one_task_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    for run in ["x", "y"] {
        write_run(&dir.path().join(run), &Shape { tasks: 2, arms: &["a"], ..Shape::default() });
    }
    let name = |path: &str| dir.path().join(path).to_str().unwrap().to_owned();
    let index = ViewerIndex::build(&[name("x"), name("y")]).unwrap();
    let arms: Vec<String> = index.arms().into_iter().map(|arm| arm.name).collect();
    assert_eq!(arms, ["x:a", "y:a"]);
    assert!(index.entries.iter().all(|e| e.verdict != GradeVerdict::Ungraded && e.grade().is_some()));
    let file = format!("tasks/{}/a-1/trajectory.jsonl", synthetic::task_id(0));
    let index = ViewerIndex::build(&[name(&format!("x/{file}")), name(&format!("y/{file}"))]).unwrap();
    assert_eq!(index.entries.iter().map(|e| e.trial).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_report_is_viewed_in_the_place_of_a_run() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 3, arms: &["a"], ..Shape::default() });
    let index = ViewerIndex::build(&[dir.path().join("grades/a-1.json").to_str().unwrap().to_owned()]).unwrap();
    let (overview, figures) = pages::overview(&index, None);
    let attempts = overview["attempts"].as_array().unwrap();
    assert!(attempts.len() == 3 && attempts.iter().all(|a| a["id"].is_null() && a["arm"] == "a-1"), "{attempts:?}");
    assert!(figures.iter().any(|f| f.id == "leaderboard"));
}

#[test]
fn a_run_that_has_just_begun_waits_for_its_first_attempt() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("run.toml"), "").unwrap();
    let mut index = ViewerIndex::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
    assert_eq!(pages::overview(&index, None).0["attempts"].as_array().unwrap().len(), 0);
    write_run(dir.path(), &Shape { tasks: 1, arms: &["a"], ..Shape::default() });
    assert!(index.refresh().unwrap());
    assert_eq!(index.attempts(), 1);
}

#[test]
fn a_damaged_line_is_said_and_the_rest_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 1, arms: &["a"], ..Shape::default() });
    let path = dir.path().join(format!("tasks/{}/a-1/trajectory.jsonl", synthetic::task_id(0)));
    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    lines[5].truncate(20);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let index = ViewerIndex::build(&[dir.path().to_str().unwrap().to_owned()]).unwrap();
    let attempt = pages::attempt(&index, 0).unwrap();
    assert_eq!(attempt["damage"], "1 damaged line left out");
    assert!(!attempt["steps"].as_array().unwrap().is_empty() && !attempt["finish"].is_null());
    let arms = voe_report::data::load::arms(dir.path().to_str().unwrap()).unwrap();
    assert!(arms[0].notes.iter().any(|note| note.contains("1 damaged line left out")), "{:?}", arms[0].notes);
}

#[test]
fn what_cannot_be_viewed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "no trajectory\n").unwrap();
    write_run(&dir.path().join("run"), &Shape { tasks: 1, arms: &["a", "b"], ..Shape::default() });
    let refused = |input: &str| {
        let input = format!("{}/{input}", dir.path().display());
        let error = ViewerIndex::build(&[input]).unwrap_err().to_string();
        error.replace(dir.path().to_str().unwrap(), "DIR")
    };
    insta::assert_snapshot!(["empty", "notes.txt", "run:c", "nothing"].map(refused).join("\n"), @r#"
    DIR/empty contains no trajectory; give a run directory (runs/NAME), a trajectory.jsonl or an official run report (.json)
    DIR/notes.txt contains no trajectory; give a run directory (runs/NAME), a trajectory.jsonl or an official run report (.json)
    DIR/run has no arm "c"; it has: a, b
    DIR/nothing not found; give a run directory (runs/NAME), an arm of one (runs/NAME:ARM) or a file
    "#);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 1, ..Shape::default() });
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = ViewOptions { inputs: vec![dir.path().to_str().unwrap().into()], port, ..ViewOptions::default() };
    let error = ViewServer::bind(&options).await.unwrap_err();
    assert!(std::error::Error::source(&error).is_none(), "the line says all, once");
    let error = error.to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")) && error.contains("--port 0"), "{error}");
}
