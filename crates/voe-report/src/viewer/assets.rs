//! The viewer's own files, embedded.

/// Name, content type and content.
pub(super) const FILES: [(&str, &str, &str); 9] = [
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

/// The page, as served or for opening from disk. In a page, unlike in a header, a policy can't say who may frame it.
pub(super) fn page(exported: bool) -> String {
    PAGE.replace("{{mode}}", if exported { "export" } else { "served" })
        .replace("{{policy}}", policy(exported).trim_end_matches("; frame-ancestors 'none'"))
}

/// What the page may do: run its own scripts, ask its own server, nothing else. From disk there is no server to ask, and a
/// script's address begins with `file:`.
pub(super) fn policy(exported: bool) -> &'static str {
    if exported {
        "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; base-uri 'none'; form-action 'none'"
    } else {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }
}
