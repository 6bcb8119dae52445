//! The backends, strongest isolation first. To add one: a module here that implements [`Backend`], its row in [`KINDS`], and
//! its name in [`Choice`].

pub(crate) mod container;
mod in_place;
mod landlock;
mod local;

use crate::backend::{Backend, BoxFuture, Capabilities};
use crate::choice::Choice;
use crate::error::SandboxError;
use crate::home::index::Record;
use crate::spec::Spec;

/// A kind of backend.
pub(crate) struct Kind {
    pub(crate) choice: Choice,
    pub(crate) capabilities: Capabilities,
    /// Whether `auto` tries it.
    pub(crate) automatic: bool,
    /// Opens one, which shows whether it works here.
    pub(crate) open: fn(Spec) -> BoxFuture<'static, Opened>,
    /// Removes what dead voes left outside of their directories.
    pub(crate) sweep: Option<Sweep>,
}

/// Cleans up after dead voes, given the ids and records of their sandboxes.
type Sweep = fn(&[(String, Record)]);

type Opened = Result<Box<dyn Backend>, SandboxError>;

/// All backends, in the order in which `auto` tries them.
pub(crate) static KINDS: [Kind; 5] = [
    Kind {
        choice: Choice::Local,
        capabilities: local::CAPABILITIES,
        automatic: true,
        open: |spec| opened(local::Local::open(spec)),
        sweep: None,
    },
    Kind {
        choice: Choice::Docker,
        capabilities: container::CAPABILITIES,
        automatic: true,
        open: |spec| opened(container::Container::open(spec)),
        // Sweeps every engine, Podman's too.
        sweep: Some(container::sweep),
    },
    Kind {
        choice: Choice::Podman,
        capabilities: container::CAPABILITIES,
        automatic: true,
        open: |spec| opened(container::Container::open(spec)),
        sweep: None,
    },
    Kind {
        choice: Choice::Landlock,
        capabilities: landlock::CAPABILITIES,
        automatic: true,
        open: |spec| opened(landlock::Landlock::open(spec)),
        sweep: None,
    },
    Kind {
        choice: Choice::None,
        capabilities: in_place::CAPABILITIES,
        automatic: false,
        open: |spec| opened(in_place::InPlace::open(spec)),
        sweep: None,
    },
];

fn opened<B: Backend + 'static>(
    open: impl Future<Output = Result<B, SandboxError>> + Send + 'static,
) -> BoxFuture<'static, Opened> {
    Box::pin(async move { Ok(Box::new(open.await?) as Box<dyn Backend>) })
}

/// The capabilities of a backend; for `auto`, those of the strongest.
pub fn capabilities(choice: Choice) -> Capabilities {
    KINDS.iter().find(|kind| kind.choice == choice).unwrap_or(&KINDS[0]).capabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_but_auto_has_a_row() {
        let rows: Vec<Choice> = KINDS.iter().map(|kind| kind.choice).collect();
        let choices: Vec<Choice> = Choice::ALL.into_iter().filter(|choice| *choice != Choice::Auto).collect();
        assert_eq!(rows, choices);
    }
}
