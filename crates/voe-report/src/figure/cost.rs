//! What an arm costs against what it resolves.

use super::Figure;
use super::axis::{Frame, WIDTH, percent, plain, shortened, text_width, ticks};
use super::svg::{Anchor, Svg};
use crate::format::csv_line;
use crate::report::build::Report;
use crate::stats::Interval;

/// Dollars if every arm with trajectories has a price, else tokens.
pub(super) fn figure(report: &Report) -> Option<Figure> {
    let worked: Vec<_> =
        report.arms.iter().enumerate().filter_map(|(i, arm)| Some((i, arm, arm.work.as_ref()?))).collect();
    if worked.len() < 2 {
        return None;
    }
    let priced = worked.iter().all(|(_, _, work)| work.usage.cost.is_some_and(|c| c > 0.0));
    let cost = |work: &crate::report::arm_facts::Work| {
        let tokens = (work.usage.prompt + work.usage.output) as f64;
        (if priced { work.usage.cost.unwrap_or(0.0) } else { tokens }) / f64::from(work.attempts.max(1))
    };
    let axis = if priced { "US dollars an attempt, mean" } else { "prompt and output tokens an attempt, mean" };
    let title = "Cost against performance";
    let across = ticks(worked.iter().map(|(_, _, work)| cost(work)).fold(0.0, f64::max) * 1.05, 6);
    let highest = worked.iter().map(|(_, arm, _)| arm.interval.map_or(arm.rate, |i| i.1)).fold(0.05, f64::max);
    let up = ticks(highest, 5);
    let end = |ticks: &[f64]| ticks.last().copied().unwrap_or(1.0);
    let frame =
        Frame { left: 70.0, right: WIDTH - 24.0, top: 20.0, bottom: 326.0, most_x: end(&across), most_y: end(&up) };
    let mut svg = Svg::new("cost", title, WIDTH, 380.0);
    frame.draw_y(&mut svg, "share of tasks resolved", &up, percent);
    let mut csv = csv_line(["arm", axis, "rate", "low", "high"]);
    for (i, arm, work) in &worked {
        let (x, y) = (frame.x(cost(work)), frame.y(arm.rate));
        let Interval(low, high) = arm.interval.unwrap_or(Interval(arm.rate, arm.rate));
        svg.whisker(x, frame.y(low), x, frame.y(high));
        svg.marker(*i, x, y);
        let name = shortened(&arm.name, 34);
        if x + 12.0 + text_width(&name) < WIDTH - 4.0 {
            svg.text(x + 10.0, y + 4.0, Anchor::Start, &name);
        } else {
            svg.text(x - 10.0, y + 4.0, Anchor::End, &name);
        }
        csv +=
            &csv_line([&arm.name, &cost(work).to_string(), &arm.rate.to_string(), &low.to_string(), &high.to_string()]);
    }
    frame.draw_x(&mut svg, axis, &across, plain(&across));
    let caption =
        "Mean cost of an attempt against the share of tasks resolved, with the Wilson interval at 95 %.".to_owned();
    Some(Figure { id: "cost", title: title.to_owned(), caption, svg: svg.finish(), csv })
}
