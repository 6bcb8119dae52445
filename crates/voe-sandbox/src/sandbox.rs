//! A sandbox, whichever backend holds it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use voe_protocol::Toolbox;
use voe_protocol::{CallResult, Hello, Setup};
use voe_trace::event::SandboxFacts;

use crate::choice::Choice;
use crate::container::{self, Container, Image};
use crate::error::SandboxError;
use crate::fit;
use crate::in_place::{InPlace, Kept};
use crate::landlock::{self, Landlock};
use crate::local::{Layers, Local};
use crate::probe;
use crate::spec::Spec;

/// A place to work in. Dropping it ends what runs inside and removes what it put into [`Spec::home`].
#[derive(Debug)]
pub struct Sandbox(Backend);

#[derive(Debug)]
enum Backend {
    Local(Box<Local>),
    InPlace(Box<InPlace>),
    Landlock(Box<Landlock>),
    Container(Box<Container>),
}

/// A workspace at a moment. Keeps what it needs as long as it lives.
#[derive(Debug, Clone)]
pub struct Snapshot(pub(crate) At);

/// Which moment, as the backends tell it.
#[derive(Debug, Clone)]
pub(crate) enum At {
    /// The workspace as it was when the attempt began.
    Base,
    /// Layers of an overlay.
    Layers(Layers),
    /// A container's image.
    Image(Arc<Image>),
    /// A tree in a private git store.
    Tree(Kept),
    /// A copy of the tree.
    Copy(landlock::Kept),
}

impl Sandbox {
    /// Opens what `spec` asks for. Nothing runs inside until [`Sandbox::toolbox`].
    pub async fn open(spec: Spec) -> Result<Self, SandboxError> {
        fit::check(&spec)?;
        match spec.choice {
            Choice::None => Ok(Self(Backend::InPlace(Box::new(InPlace::open(spec).await?)))),
            Choice::Landlock => Ok(Self(Backend::Landlock(Box::new(Landlock::open(spec).await?)))),
            Choice::Local => Ok(Self(Backend::Local(Box::new(Local::open(spec).await?)))),
            Choice::Auto => probe::strongest(spec).await,
            Choice::Docker | Choice::Podman => Ok(Self(Backend::Container(Box::new(Container::open(spec).await?)))),
        }
    }

    /// What to record about it.
    pub fn facts(&self) -> SandboxFacts {
        match &self.0 {
            Backend::Local(local) => local.facts(),
            Backend::InPlace(place) => place.facts(),
            Backend::Landlock(landlock) => landlock.facts(),
            Backend::Container(container) => container.facts(),
        }
    }

    /// The workspace's path inside.
    pub fn workspace(&self) -> &Path {
        match &self.0 {
            Backend::Local(local) => local.workspace(),
            Backend::InPlace(place) => place.workspace(),
            Backend::Landlock(landlock) => landlock.workspace(),
            Backend::Container(container) => container.workspace(),
        }
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        match &self.0 {
            Backend::Local(_) => false,
            Backend::InPlace(place) => place.in_place(),
            Backend::Landlock(_) => false,
            Backend::Container(_) => false,
        }
    }

    /// Where the workspace as it was at the start can be read from inside, if there is such a place.
    pub fn base_inside(&self) -> Option<PathBuf> {
        match &self.0 {
            Backend::Local(_) => Some(crate::local::BASE_INSIDE.into()),
            Backend::InPlace(_) => None,
            Backend::Landlock(landlock) => Some(landlock.base_inside()),
            Backend::Container(_) => Some(container::BASE.into()),
        }
    }

    /// The private directory for temporary files inside, if there is one.
    pub fn private_tmp(&self) -> Option<PathBuf> {
        match &self.0 {
            Backend::Local(_) | Backend::Container(_) => Some("/tmp".into()),
            Backend::InPlace(_) => None,
            Backend::Landlock(landlock) => Some(landlock.temporary()),
        }
    }

    /// Starts the toolbox, or starts it again on the same workspace after it died. `setup`'s workspace, scratch, environment
    /// and the limits on memory, processes and files are filled in here. There is one toolbox at a time: the caller drops
    /// a dead one first.
    pub async fn toolbox(&self, setup: Setup) -> Result<(Toolbox, Hello), SandboxError> {
        match &self.0 {
            Backend::Local(local) => local.toolbox(setup).await,
            Backend::InPlace(place) => place.toolbox(setup).await,
            Backend::Landlock(landlock) => landlock.toolbox(setup).await,
            Backend::Container(container) => container.toolbox(setup).await,
        }
    }

    /// Says in `result` which limit of the sandbox was hit since the last time it was asked, in words for the model.
    /// To be called after each call.
    pub fn annotate(&self, result: &mut CallResult) {
        match &self.0 {
            Backend::Local(local) => local.annotate(result),
            Backend::InPlace(_) => {}
            Backend::Landlock(landlock) => landlock.annotate(result),
            Backend::Container(container) => container.annotate(result),
        }
    }

    /// The workspace as it was when the attempt began.
    pub fn base(&self) -> Snapshot {
        Snapshot(At::Base)
    }

    /// Keeps the workspace as it is now. To be called between two calls of the toolbox, which may go on afterwards.
    pub async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        match &self.0 {
            Backend::Local(local) => local.snapshot().await,
            Backend::InPlace(place) => place.snapshot().await,
            Backend::Landlock(landlock) => landlock.snapshot().await,
            Backend::Container(container) => container.snapshot().await,
        }
    }

    /// A second sandbox whose workspace is as it was `at` that moment, sharing nothing writable with this one. A fork of
    /// [`Sandbox::base`] has a copy of the private `/tmp` as it is now (that is what a counterfactual needs).
    pub async fn fork(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        match &self.0 {
            Backend::Local(local) => Ok(Self(Backend::Local(Box::new(local.fork(at).await?)))),
            Backend::InPlace(place) => Ok(Self(Backend::InPlace(Box::new(place.fork(at).await?)))),
            Backend::Landlock(landlock) => Ok(Self(Backend::Landlock(Box::new(landlock.fork(at).await?)))),
            Backend::Container(container) => Ok(Self(Backend::Container(Box::new(container.fork(at).await?)))),
        }
    }

    /// Ends it and says what could not be cleaned up. Drop the toolbox first.
    pub async fn close(self) -> Result<(), SandboxError> {
        match self.0 {
            Backend::Local(local) => drop(local),
            Backend::InPlace(place) => drop(place),
            Backend::Landlock(landlock) => drop(landlock),
            Backend::Container(container) => container.close().await,
        }
        Ok(())
    }
}
