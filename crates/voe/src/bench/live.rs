//! Shows a run in the terminal: events as they come, and below them one line for each running attempt.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use voe_bench::run::progress::{Progress, RunEvent, Totals};

use crate::show::{below, one_line, out};

/// Most attempts that have a line each.
const MOST_RUNNING: usize = 40;

/// Shows the run until the events end. It must not keep the progress alive, which sends the events.
pub(super) async fn show(progress: Weak<Progress>, mut news: UnboundedReceiver<RunEvent>, json: bool) {
    // Where the lines go into a file, they are complete.
    let seen = !json && below::is_seen() && out::is_terminal();
    loop {
        let heard = if seen {
            // The running time of each attempt is shown, too.
            tokio::time::timeout(Duration::from_secs(1), news.recv()).await
        } else {
            Ok(news.recv().await)
        };
        match heard {
            Ok(None) => break,
            Ok(Some(news)) if json => out::news_json(&news),
            // If the output is closed, the run continues.
            Ok(Some(news)) => line(&news, seen).iter().for_each(|line| out::news(&line.into())),
            Err(_) => {}
        }
        if seen {
            below::show(progress.upgrade().map(|progress| lines(&progress)).unwrap_or_default());
        }
    }
    below::show::<String>([]);
}

/// An event in one line; starts are shown only where no line below shows them.
fn line(news: &RunEvent, seen: bool) -> Option<String> {
    let text = match news {
        RunEvent::Began { .. } if seen => return None,
        RunEvent::Began { key, resumed: None } => format!("began    {key}"),
        RunEvent::Began { key, resumed: Some(step) } => format!("resumed  {key} after step {step}"),
        RunEvent::Ended { key, reason, error, steps, seconds, level, empty } => {
            let patch = if *empty { "empty patch".to_owned() } else { format!("patch {level}") };
            let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            format!("ended    {key}  {reason}{error}, {steps} steps, {}, {patch}", time(*seconds))
        }
        RunEvent::Fault { key, why, again } => {
            let then = if *again { "will be retried" } else { "gave up; excluded from results" };
            format!("fault    {key}  {why} ({then})")
        }
        RunEvent::Skipped { task, why, .. } => format!("skipped  {task}  {why}"),
        RunEvent::Note { text } => format!("note     {text}"),
    };
    Some(one_line(&text))
}

/// The running attempts, and the overall progress.
fn lines(progress: &Progress) -> Vec<String> {
    let (running, totals) = progress.now();
    let mut lines: Vec<String> = running
        .iter()
        .take(MOST_RUNNING)
        .map(|(key, now)| {
            let since = time(now.since.elapsed().as_secs_f64());
            format!("  {key}  step {}, {} edits, {}, {since}", now.step, now.edits, now.level)
        })
        .collect();
    if running.len() > lines.len() {
        lines.push(format!("  … and {} more", running.len() - lines.len()));
    }
    lines.push(totals_line(&totals, running.len(), progress.seconds_left()));
    lines
}

pub(super) fn totals_line(totals: &Totals, running: usize, left: Option<f64>) -> String {
    let mut text = format!("{} of {} done, {running} running", totals.done, totals.planned);
    if totals.faults > 0 {
        text.push_str(&format!(", {} given up", totals.faults));
    }
    if totals.skipped > 0 {
        text.push_str(&format!(", {} skipped", totals.skipped));
    }
    text.push_str(&format!("; {} steps, {} tokens in, {} out", totals.steps, totals.usage.prompt, totals.usage.output));
    if let Some(cost) = totals.usage.cost {
        text.push_str(&format!(", ${cost:.2}"));
    }
    if let Some(left) = left.filter(|left| *left > 0.0) {
        text.push_str(&format!("; about {} left", time(left)));
    }
    text
}

/// Seconds for people.
pub(super) fn time(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}
