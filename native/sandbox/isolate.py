"""Linux's own walls around a process, by way of the C library: namespaces, mounts, capabilities, a filter of system calls.

Nothing here needs root. Where root runs it, the programs are given the rights of nobody.
"""

import ctypes
import os
import platform
import signal
import struct
import sys

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
# All of them, as clone takes them.
NAMESPACES = 0x7E020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)

# Numbers of system calls; clone is needed by number because the library has no fork into new namespaces.
CALLS = {
    "x86_64": {
        "audit": 0xC000003E, "clone": 56, "clone3": 435, "unshare": 272, "pivot_root": 155, "capset": 126, "socket": 41,
        "refused": [29, 68, 101, 134, 155, 161, 165, 166, 169, 179, 246, 248, 249, 250, 272, 298, 308, 310, 311, 319, 320, 321, 323],
    },
    "aarch64": {
        "audit": 0xC00000B7, "clone": 220, "clone3": 435, "unshare": 97, "pivot_root": 41, "capset": 91, "socket": 198,
        "refused": [186, 194, 39, 40, 41, 51, 60, 97, 104, 117, 142, 217, 218, 219, 241, 268, 270, 271, 279, 280, 282, 294],
    },
}
# By x86_64, the lists hold: shmget and msgget (memory that outlives its process), ptrace, uselib, pivot_root, chroot, mount, umount2,
# reboot, quotactl, kexec_load, add_key, request_key, keyctl, unshare, perf_event_open, setns, process_vm_readv, process_vm_writev,
# memfd_create, kexec_file_load, bpf, userfaultfd. The same everywhere: io_uring, mounting by file, pidfd_getfd, memfd_secret.
REFUSED_EVERYWHERE = [425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 447]
ENOSYS, EPERM, EACCES = 38, 1, 13
AF_UNIX = 1


def calls():
    return CALLS.get(platform.machine())


def check(result, what):
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))
    return result


def prctl(option, value=0):
    return check(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl(%d)" % option)


def die_with_parent():
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def unshare(flags, what):
    check(libc.unshare(flags), what)


def clone(flags):
    """fork() into new namespaces: 0 in the child."""
    sys.stdout.flush()
    return check(libc.syscall(ctypes.c_long(calls()["clone"]), ctypes.c_ulong(flags | signal.SIGCHLD), 0, 0, 0, 0), "clone")


def mount(source, target, kind, flags, data=None):
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    result = libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    check(result, "mount on %s" % target)


def bind(path, old, writable=False):
    """Shows a file or folder of the old root at the same path, for reading."""
    if os.path.isdir(old + path):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o444))
    mount(old + path, path, None, MS_BIND | MS_REC)
    if not writable:
        # A remount may not take away what the mount forbids already.
        keep = os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount(None, path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | keep)


def python_paths():
    """What an interpreter needs to run: its own files and the system's libraries."""
    prefix = os.path.realpath(sys.base_prefix)
    own = [prefix] if prefix not in ("/", "/usr", "/usr/local") else [os.path.dirname(os.path.realpath(os.__file__))]
    own.append(os.path.realpath(sys.executable))
    if prefix == "/usr/local":
        own.append("/usr/local/lib")
    system = ["/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo"]
    return [path for path in dict.fromkeys(system + own) if os.path.exists(path)]


def build_root():
    """A file system of which only the interpreter can be seen, all of it read-only. Becomes `/`; nothing of the old one is left."""
    paths = python_paths()
    links = {path: os.readlink(path) for path in paths if os.path.islink(path)}
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    # Mounted over a folder that there is, so that no folder has to be made and removed.
    mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    old = "/old"
    os.mkdir("/tmp" + old)
    check(libc.syscall(ctypes.c_long(calls()["pivot_root"]), b"/tmp", os.fsencode("/tmp" + old)), "pivot_root")
    os.chdir("/")
    shown = []
    for path in paths:
        if path in links:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(links[path], path)
        elif not any(path.startswith(other + "/") for other in shown):
            bind(path, old)
            shown.append(path)
    for device in ("null", "zero", "urandom", "random"):
        bind("/dev/" + device, old, writable=True)
    os.mkdir("/tmp")
    os.symlink("/tmp", "/dev/shm")
    check(libc.umount2(os.fsencode(old), MNT_DETACH), "umount of the old root")
    os.rmdir(old)
    mount(None, "/", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def write_at(folder, name, text):
    descriptor = os.open(name, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def give_up_root(ranges):
    """The kernel exempts its root from the limit on processes: this process becomes nobody, unless its root is another's user already."""
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as raised:
        if any(line.split()[:2] == ["0", "0"] for line in ranges.splitlines()):
            raise OSError(raised.errno, "root cannot give up its rights here: %s" % os.strerror(raised.errno)) from None


def enter():
    """Puts this process into a user, network, mount and IPC namespace of its own, and its next child into a new process namespace."""
    numbers = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    is_root = os.geteuid() == 0
    is_built = False
    if is_root:
        try:
            # Root sees an interpreter in a folder of its own, which nobody would not.
            unshare(CLONE_NEWNS, "a mount namespace")
            is_built = True
        except OSError:
            pass
        with open("/proc/self/uid_map") as file:
            ranges = file.read()
        if is_built:
            build_root()
        give_up_root(ranges)
        prctl(PR_SET_DUMPABLE, 1)
    user, group = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID, "namespaces")
    own = os.open(str(os.getpid()), os.O_RDONLY | os.O_DIRECTORY, dir_fd=numbers)
    write_at(own, "setgroups", "deny")
    write_at(own, "uid_map", "%d %d 1" % (user, user))
    write_at(own, "gid_map", "%d %d 1" % (group, group))
    os.close(own)
    try:
        # No namespaces inside of this one: they would bring back capabilities over themselves.
        write_at(numbers, "sys/user/max_user_namespaces", "0")
    except OSError:
        pass
    os.close(numbers)
    if not is_built:
        build_root()
    # A change of identity had cleared it.
    die_with_parent()


def drop_capabilities():
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == -1:
            break
    header = struct.pack("Ii", 0x20080522, 0)
    check(libc.syscall(ctypes.c_long(calls()["capset"]), header, bytes(24)), "capset")
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def filter_calls():
    """Refuses system calls that a test program has no use for, sockets other than UNIX ones among them (a classic BPF program)."""
    numbers = calls()

    def step(code, value, yes=0, no=0):
        return struct.pack("HBBI", code, yes, no, value)

    load, equal, at_least, any_of, give = 0x20, 0x15, 0x35, 0x45, 0x06
    refuse, allow = 0x00050000, 0x7FFF0000
    program = [
        step(load, 4),
        step(equal, numbers["audit"], 1, 0),
        step(give, refuse | EPERM),
        step(load, 0),
        # The second calling convention of x86_64 has numbers of its own.
        step(at_least, 0x40000000, 0, 1),
        step(give, refuse | EPERM),
        step(equal, numbers["clone3"], 0, 1),
        step(give, refuse | ENOSYS),
    ]
    for number in numbers["refused"] + REFUSED_EVERYWHERE:
        program += [step(equal, number, 0, 1), step(give, refuse | EPERM)]
    program += [
        step(equal, numbers["clone"], 0, 4),
        step(load, 16),
        step(any_of, NAMESPACES, 0, 1),
        step(give, refuse | EPERM),
        step(give, allow),
        step(equal, numbers["socket"], 0, 3),
        step(load, 16),
        step(equal, AF_UNIX, 1, 0),
        step(give, refuse | EACCES),
        step(give, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    pointer = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    check(libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), pointer, 0, 0), "a filter of system calls")
