//! Where work happens: isolation backends, limits, snapshots and forks.
