//! The user's choice of a backend.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The backend that the user asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// The strongest that works without further settings: `local`, else a container if an image is named, else `landlock`.
    #[default]
    Auto,
    /// Namespaces and an overlay.
    Local,
    /// Landlock and seccomp, on a copy of the tree.
    Landlock,
    /// A Docker container.
    Docker,
    /// A Podman container, over the same API.
    Podman,
    /// No isolation.
    None,
}

impl BackendChoice {
    /// All of them, strongest isolation first, as `auto` goes through them.
    pub const ALL: [Self; 6] = [Self::Auto, Self::Local, Self::Docker, Self::Podman, Self::Landlock, Self::None];

    /// The name on the command line and in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Local => "local",
            Self::Landlock => "landlock",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::None => "none",
        }
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A name that is not a backend's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown sandbox {0:?}: use auto, local, landlock, docker, podman or none")]
pub struct UnknownChoice(pub String);

impl FromStr for BackendChoice {
    type Err = UnknownChoice;

    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        Self::ALL.into_iter().find(|choice| choice.word() == word).ok_or_else(|| UnknownChoice(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_back_from_its_word() {
        for choice in BackendChoice::ALL {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("jail".parse::<BackendChoice>().is_err());
    }
}
