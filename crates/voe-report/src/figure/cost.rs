//! Cost of an arm against its share of resolved tasks.

use super::Figure;
use super::axis::{Frame, Sample, WIDTH, legend, percent, plain, ticks};
use super::svg::Svg;
use crate::format::csv_line;
use crate::report::build::ArmsReport;
use crate::stats::Interval;

/// Dollars if every arm with trajectories has a price, else tokens.
pub(super) fn figure(report: &ArmsReport) -> Option<Figure> {
    let worked: Vec<_> =
        report.arms.iter().enumerate().filter_map(|(i, arm)| Some((i, arm, arm.work.as_ref()?))).collect();
    if worked.len() < 2 {
        return None;
    }
    let priced = worked.iter().all(|(_, _, work)| work.sum("cost_usd").is_some_and(|cost| cost > 0.0));
    let cost = |work: &crate::report::arm_facts::ArmWork| {
        work.sum(if priced { "cost_usd" } else { "tokens" }).unwrap_or(0.0) / f64::from(work.attempts.max(1))
    };
    let axis = if priced { "US dollars per attempt, mean" } else { "prompt and output tokens per attempt, mean" };
    let title = "Cost against performance";
    let across = ticks(worked.iter().map(|(_, _, work)| cost(work)).fold(0.0, f64::max) * 1.05, 6);
    let highest = worked.iter().map(|(_, arm, _)| arm.interval.map_or(arm.rate, |i| i.1)).fold(0.05, f64::max);
    let up = ticks(highest, 5);
    let end = |ticks: &[f64]| ticks.last().copied().unwrap_or(1.0);
    let mut svg = Svg::new("cost", title, WIDTH, 400.0);
    let names: Vec<(usize, &str)> = worked.iter().map(|(i, arm, _)| (*i, arm.name.as_str())).collect();
    let used = legend(&mut svg, &names, Sample::Marker, 60.0, 14.0);
    let (right, top) = (WIDTH - 24.0, 14.0 + used);
    let frame = Frame { left: 70.0, right, top, bottom: 346.0, most_x: end(&across), most_y: end(&up) };
    frame.draw_y(&mut svg, "share of tasks resolved", &up, percent);
    let mut csv = csv_line(["arm", axis, "rate", "low", "high"]);
    for (i, arm, work) in &worked {
        let (x, y) = (frame.x(cost(work)), frame.y(arm.rate));
        let Interval(low, high) = arm.interval.unwrap_or(Interval(arm.rate, arm.rate));
        svg.whisker(x, frame.y(low), x, frame.y(high));
        svg.marker(*i, x, y);
        csv +=
            &csv_line([&arm.name, &cost(work).to_string(), &arm.rate.to_string(), &low.to_string(), &high.to_string()]);
    }
    frame.draw_x(&mut svg, axis, &across, plain(&across));
    let caption =
        "Mean cost of an attempt against the share of tasks resolved, with the 95 % Wilson interval.".to_owned();
    Some(Figure { id: "cost", title: title.to_owned(), caption, svg: svg.finish(), csv })
}
