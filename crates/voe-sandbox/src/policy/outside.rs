//! A second filter, for where no namespace stands between commands and the user's other processes and files: what Landlock
//! does not cover. Modes and times of files are changed by the supervisor (see [`crate::init::modes`]), and only in the sandbox's
//! own directories.

use std::os::fd::OwnedFd;

use super::filter::{Code, JUMP_ANY, JUMP_EQUAL};
use crate::setup::{Done, InStep, SetupStep};
use crate::sys;

/// Calls that the supervisor carries out, or not.
pub(crate) const ASKED: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_utimensat,
];

pub(crate) const FCHMODAT2: libc::c_long = 452;
const SETXATTRAT: libc::c_long = 463;
const REMOVEXATTRAT: libc::c_long = 466;
const FILE_SETATTR: libc::c_long = 469;

/// They change files wherever these are. An ordinary user could change a file's group at most.
const OWNERS: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    FILE_SETATTR,
];

/// As on a file system that does not have them, which programs that copy files put up with.
const ATTRIBUTES: &[libc::c_long] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
];

/// Older calls for times, which libraries replace by `utimensat`.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// Shared by all processes of a user, or done to another process of theirs.
const SHARED: &[libc::c_long] = &[
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_mq_timedsend,
    libc::SYS_mq_timedreceive,
    libc::SYS_mq_notify,
    libc::SYS_mq_getsetattr,
    libc::SYS_process_madvise,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Tells of every file below a directory that it may not read.
    libc::SYS_inotify_add_watch,
];

/// What `fcntl` may not ask: that others wait before they open a file, and to be told when they do.
const F_SETLEASE: u32 = 1024;
const F_NOTIFY: u32 = 1026;

/// Calls whose first argument is a process: 0, the caller, is allowed.
const OF_A_PROCESS: &[libc::c_long] =
    &[libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam, libc::SYS_sched_setattr];

/// What `ioctl` may ask of a file by one of the file systems' own numbers: to share blocks, which takes a descriptor that
/// may be written, and to look.
const FILE_REQUESTS: &[u32] = &[
    0x4004_9409, // FICLONE
    0x4020_940d, // FICLONERANGE
    0xc018_9436, // FIDEDUPERANGE
    0x8008_6601, // FS_IOC_GETFLAGS
    0x8008_7601, // FS_IOC_GETVERSION
    0xc020_660b, // FS_IOC_FIEMAP
    0x801c_581f, // FS_IOC_FSGETXATTR
];

/// Kinds of such requests: `f`, `v`, `X`, and Btrfs's. They set flags and make subvolumes through a descriptor that may only
/// be read.
const FILE_KINDS: [u32; 4] = [0x6600, 0x7600, 0x5800, 0x9400];

/// `PRIO_USER` and `IOPRIO_WHO_USER`: all of the user's processes, whatever the second argument.
const PRIO_USER: u32 = 2;
const IOPRIO_WHO_USER: u32 = 3;

/// Installs the filter. The descriptor is where the supervisor hears of [`ASKED`].
pub(crate) fn apply() -> Done<OwnedFd> {
    sys::seccomp_listener(&program())
        .step(SetupStep::Seccomp, || "seccomp: changes of modes (another program listens already?)".into())
}

fn program() -> Vec<libc::sock_filter> {
    let mut code = Code::begin();
    for call in ASKED {
        code.ask(*call);
    }
    for call in OWNERS.iter().chain(SHARED) {
        code.refuse(*call, libc::EPERM);
    }
    for call in ATTRIBUTES {
        code.refuse(*call, libc::EOPNOTSUPP);
    }
    for call in OLDER {
        code.refuse(*call, libc::ENOSYS);
    }
    for call in OF_A_PROCESS {
        code.refuse_unless(*call, 0, 0, libc::EPERM);
    }
    for (call, user) in [(libc::SYS_setpriority, PRIO_USER), (libc::SYS_ioprio_set, IOPRIO_WHO_USER)] {
        code.refuse_if(call, 0, JUMP_EQUAL, user, libc::EPERM);
        code.refuse_unless(call, 1, 0, libc::EPERM);
    }
    // A path is as good as an address to a socket of this kind, and Landlock does not look at it.
    code.refuse_if(libc::SYS_socket, 0, JUMP_EQUAL, libc::AF_UNIX as u32, libc::EAFNOSUPPORT);
    // SOCK_DGRAM and SOCK_RAW: one of a pair could still send to any path.
    code.refuse_if(libc::SYS_socketpair, 1, JUMP_ANY, 0x2, libc::EAFNOSUPPORT);
    // As if it were done: what hides from the supervisor can't be counted, and nobody else in here could look.
    code.refuse_if(libc::SYS_prctl, 0, JUMP_EQUAL, libc::PR_SET_DUMPABLE as u32, 0);
    for request in [F_SETLEASE, F_NOTIFY] {
        code.refuse_if(libc::SYS_fcntl, 1, JUMP_EQUAL, request, libc::EPERM);
    }
    code.refuse_kinds(libc::SYS_ioctl, 1, &FILE_KINDS, FILE_REQUESTS, libc::ENOTTY);
    code.end()
}
