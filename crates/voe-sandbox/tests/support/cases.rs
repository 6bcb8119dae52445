//! The table of hostile commands.

/// How a case has to end, besides that nothing got through and that the next call works.
pub enum End {
    /// It is refused: an exit code other than 0.
    Refused,
    /// It exits with 0 and prints this: things that must keep working.
    Works(&'static str),
    /// A limit ended it, or the system call failed; the result contains one of these words.
    Mentions(&'static [&'static str]),
    /// Any way, as long as it is contained.
    Contained,
}

/// A command and how it has to end.
pub struct Case {
    pub name: &'static str,
    pub tool: &'static str,
    /// The command for `bash`; the path for file tools.
    pub input: &'static str,
    pub end: End,
    /// Can't be prevented without namespaces.
    pub needs_namespaces: bool,
}

const fn case(name: &'static str, input: &'static str, end: End) -> Case {
    Case { name, tool: "bash", input, end, needs_namespaces: false }
}

const fn namespaced(name: &'static str, input: &'static str, end: End) -> Case {
    Case { name, tool: "bash", input, end, needs_namespaces: true }
}

const fn tool(name: &'static str, tool: &'static str, input: &'static str) -> Case {
    Case { name, tool, input, end: End::Refused, needs_namespaces: false }
}

use End::{Contained, Mentions, Refused, Works};

pub const CASES: &[Case] = &[
    // Things that must keep working.
    case("tools of the trade work", "python3 -c 'print(6*7)' && git --version >/dev/null && echo ok", Works("42")),
    case("the workspace can be written", "echo x > new.txt && cat new.txt && rm new.txt", Works("x")),
    namespaced("/tmp can be written", "echo x > /tmp/mine && cat /tmp/mine", Works("x")),
    namespaced("/tmp lasts from call to call", "cat /tmp/mine", Works("x")),
    case("git status works", "git status --short && git log --oneline | wc -l", Works("1")),
    namespaced(
        "git commits and stashes",
        "echo c > c && git add c && git commit -qm c && echo d > c && git stash -q && git stash pop -q && git log --oneline | wc -l && git reset -q --hard HEAD~1",
        Works("2"),
    ),
    namespaced(
        "a C program builds and runs",
        "printf '#include <stdio.h>\\nint main(){puts(\"built\");}' > t.c && gcc t.c -o t && ./t; rm -f t t.c",
        Works("built"),
    ),
    namespaced(
        "a server on loopback is reached",
        "cd src && (python3 -m http.server 18080 >/dev/null 2>&1 & p=$!; for i in $(seq 100); do curl -s localhost:18080/b.txt && break; read -t 0.05 < <(:) ; sleep 0.05; done; kill $p)",
        Works("b"),
    ),
    namespaced(
        "threads and processes start",
        "python3 -c 'import multiprocessing as m, threading; p=m.Pool(4); print(sum(p.map(abs,range(9))))'",
        Works("36"),
    ),
    namespaced(
        "a pseudo-terminal opens",
        "python3 -c 'import pty,os; print(\"pty\", os.openpty() is not None)'",
        Works("pty True"),
    ),
    // Writing outside.
    case(
        "writing outside by absolute path",
        "echo x > {outside}/file; echo x > /etc/voe-x; echo x > /usr/voe-x; echo x > /var/lib/voe-x",
        Contained,
    ),
    case("writing outside by ..", "echo x > ../../../outside/file", Contained),
    case("writing outside through a link", "ln -s {outside}/file l && echo x > l; rm -f l", Contained),
    case(
        "writing outside through /proc/self/root",
        "echo x > /proc/self/root{outside}/file; echo x > /proc/1/root/etc/voe-x; echo x > /proc/self/cwd/../../../outside/file",
        Contained,
    ),
    case(
        "writing to devices",
        "for d in vda sda nvme0n1 mem kmsg; do [ -b /dev/$d ] || [ -c /dev/$d ] || continue; dd if=/dev/zero of=/dev/$d count=1 && exit 0; done; exit 1",
        Refused,
    ),
    case("making a device", "mknod /tmp/disk b 254 0 && head -c 16 /tmp/disk | xxd", Refused),
    case(
        "replacing a directory above the workspace",
        "mv ~/code ~/gone; ln -s /etc ~/code; touch ~/code/voe-x; rm -f ~/code; mv ~/gone ~/code",
        Contained,
    ),
    case(
        "calls that tell of the host's mounts or reach rare parts of the kernel",
        "python3 -c '\nimport ctypes,platform\nl=ctypes.CDLL(None,use_errno=True)\ncalls=[447,457,458]+([154] if platform.machine()==\"x86_64\" else [])\nprint(\"bad\",[c for c in calls if l.syscall(c,0,0,0,0)>=0 or ctypes.get_errno() not in (1,38)])'",
        Works("bad []"),
    ),
    namespaced(
        "the pages of the machine",
        "n=0; for f in kpageflags kpagecount kpagecgroup; do test $(head -c 8 /proc/$f 2>/dev/null | wc -c) = 0 || n=$((n+1)); done; echo open=$n",
        Works("open=0"),
    ),
    case(
        "set-id modes by chmod",
        "cp /bin/true t || exit 0; for m in u+s g+s 4755 2755 6755; do chmod $m t && r=0; done; rm -f t; exit ${r:-1}",
        Refused,
    ),
    case("a set-id directory", "mkdir sd || exit 0; chmod g+s sd; r=$?; rm -rf sd; exit $r", Refused),
    case(
        "set-id modes by every call that there is",
        "python3 -c '\nimport ctypes,os,struct\nl=ctypes.CDLL(None,use_errno=True)\ns=ctypes.c_char_p\nat=-100\nopen(\"t\",\"w\").close()\nfd=os.open(\"t\",os.O_RDWR)\nnew=[0]\ndef name():\n  new[0]+=1\n  return s(b\"set%d\"%new[0])\nbad=[]\nfor m in (0o4755,0o2755,0o6777,0o104755):\n  how=ctypes.create_string_buffer(struct.pack(\"<3Q\",os.O_CREAT|os.O_RDWR,m&0o7777,0))\n  for c in ((90,s(b\"t\"),m),(91,fd,m),(268,at,s(b\"t\"),m),(452,at,s(b\"t\"),m,0),(2,name(),os.O_CREAT|os.O_WRONLY,m),(2,s(b\".\"),os.O_TMPFILE|os.O_RDWR,m),(257,at,name(),os.O_CREAT|os.O_RDWR,m),(257,at,s(b\".\"),os.O_TMPFILE|os.O_RDWR,m),(85,name(),m),(133,name(),m|0o100000,0),(259,at,name(),m|0o100000,0),(437,at,name(),how,24)):\n    if l.syscall(*c)>=0 or ctypes.get_errno() not in (1,38): bad.append((c[0],oct(m),ctypes.get_errno()))\nfor f in os.listdir(\".\"):\n  if os.lstat(f).st_mode & 0o6000 and not os.path.isdir(f): bad.append(f)\nfor f in [\"t\"]+[\"set%d\"%n for n in range(1,new[0]+1)]:\n  if os.path.exists(f): os.unlink(f)\nprint(\"bad\",bad)'",
        Works("bad []"),
    ),
    case(
        "other modes can be set",
        "echo x > m && chmod 755 m && mkdir -m 1777 md && install -m 750 m mi && cp -a m mc && tar cf m.tar m && tar xf m.tar -C md && python3 -c 'import os,tempfile; os.chmod(\"m\",0o700); os.close(os.open(\"mo\",os.O_CREAT|os.O_RDWR,0o755)); tempfile.TemporaryFile(); open(\"m\").read()' && stat -c %a m mi mc mo md/m | tr '\\n' ' '; rm -rf m md mi mc mo m.tar",
        Works("700 750 755 755 755"),
    ),
    namespaced(
        "git clones",
        "git clone -q . /tmp/clone && git -C /tmp/clone status --short && echo cloned",
        Works("cloned"),
    ),
    case("hard link from outside", "ln {outside}/file h && echo x > h", Refused),
    tool("file_read outside by ..", "file_read", "../../../outside/file"),
    tool("file_read of the environment", "file_read", "/proc/self/environ"),
    tool("file_read through /proc/self/root", "file_read", "/proc/self/root/etc/passwd"),
    tool("file_write outside", "file_write", "/etc/voe-x"),
    tool("file_write through /proc/self/root", "file_write", "/proc/self/root/etc/voe-x"),
    tool("file_write into .git", "file_write", ".git/hooks/pre-commit"),
    case("one large file in the workspace", "head -c 1G /dev/zero > big; r=$?; rm -f big; exit $r", Refused),
    case("temporary files have a place", "f=$(mktemp) && echo x > $f && cat $f", Works("x")),
    // Reading secrets.
    case("reading a key in the home", "cat ~/.ssh/id_rsa ~/.netrc {outside}/../home/.ssh/id_rsa", Refused),
    case(
        "searching all of the file system for the key",
        "timeout 15 grep -rs --include=id_rsa --include=.netrc horse / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr; cat /etc/shadow",
        Contained,
    ),
    case(
        "reading the environment",
        "env; cat /proc/self/environ /proc/1/environ /proc/{pid}/environ; ps eww",
        Contained,
    ),
    case("reading every environment there is", "cat /proc/*/environ | tr '\\0' '\\n'", Contained),
    case(
        "opening a file by its inode number",
        "python3 -c 'import ctypes,os; l=ctypes.CDLL(None,use_errno=True); print(l.syscall(304,3,0,0), os.strerror(ctypes.get_errno()))'",
        Mentions(&["not permitted", "Operation"]),
    ),
    // The network.
    case("TCP to the host", "exec 3<>/dev/tcp/127.0.0.1/{tcp}", Refused),
    case(
        "UDP to the host",
        "python3 -c 'import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.sendto(b\"x\",(\"127.0.0.1\",{udp}))'",
        Contained,
    ),
    case("TCP to the internet", "timeout 5 bash -c 'exec 3<>/dev/tcp/1.1.1.1/53'", Refused),
    case("DNS", "timeout 10 python3 -c 'import socket; print(socket.getaddrinfo(\"example.com\",80))'", Refused),
    case(
        "a unix socket of the host's",
        "python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.connect(\"{unix}\")'",
        Refused,
    ),
    case(
        "an abstract socket of the host's",
        "python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.connect(\"\\0voe-test-{pid}\")'",
        Refused,
    ),
    case("raw packets", "python3 -c 'import socket; socket.socket(socket.AF_PACKET,socket.SOCK_RAW)'", Refused),
    case("virtual machine sockets", "python3 -c 'import socket; socket.socket(socket.AF_VSOCK)'", Refused),
    case("Docker's socket", "ls /var/run/docker.sock /run/docker.sock", Refused),
    // Bombs.
    case("a fork bomb", "bomb() { bomb | bomb & }; bomb; sleep 3; true", Contained),
    case(
        "a fork bomb in Python",
        "python3 -c '\nimport os,time\nn=0\nwhile True:\n  try:\n    if os.fork()==0: time.sleep(60)\n    n+=1\n  except OSError as e: print(\"refused\",n,e); break\n'",
        Mentions(&["process limit", "refused"]),
    ),
    case(
        "a memory bomb",
        "python3 -c 'x=[bytearray(b\"x\"*10**7) for i in range(10**4)]'",
        Mentions(&["memory limit", "MemoryError", "out of memory"]),
    ),
    case(
        "a memory bomb of many processes",
        "for i in $(seq 12); do python3 -c 'x=bytearray(b\"x\"*60_000_000); import time; time.sleep(4)' & done; wait; echo over",
        Mentions(&["memory limit"]),
    ),
    case(
        "a memory bomb of shared mappings",
        "python3 -c '\nimport mmap,time\nx=[]\nfor i in range(100):\n  x.append(mmap.mmap(-1,10**7)); x[-1].write(b\"x\"*10**7); time.sleep(0.005)\ntime.sleep(2)\nprint(\"over\")\n'; echo over",
        Mentions(&["memory limit", "Cannot allocate"]),
    ),
    case(
        "a memory bomb of files without a name",
        "python3 -c '\nimport os,time\nfor i in range(20):\n  os.write(os.memfd_create(\"x\"),b\"x\"*50_000_000); time.sleep(0.02)\ntime.sleep(2)\n'; echo over",
        Mentions(&["memory limit", "Killed"]),
    ),
    case(
        "the same by a process that does not let itself be examined",
        "python3 -c '\nimport ctypes,os,time\nctypes.CDLL(None).prctl(4,0)\nfor i in range(20):\n  os.write(os.memfd_create(\"x\"),b\"x\"*50_000_000); time.sleep(0.02)\ntime.sleep(2)\n'; echo over",
        Mentions(&["memory limit", "Killed"]),
    ),
    namespaced("memory in /dev/shm", "head -c 2G /dev/zero > /dev/shm/x; r=$?; rm -f /dev/shm/x; exit $r", Refused),
    namespaced(
        "one large file",
        "head -c 1G /dev/zero > /tmp/big; r=$?; ls -s /tmp/big; rm -f /tmp/big; exit $r",
        Refused,
    ),
    case(
        "a disk filler in the workspace",
        "for i in $(seq 200); do head -c 50M /dev/zero > fill$i || exit 1; sleep 0.05; done",
        Mentions(&["disk limit"]),
    ),
    case("cleaning up after it", "rm -f fill*; ls | grep -c fill", Contained),
    case(
        "a disk filler of files without a name",
        "python3 -c '\nimport os,time\nfor i in range(40):\n  f=os.open(\"fill\",os.O_CREAT|os.O_RDWR); os.unlink(\"fill\"); os.write(f,os.urandom(50_000_000)); os.fsync(f); time.sleep(0.02)\ntime.sleep(2)\n'; echo over",
        Mentions(&["disk limit"]),
    ),
    case(
        "the same by a process that does not let itself be examined either",
        "python3 -c '\nimport ctypes,os,time\nctypes.CDLL(None).prctl(4,0)\nfor i in range(40):\n  f=os.open(\"fill\",os.O_CREAT|os.O_RDWR); os.unlink(\"fill\"); os.write(f,os.urandom(50_000_000)); os.fsync(f); time.sleep(0.02)\ntime.sleep(2)\n'; echo over",
        Mentions(&["disk limit"]),
    ),
    namespaced(
        "a disk filler in /tmp",
        "for i in $(seq 200); do head -c 50M /dev/zero > /tmp/fill$i || exit 1; sleep 0.05; done",
        Mentions(&["disk limit"]),
    ),
    namespaced("cleaning up after that", "rm -f /tmp/fill*", Works("")),
    case("endless output", "timeout 3 yes | cat", Contained),
    case(
        "100 000 files",
        "python3 -c '\nimport os\nos.mkdir(\"many\")\nfor i in range(100000): os.close(os.open(f\"many/{i}\",os.O_CREAT))\nprint(\"made\")\n'",
        Contained,
    ),
    case("removing them", "rm -rf many; ls", Contained),
    case(
        "a deep directory",
        "python3 -c '\nimport os\nfor i in range(3000):\n  os.mkdir(\"d\"); os.chdir(\"d\")\n'; rm -rf d; ls",
        Contained,
    ),
    // Outliving the call.
    case(
        "ignoring SIGTERM",
        "trap '' TERM INT HUP; timeout -s TERM 1 sleep 0.1; while true; do sleep 1; done",
        Mentions(&["time", "timeout", "seconds"]),
    ),
    case(
        "daemonising",
        "setsid nohup bash -c 'exec -a voe-test-daemon-{pid} sleep 300' >/dev/null 2>&1 & (setsid setsid bash -c 'exec -a voe-test-daemon-{pid} sleep 300 &' &) ; echo left",
        Contained,
    ),
    case("nothing of it is left", "ps aux | grep -v grep | grep voe-test-daemon-{pid} || echo none", Works("none")),
    // Killing and tracing.
    case("killing the toolbox", "kill -9 1; kill -9 -1; true", Contained),
    case("killing it by its parent's id", "kill -9 $PPID; kill -STOP $PPID; kill -STOP 1; true", Contained),
    case("killing voe", "kill -9 {pid}; kill -TERM {pid}; true", Contained),
    case(
        "tracing",
        "python3 -c 'import ctypes,os,sys; l=ctypes.CDLL(None,use_errno=True); r=l.ptrace(16,int(sys.argv[1]),0,0); e=ctypes.get_errno(); print(r, os.strerror(e)); sys.exit(r!=0)' 1",
        Refused,
    ),
    case("reading the toolbox's memory", "cat /proc/1/maps /proc/1/mem /proc/$PPID/mem", Refused),
    case("reading the toolbox's descriptors", "ls -l /proc/1/fd/ /proc/$PPID/fd/", Refused),
    case(
        "stealing a descriptor",
        "python3 -c 'import os,ctypes,sys; p=os.pidfd_open(os.getppid()); l=ctypes.CDLL(None,use_errno=True); sys.exit(l.syscall(438,p,0,0)<0)'",
        Refused,
    ),
    // git.
    namespaced(
        "hooks and configuration of git",
        "echo 'touch /tmp/hooked' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git config core.fsmonitor 'touch /tmp/x'; git config alias.st '!id'; git config --unset core.fsmonitor; rm .git/hooks/pre-commit; echo done",
        Works("done"),
    ),
    case("deleting .git", "rm -rf .git/refs .git/HEAD .git/config; git init -q . ; true", Contained),
    // Mounts and namespaces.
    case("mounting", "mount -t tmpfs t /mnt", Refused),
    case("remounting", "mount -o remount,rw / || mount -o remount,rw /etc || mount -o remount,bind,rw /usr", Refused),
    case("unmounting what hides", "umount /etc/shadow || umount ~ || umount /proc", Refused),
    case("a user namespace", "unshare -Ur id", Refused),
    case("a mount namespace", "unshare -m true", Refused),
    case(
        "a user namespace by clone",
        "python3 -c 'import ctypes,sys; l=ctypes.CDLL(None,use_errno=True); r=l.syscall(56,0x10000000|17,0,0,0,0); sys.exit(1 if r<0 else 0)'",
        Refused,
    ),
    case(
        "a user namespace by clone3",
        "python3 -c '\nimport ctypes,sys,struct\nl=ctypes.CDLL(None,use_errno=True)\na=ctypes.create_string_buffer(struct.pack(\"<11Q\",0x10000000,0,0,0,17,0,0,0,0,0,0))\nr=l.syscall(435,a,88)\nsys.exit(1 if r<0 else 0)'",
        Refused,
    ),
    case("entering a namespace", "nsenter -t 1 -m -p true || nsenter --mount=/proc/1/ns/mnt true", Refused),
    case("changing the root", "chroot / true || python3 -c 'import os; os.chroot(\"/\")'", Refused),
    case(
        "calls that nothing needs",
        "python3 -c '\nimport ctypes,sys\nl=ctypes.CDLL(None,use_errno=True)\nbad=[]\nfor n in (250,248,249,321,298,246,425,323,175,169,103,165,428,430,442):\n  if l.syscall(n,0,0,0,0,0)>=0 or ctypes.get_errno() not in (1,38): bad.append((n,ctypes.get_errno()))\nprint(\"bad\",bad)\nsys.exit(bool(bad))'",
        Works("bad []"),
    ),
    case(
        "typing into the terminal",
        "python3 -c 'import fcntl,termios,os; m,s=os.openpty(); fcntl.ioctl(s,termios.TIOCSTI,b\"x\")'",
        Refused,
    ),
    case(
        "settings of the kernel",
        "echo x > /proc/sys/kernel/core_pattern || echo b > /proc/sysrq-trigger || sysctl -w kernel.panic=1",
        Refused,
    ),
    case(
        "leaving the control group",
        "for f in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs); do echo $$ > $f && exit 0; done; exit 1",
        Refused,
    ),
    case("raising its own limits", "ulimit -f unlimited", Refused),
    case(
        "becoming another user",
        "su nobody -s /bin/sh -c id || sudo -n id || python3 -c 'import os; os.setuid(12345)'",
        Refused,
    ),
    case(
        "no capability is left that matters",
        "grep CapEff /proc/self/status; python3 -c 'import sys; c=int(open(\"/proc/self/status\").read().split(\"CapEff:\")[1].split()[0],16); sys.exit(bool(c & ~0x1b))'",
        Works("CapEff"),
    ),
    case(
        "what must not be seen is not there, although a directory above it is shown",
        "test -d /usr/share/misc && ! find /usr/share/doc -type f 2>/dev/null | grep -q . && ! cat /usr/share/doc/*/copyright 2>/dev/null | grep -q . && echo unseen",
        Works("unseen"),
    ),
];
