"""Functions in configs. A lambda is written as Keras does, as bytecode, and never run from there:
it comes back as the caller's function, or as a live function of this process with that code.
"""

import base64
import contextlib
import contextvars
import gc
import hashlib
import marshal
import types
import weakref

import numpy as np

from . import backend as K
from .registry import get_custom_objects
from .utils.generic_utils import closure_of, func_dump

__all__ = ["describe_function", "find_function", "remember_function", "trusting_bytecode"]

_trusting = contextvars.ContextVar("trusting", default=False)
_live = {}  # digest of code, or name -> weak references to functions with that


def _digest(code):
    return hashlib.sha256("".join(code.split()).encode()).hexdigest()


def remember_function(function):
    """Makes a function findable while it lives, by its code and name: who saves can then load."""
    if isinstance(function, types.FunctionType):
        for key in (_digest(func_dump(function)[0]), function.__name__):
            held = _live.setdefault(key, [])
            held[:] = [r for r in held if r() is not None and r() is not function]
            held.append(weakref.ref(function))


def describe_function(function):
    """(value, type) for a config: ("name", "function") or ([code, ...], "lambda")."""
    if isinstance(function, types.LambdaType) and function.__name__ == "<lambda>":
        code, defaults, closure = func_dump(function)
        return [code, defaults, closure if _is_plain(closure) else None], "lambda"
    if isinstance(function, types.FunctionType):
        return function.__name__, "function"
    return getattr(function, "__name__", type(function).__name__), "function"


def _is_plain(value):
    """Whether JSON can hold it."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def find_function(value, kind, layer_name, custom_objects=None):
    """The function that `describe_function` described.

    Looks for the layer's or the function's name among custom objects, then for a live function
    with the same code or name. Raises `ValueError` that says how to pass the function.
    """
    known = {**get_custom_objects(), **(custom_objects or {})}
    if layer_name in known:
        return known[layer_name]
    if kind == "function" and isinstance(value, str):
        found = known.get(value) or _living(value, layer_name)
        if found is not None:
            return found
        raise ValueError(
            f"Unknown function: {value} of Lambda layer {layer_name!r}. Pass it: "
            f"`custom_objects={{{value!r}: <the function>}}`."
        )
    found = _living(value, layer_name)
    if found is not None:
        return found
    if _trusting.get():
        return _from_bytecode(value, layer_name, known)
    raise ValueError(
        f"Lambda layer {layer_name!r} holds a function as bytecode, which is not run: another "
        "Python cannot read it, and a file from a stranger must not bring code. Pass the function: "
        f"`custom_objects={{{layer_name!r}: <the function>}}`; or, if you trust the file and it "
        "was saved by this version of Python, `load_model(..., safe_mode=False)`."
    )


def _living(value, layer_name):
    """The live function of a config's code, defaults and closure, or of its name; None if there is
    none."""
    found = _candidates(value)
    if not _are_alike(found):
        found = None
        gc.collect()  # functions of layers that were dropped do not count
        found = _candidates(value)
    if not _are_alike(found):
        raise ValueError(
            f"Which function belongs to Lambda layer {layer_name!r}? {len(found)} that live have "
            "its code, with different variables around it, or its name. Pass the right one: "
            f"`custom_objects={{{layer_name!r}: <the function>}}`."
        )
    return found[-1] if found else None


def _candidates(value):
    if isinstance(value, str) and value in _live:
        return [f for f in (r() for r in _live[value]) if f is not None]
    code, defaults, closure = value if isinstance(value, (list, tuple)) else (value, None, None)
    held = [r() for r in _live.get(_digest(str(code)), [])]
    found = [f for f in held if f is not None and _same(f.__defaults__, defaults)]
    return [f for f in found if closure is None or _same(closure_of(f), closure)]


def _are_alike(found):
    return all(
        f.__code__.co_code == found[0].__code__.co_code
        and f.__code__.co_consts == found[0].__code__.co_consts
        and _same(closure_of(f), closure_of(found[0]))
        for f in found
    )


def _same(a, b):
    """Whether two defaults or closures are the same, one of which may have been in JSON."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or (_is_plain(a) and _is_plain(b) and a == b)


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
