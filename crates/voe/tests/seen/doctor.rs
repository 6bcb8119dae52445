//! `voe doctor`: what it says of a server, and of none. What it says of the machine differs from machine to machine.

use crate::server::{Server, reply};
use crate::stable;
use crate::support::Bench;

/// What the lines about the machine begin with, after their state.
const OF_THE_MACHINE: [&str; 7] = ["sandbox ", "git ", "python3 ", "pythons ", "disk ", "disk of the cache ", "uv "];

fn doctor(bench: &Bench, args: &[&str]) -> String {
    let said = bench.voe(&[&["doctor", "--no-color"], args].concat());
    let text = format!("exit code {}\n{}{}", said.code, said.out, said.err);
    let mut own = String::new();
    let mut of_the_machine = false;
    for line in text.lines() {
        // A remedy belongs to the line before it.
        if !line.starts_with("   ") {
            let what = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
            of_the_machine = OF_THE_MACHINE.iter().any(|start| what.starts_with(start));
        }
        if !of_the_machine {
            own.push_str(line);
            own.push('\n');
        }
    }
    stable(&own, bench)
}

#[test]
fn doctor_with_a_server_and_without() {
    let bench = Bench::python();
    insta::with_settings!({ omit_expression => true }, {
        let server = Server::start(32_768, (0..8).map(|_| reply("TASK_COMPLETE", &[], 1500)).collect());
        insta::assert_snapshot!("doctor-server", doctor(&bench, &["--base-url", &server.url]));
        insta::assert_snapshot!("doctor-dead-server", doctor(&bench, &["--base-url", "http://127.0.0.1:9/v1"]));
    });
}
