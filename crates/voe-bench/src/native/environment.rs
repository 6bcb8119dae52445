//! Building an environment from its pins with uv: once, cached by content. Source distributions run their own programs while
//! they are built, so all of it happens in a sandbox.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use voe_sandbox::Spec;
use voe_untrusted::{Kind, UntrustedDir};

use super::inside::{Inside, quoted};
use super::interpreter::{Python, on_path};
use super::pins::Environment;
use crate::workspace::WorkspaceError;

/// The longest that one step of a build may take.
const LIMIT: Duration = Duration::from_secs(1800);
/// Bytes that a build may take, with the packages that uv keeps for later ones.
const DISK: u64 = 64 << 30;

/// What `source /opt/miniconda3/bin/activate` finds: just enough of conda for the eval scripts.
const ACTIVATE: &str = r#"# A stand-in for conda's: `conda activate NAME` puts the environment's programs first, and that is all.
conda() {
    if [ "${1-}" = activate ]; then
        export CONDA_DEFAULT_ENV="${2-testbed}"
        export CONDA_PREFIX="/opt/miniconda3/envs/$CONDA_DEFAULT_ENV"
        export PATH="$CONDA_PREFIX/bin:$PATH"
    fi
}
"#;

/// Where the environment is built, inside: in a directory that is kept.
const BUILT_AT: &str = "/tmp/opt/miniconda3/envs/testbed";
/// Where uv keeps packages, inside: in the same directory, so that environments can share their blocks.
const UV_CACHE: &str = "uv";

/// An environment that was built.
pub(super) struct Built {
    /// The directory that is `/opt` inside, with the environment in it.
    pub(super) opt: PathBuf,
    /// Pins that could not be had, each with why.
    pub(super) lacks: Vec<String>,
    /// What it is, by content: the same on every machine for the same pins, of which the same could be had.
    pub(super) name: String,
}

impl Built {
    fn new(opt: &Path, lacks: Vec<String>, pins: &Environment) -> Self {
        let gone: Vec<&str> = lacks.iter().filter_map(|line| line.split(' ').next()).collect();
        let content = format!("{:?}\n{:?}\n{gone:?}", pins.tools(), pins.packages());
        let hash = blake3::hash(content.as_bytes()).to_hex();
        let lacking = if gone.is_empty() { String::new() } else { format!(" without {}", gone.join(" ")) };
        Self { opt: opt.to_owned(), lacks, name: format!("packages {hash:.12}{lacking}") }
    }

    fn there(opt: &Path, done: &Path, pins: &Environment) -> Option<Self> {
        let lacks = fs::read_to_string(done).ok()?;
        let lacks = lacks.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Some(Self::new(opt, lacks, pins))
    }
}

/// What builds need.
pub(super) struct Builder<'a> {
    pub(super) cache: &'a Path,
    /// The voe binary.
    pub(super) program: &'a Path,
    /// Not to be seen inside.
    pub(super) hidden: &'a [PathBuf],
    /// voe's state directory.
    pub(super) state: Option<PathBuf>,
}

impl Builder<'_> {
    /// The environment, built if it isn't there yet.
    pub(super) async fn build(&self, pins: &Environment, python: &Python) -> Result<Built, String> {
        let content = format!("3\n{}\n{:?}\n{:?}\n{ACTIVATE}", python.program.display(), pins.tools(), pins.packages());
        let name: String =
            pins.name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let key = format!("{}-{:.8}", name.trim_start_matches('.'), blake3::hash(content.as_bytes()).to_hex());
        let all = self.cache.join("environments");
        let place = all.join(key);
        let (opt, done) = (place.join("opt"), place.join("done"));
        if let Some(there) = Built::there(&opt, &done, pins) {
            return Ok(there);
        }
        let io = |error: std::io::Error| format!("cannot write {}: {error}", place.display());
        let lock = {
            fs::create_dir_all(&place).map_err(io)?;
            // One build at a time, also of other processes: they share uv's packages.
            let file = fs::File::create(all.join("lock")).map_err(io)?;
            tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await.map_err(|error| error.to_string())?
        };
        let _lock = lock.map_err(io)?;
        if let Some(there) = Built::there(&opt, &done, pins) {
            return Ok(there);
        }
        let untrusted = |error: voe_untrusted::Error| error.to_string();
        let all = all.canonicalize().map_err(io)?;
        // Of voe's own: `all` and `place`. Everything below `build` was written by what ran inside.
        let (build, work) = (all.join("build"), all.join("build-work"));
        for dir in [&build, &work] {
            fs::create_dir_all(dir).map_err(io)?;
        }
        let (tmp, place) = (UntrustedDir::open(&build), UntrustedDir::open(&place));
        let (tmp, place) = (tmp.map_err(untrusted)?, place.map_err(untrusted)?);
        clean(&tmp).map_err(untrusted)?;
        place.remove("opt").map_err(untrusted)?;

        let lacks = self.inside(&all, pins, python).await;
        let kept = lacks.and_then(|lacks| {
            keep(&tmp, &place).map_err(untrusted)?;
            Ok(lacks)
        });
        clean(&tmp).map_err(untrusted)?;
        let lacks = kept?;
        fs::write(&done, lacks.join("\n") + "\n").map_err(io)?;
        Ok(Built::new(&opt, lacks, pins))
    }

    /// Runs uv in a sandbox whose `/tmp` is `build` in `all`; gives what could not be had.
    async fn inside(&self, all: &Path, pins: &Environment, python: &Python) -> Result<Vec<String>, String> {
        let uv = on_path("uv").ok_or("uv was not found on PATH; install it (pip install uv)")?;
        let mut spec = Spec::new(self.program, all.join("build-work"), all.join("build-sandbox"));
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
        };
        let lacks = uv.environment(pins, &python.program.to_string_lossy()).await;
        uv.inside.end().await.map_err(|error: WorkspaceError| error.to_string())?;
        lacks
    }
}

/// Removes what an earlier build left, except for uv's packages.
fn clean(tmp: &UntrustedDir) -> Result<(), voe_untrusted::Error> {
    for entry in tmp.entries()? {
        if entry.name != UV_CACHE || entry.kind != Kind::Dir {
            tmp.remove(&entry.name)?;
        }
    }
    Ok(())
}

/// Takes what was built out of `tmp`.
fn keep(tmp: &UntrustedDir, place: &UntrustedDir) -> Result<(), voe_untrusted::Error> {
    let conda = tmp.dir("opt/miniconda3")?;
    // Whatever stands there.
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

/// uv in a sandbox.
struct Uv {
    inside: Inside,
    program: String,
}

impl Uv {
    async fn environment(&mut self, pins: &Environment, python: &str) -> Result<Vec<String>, String> {
        self.run(&["venv", "--quiet", "--no-project", "--relocatable", "--python", python, BUILT_AT]).await?;
        self.install(&pins.tools()).await?;
        let packages = pins.packages();
        let mut lacks = Vec::new();
        if self.install(&packages).await.is_err() {
            // One pin that is gone, or that can't be built here, should not cost the others.
            for package in &packages {
                if let Err(error) = self.install(std::slice::from_ref(package)).await {
                    lacks.push(format!("{package} ({error})"));
                }
            }
        }
        Ok(lacks)
    }

    async fn install(&mut self, packages: &[String]) -> Result<(), String> {
        if packages.is_empty() {
            return Ok(());
        }
        let python = format!("{BUILT_AT}/bin/python");
        let mut args = vec!["pip", "install", "--quiet", "--no-deps", "--python", &python, "--"];
        args.extend(packages.iter().map(String::as_str));
        self.run(&args).await
    }

    async fn run(&mut self, args: &[&str]) -> Result<(), String> {
        let words: Vec<String> =
            std::iter::once(self.program.as_str()).chain(args.iter().copied()).map(quoted).collect();
        let done = self.inside.toolbox.check(&words.join(" "), LIMIT).await.map_err(|error| error.to_string())?;
        if done.exit == Some(0) && done.killed.is_none() {
            return Ok(());
        }
        let said = done.tail.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(1000).collect::<String>();
        let why = done.killed.map(|why| format!("({why}) ")).unwrap_or_default();
        Err(format!("uv {} failed: {why}{said}", args.iter().take(2).copied().collect::<Vec<_>>().join(" ")))
    }
}
