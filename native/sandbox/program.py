"""The untrusted side: runs a program as a script, or loads it and answers calls to what it defines."""

import sys
import types

import wire

FILE = "program.py"


def run(source):
    """As `python3 program.py` would."""
    module = fresh("__main__")
    exec(compile(source, FILE, "exec"), module.__dict__)


def answer(source, descriptor):
    """Loads the program, says what it defines, and then answers."""
    module = fresh("program")
    peer = wire.Peer(descriptor, shares=True)
    try:
        exec(compile(source, FILE, "exec"), module.__dict__)
    except BaseException as raised:
        peer.write({"e": [type(raised).__name__, wire.text(raised)]})
        raise
    peer.write({"names": {name: peer.encode(value) for name, value in list(module.__dict__.items()) if is_shown(name, value)}})
    peer.serve_all()


def is_shown(name, value):
    return not name.startswith("__") and not isinstance(value, types.ModuleType)


def fresh(name):
    module = types.ModuleType(name)
    module.__builtins__ = __builtins__
    module.__file__ = FILE
    sys.modules[name] = module
    sys.argv = [FILE]
    return module
