"""Functions in configs. A lambda is written as Keras does, as bytecode, and never run from there:
it comes back as the caller's function, or as a live function of this process with that code.
"""

import base64
import contextlib
import contextvars
import hashlib
import marshal
import types
import weakref

import numpy as np

from . import backend as K
from .registry import get_custom_objects

__all__ = ["describe_function", "find_function", "remember_function", "trusting_bytecode"]

_trusting = contextvars.ContextVar("trusting", default=False)
_live = {}  # digest of code -> weak references to functions with that code


def dump_code(function):
    """[bytecode in base64, defaults, closure], as Keras 2 writes a lambda."""
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    cells = function.__closure__
    closure = tuple(c.cell_contents for c in cells) if cells else None
    return [code, function.__defaults__, closure]


def _digest(code):
    return hashlib.sha256("".join(code.split()).encode()).hexdigest()


def remember_function(function):
    """Makes a function findable by its code while it lives; the one that saves can then load."""
    if isinstance(function, types.FunctionType):
        held = _live.setdefault(_digest(dump_code(function)[0]), [])
        held[:] = [r for r in held if r() is not None and r() is not function]
        held.append(weakref.ref(function))


def describe_function(function):
    """(value, type) for a config: ("name", "function") or ([code, ...], "lambda")."""
    if isinstance(function, types.LambdaType) and function.__name__ == "<lambda>":
        code, defaults, _ = dump_code(function)
        return [code, defaults, None], "lambda"
    if isinstance(function, types.FunctionType):
        return function.__name__, "function"
    return getattr(function, "__name__", type(function).__name__), "function"


def find_function(value, kind, layer_name, custom_objects=None):
    """The function that `describe_function` described.

    Looks for the layer's or the function's name among custom objects, then for a live function
    with the same code. Raises `ValueError` that says how to pass the function.
    """
    known = {**get_custom_objects(), **(custom_objects or {})}
    if layer_name in known:
        return known[layer_name]
    if kind == "function" and isinstance(value, str):
        if value in known:
            return known[value]
        raise ValueError(
            f"Unknown function: {value} of Lambda layer {layer_name!r}. Pass it: "
            f"`custom_objects={{{value!r}: <the function>}}`."
        )
    code = str(value[0] if isinstance(value, (list, tuple)) and value else value)
    found = [r() for r in _live.get(_digest(code), []) if r() is not None]
    if found:
        return found[-1]
    if _trusting.get():
        return _from_bytecode(value, layer_name, known)
    raise ValueError(
        f"Lambda layer {layer_name!r} holds a function as bytecode, which is not run: another "
        "Python cannot read it, and a file from a stranger must not bring code. Pass the function: "
        f"`custom_objects={{{layer_name!r}: <the function>}}`; or, if you trust the file and it "
        "was saved by this version of Python, `load_model(..., safe_mode=False)`."
    )


@contextlib.contextmanager
def trusting_bytecode():
    """Within it, functions come from the bytecode in configs: the caller vouches for them."""
    token = _trusting.set(True)
    try:
        yield
    finally:
        _trusting.reset(token)


def _from_bytecode(value, layer_name, known):
    """A function of [code, defaults, closure], which knows K, np and the custom objects."""
    code, defaults, closure = value
    try:
        code = marshal.loads(base64.decodebytes(code.encode("ascii")))
        cells = tuple(types.CellType(item) for item in closure or ()) or None
        known = {"K": K, "np": np, **known}
        return types.FunctionType(code, known, None, tuple(defaults or ()), cells)
    except (EOFError, TypeError, ValueError) as error:
        raise ValueError(
            f"The bytecode of Lambda layer {layer_name!r} is not of this version of Python "
            f"({error}). Pass the function: `custom_objects={{{layer_name!r}: <the function>}}`."
        ) from error
