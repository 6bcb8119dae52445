//! Where a patch was graded: `ran.json` next to a task's official files, so that a self-test reuses an earlier verdict only
//! if it was made with the same settings.

use std::path::Path;

use serde::{Deserialize, Serialize};
use voe_sandbox::BackendChoice;
use voe_untrusted::UntrustedDir;

use crate::run::place::{PlaceBackend, PlaceRecord};

/// The file's name.
const FILE: &str = "ran.json";

/// Most bytes read from it.
const LONGEST: u64 = 1 << 16;

/// What affects verdicts besides task and patch, as far as it is known before a task is prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GradeSetting {
    backend: PlaceBackend,
    sandbox: BackendChoice,
    network: bool,
    image: Option<String>,
    /// Hashes of the environments file and of the `specs*.json` next to it.
    environments: Option<(String, Option<String>)>,
}

impl GradeSetting {
    /// For gradings in `place`; `network`: whether tests may use the network.
    pub fn new(place: &PlaceRecord, network: bool) -> Self {
        let content = |file: &crate::run::place::Environments| (file.sha256.clone(), file.specs_sha256.clone());
        Self {
            backend: place.backend,
            sandbox: place.sandbox,
            network,
            image: place.image.clone(),
            environments: place.environments.as_ref().map(content),
        }
    }
}

/// Where one patch was graded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GradedWhere {
    pub(super) setting: GradeSetting,
    /// The task's environment, by content.
    pub(super) origin: String,
}

impl GradedWhere {
    /// Reads the record in `dir`; `None` if there is none.
    pub(super) fn read(dir: &UntrustedDir) -> Option<Self> {
        let text = dir.read_text(Path::new(FILE), LONGEST).ok().flatten()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it to `dir`.
    pub(super) fn write(&self, dir: &UntrustedDir) -> Result<(), voe_untrusted::Error> {
        let text = serde_json::to_string(self).unwrap_or_default() + "\n";
        dir.replace(FILE, text.as_bytes())
    }
}
