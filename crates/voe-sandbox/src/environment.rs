//! The environment of commands: an allow-list, never all of voe's own.

use std::collections::BTreeMap;

/// Variables that pass, besides those that start with `LC_`.
const ALLOWED: [&str; 16] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "USER",
    "LOGNAME",
    "HOME",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "NVM_DIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "GOROOT",
    "GOPATH",
    "JAVA_HOME",
];

/// The environment of commands: the allowed variables of `own` (voe's environment), those `added` by the user, and settings
/// that keep programs from paging and asking.
pub fn allowed(
    own: impl IntoIterator<Item = (String, String)>,
    added: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> =
        own.into_iter().filter(|(name, _)| ALLOWED.contains(&name.as_str()) || name.starts_with("LC_")).collect();
    for (name, value) in [
        ("TERM", "dumb"),
        ("NO_COLOR", "1"),
        ("PAGER", "cat"),
        ("GIT_PAGER", "cat"),
        ("GIT_EDITOR", "true"),
        ("EDITOR", "true"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("PIP_NO_INPUT", "1"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ] {
        env.insert(name.into(), value.into());
    }
    env.entry("PATH".into()).or_insert_with(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
    env.entry("LANG".into()).or_insert_with(|| "C.UTF-8".into());
    env.insert("SHELL".into(), "/bin/bash".into());
    env.extend(added.iter().map(|(name, value)| (name.clone(), value.clone())));
    env
}

/// An identity for commits and stashes, since the user's configuration is out of reach.
pub(crate) fn identity() -> [(String, String); 4] {
    [
        ("GIT_AUTHOR_NAME", "voe"),
        ("GIT_AUTHOR_EMAIL", "voe@localhost"),
        ("GIT_COMMITTER_NAME", "voe"),
        ("GIT_COMMITTER_EMAIL", "voe@localhost"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
}

/// The same from voe's own environment; variables that are not UTF-8 do not pass.
pub(crate) fn from_own(added: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    allowed(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))), added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_outside_and_the_locale_passes() {
        let own = [("OPENAI_API_KEY", "k"), ("AWS_SECRET_ACCESS_KEY", "k"), ("GH_TOKEN", "k"), ("SSH_AUTH_SOCK", "/s")]
            .into_iter()
            .chain([("LC_CTYPE", "C"), ("PATH", "/bin"), ("TERM", "xterm")])
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let env = allowed(own, &BTreeMap::from([("FOO".into(), "1".into())]));
        for hidden in ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GH_TOKEN", "SSH_AUTH_SOCK"] {
            assert!(!env.contains_key(hidden), "{hidden} must not pass");
        }
        assert_eq!((env["LC_CTYPE"].as_str(), env["PATH"].as_str(), env["TERM"].as_str()), ("C", "/bin", "dumb"));
        assert_eq!(env["FOO"], "1");
    }
}
