//! The rate of each arm with its interval, best first.

use super::Figure;
use super::axis::{Frame, WIDTH, percent, shortened, text_width, ticks};
use super::svg::{Anchor, Svg};
use crate::format::{csv_line, mean_count};
use crate::report::arm_facts::ArmFacts;
use crate::report::build::ArmsReport;
use crate::stats::Interval;

pub(super) fn figure(report: &ArmsReport) -> Option<Figure> {
    if report.arms.is_empty() || report.tasks == 0 {
        return None;
    }
    let mut arms: Vec<&ArmFacts> = report.arms.iter().collect();
    arms.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    let names: Vec<String> = arms.iter().map(|a| shortened(&a.name, 34)).collect();
    let left = names.iter().map(|n| text_width(n)).fold(60.0, f64::max) + 22.0;
    let top = 14.0;
    let bottom = top + 30.0 * report.arms.len() as f64;
    let most = report.arms.iter().map(|a| a.interval.map_or(a.rate, |i| i.1)).fold(0.05, f64::max);
    let marks = ticks(most, 5);
    let end = marks.last().copied().unwrap_or(1.0).min(1.0);
    let frame = Frame { left, right: WIDTH - 130.0, top, bottom, most_x: end, most_y: 1.0 };
    let title = "Resolved, by arm";
    let mut svg = Svg::new("leaderboard", title, WIDTH, bottom + 50.0);
    let shown: Vec<f64> = marks.into_iter().filter(|&t| t <= end + 1e-9).collect();
    for &tick in &shown {
        svg.grid(frame.x(tick), top, frame.x(tick), bottom);
    }
    let mut csv = csv_line(["arm", "resolved", "tasks", "rate", "low", "high"]);
    for (i, (arm, name)) in arms.iter().zip(&names).enumerate() {
        let y = top + 30.0 * i as f64;
        svg.text(left - 10.0, y + 19.0, Anchor::End, name);
        svg.pale_bar(0, left, y + 6.0, frame.x(arm.rate) - left, 18.0);
        if let Some(Interval(low, high)) = arm.interval {
            svg.whisker(frame.x(low), y + 15.0, frame.x(high), y + 15.0);
        }
        let text = format!("{}/{}  {:.1} %", mean_count(arm.resolved), arm.total, 100.0 * arm.rate);
        svg.text(WIDTH - 4.0, y + 19.0, Anchor::End, &text);
        let Interval(low, high) = arm.interval.unwrap_or(Interval(f64::NAN, f64::NAN));
        csv += &csv_line([
            &arm.name,
            &arm.resolved.to_string(),
            &arm.total.to_string(),
            &arm.rate.to_string(),
            &low.to_string(),
            &high.to_string(),
        ]);
    }
    frame.draw_x(&mut svg, "share of tasks resolved", &shown, percent);
    let caption = "Share of the suite's tasks resolved, with the 95 % Wilson interval.".to_owned();
    Some(Figure { id: "leaderboard", title: title.to_owned(), caption, svg: svg.finish(), csv })
}
