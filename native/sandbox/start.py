"""One program's processes: an init, which forks the program, puts walls around it and lets it run."""

import atexit
import fcntl
import gc
import os
import resource
import signal
import sys
import threading
import traceback

import isolate
import program
import tester

is_linux = sys.platform.startswith("linux")
# Descriptors of a program: 0–2 as everywhere, then the wire between program and tests, and the tests' verdicts. The last is closed
# before the program begins.
WIRE, VERDICTS, FAULT = 3, 4, 5


class Part:
    """A started program: its init's number, and the ends of its pipes that are ours."""

    def __init__(self, pid, status, pipes, folder):
        self.pid, self.status, self.pipes, self.folder = pid, status, pipes, folder
        self.said = {name: bytearray() for name in pipes}
        self.ended = b""


def begin(role, request, isolated, wire, folder):
    """Forks an init, which forks the program. `role` runs it."""
    inner = {"stdin": os.pipe(), "stdout": os.pipe(), "stderr": os.pipe(), "verdicts": os.pipe(), "status": os.pipe()}
    flags = isolate.CLONE_NEWPID | isolate.CLONE_NEWNS | isolate.CLONE_NEWIPC
    pid = isolate.clone(flags) if isolated else os.fork()
    if pid == 0:
        try:
            init(role, request, isolated, wire, folder, inner)
        except BaseException as raised:
            fault(inner["status"][1], raised)
        finally:
            os._exit(0)
    ours = {"stdin": inner["stdin"][1]}
    os.close(inner["stdin"][0])
    for name in ("stdout", "stderr", "verdicts", "status"):
        ours[name] = inner[name][0]
        os.close(inner[name][1])
    for descriptor in ours.values():
        os.set_blocking(descriptor, False)
    status = ours.pop("status")
    return Part(pid, status, ours, folder)


def init(role, request, isolated, wire, folder, inner):
    """The first process of a program's namespace: waits for it, says how it ended, and ends all that is left with itself."""
    if is_linux:
        isolate.die_with_parent()
    limits = request["limits"]
    if isolated:
        isolate.mount("none", folder, "tmpfs", isolate.MS_NOSUID | isolate.MS_NODEV, "size=%d,nr_inodes=%d,mode=700" % (limits["scratch"], 4096))
    else:
        os.setpgid(0, 0)
    os.chdir(folder)
    status = inner["status"][1]
    child = os.fork()
    if child == 0:
        become(role, request, isolated, wire, inner)
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


def become(role, request, isolated, wire, inner):
    """Turns this process into the program, which never returns from here. A wall that cannot be put up is no fault of the program."""
    places = {0: inner["stdin"][0], 1: inner["stdout"][1], 2: inner["stderr"][1], FAULT: inner["status"][1]}
    if wire is not None:
        places[WIRE] = wire
    if role is run_tests:
        places[VERDICTS] = inner["verdicts"][1]
    try:
        # Out of the way first, so that no place is overwritten before it was read.
        high = {place: fcntl.fcntl(descriptor, fcntl.F_DUPFD, 64) for place, descriptor in places.items()}
        for place, descriptor in high.items():
            os.dup2(descriptor, place)
        keep_only(places)
        walls(role, request["limits"], isolated)
        fresh_streams()
    except BaseException as raised:
        fault(FAULT, raised)
        os._exit(1)
    os.close(FAULT)
    finish(lambda: role(request))


def walls(role, limits, isolated):
    limit(resource.RLIMIT_CPU, int(limits["seconds"]) + 2)
    limit(resource.RLIMIT_FSIZE, limits["scratch"])
    limit(resource.RLIMIT_NOFILE, 64)
    limit(resource.RLIMIT_CORE, 0)
    limit(getattr(resource, "RLIMIT_MSGQUEUE", None), 0)
    if isolated:
        # Processes are counted per user in a user namespace: those of the launcher come on top. Without one, the user's own would count.
        if role is not run_tests:
            limit(resource.RLIMIT_NPROC, limits["processes"] + (5 if role is run_answers else 3))
        isolate.drop_capabilities()
        isolate.filter_calls()
    limit(resource.RLIMIT_AS, limits["memory"])
    os.environ.clear()
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
    gc.enable()


def fault(descriptor, raised):
    os.write(descriptor, ("fault %s: %s" % (type(raised).__name__, raised)).encode()[:500])


# Streams of the launcher, which would close the program's descriptors if they were collected.
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


def run_script(request):
    program.run(request["source"])


def run_answers(request):
    program.answer(request["source"], WIRE)


def run_tests(request):
    tester.run(request["tests"], request["setup"], request["entry"], WIRE, VERDICTS)


def end(part, isolated):
    """Ends a program with all its processes, and gives back what it held."""
    try:
        if not isolated:
            os.killpg(part.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    try:
        os.kill(part.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(part.pid, 0)
    for descriptor in [part.status, *part.pipes.values()]:
        os.close(descriptor)
