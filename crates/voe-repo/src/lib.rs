//! The repository that is worked on: its base, the patch, applying it, undoing it.
