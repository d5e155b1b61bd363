"""Forks programs. Nothing that one of them may not know ever enters this process, since a fork shares all its memory: it is told limits and
handed descriptors, and what a program is and is asked goes past it.
"""

import array
import atexit
import fcntl
import gc
import json
import os
import resource
import signal
import socket
import sys
import threading
import traceback

import isolate
import program
import tester

is_linux = sys.platform.startswith("linux")
# Descriptors of a program: 0–2 as everywhere, then the wire between program and tests, and the tests' verdicts. The last two are closed
# before the program begins.
PLACES = {"stdin": 0, "stdout": 1, "stderr": 2, "wire": 3, "verdicts": 4, "source": 5, "status": 6}


def serve(channel, isolated):
    """Answers each order with a line, until the other side is gone."""
    while True:
        order, descriptors = receive(channel)
        if order is None:
            return
        try:
            if "end" in order:
                end(order["end"], isolated)
                reply = {}
            else:
                reply = {"pid": begin(order, dict(zip(order["names"], descriptors)), isolated, channel)}
        except Exception as raised:
            reply = {"fault": "%s: %s" % (type(raised).__name__, raised)}
        for descriptor in descriptors:
            os.close(descriptor)
        channel.sendall((json.dumps(reply) + "\n").encode())


def send(channel, order, descriptors=()):
    """Sends an order, and gives the answer."""
    data = (json.dumps(order) + "\n").encode()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([data], rights)
    held = b""
    while not held.endswith(b"\n"):
        found = channel.recv(4096)
        if not found:
            raise OSError("the zygote has ended")
        held += found
    reply = json.loads(held)
    if "fault" in reply:
        raise OSError(reply["fault"])
    return reply


def receive(channel):
    held, descriptors = b"", array.array("i")
    while not held.endswith(b"\n"):
        found, rights, _, _ = channel.recvmsg(4096, socket.CMSG_SPACE(16 * descriptors.itemsize))
        if not found:
            return None, []
        held += found
        for _, _, data in rights:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return json.loads(held), list(descriptors)


def begin(order, given, isolated, channel):
    """Forks an init, which forks the program."""
    flags = isolate.CLONE_NEWPID | isolate.CLONE_NEWNS | isolate.CLONE_NEWIPC
    pid = isolate.clone(flags) if isolated else os.fork()
    if pid == 0:
        try:
            init(order, given, isolated)
        except BaseException as raised:
            fault(given["status"], raised)
        finally:
            os._exit(0)
    return pid


def end(pid, isolated):
    """Ends a program with all its processes."""
    if not isolated:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def init(order, given, isolated):
    """The first process of a program's namespace: waits for it, says how it ended, and ends all that is left with itself."""
    if is_linux:
        isolate.die_with_parent()
    folder = order["folder"]
    if isolated:
        size = "size=%d,nr_inodes=4096,mode=700" % order["limits"]["scratch"]
        isolate.mount("none", folder, "tmpfs", isolate.MS_NOSUID | isolate.MS_NODEV, size)
    else:
        os.setpgid(0, 0)
    os.chdir(folder)
    status = given["status"]
    child = os.fork()
    if child == 0:
        become(order, given, isolated)
    keep_only([status])
    if is_linux:
        isolate.prctl(isolate.PR_SET_DUMPABLE, 0)
    while True:
        pid, code = os.wait()
        if pid == child:
            break
    os.write(status, b"signal %d" % os.WTERMSIG(code) if os.WIFSIGNALED(code) else b"exit %d" % os.WEXITSTATUS(code))
    if not isolated:
        os.killpg(0, signal.SIGKILL)


def become(order, given, isolated):
    """Turns this process into the program, which never returns from here. A wall that cannot be put up is no fault of the program."""
    try:
        # Out of the way first, so that no place is overwritten before it was read.
        high = {PLACES[name]: fcntl.fcntl(descriptor, fcntl.F_DUPFD, 64) for name, descriptor in given.items()}
        for place, descriptor in high.items():
            os.dup2(descriptor, place)
        keep_only(high)
        with open(PLACES["source"], "rb") as source:
            request = json.loads(source.read())
        role = order["role"]
        walls(role, order["limits"], isolated)
        fresh_streams()
    except BaseException as raised:
        fault(PLACES["status"], raised)
        os._exit(1)
    os.close(PLACES["status"])
    finish(lambda: ROLES[role](request))


def walls(role, limits, isolated):
    limit(resource.RLIMIT_CPU, int(limits["seconds"]) + 2)
    limit(resource.RLIMIT_FSIZE, limits["scratch"])
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_CORE, 0)
    limit(getattr(resource, "RLIMIT_MSGQUEUE", None), 0)
    if isolated:
        # Counted per user in a user namespace: keeper, launcher, zygote and init (with tests, two more) come on top. Without a namespace
        # all that the user runs would count.
        if role != "tests":
            limit(resource.RLIMIT_NPROC, limits["processes"] + (6 if role == "answers" else 4))
        isolate.drop_capabilities()
        isolate.filter_calls()
    limit(resource.RLIMIT_AS, limits["memory"])
    os.environ.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    gc.enable()


def fault(descriptor, raised):
    os.write(descriptor, ("fault %s: %s" % (type(raised).__name__, raised)).encode()[:500])


# Streams from before, which would close the program's descriptors if they were collected.
former = [sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__]


def fresh_streams():
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)
        for number, mode, errors in ((0, "r", "surrogateescape"), (1, "w", "surrogateescape"), (2, "w", "backslashreplace"))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def finish(work):
    """Ends as an interpreter would: what was raised on stderr, its code as the exit code, files flushed, exit handlers run."""
    code = 0
    try:
        work()
    except SystemExit as raised:
        code = raised.code if isinstance(raised.code, int) else 0 if raised.code is None else 1
        if code == 1 and not isinstance(raised.code, int):
            print(raised.code, file=sys.stderr)
    except BaseException as raised:
        code = 1
        tell(raised)
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        code = code or 1
    os._exit(code & 255)


def tell(raised):
    """The traceback, from the program's own first line on."""
    at = raised.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != program.FILE:
        at = at.tb_next
    try:
        traceback.print_exception(type(raised), raised, at)
    except BaseException:
        pass


def limit(which, value):
    if which is None:
        return
    _, hard = resource.getrlimit(which)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (most, most))


def keep_only(descriptors):
    at = 0
    for descriptor in sorted(descriptors):
        # An empty range from 0 would be read as all of them.
        if at < descriptor:
            os.closerange(at, descriptor)
        at = descriptor + 1
    os.closerange(at, 1024)


ROLES = {
    "script": lambda request: program.run(request["source"]),
    "answers": lambda request: program.answer(request["source"], PLACES["wire"]),
    "tests": lambda request: tester.run(request["tests"], request["setup"], request["entry"], PLACES["wire"], PLACES["verdicts"]),
}
