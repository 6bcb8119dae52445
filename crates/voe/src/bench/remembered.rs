//! The place of an existing run: the one it was started with. A flag can say where a file has moved to; one that contradicts
//! what the run was started with is refused. A run never weakens the sandbox: no sandbox, or higher limits than the user's,
//! have to be given each time.

use std::path::{Path, PathBuf};

use voe_bench::Suite;
use voe_bench::native::pins::Pins;
use voe_bench::run::RunDir;
use voe_bench::run::place::{CommandLimits, Differs, PlaceBackend, PlaceRecord};
use voe_sandbox::BackendChoice;

use super::place::{RequestedPlace, ResolvedPlace, environments, is_official};
use crate::settings::table::{DISK, ENV, MEMORY, PROCESSES, READ};
use crate::settings::units::show_bytes;
use crate::show::one_line;
use crate::{UsageError, trust};

/// The command that needs the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceUse {
    /// `voe bench run`.
    Run,
    /// `voe bench grade RUN`.
    Grade,
}

impl PlaceUse {
    /// What to do instead where the run can't be changed.
    fn otherwise(self) -> &'static str {
        match self {
            Self::Run => "start another run with --out DIR",
            Self::Grade => "grade its predictions alone (--predictions FILE --suite SUITE)",
        }
    }
}

/// The place of tasks of the run in `run`: the one it was started with, with the user's changes.
///
/// # Errors
/// The user's flags contradict it, a file is missing or has changed, or the run did not record enough.
pub(super) async fn place(
    run: &RunDir,
    said: RequestedPlace,
    suite: &Suite,
    who: PlaceUse,
) -> anyhow::Result<ResolvedPlace> {
    let found = match run.place() {
        Some(then) => as_begun(run, then, said, suite, who)?,
        None => unrecorded(run, said, suite, who).await?,
    };
    found.check(suite)?;
    Ok(found)
}

fn as_begun(
    run: &RunDir,
    then: &PlaceRecord,
    said: RequestedPlace,
    suite: &Suite,
    who: PlaceUse,
) -> anyhow::Result<ResolvedPlace> {
    let otherwise = who.otherwise();
    let contradicts = |flag: &str, then: &str| contradiction(run, flag, then, who);
    if let Some(backend) = said.backend.filter(|backend| *backend != then.backend) {
        return Err(contradicts(&format!("--backend {backend}"), &format!("--backend {}", then.backend)));
    }
    one_sandbox(run, then.sandbox, &said, who)?;
    if let Some(image) = said.image.as_ref().filter(|image| Some(*image) != then.image.as_ref()) {
        let image = one_line(&format!("--image {image}"));
        let begun = then.image.as_ref().map_or("each task's own image".into(), |image| format!("--image {image}"));
        return Err(contradicts(&image, &one_line(&begun)));
    }
    limits(run, then.limits, said.limits, otherwise)?;
    further(run, then, &said, otherwise)?;
    let (environments, pins) = the_environments(run, then, said.environments, suite, who)?.unzip();
    let repos = repos(run, then, said.repos)?;
    Ok(ResolvedPlace { place: PlaceRecord { environments, repos, ..then.clone() }, pins })
}

fn contradiction(run: &RunDir, flag: &str, then: &str, who: PlaceUse) -> anyhow::Error {
    let (dir, otherwise) = (run.path.display(), who.otherwise());
    UsageError(format!("{dir} was started with {then}, which contradicts {flag}; leave {flag} out, or {otherwise}"))
        .into()
}

/// Checks that the sandbox of a run can be used: a flag must not differ from it, and `none` must be given by the user.
fn one_sandbox(run: &RunDir, then: BackendChoice, said: &RequestedPlace, who: PlaceUse) -> anyhow::Result<()> {
    if let Some(sandbox) = said.sandbox.filter(|sandbox| *sandbox != then) {
        return Err(contradiction(run, &format!("--sandbox {sandbox}"), &format!("--sandbox {then}"), who));
    }
    let dir = run.path.display();
    let isolates = voe_sandbox::capabilities(then).isolates;
    if !isolates && said.sandbox.or(said.usual_sandbox) != Some(then) {
        let flags = if who == PlaceUse::Run { "--sandbox none --allow-readable-solutions" } else { "--sandbox none" };
        let otherwise = who.otherwise();
        let text = format!(
            "{dir} was started with --sandbox none, which is not taken from a run: add {flags}, or {otherwise}"
        );
        return Err(UsageError(text).into());
    }
    if let Some(usual) = said.usual_sandbox.filter(|usual| *usual != then) {
        errln!("voe: using the sandbox {then} that {dir} was started with, not your setting {usual}");
    }
    Ok(())
}

/// A run may have lower limits than the user's settings, and higher ones only if the user sets them.
fn limits(run: &RunDir, then: CommandLimits, here: CommandLimits, otherwise: &str) -> anyhow::Result<()> {
    for (variable, then, here, value) in [
        (MEMORY.env, then.memory_bytes, here.memory_bytes, show_bytes(then.memory_bytes)),
        (PROCESSES.env, then.processes, here.processes, then.processes.to_string()),
        (DISK.env, then.disk_bytes, here.disk_bytes, show_bytes(then.disk_bytes)),
    ] {
        if then > here {
            let text = format!(
                "{} was started with higher limits on commands than your settings; set {variable}={value}, or {otherwise}",
                run.path.display()
            );
            return Err(UsageError(text).into());
        }
    }
    Ok(())
}

/// A run may show its commands less of this machine than the user's settings, and more only if the user sets it.
fn further(run: &RunDir, then: &PlaceRecord, said: &RequestedPlace, otherwise: &str) -> anyhow::Result<()> {
    let read = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    for (row, by, then, here) in
        [(&READ, ":", read(&then.read), read(&said.read)), (&ENV, ",", then.env.clone(), said.env.clone())]
    {
        if then.iter().any(|one| !here.contains(one)) {
            let value = one_line(&then.join(by));
            let text = format!(
                "{} was started with more in {} than your settings have; set {}={value}, or {otherwise}",
                run.path.display(),
                row.name,
                row.env
            );
            return Err(UsageError(text).into());
        }
    }
    Ok(())
}

/// The environments that the run was started with, wherever their file is now. The user may add some, or the
/// first file: tasks without one were skipped.
fn the_environments(
    run: &RunDir,
    then: &PlaceRecord,
    said: Option<PathBuf>,
    suite: &Suite,
    who: PlaceUse,
) -> anyhow::Result<Option<(voe_bench::run::place::Environments, Pins)>> {
    let (dir, otherwise) = (run.path.display(), who.otherwise());
    let Some(then) = &then.environments else {
        let Some(file) = said else { return Ok(None) };
        if then.backend == PlaceBackend::Docker {
            let text = format!(
                "{dir} was started in containers, which do not use --environments; leave it out, or {otherwise}"
            );
            return Err(UsageError(text).into());
        }
        let pins = Pins::read(&file).map_err(UsageError)?.for_the_rest();
        errln!(
            "voe: {dir} was started without --environments; the file is used only for tasks whose list can't be fetched"
        );
        return Ok(Some((environments(file, &pins, suite), pins)));
    };
    let moved = said.is_some();
    let file = match said {
        Some(file) => file,
        None => named(run, &then.file, "the environments file", "--environments FILE")?,
    };
    let shown = file.display().to_string();
    let pins = Pins::read(&file).map_err(|why| {
        let remedy = "if the file has moved, give --environments FILE";
        UsageError(if moved { why } else { format!("{why}; {dir} was started with it: {remedy}") })
    })?;
    let pins = if then.rest { pins.for_the_rest() } else { pins };
    let now = environments(file, &pins, suite);
    if let Some(differs) = now.differs(then) {
        let what = match differs {
            Differs::Task(id) => format!("{shown}: the environment of {}", one_line(&id)),
            Differs::Specs => format!("the specs*.json next to {shown}"),
            Differs::File => shown,
        };
        let text = format!(
            "{what} has changed since {dir} was started; give the original file with --environments FILE, or {otherwise}"
        );
        return Err(UsageError(text).into());
    }
    if now.sha256 != then.sha256 {
        errln!("voe: {shown} has changed since {dir} was started; the environments of its tasks are the same");
    }
    Ok(Some((now, pins)))
}

fn repos(run: &RunDir, then: &PlaceRecord, said: Option<PathBuf>) -> anyhow::Result<Option<PathBuf>> {
    let (Some(then), None) = (&then.repos, &said) else { return Ok(said) };
    let repos = named(run, then, "the repositories", "--repos DIR")?;
    if !repos.is_dir() {
        let text = format!(
            "the repositories that {} was started with are not in {}; give --repos DIR",
            run.path.display(),
            repos.display()
        );
        return Err(UsageError(text).into());
    }
    Ok(Some(repos))
}

/// A path that a run names, if the user has given it to voe before.
fn named(run: &RunDir, path: &Path, what: &str, flag: &str) -> anyhow::Result<PathBuf> {
    if trust::path::is_given(path) {
        return Ok(path.to_owned());
    }
    let text = format!(
        "{} names {what} {}, which you have not used before; to allow it, give {flag}",
        run.path.display(),
        path.display()
    );
    Err(UsageError(text).into())
}

/// A run of an older voe, or one that others can write: the user gives what it does not record.
async fn unrecorded(run: &RunDir, said: RequestedPlace, suite: &Suite, who: PlaceUse) -> anyhow::Result<ResolvedPlace> {
    let dir = run.path.display();
    let why = if run.is_own() {
        format!("was started by voe {}, which did not record where its tasks run", one_line(&run.file.voe))
    } else {
        "can be written by others, so its record of where its tasks run is not used".to_owned()
    };
    let then: Option<BackendChoice> = run.file.sandbox.as_deref().and_then(|word| word.parse().ok());
    let then = then.filter(|then| run.is_own() && *then != BackendChoice::Auto);
    if let Some(then) = then {
        one_sandbox(run, then, &said, who)?;
    }
    let said = RequestedPlace { sandbox: said.sandbox.or(then), ..said };
    let known =
        said.backend.is_some() || said.sandbox.is_some_and(|sandbox| PlaceBackend::of(sandbox) == PlaceBackend::Docker);
    if is_official(suite) && !known {
        let text = format!(
            "{dir} {why}; give --backend native or docker, and --environments, --repos, --image and --sandbox as at the start"
        );
        return Err(UsageError(text).into());
    }
    errln!("voe: {dir} {why}; using the settings given now");
    said.place(suite).await
}
