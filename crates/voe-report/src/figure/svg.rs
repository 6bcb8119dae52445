//! A small writer of SVG.

use std::fmt::Write as _;

use super::style;
use crate::format::escape;

/// An SVG in progress. Lengths are in CSS pixels.
pub(super) struct Svg {
    width: f64,
    height: f64,
    id: &'static str,
    title: String,
    body: String,
}

/// Position of a text relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(super) fn new(id: &'static str, title: &str, width: f64, height: f64) -> Self {
        Self { width, height, id, title: title.to_owned(), body: String::new() }
    }

    /// Text in the main color, its baseline at `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, text: &str) {
        self.text_of("ink", style::INK, x, y, anchor, text);
    }

    /// Text in the lighter color, for axes.
    pub(super) fn quiet(&mut self, x: f64, y: f64, anchor: Anchor, text: &str) {
        self.text_of("quiet", style::QUIET, x, y, anchor, text);
    }

    /// Text of a class, with its color on paper.
    pub(super) fn text_of(&mut self, class: &str, colour: &str, x: f64, y: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = write!(
            self.body,
            r#"<text class="{class}" fill="{colour}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    /// Text rotated to read upwards, for a vertical axis.
    pub(super) fn upwards(&mut self, x: f64, y: f64, text: &str) {
        let text = escape(text);
        let _ = write!(
            self.body,
            r#"<text class="quiet" fill="{}" text-anchor="middle" transform="translate({x:.1} {y:.1}) rotate(-90)">{text}</text>"#,
            style::QUIET
        );
    }

    /// A straight line: an axis.
    pub(super) fn rule(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.line("rule", style::QUIET, 1.0, x1, y1, x2, y2);
    }

    /// A faint line.
    pub(super) fn grid(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.line("grid", style::GRID, 1.0, x1, y1, x2, y2);
    }

    /// The bars of an interval, with a tick at each end.
    pub(super) fn whisker(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.line("whisker", style::INK, 1.4, x1, y1, x2, y2);
        let (dx, dy) = if (y1 - y2).abs() < 1e-9 { (0.0, 3.5) } else { (3.5, 0.0) };
        for (x, y) in [(x1, y1), (x2, y2)] {
            self.line("whisker", style::INK, 1.4, x - dx, y - dy, x + dx, y + dy);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn line(&mut self, class: &str, colour: &str, width: f64, x1: f64, y1: f64, x2: f64, y2: f64) {
        let _ = write!(
            self.body,
            r#"<line class="{class}" stroke="{colour}" stroke-width="{width}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        );
    }

    /// A filled bar in a series' color and hatch.
    pub(super) fn bar(&mut self, series: usize, x: f64, y: f64, width: f64, height: f64) {
        let (s, colour) = (series % style::SERIES.len(), style::series(series).light);
        let _ = write!(
            self.body,
            r#"<rect class="o{s}" stroke="{colour}" fill="url(#{}-h{s})" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#,
            self.id
        );
    }

    /// A tinted bar, on which a whisker is visible.
    pub(super) fn pale_bar(&mut self, series: usize, x: f64, y: f64, width: f64, height: f64) {
        let (s, colour) = (series % style::SERIES.len(), style::series(series).light);
        let _ = write!(
            self.body,
            r#"<rect class="f{s}" fill="{colour}" fill-opacity="0.5" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        );
    }

    /// A cell of a heat map; `share` from 0 to 1.
    pub(super) fn cell(&mut self, share: f64, x: f64, y: f64, width: f64, height: f64) {
        let _ = write!(
            self.body,
            r#"<rect class="f0" fill="{}" fill-opacity="{:.2}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#,
            style::series(0).light,
            0.04 + 0.96 * share
        );
    }

    /// A line through points, in a series' color and dash.
    pub(super) fn curve(&mut self, series: usize, points: &[(f64, f64)]) {
        let mut d = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
        }
        let look = style::series(series);
        let dash = if look.dash.is_empty() { String::new() } else { format!(r#" stroke-dasharray="{}""#, look.dash) };
        let _ = write!(
            self.body,
            r#"<path class="o{}" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round"{dash} d="{d}"/>"#,
            series % style::SERIES.len(),
            look.light
        );
    }

    /// A series' marker.
    pub(super) fn marker(&mut self, series: usize, x: f64, y: f64) {
        let d = style::series(series).marker;
        let _ = write!(
            self.body,
            r#"<path class="m{}" transform="translate({x:.1} {y:.1})" fill="{1}" stroke="{1}" d="{d}"/>"#,
            series % style::SERIES.len(),
            style::series(series).light
        );
    }

    /// The finished file.
    pub(super) fn finish(self) -> String {
        let Self { width, height, id, title, body } = self;
        let (title, defs) = (escape(&title), style::hatches(id, &body));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="voe" role="img" aria-label="{title}" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif" font-size="12"><title>{title}</title>{}{defs}{body}</svg>
"#,
            style::sheet()
        )
    }
}
