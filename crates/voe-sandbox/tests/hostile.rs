//! Hostile commands in every backend that works here: each must be contained, with a clear result, and the next call must
//! work as before. The program re-executes itself as voe's helper and toolbox, and as an ordinary user.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "support/cases.rs"]
mod cases;
#[path = "support/processes.rs"]
mod processes;
#[path = "support/mod.rs"]
mod support;
#[path = "support/world.rs"]
mod world;

use std::time::Duration;

use cases::{CASES, Case, End};
use serde_json::json;
use voe_protocol::{CallLimits, CallResult};
use voe_protocol::{ClientError, Toolbox};
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig, SandboxError};
use world::{SECRET, World};

fn main() -> std::process::ExitCode {
    support::run(|| {
        let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
        if let [suite, choice, rest @ ..] = &arguments[..]
            && suite == "suite"
        {
            return in_one(choice.parse().unwrap(), rest.first().map_or("", String::as_str));
        }
        if arguments.first().is_some_and(|word| word == "docker") {
            return support::again(&["suite", "docker"], None);
        }
        let only = arguments.first().map_or("", String::as_str);
        let mut good = true;
        for choice in [BackendChoice::Local, BackendChoice::Landlock] {
            let words = ["suite", choice.word(), only];
            good &= support::again(&words, None);
            match support::ordinary_user() {
                Some(user) => good &= support::again(&words, Some(user)),
                None => println!("skipped: {choice} as another user (needs root)"),
            }
        }
        good
    })
}

/// Cases for which the container's image has no program.
const NOT_IN_A_CONTAINER: &[&str] = &[
    "a C program builds and runs",
    "a server on loopback is reached",
    // The watcher inside may not examine such a process; see docs/sandbox.md.
    "the same by a process that does not let itself be examined either",
    // Nothing of the host is there; the image's files are its own.
    "what must not be seen is not there, although a directory above it is shown",
];

/// Runs all cases in one backend as the current user.
fn in_one(choice: BackendChoice, only: &str) -> bool {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(suite(&world, choice, only))
}

fn spec(world: &World, choice: BackendChoice) -> SandboxConfig {
    let mut spec =
        SandboxConfig::new(std::env::current_exe().unwrap(), &world.work, world.dir.path().join("state/attempt"));
    spec.choice = choice;
    spec.image = std::env::var("VOE_TEST_IMAGE").ok();
    spec.disk_bytes = 400 << 20;
    // Readable by every user, and shown by name.
    spec.hidden = vec!["/usr/share/doc".into()];
    spec.read = vec!["/usr/share".into()];
    spec.limits = CallLimits {
        timeout_s: 20.0,
        memory_bytes: 512 << 20,
        processes: 128,
        file_bytes: 100 << 20,
        ..CallLimits::default()
    };
    spec
}

async fn suite(world: &World, choice: BackendChoice, only: &str) -> bool {
    let user = rustix::process::getuid().as_raw();
    let sandbox = match Sandbox::open(spec(world, choice)).await {
        Ok(sandbox) => sandbox,
        Err(error @ SandboxError::Unavailable { .. }) => {
            println!("skipped: {choice} as user {user}: {error}");
            return true;
        }
        Err(error) => panic!("{error}"),
    };
    println!("{choice} as user {user}: {}", sandbox.facts().detail);
    let mut toolbox = start(&sandbox).await;
    let (mut tried, mut contained, mut passed_over) = (0, 0, 0);
    for case in CASES.iter().filter(|case| case.name.contains(only)) {
        if (case.needs_namespaces && choice == BackendChoice::Landlock)
            || (choice == BackendChoice::Docker && NOT_IN_A_CONTAINER.contains(&case.name))
        {
            passed_over += 1;
            continue;
        }
        tried += 1;
        let problem = attempt(world, &sandbox, &mut toolbox, case, choice).await;
        match problem {
            None => contained += 1,
            Some(problem) => println!("  BREACH: {}: {problem}", case.name),
        }
    }
    drop(toolbox);
    sandbox.close().await.unwrap();
    let left = processes::with(&format!("voe-test-daemon-{}", std::process::id()));
    if !left.is_empty() {
        println!("  BREACH: processes {left:?} are left on the host");
        contained -= 1;
    }
    if let Some(breach) = world.breach(true) {
        println!("  BREACH: at the end {breach}");
        contained -= 1;
    }
    if !world.tree_is_untouched() {
        println!("  BREACH: the user's tree was changed");
        contained -= 1;
    }
    println!("{choice} as user {user}: tried {tried}, contained {contained}, not applicable {passed_over}");
    tried == contained
}

async fn start(sandbox: &Sandbox) -> Toolbox {
    let mut setup = support::setup();
    if let Some(base) = sandbox.base_inside() {
        setup.pristine = support::BaseSource::Dir(base);
    } else {
        setup.pristine = support::git_pristine(sandbox.workspace());
    }
    sandbox.toolbox(setup).await.unwrap().0
}

/// The fault in how a case ended, if there is one.
async fn attempt(
    world: &World,
    sandbox: &Sandbox,
    toolbox: &mut Toolbox,
    case: &Case,
    choice: BackendChoice,
) -> Option<String> {
    let input = world.fill(case.input);
    let arguments = match case.tool {
        "bash" => json!({ "command": input, "timeout_s": if case.name.contains("SIGTERM") { 3 } else { 30 } }),
        "file_write" => json!({ "path": input, "content": "x" }),
        _ => json!({ "path": input }),
    };
    let mut result = match toolbox.call(case.tool, arguments, Duration::from_secs(40)).await {
        Ok(result) => result,
        // Without a process namespace the toolbox can be killed; it is started again and the attempt continues.
        Err(ClientError::Died(why)) if choice != BackendChoice::Local => {
            *toolbox = start(sandbox).await;
            CallResult { output: format!("the toolbox died ({why}) and was started again"), ..CallResult::default() }
        }
        Err(error) => {
            *toolbox = start(sandbox).await;
            return Some(error.to_string());
        }
    };
    sandbox.annotate(&mut result);
    let ended_by = result.ended_by.map(|by| by.to_string()).unwrap_or_default();
    let text = format!("{}\n{ended_by}", result.text());
    if std::env::var_os("VOE_TEST_SHOW").is_some() {
        let shown: String = text.chars().take(600).collect();
        println!("--- {}\n{shown}", case.name);
    }
    if text.contains(SECRET) {
        return Some(format!("the secret was read:\n{text}"));
    }
    if let Some(breach) = world.breach(true) {
        return Some(format!("{breach}:\n{text}"));
    }
    let good = match case.end {
        End::Refused => !result.ok || result.exit != Some(0),
        End::Works(word) => result.exit == Some(0) && text.contains(word),
        End::Mentions(words) => words.iter().any(|word| text.contains(word)),
        End::Contained => true,
    };
    if !good {
        let text: String = text.chars().take(1500).collect();
        return Some(format!("exit {:?}, ended by {:?}:\n{text}", result.exit, result.ended_by));
    }
    match support::bash(toolbox, "echo alive").await {
        Ok(next) if next.exit == Some(0) && next.text().contains("alive") => None,
        Ok(next) => Some(format!("the next call ended with {:?}: {}", next.exit, next.text())),
        Err(error) => {
            *toolbox = start(sandbox).await;
            (choice == BackendChoice::Local).then(|| format!("the next call failed: {error}"))
        }
    }
}
