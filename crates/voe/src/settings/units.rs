//! Durations and sizes as people write them.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A duration: `90s`, `20m`, `1h30m`, `1 hour 30 minutes`, or a bare number of seconds.
///
/// # Errors
/// What is expected instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 90s, 20m or 1h30m".to_owned();
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| expected());
    }
    let span: Span = text.trim().parse().map_err(|_| expected())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| expected())?;
    Duration::try_from(duration).map_err(|_| expected())
}

/// A duration as [`duration`] reads it.
pub(crate) fn show_duration(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration).map_or_else(|_| duration.as_secs().to_string(), |d| format!("{d:#}"))
}

/// Bytes: `4GiB`, `512M`, `1.5 GB`, or a bare number. A unit is a power of 1024, whether or not its `i` is written.
///
/// # Errors
/// What is expected instead.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let expected = || "expected a size such as 4GiB or 512MiB".to_owned();
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().map_err(|_| expected())?;
    let unit = text[at..].trim().to_ascii_lowercase();
    let power = UNITS.iter().position(|units| units.contains(&unit.as_str())).ok_or_else(expected)?;
    let bytes = number * 1024_f64.powi(i32::try_from(power).unwrap_or(0));
    if (1.0..9e18).contains(&bytes) { Ok(bytes as u64) } else { Err(expected()) }
}

/// The units by the power of 1024 that they are.
const UNITS: [&[&str]; 5] =
    [&["", "b"], &["k", "kb", "kib"], &["m", "mb", "mib"], &["g", "gb", "gib"], &["t", "tb", "tib"]];

/// A size as [`bytes`] reads it, in the largest unit that it is a whole number of.
pub(crate) fn show_bytes(bytes: u64) -> String {
    [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
        .into_iter()
        .find(|(_, bits)| bytes >= 1 << bits && bytes.trailing_zeros() >= *bits)
        .map_or_else(|| bytes.to_string(), |(unit, bits)| format!("{}{unit}", bytes >> bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let cases = [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("20m", Some(1200)),
            ("1h30m", Some(5400)),
            ("1 hour 30 minutes", Some(5400)),
            ("0.5h", Some(1800)),
            ("2d", Some(172_800)),
            ("", None),
            ("soon", None),
            ("5 apples", None),
            ("-5m", None),
            ("-5", None),
            ("5m ago", None),
            ("nan", None),
            ("1e300", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(duration("1.5").unwrap(), Duration::from_millis(1500));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("4GiB", Some(4 << 30)),
            ("512M", Some(512 << 20)),
            ("1.5 gb", Some(3 << 29)),
            ("1048576", Some(1 << 20)),
            ("0", None),
            ("", None),
            ("much", None),
            ("4 apples", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for size in [4 << 30, 512 << 20, 1536 << 20, 1000, 1 << 10] {
            assert_eq!(bytes(&show_bytes(size)), Ok(size));
        }
        assert_eq!(show_bytes(1536 << 20), "1536MiB");
        for seconds in [1, 90, 300, 1200, 7200, 100_000] {
            let shown = Duration::from_secs(seconds);
            assert_eq!(duration(&show_duration(shown)), Ok(shown));
        }
        assert_eq!(show_duration(Duration::from_secs(5400)), "1h 30m");
    }
}
