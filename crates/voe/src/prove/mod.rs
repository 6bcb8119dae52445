//! `voe prove`: whether a change works, whoever made it. No model is asked.
//!
//! - [`args`]: the command line
//! - [`text`], [`markdown`], [`github`], [`sarif`]: the formats
//! - [`words`]: what they share

mod args;
mod github;
mod markdown;
mod sarif;
mod text;
mod words;

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use voe_proof::{OwnTestsToRun, Proof, ProofVerdict, ProveOptions, Prover};
use voe_repo::{ChangeSource, Repo, TreeChange};

use args::ProofFormat;
pub(crate) use args::Prove;

use crate::settings::{Settings, table};
use crate::show::Paint;
use crate::{UsageError, exit, session, show, signals, state};

/// The most bytes of a patch.
const LONGEST_PATCH: u64 = 64 << 20;

pub(crate) async fn run(args: Prove) -> anyhow::Result<u8> {
    let here = std::env::current_dir()?;
    let repo = Repo::discover(&here)?;
    let settings = settings(&args, repo.top())?;
    voe_sandbox::check_workspace(&session::spec(&settings, repo.top(), Path::new(""))?)?;
    let patch = args.patch.as_deref().map(read_patch).transpose()?;
    voe_sandbox::sweep(&state::dir()?);
    let temporary = state::Temporary::new()?;
    let change = change(&args, &repo, patch.as_deref(), &temporary.path().join("store"))?;
    let stop = signals::stop((args.format == ProofFormat::Text).then_some("stopping"))?;
    let sandbox = session::sandbox(&settings, repo.top(), &temporary.path().join("sandbox")).await?;
    if !sandbox.capabilities().fork {
        let text = format!(
            "the sandbox {} can't run a check on a second copy, which a proof needs; use --sandbox local",
            sandbox.facts().backend
        );
        return Err(UsageError(text).into());
    }
    let options = ProveOptions {
        checks: args.checks.clone(),
        own_tests: match args.tests.as_str() {
            "auto" => OwnTestsToRun::Found,
            "off" => OwnTestsToRun::Off,
            command => OwnTestsToRun::Command(command.to_owned()),
        },
        limit: args.timeout,
        parallel: usize::from(args.parallel),
    };
    let mut prover = Prover::open(sandbox, change, options, stop.clone()).await?;
    let proof = prover.prove().await;
    let closed = prover.close().await;
    let proof = proof?;
    if *stop.borrow() {
        return Ok(exit::INTERRUPTED);
    }
    print(&proof, &args)?;
    if let Err(error) = closed {
        errln!("voe: {error}; what is left of the sandbox is removed at the next start");
    }
    Ok(code(&proof, args.strict))
}

/// The exit code of a proof.
fn code(proof: &Proof, strict: bool) -> u8 {
    match proof.verdict {
        ProofVerdict::Proven => exit::OK,
        ProofVerdict::NothingToProve if !strict => exit::OK,
        ProofVerdict::NothingToProve | ProofVerdict::NotProven => exit::NOT_PROVEN,
        ProofVerdict::Regressed => exit::REGRESSED,
    }
}

/// The settings with this command's flags on top.
fn settings(args: &Prove, top: &Path) -> anyhow::Result<Settings> {
    let mut settings = Settings::load(Some(top))?;
    settings.flag_sandbox(args.sandbox);
    settings.flag_word(&table::NETWORK, args.network);
    settings.flag(&table::IMAGE, args.image.clone());
    settings.allow_home = args.allow_home;
    Ok(settings)
}

fn read_patch(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let shown = file.display().to_string();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .take(LONGEST_PATCH)
            .read_to_end(&mut text)
            .context("cannot read the patch from standard input")?;
    } else {
        let open = std::fs::File::open(file).and_then(|file| file.take(LONGEST_PATCH).read_to_end(&mut text));
        open.map_err(|error| {
            UsageError(format!("cannot read the patch {shown}: {error}; give a file, or - for standard input"))
        })?;
    }
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(UsageError(format!("the patch {shown} is empty; make one with `git diff`")).into());
    }
    Ok(text)
}

fn change(args: &Prove, repo: &Repo, patch: Option<&[u8]>, store: &Path) -> anyhow::Result<TreeChange> {
    let base = args.base.as_deref();
    let source = match (&args.range, patch) {
        (Some(range), _) => ChangeSource::Range(range),
        (None, Some(text)) => ChangeSource::Patch { base, text },
        (None, None) => ChangeSource::WorkTree { base: base.unwrap_or("HEAD") },
    };
    Ok(repo.change(&source, store)?)
}

fn print(proof: &Proof, args: &Prove) -> anyhow::Result<()> {
    match args.format {
        ProofFormat::Text => show::out::text(&text::render(proof, Paint::stdout(args.no_color))),
        ProofFormat::Md => out!("{}", markdown::render(proof)),
        ProofFormat::Json => show::out::json_pretty(proof)?,
        ProofFormat::Github => github::print(proof)?,
        ProofFormat::Sarif => show::out::json_pretty(&sarif::of(proof))?,
    }
    Ok(())
}
