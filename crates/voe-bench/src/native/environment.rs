//! Builds an environment from its pins with uv: once, cached by content. Source distributions run their own programs while
//! they are built, so the build runs in a sandbox.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use voe_sandbox::SandboxConfig;
use voe_untrusted::{FileKind, UntrustedDir, atomic_write};

use super::inside::{Inside, quoted};
use super::interpreter::{Python, on_path};
use super::pins::Environment;
use super::watch::{BuildStep, BuildWatch};
use crate::run::memory::no_room;
use crate::workspace::error::PrepareError;
use crate::workspace::reason::{Lacks, reason};

/// What to do where uv is missing.
pub(super) const NO_UV: &str = "uv was not found on PATH; install it (pip install uv)";

/// Time limit of one step of a build.
const LIMIT: Duration = Duration::from_secs(1800);
/// Bytes that a build may take, including uv's package cache.
const DISK: u64 = 64 << 30;

/// The script that `source /opt/miniconda3/bin/activate` finds: just enough of conda for the eval scripts.
const ACTIVATE: &str = r#"# A stand-in for conda's: `conda activate NAME` puts the environment's programs first, and that is all.
conda() {
    if [ "${1-}" = activate ]; then
        export CONDA_DEFAULT_ENV="${2-testbed}"
        export CONDA_PREFIX="/opt/miniconda3/envs/$CONDA_DEFAULT_ENV"
        export PATH="$CONDA_PREFIX/bin:$PATH"
    fi
}
"#;

/// Where the environment is built inside the sandbox: in a directory that is kept.
const BUILT_AT: &str = "/tmp/opt/miniconda3/envs/testbed";
/// uv's package cache inside the sandbox: in the same directory, so that environments can share disk blocks.
const UV_CACHE: &str = "uv";
/// The directory of all environments, in the cache.
const ALL: &str = "environments";
/// In an environment's directory: written last, lists the missing pins.
const DONE: &str = "done";
/// Packages that are installed together after installing all of them at once failed.
const AT_A_TIME: usize = 16;
/// In an environment's directory: uv's log.
const LOG: &str = "build.log";

/// A built environment.
pub(super) struct Built {
    /// The directory that becomes `/opt` inside the sandbox, with the environment in it.
    pub(super) opt: PathBuf,
    /// Missing pins.
    pub(super) lacks: Lacks,
    /// Its name by content: the same on every machine for the same pins with the same ones missing.
    pub(super) name: String,
}

impl Built {
    fn new(opt: &Path, lacks: Vec<String>, pins: &Environment) -> Self {
        let gone: Vec<&str> = lacks.iter().filter_map(|line| line.split(' ').next()).collect();
        let content = format!("{:?}\n{:?}\n{gone:?}", pins.tools(), pins.packages());
        let hash = blake3::hash(content.as_bytes()).to_hex();
        let lacking = if gone.is_empty() { String::new() } else { format!(" without {}", gone.join(" ")) };
        let log = opt.parent().map(|place| place.join(LOG));
        Self { opt: opt.to_owned(), lacks: Lacks { pins: lacks, log }, name: format!("packages {hash:.12}{lacking}") }
    }

    fn there(opt: &Path, done: &Path, pins: &Environment) -> Option<Self> {
        let lacks = fs::read_to_string(done).ok()?;
        // An empty file is left by a full disk; it does not mean that nothing is missing.
        let lacks = lacks.strip_suffix('\n')?.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Some(Self::new(opt, lacks, pins))
    }
}

/// Settings of builds.
pub(super) struct Builder<'a> {
    pub(super) cache: &'a Path,
    /// The voe binary.
    pub(super) program: &'a Path,
    /// Paths that are hidden inside the sandbox.
    pub(super) hidden: &'a [PathBuf],
    /// voe's state directory.
    pub(super) state: Option<PathBuf>,
    /// Receives the progress.
    pub(super) watch: &'a BuildWatch,
    /// Whether environments with missing packages are built again, once each: the packages may be available now.
    pub(super) again: Option<&'a Tried>,
}

/// Environments built by this process.
#[derive(Debug, Default)]
pub struct Tried(Mutex<HashSet<PathBuf>>);

impl Tried {
    fn has(&self, place: &Path) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(place)
    }

    fn note(&self, place: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned());
    }
}

/// Directory of an environment in `cache`, by content.
fn place(cache: &Path, pins: &Environment, python: &Python) -> PathBuf {
    let content = format!("3\n{}\n{:?}\n{:?}\n{ACTIVATE}", python.program.display(), pins.tools(), pins.packages());
    let name: String = pins.name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let key = format!("{}-{:.8}", name.trim_start_matches('.'), blake3::hash(content.as_bytes()).to_hex());
    cache.join(ALL).join(key)
}

/// Directory of an environment that still has to be built.
pub(super) fn to_build(cache: &Path, pins: &Environment, python: &Python) -> Option<PathBuf> {
    let place = place(cache, pins, python);
    (!place.join(DONE).is_file()).then_some(place)
}

impl Builder<'_> {
    /// The environment, if it exists; with all of its pins, if missing ones are tried again.
    pub(super) fn there(&self, pins: &Environment, python: &Python) -> Option<Built> {
        let place = place(self.cache, pins, python);
        let there = Built::there(&place.join("opt"), &place.join(DONE), pins)?;
        let again = self.again.is_some_and(|tried| !there.lacks.is_empty() && !tried.has(&place));
        (!again).then_some(there)
    }

    /// The environment, built if missing.
    pub(super) async fn build(&self, pins: &Environment, python: &Python) -> Result<Built, Unbuilt> {
        if let Some(there) = self.there(pins, python) {
            tracing::debug!(environment = ?pins.name, "environment is in the cache");
            return Ok(there);
        }
        tracing::info!(environment = ?pins.name, "environment is built");
        let all = self.cache.join(ALL);
        let place = place(self.cache, pins, python);
        let (opt, done) = (place.join("opt"), place.join(DONE));
        let io = |error: std::io::Error| format!("cannot write {}: {error}", place.display());
        let lock = {
            fs::create_dir_all(&place).map_err(io)?;
            // One build at a time across processes: they share uv's cache.
            let file = fs::File::create(all.join("lock")).map_err(io)?;
            tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await.map_err(|error| error.to_string())?
        };
        let _lock = lock.map_err(io)?;
        if let Some(there) = self.there(pins, python) {
            return Ok(there);
        }
        if let Some(tried) = self.again {
            tried.note(&place);
        }
        let untrusted = |error: voe_untrusted::Error| error.to_string();
        let all = all.canonicalize().map_err(io)?;
        // voe wrote `all` and `place`. Everything below `build` was written by programs in the sandbox.
        let (build, work) = (all.join("build"), all.join("build-work"));
        for dir in [&build, &work] {
            fs::create_dir_all(dir).map_err(io)?;
        }
        let (tmp, place) = (UntrustedDir::open(&build), UntrustedDir::open(&place));
        let (tmp, place) = (tmp.map_err(untrusted)?, place.map_err(untrusted)?);
        clean(&tmp).map_err(untrusted)?;
        place.remove("opt").map_err(untrusted)?;

        self.watch.tell(&BuildStep::Builds { environment: pins.name.clone() });
        let mut log = String::new();
        let lacks = self.inside(&all, pins, python, &mut log).await;
        self.watch.tell(&BuildStep::Built);
        if lacks.is_err()
            && let Some(full) = no_room(&all)
        {
            return Err(Unbuilt::Full(full));
        }
        place.replace(LOG, log.as_bytes()).map_err(untrusted)?;
        let lacks = lacks.map_err(|error| match log.is_empty() {
            true => reason("the build failed", &error, None),
            false => reason("the build failed", &error, Some(&place.path().join(LOG))),
        });
        let kept = lacks.and_then(|lacks| {
            keep(&tmp, &place).map_err(untrusted)?;
            Ok(lacks)
        });
        clean(&tmp).map_err(untrusted)?;
        let lacks = kept?;
        let list = lacks.join("\n") + "\n";
        atomic_write(&done, |file| file.write_all(list.as_bytes())).map_err(io)?;
        Ok(Built::new(&opt, lacks, pins))
    }

    /// Runs uv in a sandbox whose `/tmp` is `build` in `all`; returns the missing pins.
    async fn inside(
        &self,
        all: &Path,
        pins: &Environment,
        python: &Python,
        log: &mut String,
    ) -> Result<Vec<String>, String> {
        let uv = on_path("uv").ok_or(NO_UV)?;
        let mut spec = SandboxConfig::new(self.program, all.join("build-work"), all.join("build-sandbox"));
        spec.tmp = Some(all.join("build"));
        spec.disk_bytes = DISK;
        spec.hidden = self.hidden.to_vec();
        spec.state.clone_from(&self.state);
        spec.read = vec![python.prefix.clone(), uv.clone()];
        for (name, value) in [
            ("UV_CACHE_DIR", format!("/tmp/{UV_CACHE}").as_str()),
            ("UV_NO_CONFIG", "1"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("TMPDIR", "/tmp"),
        ] {
            spec.env.insert(name.to_owned(), value.to_owned());
        }
        let mut uv = Uv {
            inside: Inside::start(spec, LIMIT).await.map_err(|error| error.to_string())?,
            program: uv.to_string_lossy().into_owned(),
            place: all,
            log,
        };
        let lacks = uv.environment(pins, &python.program.to_string_lossy()).await;
        uv.inside.end().await.map_err(|error: PrepareError| error.to_string())?;
        lacks
    }
}

/// Removes leftovers of an earlier build, except uv's cache.
fn clean(tmp: &UntrustedDir) -> Result<(), voe_untrusted::Error> {
    for entry in tmp.entries()? {
        if entry.name != UV_CACHE || entry.kind != FileKind::Dir {
            tmp.remove(&entry.name)?;
        }
    }
    Ok(())
}

/// Moves the built environment out of `tmp`.
fn keep(tmp: &UntrustedDir, place: &UntrustedDir) -> Result<(), voe_untrusted::Error> {
    let conda = tmp.dir("opt/miniconda3")?;
    // Whatever is there now.
    conda.remove("bin")?;
    let bin = conda.make_dir("bin")?;
    let mut activate = bin.create_file("activate")?;
    activate.write_all(ACTIVATE.as_bytes()).map_err(|source| voe_untrusted::Error::Io {
        action: "write",
        path: bin.path().join("activate"),
        source,
    })?;
    tmp.move_to("opt", place, "opt")
}

/// Why an environment was not built.
#[derive(Debug)]
pub(super) enum Unbuilt {
    /// The environment or this machine is at fault.
    Why(String),
    /// The disk is full: nothing else can work either.
    Full(std::io::Error),
}

impl From<String> for Unbuilt {
    fn from(why: String) -> Self {
        Self::Why(why)
    }
}

/// Why a run of uv failed.
enum UvFailure {
    /// The sandbox or the disk failed.
    Machine(String),
    /// uv reported an error.
    Uv(String),
}

impl From<UvFailure> for String {
    fn from(failed: UvFailure) -> Self {
        match failed {
            UvFailure::Machine(why) | UvFailure::Uv(why) => why,
        }
    }
}

/// uv in a sandbox.
struct Uv<'a> {
    /// A directory on the disk that it writes to.
    place: &'a Path,
    inside: Inside,
    program: String,
    /// Log of what ran, with its output.
    log: &'a mut String,
}

impl Uv<'_> {
    async fn environment(&mut self, pins: &Environment, python: &str) -> Result<Vec<String>, String> {
        self.run(&["venv", "--quiet", "--no-project", "--relocatable", "--python", python, BUILT_AT]).await?;
        let (pinned, others): (Vec<_>, Vec<_>) = pins.tools().into_iter().partition(|tool| tool.contains("=="));
        self.install(&pinned).await?;
        let mut lacks = self.as_many(&others).await?;
        let packages = pins.packages();
        let gone = self.as_many(&packages).await?;
        if let [first, _, ..] = &gone[..]
            && gone.len() == packages.len()
        {
            // More likely there is no network than that all pins are gone.
            return Err(format!("none of its packages can be installed: {first}"));
        }
        lacks.extend(gone);
        Ok(lacks)
    }

    /// Installs as many of `packages` as possible; returns the others, each with the reason. One pin that is gone, or that can't be
    /// built here, should not affect the others: all are tried at once, then in groups, then one by one.
    ///
    /// # Errors
    /// The machine failed, not a pin.
    async fn as_many(&mut self, packages: &[String]) -> Result<Vec<String>, String> {
        let (mut left, mut lacks) = (vec![packages], Vec::new());
        while let Some(some) = left.pop() {
            match (self.install(some).await, some) {
                (Ok(()), _) => {}
                (Err(UvFailure::Machine(error)), _) => return Err(error),
                (Err(error), [package]) => {
                    let error = String::from(error);
                    lacks.push(format!("{package} ({})", reason("the installation failed", &error, None)));
                }
                (Err(_), _) => left.extend(some.chunks(if some.len() > AT_A_TIME { AT_A_TIME } else { 1 }).rev()),
            }
        }
        Ok(lacks)
    }

    async fn install(&mut self, packages: &[String]) -> Result<(), UvFailure> {
        if packages.is_empty() {
            return Ok(());
        }
        let python = format!("{BUILT_AT}/bin/python");
        let mut args = vec!["pip", "install", "--quiet", "--no-deps", "--python", &python, "--"];
        args.extend(packages.iter().map(String::as_str));
        self.run(&args).await
    }

    async fn run(&mut self, args: &[&str]) -> Result<(), UvFailure> {
        let words: Vec<String> =
            std::iter::once(self.program.as_str()).chain(args.iter().copied()).map(quoted).collect();
        let line = words.join(" ");
        let done = self.inside.toolbox.check(&line, LIMIT).await;
        let done = done.map_err(|error| UvFailure::Machine(error.to_string()))?;
        let killed = done.ended_by.map(|why| format!("({why}) ")).unwrap_or_default();
        self.log.push_str(&format!("$ {line}\n{}\n{killed}", done.tail));
        if done.exit == Some(0) && killed.is_empty() {
            return Ok(());
        }
        let what = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let why = format!("uv {what} failed: {killed}{}", done.tail);
        Err(if no_room(self.place).is_some() { UvFailure::Machine(why) } else { UvFailure::Uv(why) })
    }
}
