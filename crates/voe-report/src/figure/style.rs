//! Styles of series, on paper and on dark screens.

use std::fmt::Write as _;

/// Text and intervals, on paper.
pub(super) const INK: &str = "#1b1b1b";
/// Axes and their text, on paper.
pub(super) const QUIET: &str = "#595959";
/// Faint lines, on paper.
pub(super) const GRID: &str = "#e3e3e3";

/// The style of a series.
pub(super) struct SeriesLook {
    /// Color on paper.
    pub(super) light: &'static str,
    /// Color on dark screens.
    pub(super) dark: &'static str,
    /// Dash pattern of a curve.
    pub(super) dash: &'static str,
    /// Marker: a path around the origin.
    pub(super) marker: &'static str,
    /// Hatch of a bar: a path in a square of eight; empty for a solid bar.
    hatch: &'static str,
}

/// Okabe and Ito's colors ("Color universal design", 2008), ordered so that neighbours differ in lightness too; the pale ones
/// are darkened for white paper.
pub(super) const SERIES: [SeriesLook; 8] = [
    SeriesLook {
        light: "#0072b2",
        dark: "#56b4e9",
        dash: "",
        marker: "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        hatch: "",
    },
    SeriesLook {
        light: "#d55e00",
        dark: "#ff9a4d",
        dash: "7 3",
        marker: "M-4.2 -4.2h8.4v8.4h-8.4z",
        hatch: "M0 8L8 0M-2 2L2 -2M6 10L10 6",
    },
    SeriesLook { light: "#333333", dark: "#dddddd", dash: "2 2.5", marker: "M0 -5.4L5 4H-5z", hatch: "M0 4H8" },
    SeriesLook {
        light: "#009e73",
        dark: "#3fd3a5",
        dash: "9 3 2 3",
        marker: "M0 -5.6L5.6 0L0 5.6L-5.6 0z",
        hatch: "M4 4h.1",
    },
    SeriesLook {
        light: "#a8528a",
        dark: "#e6a3cb",
        dash: "4 2",
        marker: "M0 5.4L5 -4H-5z",
        hatch: "M0 0L8 8M-2 6L2 10M6 -2L10 2",
    },
    SeriesLook {
        light: "#b07d00",
        dark: "#f0c040",
        dash: "12 3",
        marker: "M-5 -1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
        hatch: "M4 0V8",
    },
    SeriesLook {
        light: "#2f6f8f",
        dark: "#9fd8ef",
        dash: "1 3",
        marker: "M-5 -5L5 5M-5 5L5 -5",
        hatch: "M0 4H8M4 0V8",
    },
    SeriesLook {
        light: "#7a1f1f",
        dark: "#ff8a8a",
        dash: "6 2 1 2 1 2",
        marker: "M-5 0h10M0 -5v10",
        hatch: "M0 0L8 8M0 8L8 0",
    },
];

/// The style of the i-th series; they repeat after eight.
pub(super) fn series(i: usize) -> &'static SeriesLook {
    &SERIES[i % SERIES.len()]
}

/// The colors on dark screens. Paper and programs without CSS use the attributes.
pub(super) fn sheet() -> String {
    let mut dark = String::from(
        ".voe .ink{fill:#ececec}.voe .quiet{fill:#b0b0b0}.voe .rule{stroke:#8a8a8a}.voe .grid{stroke:#3a3a3a}.voe .whisker{stroke:#ececec}.voe .on{fill:#101418}",
    );
    for (i, look) in SERIES.iter().enumerate() {
        let _ =
            write!(dark, ".voe .o{i}{{stroke:{0}}}.voe .f{i}{{fill:{0}}}.voe .m{i}{{fill:{0};stroke:{0}}}", look.dark);
    }
    format!("<style>svg.voe{{color-scheme:light dark}}@media screen and (prefers-color-scheme:dark){{{dark}}}</style>")
}

/// The hatches that a figure uses, with ids that are unique to it.
pub(super) fn hatches(id: &str, body: &str) -> String {
    let mut out = String::new();
    for (i, look) in SERIES.iter().enumerate().filter(|(i, _)| body.contains(&format!("#{id}-h{i})"))) {
        let colour = look.light;
        // A solid bar gets its color, a hatched one a tint of it below the lines.
        let tint = if look.hatch.is_empty() { 1.0 } else { 0.22 };
        let _ = write!(
            out,
            r#"<pattern id="{id}-h{i}" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="f{i}" fill="{colour}" fill-opacity="{tint}" width="8" height="8"/>"#
        );
        if !look.hatch.is_empty() {
            let width = if look.hatch.ends_with("h.1") { 4.0 } else { 2.2 };
            let _ = write!(
                out,
                r#"<path class="o{i}" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" d="{}"/>"#,
                look.hatch
            );
        }
        out += "</pattern>";
    }
    if out.is_empty() { out } else { format!("<defs>{out}</defs>") }
}
