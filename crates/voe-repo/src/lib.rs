//! The user's repository: its base, the patch, applying it, undoing it.
//!
//! - [`Repo`]: the user's repository, found from a directory in it.
//! - [`Base`]: its current work tree, uncommitted work included, recorded in a git directory of voe's own.
//! - [`Repo::change`]: a change that somebody made, as two states of the files: a work tree, a range of commits, a patch.
//! - [`make_patch`]: the changes of an attempt in the format of `git apply`, with the [`Hazard`]s that forbid applying it.
//! - [`automatic()`]: which of its files tools run automatically.
//! - [`Repo::apply`]: applies the patch to the user's tree, all of it or nothing.
//! - [`UndoPoint`]: takes back what was applied, or restores everything.
//! - [`Base::check_out`], [`Base::keep`], [`Base::with_patch`]: the base in another place.
//! - [`throw_away_copy`], [`sealed_checkout`]: repositories for the demo and for suite tasks; [`HistoryCache`]: what they share.
//!
//! Everything is done by the `git` program (2.25 or newer), in a clean environment, under a time limit. Nothing that
//! the repository configures is run: no hooks, filters, diff drivers or file system monitors. All calls block: an
//! asynchronous caller wraps them (`spawn_blocking`).
//!
//! # Recording a repository
//!
//! ```no_run
//! use std::path::Path;
//! use voe_repo::Repo;
//!
//! let repo = Repo::discover(Path::new("."))?;
//! // Records the current work tree, uncommitted work included; the repository itself is not written to.
//! let base = repo.base(Path::new("/var/tmp/voe-base"))?;
//! println!("{} at {:?}", repo.top().display(), base.commit);
//! # Ok::<(), voe_repo::RepoError>(())
//! ```
//!
//! # Making a patch
//!
//! ```
//! use voe_protocol::{Export, ExportedFile, FileState, RawBytes};
//! use voe_repo::make_patch;
//! use voe_trace::FileRole;
//!
//! let state = |text: &str| Some(FileState { mode: 0o100644, content: RawBytes(text.into()) });
//! let file = ExportedFile {
//!     path: RawBytes(b"a.txt".to_vec()),
//!     base: state("one\n"),
//!     now: state("two\n"),
//!     role: FileRole::Code,
//! };
//! let patch = make_patch(&Export { files: vec![file], skipped: Vec::new() }, None)?;
//! assert!(patch.text.contains("-one\n+two\n"));
//! assert!(patch.hazards.is_empty());
//! # Ok::<(), voe_repo::RepoError>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod apply;
mod automatic;
mod base;
mod change;
mod copy;
mod error;
mod files;
mod git;
mod hazard;
mod history;
mod index;
mod objects;
mod patch;
mod prepared;
mod rebuild;
mod repo;
mod sealed;
mod search;
mod snapshot;
mod staged;
mod undo;

pub use apply::{ApplyOutcome, Conflict};
pub use automatic::{Automatic, Trigger, automatic};
pub use base::Base;
pub use change::{ChangeSource, TreeChange};
pub use copy::throw_away_copy;
pub use error::RepoError;
pub use hazard::Hazard;
pub use hazard::not_text;
pub use history::HistoryCache;
pub use patch::{Patch, make_patch};
pub use repo::Repo;
pub use sealed::{Sealed, sealed_checkout, settle};
pub use undo::{UndoPoint, UndoReport};

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, RepoError>;
