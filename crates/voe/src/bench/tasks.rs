//! `voe bench tasks` and `voe bench show`.

use std::borrow::Cow;

use anyhow::anyhow;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use voe_bench::grade::known;
use voe_bench::{Filter, Suite};
use voe_grade::Instance;

use super::args::{Show, Tasks};
use super::{filtered, suite};
use crate::show::one_line;
use crate::{UsageError, exit};

/// Fields of a row that are printed with `--gold` only.
const ANSWERS: [&str; 6] = ["patch", "test_patch", "FAIL_TO_PASS", "PASS_TO_PASS", "eval_script", "hints_text"];

/// The output of `voe bench tasks --json`: the ids of the tasks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tasks")]
pub(crate) struct Ids<'a>(Vec<&'a str>);

/// The output of `voe bench show --json`: an [`Instance`] that may lack the [`ANSWERS`].
#[derive(Serialize)]
pub(crate) struct ShownTask(serde_json::Value);

impl JsonSchema for ShownTask {
    fn schema_name() -> Cow<'static, str> {
        "Task".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Instance::json_schema(generator);
        if let Some(serde_json::Value::Array(required)) = schema.get_mut("required") {
            required.retain(|field| !ANSWERS.iter().any(|answer| field == answer));
        }
        let about = "The output of `voe bench show --json`: the task as a row of a suite. Its patch, tests and hints only with --gold.";
        schema.insert("description".into(), about.into());
        schema
    }
}

pub(super) async fn list(args: Tasks) -> anyhow::Result<u8> {
    let suite = suite(&args.suite, &args.filter).await?;
    if args.json {
        let ids = suite.tasks.iter().map(|task| task.instance_id.as_str()).collect();
        crate::show::out::json(&Ids(ids))?;
        return Ok(exit::OK);
    }
    let width = suite.tasks.iter().map(|task| task.instance_id.len()).max().unwrap_or(0);
    for task in &suite.tasks {
        let difficulty = task.difficulty.as_deref().unwrap_or("-");
        let line = format!("{:width$}  {difficulty:<16}  {}", task.instance_id, first_line(&task.problem_statement));
        outln!("{}", one_line(&line));
    }
    outln!("{} tasks", suite.tasks.len());
    let known: Vec<_> = suite.tasks.iter().filter_map(|task| known::of(&task.instance_id)).collect();
    if !known.is_empty() {
        outln!("gold is known not to pass for {} of these:", known.len());
    }
    for known in known {
        outln!("{:width$}  {known}", known.id);
    }
    Ok(exit::OK)
}

pub(super) async fn show(args: Show) -> anyhow::Result<u8> {
    let suite: Suite = filtered(&args.suite, &Filter::default()).await?;
    let Some(task) = suite.task(&args.id) else {
        return Err(UsageError(format!(
            "{0}: not in the suite {1}; `voe bench tasks {1}` lists its tasks",
            args.id, args.suite
        ))
        .into());
    };
    if args.json {
        let mut row = serde_json::to_value(task)?;
        let fields = row.as_object_mut().ok_or_else(|| anyhow!("a row is an object"))?;
        if !args.gold {
            for answer in ANSWERS {
                fields.remove(answer);
            }
        }
        crate::show::out::json_pretty(&ShownTask(row))?;
        return Ok(exit::OK);
    }
    print(task, args.gold);
    Ok(exit::OK)
}

fn print(task: &Instance, gold: bool) {
    let difficulty = task.difficulty.as_deref().unwrap_or("-");
    let title = format!("{}  ({} at {:.12}, {difficulty})", task.instance_id, task.repo, task.base_commit);
    outln!("{}\n", one_line(&title));
    outln!("{}", task.problem_statement.trim());
    if gold {
        outln!("\n--- solution\n\n{}", task.patch.trim_end());
        outln!("\n--- tests\n\n{}", task.test_patch.trim_end());
        for (name, tests) in [("FAIL_TO_PASS", &task.fail_to_pass), ("PASS_TO_PASS", &task.pass_to_pass)] {
            outln!("\n--- {name} ({})\n\n{}", tests.len(), tests.join("\n"));
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().map(|line| line.trim_start_matches('#').trim()).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    let cut: String = line.chars().take(70).collect();
    if cut.len() < line.len() { format!("{cut} …") } else { cut }
}
