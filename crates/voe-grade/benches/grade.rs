//! CPU time for grading as many logs as a run of Verified has: reading the file, the verdict, and the JSON line. Needs
//! SWE-bench's logs (`VOE_TEST_DATA`), which are repeated until there are 487.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/official_data/mod.rs"]
mod official_data;

use std::fs;
use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

const LOGS: usize = 487;

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() {
    let Some(data) = official_data::directory(LOGS) else { return };
    let cases = official_data::cases(&data);
    let bytes: usize = cases.iter().cycle().take(LOGS).map(|case| case.log.len()).sum();

    let mut rounds: Vec<[f64; 2]> = Vec::new();
    // the first round also pays for compiling the patterns, as does each run of the program
    for _ in 0..5 {
        let start = cpu_seconds();
        for case in cases.iter().cycle().take(LOGS) {
            black_box(voe_grade::grade(&case.row, &case.log).unwrap());
        }
        let graded = cpu_seconds() - start;
        for case in cases.iter().cycle().take(LOGS) {
            let log = fs::read(data.join("logs").join(&case.name)).unwrap();
            let graded = voe_grade::grade(&case.row, &voe_grade::text::decode(&log)).unwrap();
            black_box(serde_json::to_string(&graded).unwrap());
        }
        rounds.push([graded, cpu_seconds() - start - graded]);
    }
    println!("grading {LOGS} logs ({:.1} MB), CPU seconds in five rounds:", bytes as f64 / 1e6);
    for (what, n) in [("verdicts alone", 0), ("with reading and JSON", 1)] {
        let times: Vec<String> = rounds.iter().map(|round| format!("{:.3}", round[n])).collect();
        println!("  {what}: {}", times.join(" "));
    }
}
