"""Runs untrusted programs, each behind walls of its own, forked from a Python that is already warm.

    hone ── keeper ── launcher (first process of a namespace) ── zygote ── init (first process of a program's own) ── the program

The launcher reads a request a line and answers each with a line; one program, or one with the process of its tests, at a time. Only it
knows what is asked. Whoever dies takes all below along. A program has no descriptor but its own, and sees no process but its own.
"""

import base64
import gc
import json
import os
import shutil
import socket
import sys
import tempfile
import time

import isolate
import watch
import zygote
# Wanted by most programs; a forked one finds them loaded.
import bisect, collections, copy, functools, heapq, itertools, math, operator, random, re, string, traceback, typing  # noqa: E401,F401


def begin(channel, role, limits, folder, feeds, wire=()):
    """Has a program forked. `feeds` is what it is to read, by pipe."""
    ours, theirs = {}, {}
    for name in ("stdin", "source", "stdout", "stderr", "status") + (("verdicts",) if role == "tests" else ()):
        reading, writing = os.pipe()
        ours[name], theirs[name] = (writing, reading) if name in feeds else (reading, writing)
        os.set_blocking(ours[name], False)
    handed = dict(theirs, **dict(wire))
    try:
        order = {"role": role, "limits": limits, "folder": folder, "names": list(handed)}
        pid = zygote.send(channel, order, list(handed.values()))["pid"]
    finally:
        for descriptor in theirs.values():
            os.close(descriptor)
    return watch.Part(pid, ours, feeds)


def serve(channel, request, isolated, lines):
    """Runs what a request asks for, within its limits, and says how it ended."""
    limits = request["limits"]
    begun = time.monotonic()
    parts, folders, ends = [], [], []

    def start(role, data, stdin=b"", wire=()):
        if not isolated:
            folders.append(tempfile.mkdtemp(prefix="hone-sandbox-"))
        folder = "/tmp" if isolated else folders[-1]
        feeds = {"stdin": stdin, "source": json.dumps(data).encode()}
        parts.append(begin(channel, role, limits, folder, feeds, wire))

    try:
        source = {"source": request["source"]}
        if "tests" in request:
            ends = [end.detach() for end in socket.socketpair()]
            start("answers", source, wire=[("wire", ends[0])])
            start("tests", {name: request[name] for name in ("tests", "setup", "entry")}, wire=[("wire", ends[1])])
            while ends:
                os.close(ends.pop())
        else:
            start("script", source, request["stdin"].encode("utf-8", "surrogatepass"))
        reason = watch.carry(parts, begun + limits["seconds"], limits["output"], lines)
    finally:
        for end in ends:
            os.close(end)
        for part in parts:
            part.close()
            zygote.send(channel, {"end": part.pid})
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    first, last = parts[0].said, parts[-1].said
    return {
        "ended": reason or "done",
        "status": first["status"].decode(errors="replace"),
        "tester": last["status"].decode(errors="replace"),
        "stdout": base64.b64encode(first["stdout"][: limits["output"]]).decode(),
        "stderr": base64.b64encode(first["stderr"][: max(0, limits["output"] - len(first["stdout"]))]).decode(),
        "verdicts": last.get("verdicts", b"").decode(errors="replace"),
        "seconds": time.monotonic() - begun,
    }


def say(message):
    data = (json.dumps(message) + "\n").encode()
    while data:
        data = data[os.write(1, data):]


def launch(isolated):
    ours, theirs = socket.socketpair()
    # Shared with all forks: collection never touches its pages.
    gc.collect()
    gc.freeze()
    gc.disable()
    child = os.fork()
    if child == 0:
        if zygote.is_linux:
            isolate.die_with_parent()
        ours.close()
        nothing = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1):
            os.dup2(nothing, descriptor)
        zygote.serve(theirs, isolated)
        os._exit(0)
    theirs.close()
    gc.enable()
    lines = watch.Lines()
    say({"ready": True, "isolated": isolated})
    while True:
        line = lines.next()
        if line is None:
            return
        if line == b"stop":
            continue
        try:
            say(serve(ours, json.loads(line), isolated, lines))
        except watch.Stopped:
            say({"ended": "stopped"})
        except Exception as raised:
            say({"ended": "fault", "status": "%s: %s" % (type(raised).__name__, raised)})


def main(isolated):
    """This process is the keeper: it stays outside of the process namespace that its child begins."""
    if zygote.is_linux:
        isolate.die_with_parent()
    if not isolated:
        launch(False)
        return
    try:
        if isolate.calls() is None:
            raise OSError("no table of system calls for this processor")
        isolate.enter()
    except BaseException as raised:
        say({"ready": False, "why": str(raised)})
        return
    first = os.fork()
    if first == 0:
        isolate.die_with_parent()
        try:
            launch(True)
        finally:
            os._exit(0)
    zygote.keep_only([])
    os.waitpid(first, 0)


if __name__ == "__main__":
    main(sys.argv[1] == "isolated")
