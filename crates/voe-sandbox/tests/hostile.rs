//! Hostile commands in every backend that works here: each must end contained, with a clear result, and the next call must
//! work as if nothing had been. The program re-executes itself as voe's helper and toolbox, and as an ordinary user.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/mod.rs"]
mod support;

fn main() -> std::process::ExitCode {
    support::run(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(smoke())
    })
}

async fn smoke() -> bool {
    use voe_sandbox::{Choice, Sandbox, Spec};
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    std::fs::create_dir(&work).unwrap();
    std::fs::write(work.join("a.txt"), "a\n").unwrap();
    let mut spec = Spec::new(std::env::current_exe().unwrap(), &work, dir.path().join("home"));
    spec.choice = Choice::Local;
    let sandbox = match Sandbox::open(spec).await { Ok(s) => s, Err(e) => { println!("{e}"); return false; } };
    println!("{:?}", sandbox.facts());
    let (mut toolbox, hello) = sandbox.toolbox(support::setup()).await.unwrap();
    println!("{hello:?}");
    for c in std::env::args().skip(2) {
        let mut r = support::bash(&mut toolbox, &c).await.unwrap();
        sandbox.annotate(&mut r);
        println!("$ {c}\n{}\n-> exit {:?} killed {:?}", r.text, r.exit, r.killed);
    }
    drop(toolbox);
    sandbox.close().await.unwrap();
    true
}
