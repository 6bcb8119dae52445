//! The toolbox in a process of its own, on real repositories.
//!
//! This program is both ends: started with `VOE_TOOLBOX=1` it is the toolbox.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changes;
mod commands;
mod files;
mod hostile;
mod lab;
mod packs;
mod requests;
mod restart;
mod roles;
mod transfer;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if std::env::var_os("VOE_TOOLBOX").is_some() {
        return voe_toolbox::server::run();
    }
    let tests = [
        commands::TESTS,
        files::TESTS,
        changes::TESTS,
        transfer::TESTS,
        restart::TESTS,
        roles::TESTS,
        requests::TESTS,
        packs::TESTS,
        hostile::TESTS,
    ]
    .concat();
    let trials = tests
        .into_iter()
        .map(|(name, test)| {
            Trial::test(name, move || {
                test();
                Ok(())
            })
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test by its name.
type Test = (&'static str, fn());

/// The names of functions with the functions.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[$crate::Test] = &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
