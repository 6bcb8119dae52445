//! A proof for GitHub Actions: workflow commands that become annotations, and Markdown in the step's summary.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Context;
use voe_evidence::check::regressed;
use voe_proof::{Proof, ProofVerdict};

use super::{markdown, words};

/// The variable with the file to which a step's summary is added.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

pub(super) fn print(proof: &Proof) -> anyhow::Result<()> {
    out!("{}", annotations(proof));
    let Some(file) = std::env::var_os(SUMMARY).filter(|file| !file.is_empty()) else { return Ok(()) };
    let summary = markdown::render(proof);
    let written = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&file)
        .and_then(|mut file| file.write_all(summary.as_bytes()));
    written.with_context(|| format!("cannot write the step's summary to {}", file.display()))
}

/// One annotation for the verdict, and one for each regression.
pub(super) fn annotations(proof: &Proof) -> String {
    let kind = match proof.verdict {
        ProofVerdict::Proven | ProofVerdict::NothingToProve => "notice",
        ProofVerdict::NotProven => "warning",
        ProofVerdict::Regressed => "error",
    };
    let mut out = line(kind, "voe prove", &words::verdict(proof));
    for check in proof.all_checks().filter(|check| regressed(check)) {
        out += &line("error", "voe prove: regression", &format!("{}: {}", words::command(check), words::showed(check)));
    }
    out
}

fn line(kind: &str, title: &str, message: &str) -> String {
    format!("::{kind} title={}::{}\n", property(title), data(message))
}

/// A message, as a workflow command takes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
