//! The backends, strongest isolation first. To add one: a module here that implements [`Backend`], its row in [`KINDS`], and
//! its name in [`BackendChoice`].

pub(crate) mod container;
mod in_place;
mod landlock;
mod local;

use crate::backend::{Backend, BoxFuture, Capabilities};
use crate::choice::BackendChoice;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::home::index::HomeRecord;

/// A kind of backend.
pub(crate) struct BackendKind {
    pub(crate) choice: BackendChoice,
    pub(crate) capabilities: Capabilities,
    /// Whether `auto` tries it.
    pub(crate) automatic: bool,
    /// Opens one, which shows whether it works here.
    pub(crate) open: fn(SandboxConfig) -> BoxFuture<'static, OpenResult>,
    /// Removes what dead voes left outside of their directories.
    pub(crate) sweep: Option<Sweep>,
}

/// Cleans up after dead voes, given the ids and records of their sandboxes.
type Sweep = fn(&[(String, HomeRecord)]);

type OpenResult = Result<Box<dyn Backend>, SandboxError>;

/// All backends, in the order in which `auto` tries them.
pub(crate) static KINDS: [BackendKind; 5] = [
    BackendKind {
        choice: BackendChoice::Local,
        capabilities: local::CAPABILITIES,
        automatic: true,
        open: |spec| opened(local::Local::open(spec)),
        sweep: None,
    },
    BackendKind {
        choice: BackendChoice::Docker,
        capabilities: container::CAPABILITIES,
        automatic: true,
        open: |spec| opened(container::Container::open(spec)),
        // Sweeps every engine, Podman's too.
        sweep: Some(container::sweep),
    },
    BackendKind {
        choice: BackendChoice::Podman,
        capabilities: container::CAPABILITIES,
        automatic: true,
        open: |spec| opened(container::Container::open(spec)),
        sweep: None,
    },
    BackendKind {
        choice: BackendChoice::Landlock,
        capabilities: landlock::CAPABILITIES,
        automatic: true,
        open: |spec| opened(landlock::Landlock::open(spec)),
        sweep: None,
    },
    BackendKind {
        choice: BackendChoice::None,
        capabilities: in_place::CAPABILITIES,
        automatic: false,
        open: |spec| opened(in_place::InPlace::open(spec)),
        sweep: None,
    },
];

fn opened<B: Backend + 'static>(
    open: impl Future<Output = Result<B, SandboxError>> + Send + 'static,
) -> BoxFuture<'static, OpenResult> {
    Box::pin(async move { Ok(Box::new(open.await?) as Box<dyn Backend>) })
}

/// The capabilities of a backend; for `auto`, those of the strongest.
pub fn capabilities(choice: BackendChoice) -> Capabilities {
    KINDS.iter().find(|kind| kind.choice == choice).unwrap_or(&KINDS[0]).capabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_but_auto_has_a_row() {
        let rows: Vec<BackendChoice> = KINDS.iter().map(|kind| kind.choice).collect();
        let choices: Vec<BackendChoice> =
            BackendChoice::ALL.into_iter().filter(|choice| *choice != BackendChoice::Auto).collect();
        assert_eq!(rows, choices);
    }
}
