"""Carries bytes between hone and what runs, until it has ended or must be ended."""

import os
import selectors
import time


class Stopped(Exception):
    """hone asked for the end of the program under way, or ended itself."""


def carry(parts, stdin, deadline, most, lines):
    """Carries bytes until the last part (a program, or its tests) has ended; the reason where it had to be stopped."""
    wait = selectors.DefaultSelector()
    lines.register(wait)
    waiting = {}
    for part in parts:
        for name, descriptor in part.pipes.items():
            if name != "stdin":
                wait.register(descriptor, selectors.EVENT_READ, (part, name))
        wait.register(part.status, selectors.EVENT_READ, (part, "status"))
        waiting[part] = memoryview(stdin if part is parts[0] else b"")
        wait.register(part.pipes["stdin"], selectors.EVENT_WRITE, (part, "stdin"))
    size = 0
    last = parts[-1]
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return "time"
            for key, _ in wait.select(left):
                if key.data == "lines":
                    if lines.has_stop():
                        raise Stopped
                    continue
                part, name = key.data
                if name == "stdin":
                    feed(wait, part, waiting, key.fd)
                    continue
                found = receive(key.fd)
                if found is None:
                    continue
                if not found:
                    wait.unregister(key.fd)
                    if name == "status" and part is last:
                        # What it wrote before its end lies in the pipes still.
                        return drain(parts, most, size)
                elif name == "status":
                    part.ended += found
                else:
                    size += len(found)
                    part.said[name] += found[: max(0, most - (size - len(found)))] if name != "verdicts" else found
                    if size > most:
                        return "output"
    finally:
        wait.close()


def feed(wait, part, waiting, descriptor):
    try:
        if waiting[part]:
            waiting[part] = waiting[part][os.write(descriptor, waiting[part][:65536]):]
    except BlockingIOError:
        return
    except OSError:
        waiting[part] = b""
    if not waiting[part]:
        wait.unregister(descriptor)
        os.close(descriptor)
        del part.pipes["stdin"]


def receive(descriptor):
    """Bytes, none at the end, None where there are none yet."""
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def drain(parts, most, size):
    for part in parts:
        for name in ("verdicts", "stdout", "stderr"):
            while True:
                found = receive(part.pipes[name])
                if not found:
                    break
                size += len(found)
                if size > most:
                    return "output"
                part.said[name] += found
    return None


class Lines:
    """Requests from standard input, which may come in pieces."""

    def __init__(self):
        self.held = b""
        self.is_over = False

    def register(self, wait):
        wait.register(0, selectors.EVENT_READ, "lines")

    def has_stop(self):
        found = os.read(0, 65536)
        self.held += found
        self.is_over = not found
        return self.is_over or b"stop\n" in self.held

    def next(self):
        while b"\n" not in self.held:
            found = b"" if self.is_over else os.read(0, 1 << 20)
            if not found:
                return None
            self.held += found
        line, _, self.held = self.held.partition(b"\n")
        return line
