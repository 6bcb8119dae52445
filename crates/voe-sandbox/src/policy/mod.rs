//! The rules for commands: Landlock rules, filters of system calls, resource limits, privileges.

pub(crate) mod bounds;
pub(crate) mod filter;
pub(crate) mod outside;
pub(crate) mod privileges;
pub(crate) mod rules;
