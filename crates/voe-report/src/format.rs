//! Formats numbers for readers.

use voe_untrusted::text::is_hazard;

/// A rate as a percentage with one decimal: `37.8 %`.
pub(crate) fn percent(rate: f64) -> String {
    format!("{:.1} %", 100.0 * rate)
}

/// A difference of rates in points, with its sign: `+4.4`, `−2.0`.
pub(crate) fn points(difference: f64) -> String {
    let tenths = (1000.0 * difference).round() / 10.0;
    match tenths {
        t if t > 0.0 => format!("+{t:.1}"),
        t if t < 0.0 => format!("−{:.1}", -t),
        _ => "0.0".to_owned(),
    }
}

/// A p-value: three digits, `< 0.001` below.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A count that may be a mean over trials: `17`, `16.5`.
pub(crate) fn mean_count(value: f64) -> String {
    if (value - value.round()).abs() < 1e-9 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A number with its noun: `1 attempt`, `3 attempts`.
pub(crate) fn count(n: usize, of: &str) -> String {
    format!("{n} {of}{}", if n == 1 { "" } else { "s" })
}

/// Large counts in three digits: `950`, `12.3k`, `4.56M`.
pub(crate) fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 999.5e6 => (value / 1e9, "G"),
        v if v >= 999.5e3 => (value / 1e6, "M"),
        v if v >= 999.5 => (value / 1e3, "k"),
        _ => return mean_count((value * 10.0).round() / 10.0),
    };
    let decimals = if scaled.abs() >= 99.95 { 0 } else { 1 };
    format!("{scaled:.decimals$}{unit}")
}

/// Seconds for people: `42 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Whole numbers in groups of three digits, separated by a no-break space.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// Escapes text for HTML and SVG, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Neither HTML nor XML can contain control characters, and a browser obeys the bidirectional ones: a diff would
            // be shown in the wrong order.
            c if is_hazard(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Escapes text for Markdown, on one line: it can't contain markup, HTML, links or images.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' | '!' | '$' => out.extend(['\\', c]),
            '\n' | '\t' | '\r' => out.push(' '),
            c if is_hazard(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    // GitHub makes links of bare addresses.
    out.replace("://", "\\://").replace("www.", "www\\.")
}

/// One field of a CSV line. A leading character that spreadsheets treat as a formula gets an apostrophe, except in numbers.
pub(crate) fn csv_field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text: String =
        text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect();
    let text = if formula { format!("'{text}") } else { text };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A CSV line with its line end.
pub(crate) fn csv_line<S: AsRef<str>>(fields: impl IntoIterator<Item = S>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|f| csv_field(f.as_ref())).collect();
    fields.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        assert_eq!(
            (percent(17.0 / 45.0).as_str(), points(-0.02).as_str(), points(2.0 / 45.0).as_str()),
            ("37.8 %", "−2.0", "+4.4")
        );
        assert_eq!(
            (p_value(0.774_4).as_str(), p_value(1e-9).as_str(), points(-0.0001).as_str()),
            ("0.774", "< 0.001", "0.0")
        );
        assert_eq!([short(7.0), short(999.0), short(12_345.0), short(1_234_567.0)], ["7", "999", "12.3k", "1.2M"]);
        assert_eq!(
            [duration(4.2), duration(42.0), duration(185.0), duration(7800.0)],
            ["4.2 s", "42 s", "3 min 05 s", "2 h 10 min"]
        );
        assert_eq!(grouped(1_234_567), "1\u{a0}234\u{a0}567");
    }

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(escape("<script>\u{0}\"'&"), "&lt;script&gt;\u{fffd}&quot;&#39;&amp;");
        assert_eq!(escape("if admin\u{202e} \u{2066}// \u{ffff}"), "if admin\u{fffd} \u{fffd}// \u{fffd}");
        assert_eq!(markdown("a|b <img src=x>\n![x](y)"), "a\\|b \\<img src=x\\> \\!\\[x\\](y)");
        assert_eq!(markdown("https://x \u{202e}www.y"), "https\\://x \u{fffd}www\\.y");
        assert_eq!(csv_field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(csv_field("-4.5"), "-4.5");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
