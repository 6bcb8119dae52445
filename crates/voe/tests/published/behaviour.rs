//! What the published harness did and voe's own strategies do not.

use serde_json::{Value, json};

use crate::support::{Bench, CHECK, Said, bash, call, cure, done, text};

fn fix(bench: &Bench, strategy: &str, replies: &[Value]) -> Said {
    bench.fix(replies, &["--strategy", strategy])
}

fn workflow(bench: &Bench, replies: &[Value]) -> Said {
    fix(bench, "published/workflow", replies)
}

/// The text of the results of calls, in order.
fn results(said: &Said) -> Vec<String> {
    said.events_of("result").iter().map(|result| result["text"].as_str().unwrap().to_owned()).collect()
}

fn cut_off() -> Value {
    json!({"content": "and then, and then, and", "finish_reason": "length"})
}

#[test]
fn going_round_in_circles_ends_no_published_attempt() {
    let bench = Bench::python();
    let mut replies = vec![bash("ls"); 12];
    replies.push(done());
    let said = workflow(&bench, &replies);
    assert_eq!((said.finish()["reason"].as_str(), said.finish()["steps"].as_u64()), (Some("completed"), Some(13)));
    assert!(said.events_of("nudge").is_empty(), "{}", said.out);
}

#[test]
fn replies_without_a_call_are_answered_for_as_long_as_there_are_steps() {
    let bench = Bench::python();
    let mut replies = vec![text("Let me think."); 8];
    replies.push(done());
    let said = workflow(&bench, &replies);
    assert_eq!((said.finish()["reason"].as_str(), said.finish()["steps"].as_u64()), (Some("completed"), Some(9)));
    assert_eq!(said.events_of("nudge").len(), 8);
}

#[test]
fn the_marker_ends_the_attempt_wherever_it_stands_unless_a_call_stands_next_to_it() {
    let bench = Bench::python();
    let mut busy = bash("ls");
    busy["content"] = json!("TASK_COMPLETE");
    let said = workflow(&bench, &[busy, text("I do not write TASK_COMPLETE before the tests have passed.")]);
    assert_eq!((said.finish()["reason"].as_str(), said.finish()["steps"].as_u64()), (Some("completed"), Some(2)));
}

#[test]
fn a_reply_cut_off_before_any_call_restarts_the_conversation_from_the_task_and_a_summary() {
    let bench = Bench::python();
    let said = workflow(&bench, &[bash("ls"), cut_off(), text("SUMMARY."), done()]);
    assert_eq!(said.finish()["reason"], "completed", "{}", said.out);
    assert!(said.events_of("nudge").is_empty(), "no reminder: {}", said.out);
    let compactions = said.events_of("conversation_rewritten");
    assert_eq!((compactions.len(), compactions[0]["kind"].as_str()), (1, Some("restart")));
    let messages = compactions[0]["messages"].as_array().unwrap();
    let task = &said.events_of("message")[1]["message"];
    assert_eq!((messages.len(), &messages[1]), (2, task));
    let system = messages[0]["content"].as_str().unwrap();
    assert!(system.starts_with("You fix a bug") && system.contains("SUMMARY.") && messages[0]["role"] == "system");
    assert_eq!(said.finish()["steps"], 3, "a summary is not a step");
}

#[test]
fn a_reply_cut_off_after_a_call_is_an_ordinary_step() {
    let bench = Bench::python();
    let mut cut = bash("ls");
    cut["finish_reason"] = json!("length");
    let said = workflow(&bench, &[cut, done()]);
    assert_eq!(
        (said.events_of("conversation_rewritten").len(), said.events_of("result").len()),
        (0, 1),
        "{}",
        said.out
    );
}

#[test]
fn the_conversation_is_restarted_at_three_quarters_of_the_published_window_whatever_the_servers() {
    let bench = Bench::python();
    bench.write("../small.toml", "extends = \"published/workflow\"\n[compaction]\nwindow = 4000\n");
    let replies = [bash("seq 2000"), text("SUMMARY."), done()];
    let said = fix(&bench, "../small.toml", &replies);
    let compactions = said.events_of("conversation_rewritten");
    assert_eq!((compactions.len(), compactions[0]["kind"].as_str()), (1, Some("restart")), "{}", said.out);
    assert_eq!(said.finish()["reason"], "completed");
}

#[test]
fn where_no_summary_can_be_had_the_beginning_of_the_conversation_stands_in_for_it() {
    let bench = Bench::python();
    let failed = json!({"error": {"kind": "server"}});
    let said = workflow(&bench, &[bash("echo a-known-line"), cut_off(), failed, done()]);
    assert_eq!(said.finish()["reason"], "completed", "{}", said.out);
    let system = said.events_of("conversation_rewritten")[0]["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(system.contains("[call] bash") && system.contains("a-known-line"), "{system}");
}

#[test]
fn only_the_published_ways_to_install_are_refused() {
    let bench = Bench::python();
    let commands =
        ["echo PIP install -E .", "echo python setup.py develop", "echo pip install x", "echo apt-get install x"];
    let mut replies: Vec<Value> = commands.iter().map(|command| bash(command)).collect();
    replies.push(done());
    let results = results(&workflow(&bench, &replies));
    let refused: Vec<bool> = results.iter().map(|text| text.starts_with("Refused:")).collect();
    assert_eq!(refused, [true, true, false, false], "{results:?}");
}

#[test]
fn tools_are_offered_and_show_as_much_as_published() {
    let bench = Bench::python();
    let long: String = (1..=1500).map(|n| format!("line {n}\n")).collect();
    bench.write("long.txt", &long);
    for n in 0..210 {
        bench.write(&format!("many/{n:03}.dat"), "x\n");
    }
    let replies = [
        call("file_read", json!({"path": "long.txt"})),
        call("file_read", json!({"path": "long.txt", "limit": 600})),
        call("grep", json!({"pattern": "line"})),
        call("glob", json!({"pattern": "many/*.dat"})),
        done(),
    ];
    let said = workflow(&bench, &replies);
    let tools: Vec<String> = said.events_of("start")[0]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(tools, ["file_read", "file_write", "file_edit", "bash", "grep", "glob"]);
    let results = results(&said);
    let shown = |text: &str, of: &str| text.lines().filter(|line| line.contains(of)).count();
    assert_eq!(shown(&results[0], "\tline "), 200);
    assert_eq!(shown(&results[1], "\tline "), 600);
    assert_eq!(shown(&results[2], "long.txt:"), 50);
    assert_eq!(shown(&results[3], ".dat"), 200);
}

#[test]
fn the_published_nudge_follows_the_step_of_a_file_edit_even_if_that_step_tested_it() {
    let bench = Bench::python();
    let mut both = cure();
    both["tool_calls"].as_array_mut().unwrap().push(json!({"name": "bash", "arguments": {"command": CHECK}}));
    let said = fix(&bench, "published/verify-on-edit", &[both, bash("echo '# x' >> stats.py"), done()]);
    let messages = said.events_of("message");
    let nudges: Vec<&Value> = messages.iter().filter(|message| message["origin"] == "nudge").collect();
    assert_eq!(nudges.len(), 1, "one, and none for the edit by bash: {}", said.out);
    assert_eq!(nudges[0]["message"]["role"], "user");
    assert!(nudges[0]["message"]["content"].as_str().unwrap().contains("`stats.py`"));
}

#[test]
fn notes_of_the_project_are_not_shown() {
    let bench = Bench::python();
    bench.write("AGENTS.md", "A-NOTE\n");
    let said = workflow(&bench, &[done()]);
    assert!(!said.events_of("message").iter().any(|message| message.to_string().contains("A-NOTE")), "{}", said.out);
}
