//! seccomp: system calls that no build, test or tool needs, and that could be a way out of the sandbox.

use crate::setup::{InStep, SetupResult, SetupStep};
use crate::sys;

// Instruction codes, from linux/bpf_common.h: load a word, jump if equal, jump if greater or equal, jump if any bit is set,
// mask, return.
const LOAD: u16 = 0x20;
pub(crate) const JUMP_EQUAL: u16 = 0x15;
pub(crate) const JUMP_ANY: u16 = 0x45;
const JUMP_AT_LEAST: u16 = 0x35;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
/// The call waits for the answer of another process.
const ASK: u32 = 0x7fc0_0000;

// Offsets in struct seccomp_data; the low half of an argument comes first on the machines that are supported.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xc000_00b7;

/// The bits of `clone` and `unshare` that make a namespace (mount, cgroup, uts, ipc, user, pid, net).
const NEW_NAMESPACE: u32 = 0x7e02_0000;

/// Calls that are refused whatever their arguments.
const REFUSED: &[libc::c_long] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    // Namespaces of other processes.
    libc::SYS_setns,
    // Inspecting other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Keys are shared by user, not by namespace.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_fanotify_init,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Segments of 16-bit programs: kernel code that nothing else reaches.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    // Memory files that no limit counts.
    SYS_MEMFD_SECRET,
    // The mounts of the host's file system.
    SYS_STATMOUNT,
    SYS_LISTMOUNT,
];

/// Calls that fail as on a kernel without them, so that libraries use the older ones, which are filtered: the arguments of
/// these are in memory, which a filter can't read.
const UNKNOWN: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_openat2,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

// Newer than some C libraries' lists; the numbers are the same on all machines that are supported.
const SYS_MEMFD_SECRET: libc::c_long = 447;
const SYS_FCHMODAT2: libc::c_long = 452;
const SYS_STATMOUNT: libc::c_long = 457;
const SYS_LISTMOUNT: libc::c_long = 458;

/// The set-id bits of a mode. A file with them would give others on the host the user's rights, and no build needs one.
const SET_ID: u32 = libc::S_ISUID | libc::S_ISGID;

/// The flags with which `open` creates a file; without them the mode argument has no meaning.
const MAKES_A_FILE: u32 = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u32;

/// Calls that set a mode, with the index of that argument.
const SET_MODE: &[(libc::c_long, u32)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (SYS_FCHMODAT2, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, 1),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
    (libc::SYS_mknodat, 2),
];

/// Calls that open a file, with the index of the flags argument; the mode is the next one.
const OPEN: &[(libc::c_long, u32)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
    (libc::SYS_openat, 2),
];

/// Installs the filter. `no_sockets`: there is no network namespace, so all sockets are refused.
pub(crate) fn apply(no_sockets: bool) -> SetupResult {
    sys::seccomp(&program(no_sockets)).step(SetupStep::Seccomp, || "seccomp".into())
}

fn program(no_sockets: bool) -> Vec<libc::sock_filter> {
    let mut code = FilterCode::begin();
    for call in REFUSED {
        code.refuse(*call, libc::EPERM);
    }
    for call in UNKNOWN {
        code.refuse(*call, libc::ENOSYS);
    }
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        code.refuse_if(call, 0, JUMP_ANY, NEW_NAMESPACE, libc::EPERM);
    }
    for (call, mode) in SET_MODE {
        code.refuse_if(*call, *mode, JUMP_ANY, SET_ID, libc::EPERM);
    }
    for (call, flags) in OPEN {
        code.refuse_set_id_on_open(*call, *flags);
    }
    // Injecting input into the terminal that voe was started from.
    for request in [libc::TIOCSTI as u32, libc::TIOCLINUX as u32] {
        code.refuse_if(libc::SYS_ioctl, 1, JUMP_EQUAL, request, libc::EPERM);
    }
    if no_sockets {
        code.refuse(libc::SYS_socket, libc::EACCES);
    } else {
        code.socket_families();
    }
    // Limits of another process: those of the toolbox and its supervisor could be lowered until they end.
    code.refuse_unless(libc::SYS_prlimit64, 0, 0, libc::EPERM);
    code.end()
}

/// A program under construction; the call's number is loaded between its parts.
#[derive(Default)]
pub(crate) struct FilterCode(Vec<libc::sock_filter>);

impl FilterCode {
    /// Ends programs of another architecture, whose numbers mean other calls.
    pub(crate) fn begin() -> Self {
        let mut code = Self::default();
        code.load(ARCHITECTURE);
        code.jump(JUMP_EQUAL, THIS_ARCHITECTURE, 1, 0);
        code.ret(KILL);
        code.load(NUMBER);
        // The x32 numbers of x86-64 would bypass all that follows.
        code.jump(JUMP_AT_LEAST, 0x4000_0000, 0, 1);
        code.ret(ERRNO | libc::ENOSYS as u32);
        code
    }

    /// Allows the rest.
    pub(crate) fn end(mut self) -> Vec<libc::sock_filter> {
        self.ret(ALLOW);
        self.0
    }

    fn load(&mut self, offset: u32) {
        self.0.push(libc::sock_filter { code: LOAD, jt: 0, jf: 0, k: offset });
    }

    fn jump(&mut self, code: u16, value: u32, then: u8, otherwise: u8) {
        self.0.push(libc::sock_filter { code, jt: then, jf: otherwise, k: value });
    }

    fn ret(&mut self, value: u32) {
        self.0.push(libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: value });
    }

    pub(crate) fn refuse(&mut self, call: libc::c_long, errno: i32) {
        self.jump(JUMP_EQUAL, call as u32, 0, 1);
        self.ret(ERRNO | errno as u32);
    }

    /// Lets the listening process answer the call.
    pub(crate) fn ask(&mut self, call: libc::c_long) {
        self.jump(JUMP_EQUAL, call as u32, 0, 1);
        self.ret(ASK);
    }

    /// Refuses the call unless an argument is `value`.
    pub(crate) fn refuse_unless(&mut self, call: libc::c_long, index: u32, value: u32, errno: i32) {
        self.jump(JUMP_EQUAL, call as u32, 0, 4);
        self.load(argument(index));
        self.jump(JUMP_EQUAL, value, 1, 0);
        self.ret(ERRNO | errno as u32);
        self.load(NUMBER);
    }

    /// Refuses the call if an argument, a request of `ioctl`, is of one of these kinds (bits 8 to 15) and none of `allowed`.
    pub(crate) fn refuse_kinds(&mut self, call: libc::c_long, index: u32, kinds: &[u32], allowed: &[u32], errno: i32) {
        let (kinds, allowed) = (kinds.iter().copied(), allowed.iter().copied());
        let (many_kinds, many_allowed) = (kinds.len() as u8, allowed.len() as u8);
        self.jump(JUMP_EQUAL, call as u32, 0, many_allowed + many_kinds + 5);
        self.load(argument(index));
        for (number, request) in (1..).zip(allowed) {
            // To the end.
            self.jump(JUMP_EQUAL, request, many_allowed - number + many_kinds + 3, 0);
        }
        self.0.push(libc::sock_filter { code: AND, jt: 0, jf: 0, k: 0xff00 });
        for (number, kind) in (1..).zip(kinds) {
            self.jump(JUMP_EQUAL, kind, many_kinds - number + 1, 0);
        }
        self.jump(JUMP_ANY, 0, 0, 1);
        self.ret(ERRNO | errno as u32);
        self.load(NUMBER);
    }

    pub(crate) fn refuse_if(&mut self, call: libc::c_long, index: u32, test: u16, value: u32, errno: i32) {
        self.jump(JUMP_EQUAL, call as u32, 0, 4);
        self.load(argument(index));
        self.jump(test, value, 0, 1);
        self.ret(ERRNO | errno as u32);
        self.load(NUMBER);
    }

    fn refuse_set_id_on_open(&mut self, call: libc::c_long, flags: u32) {
        self.jump(JUMP_EQUAL, call as u32, 0, 6);
        self.load(argument(flags));
        self.jump(JUMP_ANY, MAKES_A_FILE, 0, 3);
        self.load(argument(flags + 1));
        self.jump(JUMP_ANY, SET_ID, 0, 1);
        self.ret(ERRNO | libc::EPERM as u32);
        self.load(NUMBER);
    }

    /// Unix, IPv4, IPv6 and the routing part of netlink (which lists interfaces); nothing else.
    fn socket_families(&mut self) {
        self.jump(JUMP_EQUAL, libc::SYS_socket as u32, 0, 9);
        self.load(argument(0));
        self.jump(JUMP_EQUAL, libc::AF_UNIX as u32, 6, 0);
        self.jump(JUMP_EQUAL, libc::AF_INET as u32, 5, 0);
        self.jump(JUMP_EQUAL, libc::AF_INET6 as u32, 4, 0);
        self.jump(JUMP_EQUAL, libc::AF_NETLINK as u32, 0, 2);
        self.load(argument(2));
        self.jump(JUMP_EQUAL, libc::NETLINK_ROUTE as u32, 1, 0);
        self.ret(ERRNO | libc::EAFNOSUPPORT as u32);
        self.load(NUMBER);
    }
}
