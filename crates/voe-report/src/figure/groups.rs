//! Bars by repository or by difficulty.

use super::Figure;
use super::axis::{Frame, Sample, WIDTH, legend, percent, shortened, text_width};
use super::svg::{Anchor, Svg};
use crate::format::csv_line;
use crate::report::build::{ArmsReport, GroupRow};

/// Most arms: with more, bars would be too thin to tell apart.
const MOST_ARMS: usize = 8;

/// Most groups: with more (a suite with many repositories), a figure would be longer than a page.
const MOST_GROUPS: usize = 24;

pub(super) fn figure(id: &'static str, title: &str, groups: &[GroupRow], report: &ArmsReport) -> Option<Figure> {
    if groups.is_empty() || groups.len() > MOST_GROUPS || report.arms.is_empty() {
        return None;
    }
    let arms = &report.arms[..report.arms.len().min(MOST_ARMS)];
    let names: Vec<String> = groups.iter().map(|g| shortened(&format!("{} ({})", g.group, g.tasks), 36)).collect();
    let left = names.iter().map(|n| text_width(n)).fold(60.0, f64::max) + 18.0;
    let (bar, gap) = (if arms.len() > 3 { 8.0 } else { 11.0 }, 12.0);
    let each = bar * arms.len() as f64 + gap;
    let rows = legend_rows(arms.iter().map(|a| a.name.as_str()));
    let (top, height) = (20.0 + 20.0 * rows, each * groups.len() as f64);
    let mut svg = Svg::new(id, title, WIDTH, top + height + 50.0);
    let series: Vec<(usize, &str)> = arms.iter().enumerate().map(|(i, a)| (i, a.name.as_str())).collect();
    legend(&mut svg, &series, Sample::Bar, 10.0, 14.0);
    let frame = Frame { left, right: WIDTH - 40.0, top, bottom: top + height, most_x: 1.0, most_y: 1.0 };
    let marks = [0.0, 0.25, 0.5, 0.75, 1.0];
    marks.iter().for_each(|&tick| svg.grid(frame.x(tick), top, frame.x(tick), frame.bottom));
    let mut csv = csv_line(["group", "tasks", "arm", "resolved", "rate"]);
    for (g, (group, name)) in groups.iter().zip(&names).enumerate() {
        let y = top + each * g as f64 + gap / 2.0;
        svg.text(left - 8.0, y + bar * arms.len() as f64 / 2.0 + 4.0, Anchor::End, name);
        for (i, arm) in arms.iter().enumerate() {
            let rate = group.resolved[i] / group.tasks.max(1) as f64;
            svg.bar(i, left, y + bar * i as f64, frame.x(rate) - left, bar - 1.5);
            csv += &csv_line([
                &group.group,
                &group.tasks.to_string(),
                &arm.name,
                &group.resolved[i].to_string(),
                &rate.to_string(),
            ]);
        }
    }
    frame.draw_x(&mut svg, "share of the group's tasks resolved", &marks, percent);
    let left_out = report.arms.len() - arms.len();
    let more = if left_out > 0 { format!(" {left_out} more arms are in the table.") } else { String::new() };
    let caption = format!("Share of each group's tasks resolved; the number of tasks in brackets.{more}");
    Some(Figure { id, title: title.to_owned(), caption, svg: svg.finish(), csv })
}

/// Estimated number of lines of the legend.
fn legend_rows<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let width: f64 = names.map(|name| 64.0 + text_width(&shortened(name, 42))).sum();
    (width / (WIDTH - 140.0)).ceil()
}
