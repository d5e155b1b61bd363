"""Starts untrusted programs, each behind walls of its own, by forking a Python that is already warm.

    hone ── keeper ── launcher (first process of a namespace) ── init (first process of a program's own) ── the program

Reads one request a line and answers each with a line; one program, or one with the process of its tests, at a time. Whoever dies takes
all below along. A program sees none of this: it has no descriptor but its own, and no process but its own.
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
import start
import watch
# Wanted by most programs; a forked one finds them loaded.
import bisect, collections, copy, functools, heapq, itertools, math, operator, random, re, string, traceback, typing  # noqa: E401,F401


def serve(request, isolated, lines):
    """Runs what a request asks for, within its limits, and says how it ended."""
    limits = request["limits"]
    begun = time.monotonic()
    parts = []
    folders = []
    ends = []
    reason = None
    try:
        def place():
            if isolated:
                return "/tmp"
            folders.append(tempfile.mkdtemp(prefix="hone-sandbox-"))
            return folders[-1]

        if "tests" in request:
            ends = [end.detach() for end in socket.socketpair()]
            parts.append(start.begin(start.run_answers, {"source": request["source"], "limits": limits}, isolated, ends[0], place()))
            parts.append(start.begin(start.run_tests, request, isolated, ends[1], place()))
            for end in ends:
                os.close(end)
            ends = []
        else:
            parts.append(start.begin(start.run_script, request, isolated, None, place()))
        reason = watch.carry(parts, request.get("stdin", "").encode("utf-8", "surrogatepass"), begun + limits["seconds"], limits["output"], lines)
    finally:
        for end in ends:
            os.close(end)
        for part in parts:
            start.end(part, isolated)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    first = parts[0]
    answer = {
        "ended": reason or "done",
        "status": first.ended.decode(errors="replace"),
        "tester": parts[-1].ended.decode(errors="replace"),
        "stdout": base64.b64encode(first.said["stdout"]).decode(),
        "stderr": base64.b64encode(first.said["stderr"]).decode(),
        "verdicts": parts[-1].said["verdicts"].decode(errors="replace"),
        "seconds": time.monotonic() - begun,
    }
    return answer


def say(message):
    data = (json.dumps(message) + "\n").encode()
    while data:
        data = data[os.write(1, data):]


def launch(isolated):
    lines = watch.Lines()
    # What is shared with all forks: collection never touches its pages.
    gc.collect()
    gc.freeze()
    gc.disable()
    say({"ready": True, "isolated": isolated})
    while True:
        line = lines.next()
        if line is None:
            return
        if line == b"stop":
            continue
        try:
            say(serve(json.loads(line), isolated, lines))
        except watch.Stopped:
            say({"ended": "stopped"})
        except Exception as raised:
            say({"ended": "fault", "status": "%s: %s" % (type(raised).__name__, raised)})


def main(isolated):
    """This process is the keeper: it stays outside of the process namespace that its child begins."""
    if start.is_linux:
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
    start.keep_only([])
    os.waitpid(first, 0)


if __name__ == "__main__":
    main(sys.argv[1] == "isolated")
