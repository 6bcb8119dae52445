//! What a server's prefix cache could serve. The server keeps what it is sent; a cache is taken to hold every earlier request, as those
//! of vLLM and SGLang do while there is room. Bytes of messages stand for tokens.

use serde_json::{Value, json};

use crate::support::Bench;
use crate::{PROBLEM, search, server};

/// Share of the prompts that is a prefix of an earlier prompt, and the number of requests.
fn cached(asked: &server::Server) -> (f64, usize) {
    let prompts: Vec<String> = asked
        .asked()
        .iter()
        .map(|body| {
            let body: Value = serde_json::from_slice(body).unwrap();
            let messages: Vec<String> = body["messages"].as_array().unwrap().iter().map(Value::to_string).collect();
            format!("{}{}", body["tools"], messages.join(","))
        })
        .collect();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let served: usize = prompts
        .iter()
        .enumerate()
        .map(|(at, prompt)| prompts[..at].iter().map(|earlier| common(earlier, prompt)).max().unwrap_or(0))
        .sum();
    (served as f64 / prompts.iter().map(String::len).sum::<usize>() as f64, prompts.len())
}

/// Runs a strategy whose model goes on looking: each step adds some two kilobytes that were not there before.
fn looking(keys: &str, steps: &str) -> (f64, usize) {
    let bench = Bench::python();
    let look = json!({"command": "head -c 1500 /dev/urandom | base64 -w 100"});
    let asked = server::Server::start(1_000_000, vec![server::reply("", &[("bash", look)], 1000)]);
    let strategy = search(&bench, keys);
    let said = bench.voe(&[
        "fix",
        PROBLEM,
        "--strategy",
        &strategy,
        "--sandbox",
        "none",
        "--json",
        "--base-url",
        &asked.url,
        "--model",
        "m",
        "--max-steps",
        steps,
    ]);
    assert_eq!(said.finish()["steps"].to_string(), steps, "{}\n{}", said.out, said.err);
    cached(&asked)
}

#[test]
fn most_of_a_trees_prompts_could_come_from_a_prefix_cache() {
    let shown = |name: &str, (share, requests): (f64, usize)| {
        println!("{name}: {:.1} % of {requests} prompts", 100.0 * share);
        share
    };
    let single = shown("one attempt, 60 steps", looking("", "60"));
    let best = shown("best-of-4, 60 steps", looking("[search]\nn = 4\n", "60"));
    let tree = shown("mcts, 20 nodes of 3 steps", looking("[search]\nkind = \"mcts\"\nn = 20\nwidth = 3\n", "60"));
    assert!(single > 0.95, "{single}");
    assert!(best > 0.85 && tree > 0.75, "{best} {tree}");
}
