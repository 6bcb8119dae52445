//! `voe bench status`.

use voe_bench::run::{RunDir, status};

use super::{args, live};
use crate::exit;
use crate::show::one_line;

pub(super) fn run(args: &args::StatusArgs) -> anyhow::Result<u8> {
    let dir = RunDir::look(&args.run)?;
    let status = status::read(&dir)?;
    if args.json {
        crate::show::out::json_pretty(&status)?;
        return Ok(exit::OK);
    }
    let arms: Vec<&str> = dir.file.arms.iter().map(|arm| arm.name.as_str()).collect();
    let (suite, arms) = (one_line(&dir.file.suite), one_line(&arms.join(", ")));
    outln!("{suite}: {} tasks × {arms} × {} trials", dir.file.tasks.len(), dir.file.trials);
    outln!(
        "{} of {} done, {} started, {} left, {} given up or waiting for a retry",
        status.done(),
        status.planned,
        status.open.len(),
        status.left,
        status.faults.len()
    );
    for (reason, count) in &status.ended {
        outln!("  {reason:<12} {count}");
    }
    if status.readable_solutions {
        outln!("solutions were readable in this run (sandbox none)");
    }
    if status.done() > 0 {
        let levels: Vec<String> = status.levels.iter().map(|(level, count)| format!("{count} {level}")).collect();
        outln!("evidence: {}; {} empty patches", levels.join(", "), status.empty);
        let cost = status.usage.cost.map(|cost| format!(", ${cost:.2}")).unwrap_or_default();
        outln!(
            "{} steps, {} tokens in, {} out{cost}, {} in total",
            status.steps,
            status.usage.prompt,
            status.usage.output,
            live::time(status.seconds)
        );
    }
    if let Some(rate) = status.an_hour {
        let left = status.seconds_left.map(|left| format!("; about {} left", live::time(left))).unwrap_or_default();
        outln!("{rate:.1} attempts per hour lately{left}");
    }
    for open in &status.open {
        let since = live::time(open.seconds);
        let line = format!("open   {}  step {}, {} edits, {}, {since}", open.key, open.step, open.edits, open.level);
        outln!("{}", one_line(&line));
    }
    for (key, why) in &status.faults {
        outln!("{}", one_line(&format!("fault  {key}  {why}")));
    }
    Ok(exit::OK)
}
