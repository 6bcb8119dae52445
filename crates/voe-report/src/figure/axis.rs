//! Axes, legends and other parts that all charts share.

use super::svg::{Anchor, Svg};
use crate::format::short;

/// Width of all figures: that of a page of text.
pub(super) const WIDTH: f64 = 720.0;

/// Round numbers from 0 up to at least `most`, about `count` of them.
pub(super) fn ticks(most: f64, count: usize) -> Vec<f64> {
    if most.is_nan() || most <= 0.0 || most.is_infinite() {
        return vec![0.0, 1.0];
    }
    let raw = most / count.max(1) as f64;
    let magnitude = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|&s| s >= raw * 0.999).unwrap_or(raw);
    (0..=(most / step - 1e-9).ceil() as usize).map(|i| i as f64 * step).collect()
}

/// The data area of a chart, with the values at its ends.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) most_x: f64,
    pub(super) most_y: f64,
}

impl Frame {
    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * value / self.most_x
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * value / self.most_y
    }

    /// The vertical axis with its name and a line at each tick.
    pub(super) fn draw_y(&self, svg: &mut Svg, name: &str, ticks: &[f64], show: impl Fn(f64) -> String) {
        for &tick in ticks {
            svg.grid(self.left, self.y(tick), self.right, self.y(tick));
            svg.quiet(self.left - 8.0, self.y(tick) + 4.0, Anchor::End, &show(tick));
        }
        svg.upwards(16.0, f64::midpoint(self.top, self.bottom), name);
    }

    /// The horizontal axis with its name.
    pub(super) fn draw_x(&self, svg: &mut Svg, name: &str, ticks: &[f64], show: impl Fn(f64) -> String) {
        svg.rule(self.left, self.bottom, self.right, self.bottom);
        for &tick in ticks {
            svg.rule(self.x(tick), self.bottom, self.x(tick), self.bottom + 4.0);
            svg.quiet(self.x(tick), self.bottom + 18.0, Anchor::Middle, &show(tick));
        }
        svg.quiet(f64::midpoint(self.left, self.right), self.bottom + 38.0, Anchor::Middle, name);
    }
}

/// How a legend shows its series.
#[derive(Clone, Copy)]
pub(super) enum Sample {
    Curve,
    Marker,
    Bar,
}

/// Draws a legend from `top` down and returns its height.
pub(super) fn legend(svg: &mut Svg, names: &[(usize, &str)], sample: Sample, left: f64, top: f64) -> f64 {
    let (mut x, mut y) = (left, top);
    for &(series, name) in names {
        let name = shortened(name, 42);
        let width = 46.0 + text_width(&name);
        if x > left && x + width > WIDTH - 10.0 {
            (x, y) = (left, y + 20.0);
        }
        match sample {
            Sample::Curve => {
                svg.curve(series, &[(x, y), (x + 28.0, y)]);
                svg.marker(series, x + 14.0, y);
            }
            Sample::Marker => svg.marker(series, x + 22.0, y),
            Sample::Bar => svg.bar(series, x + 10.0, y - 7.0, 18.0, 12.0),
        }
        svg.text(x + 34.0, y + 4.0, Anchor::Start, &name);
        x += width + 14.0;
    }
    y - top + 20.0
}

/// Approximate width of a text at the figures' font size; fonts differ.
pub(super) fn text_width(text: &str) -> f64 {
    6.4 * text.chars().count() as f64
}

/// Shortens a text to at most so many characters by cutting its middle.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= most {
        return text.to_owned();
    }
    let (head, tail) = (most * 2 / 3, most - most * 2 / 3 - 1);
    chars[..head].iter().chain(['…'].iter()).chain(&chars[chars.len() - tail..]).collect()
}

/// A number for an axis: large ones shortened, small ones with as many decimals as the axis steps need.
pub(super) fn plain(ticks: &[f64]) -> impl Fn(f64) -> String {
    let step = ticks.get(1).copied().unwrap_or(1.0);
    // 2.5 and 0.25 need one decimal more than their magnitude says.
    let decimals = (0..8_usize).find(|&d| ((step * 10_f64.powi(d as i32)).fract() + 1e-9).fract() < 1e-6).unwrap_or(8);
    move |value| if decimals == 0 { short(value) } else { format!("{value:.decimals$}") }
}

/// A share for an axis.
pub(super) fn percent(value: f64) -> String {
    format!("{:.0} %", 100.0 * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_end() {
        assert_eq!(ticks(200.0, 5), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(ticks(0.67, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8]);
        for most in [1e-9, 0.3, 7.0, 123_456.0] {
            let found = ticks(most, 6);
            assert!(*found.last().unwrap() >= most * 0.999 && found.len() <= 9, "{most}: {found:?}");
        }
        assert_eq!(ticks(f64::NAN, 5), [0.0, 1.0]);
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("abcdefghij", 7), "abcd…ij");
        assert_eq!(shortened("abc", 7), "abc");
    }
}
