//! Figures as SVG, ready for a paper, each with its data as CSV.
//!
//! Colors are set as plain attributes for white paper, with a style for dark screens: programs without CSS still show them.
//! Series differ by dash, marker and hatch too, so that they can be distinguished in grayscale.

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
    /// Description, in a sentence or two.
    pub caption: String,
    /// The SVG.
    pub svg: String,
    /// Its data as CSV.
    pub csv: String,
}

/// All figures for which there is data.
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
