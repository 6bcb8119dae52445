//! Suites, workspaces for tasks, the run queue, resuming and predictions.
