//! The `main` of a test program.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Runs `tests`; or the toolbox, where the program was started as one by a [`crate::TestBackend`].
///
/// The test target needs `harness = false`.
pub fn main(tests: &[(&'static str, fn())]) -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("toolbox") {
        return voe_toolbox::server::run();
    }
    let trials = tests.iter().map(|(name, test)| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
