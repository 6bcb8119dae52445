//! The viewer's own files, embedded.

use std::borrow::Cow;
use std::fmt::Write as _;

use minijinja::context;
use voe_untrusted::text::is_hazard;

use crate::{ReportError, markup};

/// Name, content type and content, as in the source.
const FILES: [(&str, &str, &str); 9] = [
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("data.js", SCRIPT, include_str!("assets/data.js")),
    ("overview.js", SCRIPT, include_str!("assets/overview.js")),
    ("attempt.js", SCRIPT, include_str!("assets/attempt.js")),
    ("events.js", SCRIPT, include_str!("assets/events.js")),
    ("search.js", SCRIPT, include_str!("assets/search.js")),
    ("app.js", SCRIPT, include_str!("assets/app.js")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

const PAGE: &str = include_str!("assets/index.html");

/// Placeholder in a script for the characters that are not shown.
const HAZARDS: &str = "{{hazards}}";

/// Name, content type and content of each file.
pub(super) fn files() -> impl Iterator<Item = (&'static str, &'static str, Cow<'static, str>)> {
    FILES.into_iter().map(|(name, kind, content)| {
        let made = content.contains(HAZARDS).then(|| content.replace(HAZARDS, &hazards()).into());
        (name, kind, made.unwrap_or(Cow::Borrowed(content)))
    })
}

/// The regular expression ranges of the characters that are also removed on a terminal, so that there is one list.
fn hazards() -> String {
    let (mut ranges, mut open) = (String::new(), None);
    for c in ('\0'..=char::MAX).map(Some).chain([None]) {
        match (open, c.filter(|c| is_hazard(*c))) {
            (None, Some(c)) => open = Some((c, c)),
            (Some((first, _)), Some(c)) => open = Some((first, c)),
            (Some((first, last)), None) => {
                let _ = write!(ranges, "\\u{{{:x}}}-\\u{{{:x}}}", u32::from(first), u32::from(last));
                open = None;
            }
            (None, None) => {}
        }
    }
    ranges
}

/// The page, as served or for opening from disk. In a page, unlike in a header, a policy can't restrict framing.
///
/// # Errors
/// The template is invalid.
pub(super) fn page(exported: bool) -> Result<String, ReportError> {
    let mode = if exported { "export" } else { "served" };
    let policy = policy(exported).trim_end_matches("; frame-ancestors 'none'");
    markup::render(PAGE, context! { mode, policy })
}

/// Content security policy: the page may run its own scripts and request from its own server, nothing else. From disk there is no server, and a
/// script's URL starts with `file:`.
pub(super) fn policy(exported: bool) -> &'static str {
    if exported {
        "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; base-uri 'none'; form-action 'none'"
    } else {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(wanted: &str) -> String {
        files().find(|(name, ..)| *name == wanted).unwrap().2.into_owned()
    }

    #[test]
    fn the_viewer_hides_what_the_terminal_does() {
        let script = content("dom.js");
        let (_, rest) = script.split_once("/[").unwrap();
        let (ranges, _) = rest.split_once("]/gu").unwrap();
        let number = |text: &str| u32::from_str_radix(text.strip_suffix('}').unwrap(), 16).unwrap();
        let ranges: Vec<(u32, u32)> = ranges
            .split("\\u{")
            .skip(1)
            .collect::<Vec<_>>()
            .chunks(2)
            .map(|pair| (number(pair[0].strip_suffix('-').unwrap()), number(pair[1])))
            .collect();
        for c in '\0'..=char::MAX {
            let hidden = ranges.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)));
            assert_eq!(hidden, is_hazard(c), "{c:?}");
        }
        for (name, _, content) in files() {
            assert!(!content.contains("{{"), "{name}");
        }
    }

    #[test]
    fn every_text_of_the_page_goes_through_the_function_that_hides_them() {
        for (name, _, content) in files().filter(|(name, ..)| name.ends_with(".js")) {
            let ways =
                ["textContent =", "document.title =", "setAttribute(", "innerText", ".title =", "createTextNode"];
            for line in content.lines().filter(|line| ways.iter().any(|way| line.contains(way))) {
                assert!(line.contains("visible("), "{name}: {line}");
            }
        }
    }
}
