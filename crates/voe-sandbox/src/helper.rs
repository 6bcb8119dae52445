//! The hidden subcommand `voe sandbox-init`: the parts of voe that a backend starts next to or inside a sandbox.

use std::process::ExitCode;

use crate::backends::container;
use crate::init;

/// Runs the part that `arguments` (those after the subcommand) name. The process must have a single thread when this is
/// called (no runtime yet).
pub fn helper(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().unwrap_or(u64::MAX);
    let started = match words[..] {
        ["bridge", address, container, ref command @ ..] => {
            let command = command.iter().map(|word| (*word).to_owned()).collect();
            Some(container::bridge(address, container, command))
        }
        ["idle", disk, memory, processes] => Some(container::idle(number(disk), number(memory), number(processes))),
        ["reset", from, to] => Some(container::reset(from.as_ref(), to.as_ref())),
        ["contained"] => Some(container::contained()),
        [fd] => fd.parse().ok().and_then(init::run),
        _ => None,
    };
    started.unwrap_or_else(|| {
        #[expect(clippy::print_stderr, reason = "a person ran it by hand; the text is fixed")]
        let () = eprintln!("voe sandbox-init is internal: voe starts it itself");
        ExitCode::from(2)
    })
}
