//! Writes a made-up run directory: `cargo run --example synthetic -- DIR TASKS TRIALS STEPS RESULT_BYTES`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args[i].parse::<usize>().unwrap();
    let shape = synthetic::Shape {
        tasks: number(1),
        arms: if number(2) > 1 { &["prove-on-edit"] } else { synthetic::Shape::default().arms },
        trials: number(2) as u32,
        steps: number(3) as u32,
        result_bytes: number(4),
        ..synthetic::Shape::default()
    };
    synthetic::write_run(args[0].as_ref(), &shape);
}
