//! Figures as SVG that stand in a paper, each with its data as CSV.
//!
//! Colours carry plain attributes for light paper, and a style for dark screens: programs that know no CSS still show them.
//! Series differ by dash, marker and hatch too, so that they are told apart in greyscale.

mod axis;
mod calibration;
mod cost;
mod cumulative;
mod groups;
mod leaderboard;
mod overlap;
mod style;
mod svg;

use crate::data::arm::ArmResults;
use crate::data::suite::TaskSet;
use crate::metric::METRICS;
use crate::report::build::ArmsReport;

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// For file names and anchors.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What is shown, in a sentence or two.
    pub caption: String,
    /// The drawing.
    pub svg: String,
    /// Its data.
    pub csv: String,
}

/// All figures that the data can fill.
pub fn figures(report: &ArmsReport, arms: &[ArmResults], suite: &TaskSet) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(leaderboard::figure(report));
    figures.extend(METRICS.iter().filter_map(|metric| cumulative::figure(metric, arms, suite)));
    figures.extend(cost::figure(report));
    figures.extend(calibration::figure(report));
    figures.extend(groups::figure("by-difficulty", "Resolved by difficulty", &report.by_difficulty, report));
    figures.extend(groups::figure("by-repository", "Resolved by repository", report.repositories(), report));
    figures.extend(overlap::figure(report));
    figures
}
