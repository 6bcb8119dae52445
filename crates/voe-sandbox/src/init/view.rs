//! The file system inside: built in the supervisor's mount namespace, and entered by the toolbox in a copy of that, which
//! receives later mounts of the supervisor.

use std::ffi::CString;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::UnshareFlags;

use super::mounts::{self, MountPointKind, NewRoot};
use crate::plan::{BASE_INSIDE, Bind, FileSystemPlan, MASKS, OverlayTree, SetupPlan, Stack};
use crate::setup::{InStep, SetupFailure, SetupResult, SetupStep};
use crate::sys;

/// Directories below the root that start out empty inside.
const NOT_SHOWN: [&str; 9] = ["proc", "dev", "tmp", "run", "home", "root", "mnt", "media", "lost+found"];

/// Devices that commands may use.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Parts of `/proc` through which root could change the machine even without capabilities.
const PROC_READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Parts of `/proc` that reveal facts about the host.
const PROC_MASKED: [&str; 11] = [
    "acpi",
    "kcore",
    "keys",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "timer_list",
    "sched_debug",
    "scsi",
    "kallsyms",
];

/// Handles for changing the view later.
pub(super) struct Mounted {
    root: NewRoot,
    home: PathBuf,
    layers: PathBuf,
    trees: Vec<OverlayTree>,
    masked: Vec<PathBuf>,
    user: bool,
}

/// Builds the view at `stage` in the sandbox's directory.
pub(super) fn build(plan: &SetupPlan, view: &FileSystemPlan) -> SetupResult<Mounted> {
    let change = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", change).step(SetupStep::Namespaces, || "private mounts".into())?;
    let stage = plan.home.join("stage");
    for (number, tree) in view.trees.iter().enumerate() {
        let to = plan.home.join(format!("lower/{number}"));
        // Not recursive: an overlay ignores mounts below its lower directory anyway.
        rustix::mount::mount_bind(&tree.lower, &to)
            .step(SetupStep::Mounts, || format!("bind {}", tree.lower.display()))?;
    }
    let root = NewRoot::create(&stage)?;
    top(&root, &view.root)?;
    devices(&root, plan.bounds.shm_bytes)?;
    // Deeper ones later, so that a hidden path in a shown directory stays hidden, and a shown one in a hidden directory is seen.
    let depth = |path: &Path| path.components().count();
    let mut parts: Vec<(usize, Result<&Bind, &PathBuf>)> =
        view.binds.iter().map(|bind| (depth(&bind.to), Ok(bind))).collect();
    parts.extend(view.hidden.iter().map(|hidden| (depth(hidden), Err(hidden))));
    parts.sort_by_key(|(depth, _)| *depth);
    let mut emptied: Vec<&PathBuf> = Vec::new();
    for (_, part) in parts {
        match part {
            Ok(bind) => root.bind(&bind.from, &bind.to, bind.write)?,
            Err(hidden) if root.has(hidden) => {
                root.tmpfs(hidden, 1 << 20, 0o755)?;
                emptied.push(hidden);
            }
            // Missing, or in another hidden directory.
            Err(_) => {}
        }
    }
    let mounted = Mounted {
        root,
        home: plan.home.clone(),
        layers: plan.layers.clone(),
        trees: view.trees.clone(),
        masked: view.masked.clone(),
        user: plan.user_namespace,
    };
    mounted.stack(&view.stack)?;
    mounted.base()?;
    for mask in &mounted.masked {
        mounted.mask(mask)?;
    }
    for hidden in emptied {
        mounted.root.seal(hidden)?;
    }
    mounted.root.seal(Path::new("/"))?;
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    rustix::mount::mount_change(&stage, shared).step(SetupStep::Namespaces, || "shared mounts".into())?;
    Ok(mounted)
}

/// Enters the view from the first process of the process namespace.
pub(super) fn enter(plan: &SetupPlan, _view: &FileSystemPlan) -> SetupResult {
    sys::unshare(UnshareFlags::NEWNS).step(SetupStep::Namespaces, || "mount namespace".into())?;
    let change = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", change).step(SetupStep::Namespaces, || "receive mounts".into())?;
    let stage = plan.home.join("stage");
    proc(&stage.join("proc"), plan.user_namespace)?;
    rustix::process::chdir(&stage).step(SetupStep::Mounts, || "enter".into())?;
    rustix::process::pivot_root(".", ".").step(SetupStep::Mounts, || "enter: pivot_root".into())?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)
        .step(SetupStep::Mounts, || "leave the host's file system".into())?;
    rustix::process::chdir("/").step(SetupStep::Mounts, || "enter".into())
}

/// Binds everything below the host's root that isn't left out, read-only.
fn top(root: &NewRoot, from: &Path) -> SetupResult {
    let entries = fs::read_dir(from).step(SetupStep::Mounts, || format!("read {}", from.display()))?;
    for entry in entries {
        let entry = entry.step(SetupStep::Mounts, || format!("read {}", from.display()))?;
        let (name, kind) = (entry.file_name(), entry.file_type().step(SetupStep::Mounts, || "read the root".into())?);
        let inside = Path::new("/").join(&name);
        if NOT_SHOWN.iter().any(|hidden| name == *hidden) {
            root.place(&inside, MountPointKind::Dir)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).step(SetupStep::Mounts, || "read the root".into())?;
            rustix::fs::symlinkat(&target, root.fd(), &name)
                .step(SetupStep::Mounts, || format!("link {}", inside.display()))?;
        } else if kind.is_dir() {
            root.bind(&entry.path(), &inside, false)?;
        } else if kind.is_socket() || kind.is_fifo() {
            // A process outside may listen there.
        } else if kind.is_file() {
            root.bind(&entry.path(), &inside, false)?;
        }
    }
    for name in NOT_SHOWN {
        root.place(&Path::new("/").join(name), MountPointKind::Dir)?;
    }
    Ok(())
}

/// A minimal `/dev`.
fn devices(root: &NewRoot, shm_bytes: u64) -> SetupResult {
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.file_type().is_char_device()) {
            root.bind(&path, &path, true)?;
        }
    }
    let pts = root.place(Path::new("/dev/pts"), MountPointKind::Dir)?;
    let target = mounts::through_fd(pts.as_fd());
    rustix::mount::mount(
        "devpts",
        &target,
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"newinstance,ptmxmode=0666,mode=0620",
    )
    .step(SetupStep::Mounts, || "/dev/pts".into())?;
    root.tmpfs(Path::new("/dev/shm"), shm_bytes, 0o1777)?;
    let dev = root.place(Path::new("/dev"), MountPointKind::Dir)?;
    for (target, name) in [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ] {
        rustix::fs::symlinkat(target, &dev, name).step(SetupStep::Mounts, || format!("/dev/{name}"))?;
    }
    Ok(())
}

fn proc(at: &Path, user_namespace: bool) -> SetupResult {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Kernels before 5.8 do not know the option.
    if rustix::mount::mount("proc", at, "proc", flags, c"hidepid=ptraceable").is_err() {
        rustix::mount::mount("proc", at, "proc", flags, None).step(SetupStep::Proc, || "/proc".into())?;
    }
    if user_namespace {
        return Ok(());
    }
    for name in PROC_READ_ONLY {
        let path = at.join(name);
        if path.exists() {
            rustix::mount::mount_bind(&path, &path).step(SetupStep::Mounts, || format!("/proc/{name}"))?;
            let flags = MountFlags::BIND | MountFlags::RDONLY | flags;
            rustix::mount::mount_remount(&path, flags, c"")
                .step(SetupStep::Mounts, || format!("/proc/{name} read-only"))?;
        }
    }
    for name in PROC_MASKED {
        let path = at.join(name);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let flags = MountFlags::RDONLY | flags;
                rustix::mount::mount("tmpfs", &path, "tmpfs", flags, c"size=0")
                    .step(SetupStep::Mounts, || format!("/proc/{name}"))?;
            }
            Ok(_) => {
                rustix::mount::mount_bind("/dev/null", &path).step(SetupStep::Mounts, || format!("/proc/{name}"))?
            }
            Err(_) => {}
        }
    }
    Ok(())
}

impl Mounted {
    /// Continues in another layer: the present ones are only read from then on.
    pub(super) fn restack(&self, stack: &Stack) -> SetupResult {
        for tree in self.trees.iter().rev() {
            let top = self.root.place(&tree.at, MountPointKind::Dir)?;
            rustix::mount::unmount(mounts::through_fd(top.as_fd()), UnmountFlags::DETACH)
                .step(SetupStep::Mounts, || format!("take away {}", tree.at.display()))?;
        }
        self.stack(stack)?;
        for mask in self.masked.iter().filter(|mask| self.trees.iter().any(|tree| mask.starts_with(&tree.at))) {
            self.mask(mask)?;
        }
        Ok(())
    }

    fn stack(&self, stack: &Stack) -> SetupResult {
        for (number, tree) in self.trees.iter().enumerate() {
            let target = self.root.place(&tree.at, MountPointKind::Dir)?;
            self.overlay(number, stack, &mounts::through_fd(target.as_fd()))
                .step(SetupStep::Overlay, || format!("overlay on {}", tree.at.display()))?;
        }
        Ok(())
    }

    /// Mounts one tree's overlay.
    fn overlay(&self, tree: usize, stack: &Stack, target: &Path) -> std::io::Result<()> {
        let work = format!("{}/{tree}/w{}", stack.upper, stack.mount);
        fs::create_dir(self.layers.join(&work))?;
        let frozen: String = stack.frozen.iter().map(|layer| format!("{layer}/{tree}/u:")).collect();
        let (upper, lower) = (stack.upper, self.lower(tree));
        let redirect = if self.user { "" } else { ",redirect_dir=on" };
        // Unsynced files are lost if the machine crashes, but so is the attempt.
        let options =
            format!("lowerdir={frozen}{lower},upperdir={upper}/{tree}/u,workdir={work},index=off,volatile{redirect}");
        self.overlay_at(target, MountFlags::empty(), &options)
    }

    /// Shows the workspace as it was at the start. Not by a bind: through an overlay no command can connect to a socket or write
    /// to a named pipe in the user's tree.
    fn base(&self) -> SetupResult {
        let target = self.root.place(Path::new(BASE_INSIDE), MountPointKind::Dir)?;
        let target = mounts::through_fd(target.as_fd());
        self.overlay_at(&target, MountFlags::RDONLY, &format!("lowerdir={}", self.lower(0)))
            .step(SetupStep::Overlay, || "overlay on the base".into())
    }

    /// The user's tree, with the layer that hides credentials in it.
    fn lower(&self, tree: usize) -> String {
        let place = format!("../boxes/{}", self.home.file_name().unwrap_or_default().to_string_lossy());
        format!("{place}/{}/{tree}:{place}/lower/{tree}", MASKS)
    }

    /// Mounts an overlay whose options name directories relative to `layers`, which keeps a deep stack within the one page
    /// that the kernel reads.
    fn overlay_at(&self, target: &Path, flags: MountFlags, options: &str) -> std::io::Result<()> {
        let own = if self.user { "userxattr" } else { "metacopy=off" };
        let options = CString::new(format!("{options},{own}"))?;
        rustix::process::chdir(&self.layers)?;
        let flags = flags | MountFlags::NODEV | MountFlags::NOSUID;
        let mounted = rustix::mount::mount("overlay", target, "overlay", flags, &*options);
        rustix::process::chdir("/")?;
        Ok(mounted?)
    }

    /// In a tree a layer hides the path already, and a command may have put something else there, so a failure is ignored.
    fn mask(&self, path: &Path) -> SetupResult {
        let masked = self.mask_by_mount(path);
        if self.trees.iter().any(|tree| path.starts_with(&tree.at)) { Ok(()) } else { masked }
    }

    fn mask_by_mount(&self, path: &Path) -> SetupResult {
        if !self.root.has(path) {
            return Ok(());
        }
        let file = self.home.join("empty/file");
        let dir = self.home.join("empty/dir");
        match self.root.bind(&dir, path, false).or_else(|_| self.root.bind(&file, path, false)) {
            Ok(()) => Ok(()),
            Err(failure) => Err(SetupFailure { what: format!("mask {}", path.display()), ..failure }),
        }
    }
}
