//! Calibration of evidence levels.

use voe_trace::Level;

use super::Figure;
use super::axis::{Frame, Sample, WIDTH, legend, percent};
use super::svg::{Anchor, Svg};
use crate::format::csv_line;
use crate::report::build::ArmsReport;
use crate::stats::Interval;

pub(super) fn figure(report: &ArmsReport) -> Option<Figure> {
    use Level::{Inconclusive, Kept, None, Proven, Ran, Refuted, Vacuous};
    let worked: Vec<_> =
        report.arms.iter().enumerate().filter_map(|(i, arm)| Some((i, arm, arm.work.as_ref()?))).collect();
    let levels: Vec<Level> = [Refuted, None, Inconclusive, Vacuous, Kept, Ran, Proven]
        .into_iter()
        .filter(|level| worked.iter().any(|(_, _, work)| work.calibration.iter().any(|c| c.level == *level)))
        .collect();
    if levels.is_empty() {
        return Option::None;
    }
    let title = "Resolved, by level of evidence";
    let mut svg = Svg::new("evidence", title, WIDTH, 390.0);
    let names: Vec<(usize, &str)> = worked.iter().map(|(i, arm, _)| (*i, arm.name.as_str())).collect();
    let used = legend(&mut svg, &names, Sample::Marker, 60.0, 14.0);
    let frame = Frame {
        left: 70.0,
        right: WIDTH - 24.0,
        top: 20.0 + used,
        bottom: 330.0,
        most_x: levels.len() as f64,
        most_y: 1.0,
    };
    frame.draw_y(&mut svg, "share resolved", &[0.0, 0.25, 0.5, 0.75, 1.0], percent);
    frame.draw_x(&mut svg, "level of evidence of the final patch", &[], |_| String::new());
    let mut csv = csv_line(["arm", "level", "attempts", "resolved", "rate", "low", "high"]);
    for (column, level) in levels.iter().enumerate() {
        svg.text(frame.x(column as f64 + 0.5), frame.bottom + 18.0, Anchor::Middle, level.word());
        for (place, (i, arm, work)) in worked.iter().enumerate() {
            let Some(c) = work.calibration.iter().find(|c| c.level == *level) else { continue };
            let offset = (place as f64 + 0.5) / worked.len() as f64 * 0.7 + 0.15;
            let x = frame.x(column as f64 + offset);
            let rate = f64::from(c.resolved) / f64::from(c.attempts);
            let Interval(low, high) = c.interval.unwrap_or(Interval(rate, rate));
            svg.whisker(x, frame.y(low), x, frame.y(high));
            svg.marker(*i, x, frame.y(rate));
            svg.quiet(x, frame.y(high) - 7.0, Anchor::Middle, &c.attempts.to_string());
            let numbers = [rate, low, high].map(|v| v.to_string());
            csv += &csv_line([
                &arm.name,
                level.word(),
                &c.attempts.to_string(),
                &c.resolved.to_string(),
                &numbers[0],
                &numbers[1],
                &numbers[2],
            ]);
        }
    }
    let caption =
        "Share resolved of the attempts that ended with each level of evidence, with the 95 % Wilson interval; the \
                   number above is the number of attempts."
            .to_owned();
    Some(Figure { id: "evidence", title: title.to_owned(), caption, svg: svg.finish(), csv })
}
