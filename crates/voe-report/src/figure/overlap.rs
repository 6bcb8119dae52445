//! Which arms resolve the same tasks.

use super::Figure;
use super::axis::{WIDTH, shortened, text_width};
use super::style::INK;
use super::svg::{Anchor, Svg};
use crate::format::csv_line;
use crate::report::build::ArmsReport;

pub(super) fn figure(report: &ArmsReport) -> Option<Figure> {
    let n = report.arms.len();
    if n < 2 {
        return None;
    }
    let names: Vec<String> = report.arms.iter().map(|a| shortened(&a.name, 30)).collect();
    let left = names.iter().map(|n| text_width(n)).fold(60.0, f64::max) + 40.0;
    let size = ((WIDTH - left - 20.0) / n as f64).clamp(24.0, 78.0);
    let (top, height) = (34.0, (size * 0.62).max(22.0));
    let title = "Overlap of the arms";
    let mut svg = Svg::new("overlap", title, WIDTH.max(left + size * n as f64 + 20.0), top + height * n as f64 + 16.0);
    let mut csv = csv_line(["a", "b", "both", "either", "share"]);
    for j in 0..n {
        svg.quiet(left + size * (j as f64 + 0.5), top - 8.0, Anchor::Middle, &(j + 1).to_string());
    }
    for (i, name) in names.iter().enumerate() {
        let y = top + height * i as f64;
        svg.text(left - 10.0, y + height / 2.0 + 4.0, Anchor::End, &format!("{name}  {}", i + 1));
        for j in 0..n {
            let (both, either) = (report.overlap.both[i][j], report.overlap.union[i][j]);
            let share = both as f64 / either.max(1) as f64;
            let x = left + size * j as f64;
            svg.cell(share, x, y, size - 2.0, height - 2.0);
            let (cx, cy) = (x + size / 2.0 - 1.0, y + height / 2.0 + 3.0);
            // Chooses the text color with better contrast; on dark screens cells get light earlier.
            let (class, colour) = match share {
                s if s > 0.88 => ("on", "#ffffff"),
                s if s > 0.55 => ("on", INK),
                _ => ("ink", INK),
            };
            svg.text_of(class, colour, cx, cy, Anchor::Middle, &both.to_string());
            let (a, b) = (&report.arms[i].name, &report.arms[j].name);
            csv += &csv_line([a, b, &both.to_string(), &either.to_string(), &share.to_string()]);
        }
    }
    let caption = format!(
        "Tasks that both arms resolve; darker cells mean a larger share of the tasks that either resolves. All arms together resolve {} of {}.",
        report.overlap.union_of_all, report.tasks
    );
    Some(Figure { id: "overlap", title: title.to_owned(), caption, svg: svg.finish(), csv })
}
