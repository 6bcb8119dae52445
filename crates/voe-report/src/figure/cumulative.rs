//! Share of tasks resolved within a number of steps, tokens, dollars or minutes.

use super::Figure;
use super::axis::{Frame, Sample, WIDTH, legend, percent, plain, ticks};
use super::svg::Svg;
use crate::data::arm::ArmResults;
use crate::data::attempt::AttemptFacts;
use crate::data::cell::GradeVerdict;
use crate::data::suite::TaskSet;
use crate::format::csv_line;
use crate::metric::{Metric, MetricCurve, MetricUnit};

/// The figure of one metric, if the table of metrics has one for it.
pub(super) fn figure(metric: &Metric, arms: &[ArmResults], suite: &TaskSet) -> Option<Figure> {
    let MetricCurve { id, title, mut axis } = metric.curve?;
    let mut curves: Vec<(usize, &str, Vec<f64>, f64)> = Vec::new();
    let mut most = 0.0_f64;
    for (i, arm) in arms.iter().enumerate() {
        let attempts: Vec<(&AttemptFacts, GradeVerdict)> =
            arm.cells(suite).filter_map(|(_, cell)| Some((cell.attempt.as_deref()?, cell.verdict))).collect();
        let values = attempts.iter().filter_map(|(attempt, verdict)| Some(((metric.of)(attempt)?, *verdict)));
        let values: Vec<(f64, GradeVerdict)> = values.filter(|(v, _)| v.is_finite()).collect();
        most = values.iter().map(|(v, _)| *v).fold(most, f64::max);
        let mut resolved: Vec<f64> =
            values.iter().filter(|(_, v)| *v == GradeVerdict::Resolved).map(|(x, _)| *x).collect();
        resolved.sort_by(f64::total_cmp);
        if !values.is_empty() {
            curves.push((i, &arm.name, resolved, (suite.tasks.len() * arm.trials.len()) as f64));
        }
    }
    if curves.is_empty() || most <= 0.0 {
        return None;
    }
    if metric.unit == MetricUnit::Seconds && most > 180.0 {
        axis = "minutes of the attempt";
        most /= 60.0;
        curves.iter_mut().flat_map(|(.., resolved, _)| resolved).for_each(|x| *x /= 60.0);
    }
    let highest = curves.iter().map(|(_, _, resolved, all)| resolved.len() as f64 / all).fold(0.05, f64::max);
    let (across, up) = (ticks(most, 6), ticks(highest, 5));
    let mut svg = Svg::new(id, title, WIDTH, 400.0);
    let names: Vec<(usize, &str)> = curves.iter().map(|(i, name, ..)| (*i, *name)).collect();
    let used = legend(&mut svg, &names, Sample::Curve, 70.0, 14.0);
    let end = |ticks: &[f64]| ticks.last().copied().unwrap_or(1.0);
    let frame = Frame {
        left: 70.0,
        right: WIDTH - 24.0,
        top: 14.0 + used,
        bottom: 346.0,
        most_x: end(&across),
        most_y: end(&up),
    };
    frame.draw_y(&mut svg, "share of tasks resolved", &up, percent);
    let mut csv = csv_line(["arm", axis, "share"]);
    for (i, name, resolved, all) in &curves {
        let mut points = vec![(frame.x(0.0), frame.y(0.0))];
        for (n, x) in resolved.iter().enumerate() {
            let share = |n: usize| n as f64 / all;
            points.push((frame.x(*x), frame.y(share(n))));
            points.push((frame.x(*x), frame.y(share(n + 1))));
            csv += &csv_line([*name, &x.to_string(), &share(n + 1).to_string()]);
        }
        let last = resolved.len() as f64 / all;
        points.push((frame.x(most), frame.y(last)));
        svg.curve(*i, &points);
        svg.marker(*i, frame.x(most), frame.y(last));
    }
    frame.draw_x(&mut svg, axis, &across, plain(&across));
    let caption = "Share of all attempts at the suite's tasks that had ended by then and were resolved.".to_owned();
    Some(Figure { id, title: title.to_owned(), caption, svg: svg.finish(), csv })
}
