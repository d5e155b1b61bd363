"""Carries bytes between hone and what runs, until it has ended or must be ended."""

import os
import selectors
import time


class Stopped(Exception):
    """hone asked for the end of the program under way, or ended itself."""


class Part:
    """A program under way: the number of its init, what it is to read and what it has said, by pipe."""

    def __init__(self, pid, pipes, feeds):
        self.pid, self.pipes = pid, pipes
        self.feeds = {name: memoryview(data) for name, data in feeds.items()}
        self.said = {name: bytearray() for name in pipes if name not in feeds}

    def close(self):
        for descriptor in self.pipes.values():
            os.close(descriptor)
        self.pipes = {}


def carry(parts, deadline, most, lines):
    """Carries bytes until the last part (a program, or its tests) has ended; the reason where it had to be stopped."""
    wait = selectors.DefaultSelector()
    lines.register(wait)
    for part in parts:
        for name, descriptor in part.pipes.items():
            event = selectors.EVENT_WRITE if name in part.feeds else selectors.EVENT_READ
            wait.register(descriptor, event, (part, name))
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
                if name in part.feeds:
                    feed(wait, part, name)
                elif take(part, name) == 0:
                    wait.unregister(key.fd)
                    if name == "status" and part is parts[-1]:
                        # What was written before the end lies in the pipes still.
                        while any(take(other, pipe) for other in parts for pipe in other.said):
                            if printed(parts) > most:
                                break
                        return "output" if printed(parts) > most else None
            if printed(parts) > most:
                return "output"
    finally:
        wait.close()


def printed(parts):
    return sum(len(part.said[name]) for part in parts for name in ("stdout", "stderr"))


def feed(wait, part, name):
    descriptor = part.pipes[name]
    try:
        if part.feeds[name]:
            part.feeds[name] = part.feeds[name][os.write(descriptor, part.feeds[name][:65536]):]
    except BlockingIOError:
        return
    except OSError:
        part.feeds[name] = b""
    if not part.feeds[name]:
        wait.unregister(descriptor)
        os.close(part.pipes.pop(name))


def take(part, name):
    """Reads what is there: how much, 0 at the end, None where there is nothing yet."""
    try:
        found = os.read(part.pipes[name], 65536)
    except BlockingIOError:
        return None
    except OSError:
        return 0
    part.said[name] += found
    return len(found)


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
