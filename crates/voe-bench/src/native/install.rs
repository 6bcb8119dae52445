//! The task's own install command, run once with a network: what it adds to checkout and environment is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use voe_grade::Instance;
use voe_sandbox::{Choice, Sandbox, Spec};
use voe_toolbox::protocol::Setup;

use super::interpreter::Python;
use super::variables;
use crate::workspace::checkout::{self, Checkout};
use crate::workspace::{TESTBED, WorkspaceError};

/// The longest that an installation may take.
const LIMIT: Duration = Duration::from_secs(3600);

/// An installation to be made.
pub(super) struct Install<'a> {
    pub(super) task: &'a Instance,
    /// The checkout as the repository has it.
    pub(super) bare: &'a Checkout,
    /// The environment that tasks share: what is `/opt` inside.
    pub(super) opt: &'a Path,
    pub(super) python: &'a Python,
    /// Commands before the installation.
    pub(super) prepare: Vec<&'a str>,
    pub(super) program: &'a Path,
    /// voe's state directory.
    pub(super) state: Option<PathBuf>,
}

impl Install<'_> {
    /// The checkout and the `/opt` of this task, with its installation in both.
    pub(super) async fn get(&self, cache: &Path) -> Result<(Checkout, PathBuf), WorkspaceError> {
        let script = self.script();
        let environment = self.opt.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let content = format!("{script}\n{environment}");
        let key = format!("{}-installed-{:.8}", self.task.instance_id, blake3::hash(content.as_bytes()).to_hex());
        let place = cache.join("checkouts").join(&key);
        let opt = place.join("opt");
        if place.join("base.json").is_file() {
            return Ok((checkout::get(cache, &key, |_| Ok(()))?, opt));
        }
        fs::create_dir_all(&place).map_err(WorkspaceError::io("make", &place))?;
        let out = place.join("out");
        for left in [&out, &opt, &place.join("tree")] {
            let _ = fs::remove_dir_all(left);
        }
        self.run(&script, &place, &out).await?;
        let tree = place.join("new-tree");
        let _ = fs::remove_dir_all(&tree);
        // Shared files are never written to in place: tar removes what is there before it writes.
        command("cp", &["-al", &text(self.opt), &text(&opt)]).await?;
        command("cp", &["-a", "--reflink=auto", &text(&self.bare.dir), &text(&tree)]).await?;
        for (list, dir) in [("gone", opt.join("miniconda3/envs/testbed"))] {
            for path in fs::read_to_string(out.join(list)).unwrap_or_default().lines() {
                let _ = fs::remove_file(dir.join(path));
            }
        }
        command("tar", &["-C", &text(&opt.join("miniconda3/envs/testbed")), "-xf", &text(&out.join("env.tar"))])
            .await?;
        command("tar", &["-C", &text(&tree), "-xf", &text(&out.join("tree.tar"))]).await?;
        let _ = fs::remove_dir_all(&out);
        let made = checkout::get(cache, &key, |dir| fs::rename(&tree, dir).map_err(WorkspaceError::io("move", &tree)))?;
        Ok((made, opt))
    }

    /// What is run inside: the preparations of the official images, the install command of the eval script, and the packing
    /// of what they changed.
    fn script(&self) -> String {
        let prepare: String = self
            .prepare
            .iter()
            // Packages of the system are the machine's matter.
            .filter(|line| !line.contains("apt-get") && !line.contains("apt ") && !line.contains("locale"))
            .map(|line| format!("{line}\n"))
            .collect();
        let install = install_lines(self.task.eval_script.as_deref().unwrap_or_default());
        format!(
            r#"set -u
E=/opt/miniconda3/envs/testbed
mkdir -p /tmp/out
source /opt/miniconda3/bin/activate
conda activate testbed
(cd $E && find . \( -type f -o -type l \) | sort) > /tmp/out/before
touch /tmp/out/mark
sleep 0.05
cd /testbed
{prepare}
if ! git diff --quiet; then
    git -c user.name=SWE-bench -c user.email=setup@swebench.config commit -qam SWE-bench
fi
(
set -e
{install}
) > /tmp/out/log 2>&1
echo $? > /tmp/out/exit
cd $E
find . \( -type f -o -type l \) | sort > /tmp/out/after
comm -23 /tmp/out/before /tmp/out/after > /tmp/out/gone
comm -13 /tmp/out/before /tmp/out/after > /tmp/out/changed
find . -type f -newer /tmp/out/mark >> /tmp/out/changed
sort -u /tmp/out/changed | grep -v '/__pycache__/' > /tmp/out/changed.sorted
tar -cf /tmp/out/env.tar -T /tmp/out/changed.sorted
cd /testbed
{{ git ls-files --others; find .git tox.ini setup.py setup.cfg -newer /tmp/out/mark -type f 2>/dev/null; git diff --name-only HEAD~1 2>/dev/null; }} | sort -u | grep -v '/__pycache__/' > /tmp/out/files
tar -cf /tmp/out/tree.tar --ignore-failed-read -T /tmp/out/files
"#
        )
    }

    async fn run(&self, script: &str, place: &Path, out: &Path) -> Result<(), WorkspaceError> {
        let failed = |why: String| WorkspaceError::Environment { id: self.task.instance_id.clone(), why };
        let tmp = place.join("tmp");
        let _ = fs::remove_dir_all(&tmp);
        fs::create_dir_all(&tmp).map_err(WorkspaceError::io("make", &tmp))?;
        let mut spec = Spec::new(self.program, &self.bare.dir, place.join("sandbox"));
        spec.choice = Choice::Local;
        spec.state.clone_from(&self.state);
        spec.mount_at = Some(TESTBED.into());
        spec.network = true;
        spec.overlays = vec![(self.opt.to_owned(), "/opt".into())];
        spec.read = vec![self.python.prefix.clone()];
        spec.tmp = Some(tmp.clone());
        spec.env = variables();
        spec.env.extend(installers());
        let sandbox = Sandbox::open(spec).await?;
        let setup = Setup {
            workspace: TESTBED.into(),
            scratch: PathBuf::new(),
            pristine: self.bare.base.pristine(),
            limits: voe_toolbox::protocol::Limits { max_timeout_s: LIMIT.as_secs_f64(), ..Default::default() },
            env: BTreeMap::new(),
            syntax: Default::default(),
            byproducts: Vec::new(),
            resumed: false,
            unwatched: true,
        };
        let setup = match sandbox.base_inside() {
            Some(dir) => Setup { pristine: voe_toolbox::protocol::Pristine::Dir(dir), ..setup },
            None => setup,
        };
        let (mut toolbox, _) = sandbox.toolbox(setup).await?;
        let result = toolbox.check(script, LIMIT).await;
        toolbox.close().await;
        sandbox.close().await?;
        let result = result.map_err(|error| failed(error.to_string()))?;
        let moved = fs::rename(tmp.join("out"), out);
        let _ = fs::remove_dir_all(&tmp);
        moved.map_err(|_| failed(format!("the installation left nothing: {}", one_line(&result.tail))))?;
        let exit = fs::read_to_string(out.join("exit")).unwrap_or_default();
        if result.killed.is_some() || exit.trim() != "0" {
            let log = fs::read_to_string(out.join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
            let why = result.killed.unwrap_or_else(|| format!("exit code {}", exit.trim()));
            return Err(failed(format!("its install command failed ({why}): {}", one_line(&tail))));
        }
        Ok(())
    }
}

/// The lines of an eval script between its look at the repository and the checkout of the test files.
fn install_lines(script: &str) -> String {
    let lines = script.lines().skip_while(|line| !line.starts_with("git -c core.fileMode=false diff")).skip(1);
    lines.take_while(|line| !line.starts_with("git checkout ")).map(|line| format!("{line}\n")).collect()
}

/// What installers are told by the user's environment: mirrors, certificates, proxies.
fn installers() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| {
        let name = name.to_uppercase();
        let known = ["PIP_", "UV_", "SSL_CERT", "REQUESTS_CA"].iter().any(|start| name.starts_with(start));
        // A directory of the host's is not there inside.
        (known && name != "PIP_FIND_LINKS") || name.ends_with("_PROXY")
    })
}

async fn command(program: &str, args: &[&str]) -> Result<(), WorkspaceError> {
    let failed = |why: String| WorkspaceError::io("run", program)(std::io::Error::other(why));
    let done = Command::new(program).args(args).stdin(Stdio::null()).output().await;
    let done = done.map_err(|error| failed(error.to_string()))?;
    if done.status.success() {
        return Ok(());
    }
    Err(failed(one_line(&String::from_utf8_lossy(&done.stderr))))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_install_command_is_what_stands_before_the_test_files() {
        let script = "cd /testbed\ngit show\ngit -c core.fileMode=false diff abc\nsource x\npip install .\ngit checkout abc t.py\nrest\n";
        assert_eq!(super::install_lines(script), "source x\npip install .\n");
    }
}
