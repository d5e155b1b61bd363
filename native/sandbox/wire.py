"""Values and calls between two processes that share nothing: one holds the program, the other its tests.

What arrives is data: numbers, texts and containers are rebuilt as the plain builtin types, so that no method of the program ever runs
beside the tests. Anything else arrives as a `Remote`, which can be asked across the wire and equals nothing but itself.
"""

import builtins
import json
import os
import struct

MOST = 16 << 20
CONTAINERS = {"l": list, "t": tuple, "s": set, "f": frozenset}
TAGS = [(list, "l"), (tuple, "t"), (set, "s"), (frozenset, "f")]


class Gone(BaseException):
    """The other side ended, or said something that makes no sense. A test that expects an exception does not get it by this."""


class Remote:
    """An object of the program, or a function handed to it."""

    def __init__(self, peer, number, name):
        self.__dict__.update(_peer=peer, _number=number, _name=name)

    def _ask(self, what, *args, **named):
        return self._peer.ask(self._number, what, args, named)

    def __call__(self, *args, **named):
        return self._ask("call", *args, **named)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name, value):
        self._ask("set", name, value)

    def __len__(self):
        return int(self._ask("len"))

    def __getitem__(self, key):
        return self._ask("item", key)

    def __setitem__(self, key, value):
        self._ask("setitem", key, value)

    def __contains__(self, value):
        return self._ask("in", value) is True

    def __bool__(self):
        return True

    def __iter__(self):
        items = self._ask("iter")
        while True:
            found = items._ask("next")
            if not found:
                return
            yield found[0]

    def __next__(self):
        found = self._ask("next")
        if not found:
            raise StopIteration
        return found[0]

    def __str__(self):
        return str(self._ask("str"))

    def __repr__(self):
        return str(self._ask("repr"))


def following(iterator):
    try:
        return [next(iterator)]
    except StopIteration:
        return []


# What may be asked of an object.
ASKED = {
    "get": getattr,
    "set": setattr,
    "len": len,
    "item": lambda target, key: target[key],
    "setitem": lambda target, key, value: target.__setitem__(key, value),
    "in": lambda target, value: value in target,
    "iter": iter,
    "next": following,
    "str": str,
    "repr": repr,
}


class Peer:
    """One end. `shares` says whether the other may ask things of our objects other than calling a function it was handed."""

    def __init__(self, descriptor, shares):
        self.descriptor = descriptor
        self.shares = shares
        self.lent = {}
        self.borrowed = {}

    def ask(self, number, what, args, named):
        """Asks something of an object on the other side, and serves what is asked from there meanwhile."""
        kept = [value for value in args if isinstance(value, (list, dict, set))]
        message = {"n": number, "w": what, "a": self.encode(list(args)), "k": self.encode(dict(named))}
        self.write(message)
        while True:
            reply = self.read()
            if "w" in reply:
                self.serve(reply)
                continue
            for value, after in zip(kept, reply.get("m", [])):
                refill(value, self.decode(after))
            if "e" in reply:
                raise error(*reply["e"])
            return self.decode(reply["r"])

    def serve(self, message):
        """Answers one question of the other side."""
        reply = {}
        args = []
        try:
            what = message["w"]
            target = self.lent[message["n"]]
            if what != "call" and not self.shares:
                raise PermissionError("only a call may be asked")
            args = self.decode(message["a"])
            named = self.decode(message["k"])
            reply["r"] = self.encode(target(*args, **named) if what == "call" else ASKED[what](target, *args))
        except Gone:
            raise
        except BaseException as raised:
            reply = {"e": [type(raised).__name__, text(raised)]}
        if self.shares:
            try:
                reply["m"] = [self.encode(value) for value in args if isinstance(value, (list, dict, set))]
            except Exception:
                reply.pop("m", None)
        self.write(reply)

    def serve_all(self):
        while True:
            try:
                self.serve(self.read())
            except Gone:
                return

    def encode(self, value):
        if value is None or value is True or value is False:
            return value
        if isinstance(value, Remote):
            return {"y": value._number}
        if isinstance(value, int):
            whole = int.__index__(value)
            return whole if -(1 << 63) <= whole < 1 << 63 else {"i": hex(whole)}
        if isinstance(value, float):
            return float(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, complex):
            return {"c": [value.real, value.imag]}
        if isinstance(value, (bytes, bytearray)):
            return {"b": bytes(value).hex()}
        for kind, tag in TAGS:
            if isinstance(value, kind):
                return {tag: [self.encode(item) for item in kind.__iter__(value)]}
        if isinstance(value, dict):
            return {"d": [[self.encode(key), self.encode(item)] for key, item in dict.items(value)]}
        if isinstance(value, type) and getattr(builtins, value.__name__, None) is value:
            return {"q": value.__name__}
        if not self.shares and not callable(value):
            raise TypeError("a test cannot hand %s to the program" % type(value).__name__)
        number = id(value)
        self.lent[number] = value
        return {"h": number, "x": str(getattr(value, "__name__", type(value).__name__))}

    def decode(self, value):
        if not isinstance(value, dict):
            return value
        [tag, content] = next(iter(value.items()))
        if tag == "i":
            return int(content, 16)
        if tag == "c":
            return complex(*content)
        if tag == "b":
            return bytes.fromhex(content)
        if tag == "d":
            return {self.decode(key): self.decode(item) for key, item in content}
        if tag == "q":
            kind = getattr(builtins, content)
            return kind if isinstance(kind, type) else None
        if tag == "y":
            return self.lent[content]
        if tag == "h":
            if content not in self.borrowed:
                self.borrowed[content] = Remote(self, content, value["x"])
            return self.borrowed[content]
        return CONTAINERS[tag](self.decode(item) for item in content)

    def write(self, message):
        data = json.dumps(message).encode()
        if len(data) > MOST:
            raise ValueError("a value of more than 16 MB")
        data = struct.pack("I", len(data)) + data
        try:
            while data:
                data = data[os.write(self.descriptor, data):]
        except OSError:
            raise Gone("the program has ended") from None

    def read(self):
        [size] = struct.unpack("I", self.exactly(4))
        if size > MOST:
            raise Gone("a message of more than 16 MB")
        try:
            return dict(json.loads(self.exactly(size)))
        except (ValueError, TypeError, RecursionError):
            raise Gone("the other side wrote what is no message") from None

    def exactly(self, size):
        parts = []
        while size:
            try:
                part = os.read(self.descriptor, min(size, 1 << 20))
            except OSError:
                part = b""
            if not part:
                raise Gone("the program has ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def refill(value, after):
    """What a function did to a list, dictionary or set it was given."""
    if type(after) is not type(value) or after == value:
        return
    if isinstance(value, list):
        value[:] = after
    else:
        value.clear()
        value.update(after)


def error(name, message):
    """An exception like the one raised on the other side, if it is one of Python's own; but none that would end a test's loop."""
    kind = getattr(builtins, str(name), None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind not in (StopIteration, StopAsyncIteration):
        try:
            return kind(message)
        except TypeError:
            pass
    return RuntimeError("%s: %s" % (name, message))


def text(raised):
    try:
        return str(raised)[:2000]
    except BaseException:
        return ""
