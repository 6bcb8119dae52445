//! Every captured exchange of real servers, served again byte for byte and in its original pieces.

use std::path::{Path, PathBuf};

use serde_json::Value;
use voe_model::{ModelError, ModelReply};

use crate::server::{Answer, Server, ask, calls};

/// The captures' folder; `None` where there is none and none is demanded.
fn data(test: &str) -> Option<PathBuf> {
    match std::env::var_os("VOE_TEST_DATA") {
        Some(data) => Some(Path::new(&data).join("captures")),
        None if std::env::var_os("VOE_REQUIRE_DATA").is_some_and(|value| value == "1") => {
            panic!("{test}: VOE_REQUIRE_DATA is set and VOE_TEST_DATA is not")
        }
        None => {
            eprintln!("{test}: skipped about 200 cases for want of VOE_TEST_DATA");
            None
        }
    }
}

struct Case {
    /// `folder/name`.
    name: String,
    stream: bool,
    answer: Answer,
    /// The same server's reply without streaming.
    unstreamed: Option<Answer>,
}

/// The exchanges with `/v1/chat/completions`, and answers with an error to anything.
fn cases(data: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut folders: Vec<_> = data.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for meta in files {
            let Some(base) = meta.to_str().unwrap().strip_suffix(".meta.json") else { continue };
            let answer = answer(base);
            let json: Value = serde_json::from_slice(&std::fs::read(&meta).unwrap()).unwrap();
            if json["request"]["path"] != "/v1/chat/completions" && answer.status == 200 {
                continue;
            }
            let stream = json["request"]["body"]["stream"] == true;
            let plain = base.strip_suffix("_stream").filter(|plain| Path::new(&format!("{plain}.body")).exists());
            cases.push(Case {
                name: base.strip_prefix(data.to_str().unwrap()).unwrap().trim_start_matches('/').to_owned(),
                stream,
                answer,
                unstreamed: plain.filter(|_| stream).map(self::answer),
            });
        }
    }
    cases
}

fn answer(base: &str) -> Answer {
    let meta: Value = serde_json::from_slice(&std::fs::read(format!("{base}.meta.json")).unwrap()).unwrap();
    let bytes = std::fs::read(format!("{base}.sse")).or_else(|_| std::fs::read(format!("{base}.body"))).unwrap();
    let (mut pieces, mut at) = (Vec::new(), 0);
    for size in meta["read_sizes"].as_array().into_iter().flatten().filter_map(Value::as_u64) {
        let end = (at + size as usize).min(bytes.len());
        pieces.push(bytes[at..end].to_vec());
        at = end;
    }
    pieces.push(bytes[at..].to_vec());
    let headers = meta["headers"].as_array().unwrap().iter();
    let headers = headers
        .map(|pair| (pair[0].as_str().unwrap().to_lowercase(), pair[1].as_str().unwrap().to_owned()))
        .filter(|(name, _)| {
            !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection" | "keep-alive")
        })
        .collect();
    Answer { headers, pieces, ..Answer::new(meta["status"].as_u64().unwrap() as u16, "", "") }
}

async fn run(case: &Case, recut: Option<usize>) -> (Result<ModelReply, ModelError>, usize) {
    let (mut streamed, unstreamed) = (case.answer.clone(), case.unstreamed.clone());
    if let Some(size) = recut {
        streamed.pieces = streamed.pieces.concat().chunks(size).map(<[u8]>::to_vec).collect();
    }
    let server = Server::by(move |asked| match &unstreamed {
        Some(plain) if asked.method == "POST" && asked.body["stream"] == false => plain.clone(),
        _ => streamed.clone(),
    })
    .await;
    let mut config = server.patient();
    config.retry.tries = 1;
    let (reply, _) = ask(config, case.stream).await;
    (reply, server.asked().len())
}

/// What must come out of a forced reply.
enum Wanted {
    /// These calls, and this text next to them.
    Calls(&'static [&'static str], &'static str),
    /// No call, this text.
    Text(&'static str),
    /// No call, and an error for the model.
    Told(&'static str),
    /// An error of this class.
    Error(&'static str),
}

/// By the name of the forced text, for both ways of asking and for all servers, unless a longer name is there.
fn wanted(name: &str) -> Option<Wanted> {
    use Wanted::{Calls, Error, Text, Told};
    const LS: &[&str] = &[r#"bash {"command":"ls"}"#];
    const LS_LA: &[&str] = &[r#"bash {"command":"ls -la"}"#];
    const TWO: &[&str] = &[r#"read_file {"path":"a.py"}"#, r#"read_file {"path":"b.py"}"#];
    const TWO_LINES: &[&str] = &[r#"read_file {"path":"a.py"}"#, r#"read_file {"path":"b.py","start_line":10}"#];
    const LOST: &str = "nearly all of them were lost on the way";
    const CUT: &str = "it breaks off";
    const BARE: &str = "arrived without its arguments";
    Some(match name {
        "sp_hermes_json_instead" | "sp_hermes_json_instead_stream" | "forced_hermes_json_instead" => Told(LOST),
        "forced_hermes_json_instead_stream" => Calls(LS, ""),
        "sp_missing_close_param" | "sp_truncated" | "forced_missing_close_param" | "forced_truncated_toolcall" => {
            Told(BARE)
        }
        "sp_missing_close_param_stream" | "sp_truncated_stream" => Told(CUT),
        "forced_missing_close_param_stream" | "forced_truncated_toolcall_stream" => Told(CUT),
        "forced_missing_required_param" | "forced_missing_required_param_stream" => Told(BARE),
        "sp_text_after" | "forced_text_after_toolcall" => Calls(LS, ""),
        "sp_text_after_stream" | "forced_text_after_toolcall_stream" => Calls(LS, "I have called the tool."),
        "sp_two_parallel" | "sp_two_parallel_stream" | "forced_two_parallel" | "forced_two_parallel_stream" => {
            Calls(TWO_LINES, "")
        }
        "forced_think_text_toolcall" | "forced_think_text_toolcall_stream" => Calls(LS_LA, "Let me look."),
        "forced_think_then_text" | "forced_think_then_text_stream" => Text("Hello there, all done."),
        "forced_int_param_coercion" | "forced_int_param_coercion_stream" => {
            Calls(&[r#"bash {"command":"sleep 1","timeout":30}"#], "")
        }
        "forced_multiline_arg" | "forced_multiline_arg_stream" => Calls(
            &[r#"bash {"command":"cat > x.py <<'EOF'\nprint(\"hi <b> & \\\"q\\\"\")\nif a < b:\n    pass\nEOF"}"#],
            "",
        ),
        "forced_unknown_tool" | "forced_unknown_tool_stream" => Calls(&[r#"list_files {"path":"."}"#], ""),
        "tmpl_mid_system" | "tmpl_no_user_query" => Error("bad_request"),
        "hermes_bad_json" | "hermes_bad_json_stream" | "hermes_truncated" | "hermes_truncated_stream" => Told(CUT),
        "hermes_raw_newline_in_json" | "hermes_raw_newline_in_json_stream" => {
            Calls(&[r#"bash {"command":"line1\nline2"}"#], "")
        }
        "hermes_text_then_call" | "hermes_text_then_call_stream" => Calls(LS, "Let me look."),
        "hermes_two" | "hermes_two_stream" => Calls(TWO, ""),
        "hermes_ok" | "hermes_ok_stream" => Calls(LS_LA, ""),
        _ => match name.strip_suffix("_stream").unwrap_or(name) {
            "sp_think_then_toolcall" | "forced_think_then_toolcall" => Calls(LS_LA, ""),
            "sp_toolcall_inside_think" | "forced_toolcall_inside_think" => Calls(LS, ""),
            "forced_double_close_param" | "forced_fenced_json_instead" | "forced_missing_open_tag" => Calls(LS, ""),
            "forced_nothink_toolcall" => Calls(LS, ""),
            "forced_empty_after_think" | "forced_never_closes_think" => Text(""),
            "hermes_args_as_string" | "hermes_bare_json" | "hermes_fenced" | "hermes_no_close" => Calls(LS, ""),
            "hermes_single_quotes" | "hermes_xml_instead" => Calls(LS, ""),
            _ => return None,
        },
    })
}

#[tokio::test]
async fn every_forced_reply_of_vllm_yields_what_the_model_meant_or_tells_it_what_is_wrong() {
    let Some(data) = data("forced replies") else { return };
    let mut seen = 0;
    for case in cases(&data).iter().filter(|case| case.name.contains("-forced")) {
        let name = case.name.rsplit('/').next().unwrap();
        let wanted =
            wanted(name).unwrap_or_else(|| panic!("{}: a capture that no line of the table speaks of", case.name));
        let (reply, asked) = run(case, None).await;
        match (wanted, reply) {
            (Wanted::Error(kind), Err(error)) => assert_eq!(error.kind().word(), kind, "{}", case.name),
            (Wanted::Calls(wanted, text), Ok(reply)) => {
                assert_eq!(
                    (calls(&reply), reply.message.content.as_str()),
                    (wanted.iter().map(|c| c.to_string()).collect(), text),
                    "{}: {reply:?}",
                    case.name
                );
                assert_eq!(reply.malformed, None, "{}", case.name);
            }
            (Wanted::Text(text), Ok(reply)) => {
                assert_eq!((calls(&reply), reply.message.content.as_str()), (vec![], text), "{}: {reply:?}", case.name);
                assert_eq!(reply.malformed, None, "{}", case.name);
            }
            (Wanted::Told(why), Ok(reply)) => {
                assert_eq!(calls(&reply), Vec::<String>::new(), "{}: {reply:?}", case.name);
                assert!(reply.malformed.as_ref().is_some_and(|text| text.contains(why)), "{}: {reply:?}", case.name);
            }
            (_, reply) => panic!("{}: {reply:?}", case.name),
        }
        // Streams from which the parser lost the call are asked for again, and only those.
        let empty = ["hermes_single_quotes_stream", "hermes_xml_instead_stream", "sp_hermes_json_instead_stream"];
        assert_eq!(asked, 1 + usize::from(empty.contains(&name)), "{}", case.name);
        seen += 1;
    }
    assert!(seen >= 75, "only {seen} forced replies");
}

#[tokio::test]
async fn every_captured_exchange_ends_in_a_reply_that_can_be_sent_back_or_in_an_error_of_its_class() {
    let Some(data) = data("all exchanges") else { return };
    let (mut replies, mut errors) = (0, 0);
    for case in cases(&data) {
        let (reply, _) = run(&case, None).await;
        match reply {
            Ok(reply) => {
                replies += 1;
                assert_eq!(case.answer.status, 200, "{}", case.name);
                for call in &reply.message.tool_calls {
                    let object = serde_json::from_str::<serde_json::Map<String, Value>>(&call.arguments);
                    assert!(object.is_ok() && !call.id.is_empty() && !call.name.is_empty(), "{}: {call:?}", case.name);
                }
                assert_eq!(reply.estimated, case.name.contains("nousage"), "{}", case.name);
                assert!(reply.usage.prompt > 0 && reply.usage.output > 0, "{}: {:?}", case.name, reply.usage);
                let has_text = !reply.message.content.is_empty()
                    || reply.message.reasoning.is_some()
                    || !reply.message.tool_calls.is_empty();
                assert!(has_text || reply.malformed.is_some(), "{}: {reply:?}", case.name);
            }
            Err(error) => {
                errors += 1;
                let name = case.name.rsplit('/').next().unwrap();
                let kind = match name {
                    "err_404_path" | "version" => "gone",
                    "err_no_model" => "not_found",
                    "err_ctx_overflow" | "err_ctx_overflow_stream" | "err_max_tokens_too_big" => "context_overflow",
                    _ => "bad_request",
                };
                assert_eq!(error.kind().word(), kind, "{}: {error}", case.name);
                assert!(!error.to_string().contains('\n'), "{}: {error}", case.name);
            }
        }
    }
    assert!(replies >= 150 && errors >= 20, "{replies} replies, {errors} errors");
}

#[tokio::test]
async fn a_captured_stream_reads_the_same_however_it_is_cut() {
    let Some(data) = data("cut streams") else { return };
    for case in cases(&data).iter().filter(|case| case.stream && case.answer.status == 200) {
        let (whole, _) = run(case, Some(usize::MAX)).await;
        let whole = whole.unwrap();
        for size in [7, 64] {
            // One server's longest streams are 40 000 bytes: in pieces of 7 they say nothing that the others don't.
            if size == 7 && case.answer.pieces.concat().len() > 12_000 {
                continue;
            }
            let cut = run(case, Some(size)).await.0.unwrap();
            assert_eq!(
                (&cut.message, &cut.malformed, cut.usage),
                (&whole.message, &whole.malformed, whole.usage),
                "{}",
                case.name
            );
        }
    }
}

#[tokio::test]
async fn llama_server_is_waited_for_while_it_loads() {
    let Some(data) = data("loading") else { return };
    let raw =
        std::fs::read_to_string(data.join("llama-server-b11434-qwen2.5-coder-1.5b/loading_503_chat.body")).unwrap();
    let body = raw.split_once("\r\n\r\n").map_or(raw.as_str(), |(_, body)| body).to_owned();
    let server = Server::new([
        Answer::json(503, &body),
        Answer::json(503, &body),
        Answer::reply(serde_json::json!({"content": "hi"})),
    ])
    .await;
    let (reply, seen) = ask(server.patient(), false).await;
    assert_eq!(reply.unwrap().message.content, "hi");
    assert!(seen[0].contains("kind: Loading") && seen.len() == 3, "{seen:?}");
}
