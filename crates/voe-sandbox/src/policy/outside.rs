//! A second filter, for a sandbox without namespaces between commands and the user's other processes and files: it covers
//! what Landlock does not. Modes and times of files are changed by the supervisor (`init/modes.rs`), and only in the
//! sandbox's own directories.

use std::os::fd::OwnedFd;

use super::filter::{FilterCode, JUMP_ANY, JUMP_EQUAL};
use crate::setup::{InStep, SetupResult, SetupStep};
use crate::sys;

/// Calls that the supervisor carries out or refuses.
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

/// Calls that change owners of files anywhere. An ordinary user could change a file's group at most.
const OWNERS: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    FILE_SETATTR,
];

/// Refused as on a file system without attributes, which programs that copy files accept.
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

/// Calls on objects that all processes of a user share, or on another process of theirs.
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
    // Reports events of files below a directory that commands may not read.
    libc::SYS_inotify_add_watch,
];

/// Requests of `fcntl` that are refused: leases, and notifications of changes.
const F_SETLEASE: u32 = 1024;
const F_NOTIFY: u32 = 1026;

/// Calls whose first argument is a process: 0, the caller, is allowed.
const OF_A_PROCESS: &[libc::c_long] =
    &[libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam, libc::SYS_sched_setattr];

/// Requests of `ioctl` to file systems that are allowed: sharing blocks, which needs a writable descriptor, and reading
/// flags and extents.
const FILE_REQUESTS: &[u32] = &[
    0x4004_9409, // FICLONE
    0x4020_940d, // FICLONERANGE
    0xc018_9436, // FIDEDUPERANGE
    0x8008_6601, // FS_IOC_GETFLAGS
    0x8008_7601, // FS_IOC_GETVERSION
    0xc020_660b, // FS_IOC_FIEMAP
    0x801c_581f, // FS_IOC_FSGETXATTR
];

/// Kinds of such requests: `f`, `v`, `X`, and Btrfs's. They set flags and make subvolumes even through a read-only
/// descriptor.
const FILE_KINDS: [u32; 4] = [0x6600, 0x7600, 0x5800, 0x9400];

/// `PRIO_USER` and `IOPRIO_WHO_USER`: all of the user's processes, whatever the second argument.
const PRIO_USER: u32 = 2;
const IOPRIO_WHO_USER: u32 = 3;

/// Installs the filter. On the returned descriptor the supervisor receives the calls in [`ASKED`].
pub(crate) fn apply() -> SetupResult<OwnedFd> {
    sys::seccomp_listener(&program())
        .step(SetupStep::Seccomp, || "seccomp: changes of modes (another program listens already?)".into())
}

fn program() -> Vec<libc::sock_filter> {
    let mut code = FilterCode::begin();
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
    // A path is an address for such a socket, and Landlock does not check it.
    code.refuse_if(libc::SYS_socket, 0, JUMP_EQUAL, libc::AF_UNIX as u32, libc::EAFNOSUPPORT);
    // SOCK_DGRAM and SOCK_RAW: one of a pair could still send to any path.
    code.refuse_if(libc::SYS_socketpair, 1, JUMP_ANY, 0x2, libc::EAFNOSUPPORT);
    // Reported as done: memory of a process that the supervisor can't examine can't be counted, and no other process
    // in here could inspect it.
    code.refuse_if(libc::SYS_prctl, 0, JUMP_EQUAL, libc::PR_SET_DUMPABLE as u32, 0);
    for request in [F_SETLEASE, F_NOTIFY] {
        code.refuse_if(libc::SYS_fcntl, 1, JUMP_EQUAL, request, libc::EPERM);
    }
    code.refuse_kinds(libc::SYS_ioctl, 1, &FILE_KINDS, FILE_REQUESTS, libc::ENOTTY);
    code.end()
}
