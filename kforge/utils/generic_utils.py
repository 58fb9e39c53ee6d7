"""Small helpers: the progress bar, custom objects, lists, functions as text."""

import base64
import binascii
import collections
import inspect
import marshal
import sys
import time
import types

import numpy as np

from .. import config
from ..registry import (
    CustomObjectScope,
    Registry,
    custom_object_scope,
    get_custom_objects,
    has_arg,
)

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "check_for_unexpected_keys",
    "closure_of",
    "custom_object_scope",
    "deserialize_keras_object",
    "func_dump",
    "func_load",
    "get_custom_objects",
    "getargspec",
    "has_arg",
    "is_all_none",
    "object_list_uid",
    "serialize_keras_object",
    "slice_arrays",
    "to_list",
    "transpose_shape",
    "unpack_singleton",
]


def serialize_keras_object(instance):
    """The config of an object, the name of a function, or None of None."""
    return Registry("object").serialize(instance)


def deserialize_keras_object(
    identifier, module_objects=None, custom_objects=None, printable_module_name="object"
):
    """The object that a name or a config means.

    It is looked for in `custom_objects`, among the global custom objects, and in
    `module_objects`; `printable_module_name` is the word for it in the `ValueError`.
    """
    if identifier is None:
        return None
    registry = Registry(printable_module_name)
    registry.alias(**(module_objects or {}))
    return registry.deserialize(identifier, custom_objects)


def func_dump(func):
    """A function as (bytecode in base64, defaults, values of its closure)."""
    code = base64.encodebytes(marshal.dumps(func.__code__)).decode("ascii")
    return code, func.__defaults__, closure_of(func)


def closure_of(func):
    """The values of a function's closure, None without any; cells that are empty have none."""
    cells = [cell for cell in func.__closure__ or () if cell != types.CellType()]
    return tuple(cell.cell_contents for cell in cells) or None


def func_load(code, defaults=None, closure=None, globs=None):
    """The function that `func_dump` wrote, in this same version of Python.

    Bytecode can do anything: only give it what you wrote yourself.
    """
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
        defaults = tuple(defaults) if isinstance(defaults, list) else defaults
    try:
        raw = base64.b64decode(code.encode("ascii"), validate=False)
        code = marshal.loads(raw)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        code = marshal.loads(code.encode("raw_unicode_escape"))  # as Keras wrote it before 2.1.2
    if closure is not None:
        closure = tuple(c if isinstance(c, types.CellType) else types.CellType(c) for c in closure)
    globs = globals() if globs is None else globs
    return types.FunctionType(code, globs, code.co_name, defaults, closure)


ArgSpec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")


def getargspec(fn):
    """Names and defaults of a function's positional arguments, as Python 2 gave them."""
    spec = inspect.getfullargspec(fn)
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


class Progbar:
    """A line that tells how far a loop is, what its values are, and how long it takes.

    `target` is the number of steps (None: unknown), `verbose` 0 for nothing, 1 for a bar, 2 for
    one line at the end. Values are averaged over the steps, except those named in
    `stateful_metrics`. The line is written at most every `interval` seconds, in a notebook every
    quarter of a second.
    """

    def __init__(self, target, width=30, verbose=1, interval=0.05, stateful_metrics=None):
        self.target = target
        self.width = width
        self.verbose = verbose
        self.stateful_metrics = set(stateful_metrics or ())
        is_terminal = getattr(sys.stdout, "isatty", bool)()  # a script may replace it
        self._in_notebook = config.in_notebook()
        self._dynamic_display = is_terminal or self._in_notebook
        # A notebook's front end handles each write on its own, and gets slow with many.
        self.interval = max(interval, 0.25) if self._in_notebook else interval
        self._total_width = 0
        self._seen_so_far = 0
        self._values = collections.OrderedDict()  # name: [sum over the steps, steps]
        self._start = time.time()
        self._last_update = 0

    def add(self, n, values=None):
        """`n` more steps are done; see `update`."""
        self.update(self._seen_so_far + n, values)

    def update(self, current, values=None):
        """`current` steps are done, the last of which had these (name, value) pairs."""
        steps = current - self._seen_so_far
        self._seen_so_far = current
        for name, value in values or ():
            if name in self.stateful_metrics:
                self._values[name] = [value, 1]
            else:
                total, count = self._values.get(name, (0, 0))
                self._values[name] = [total + value * steps, count + steps]

        now = time.time()
        done = self.target is None or current >= self.target
        if self.verbose == 1:
            if now - self._last_update < self.interval and not done:
                return
            self._write_bar(current, now - self._start)
        elif self.verbose == 2 and done:
            # Without a magnitude around it, unlike in the bar: so does Keras.
            values = "".join(_show(name, avg, avg) for name, avg in self._averages())
            sys.stdout.write(f" - {now - self._start:.0f}s{values}\n")
            sys.stdout.flush()
        self._last_update = now

    def _averages(self):
        for name, (total, count) in self._values.items():
            yield name, float(np.mean(total / max(1, count)))

    def _write_bar(self, current, elapsed):
        unfinished = self.target is not None and current < self.target
        line = self._bar(current)
        line += _eta(elapsed, current, self.target) if unfinished else _pace(elapsed, current)
        line += "".join(_show(name, avg, abs(avg)) for name, avg in self._averages())
        width, self._total_width = self._total_width, len(line)
        back = "\r" if self._dynamic_display else "\n"
        if self._dynamic_display and not self._in_notebook:
            back = "\b" * width + back
        end = "\n" if self.target is not None and not unfinished else ""
        sys.stdout.write(back + line.ljust(width) + end)
        sys.stdout.flush()

    def _bar(self, current):
        if self.target is None:
            return f"{current:7d}/Unknown"
        filled = int(self.width * current / self.target) if self.target else self.width
        head = ("=" * (filled - 1) + (">" if current < self.target else "=")) if filled > 0 else ""
        dots = "." * (self.width - filled)
        return f"{current:{len(str(self.target))}d}/{self.target} [{head}{dots}]"


def _eta(elapsed, current, target):
    eta = elapsed / current * (target - current) if current else 0
    minutes, seconds = divmod(int(eta), 60)
    if eta > 3600:
        return f" - ETA: {minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    return f" - ETA: {minutes}:{seconds:02d}" if eta > 60 else f" - ETA: {seconds}s"


def _pace(elapsed, current):
    pace = elapsed / current if current else 0
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if pace * scale >= 1:
            return f" - {elapsed:.0f}s {pace * scale:.0f}{unit}/step"
    return f" - {elapsed:.0f}s {pace * 1e6:.0f}us/step"


def _show(name, average, size):
    return f" - {name}: {average:.4f}" if size > 1e-3 else f" - {name}: {average:.4e}"


def to_list(x, allow_tuple=False):
    """`x` if it is a list, else ``[x]``; with `allow_tuple`, a tuple becomes a list."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x):
    """The only item of `x`, or `x` itself where it has more."""
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list):
    """A text that tells lists of objects apart."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def is_all_none(iterable_or_element):
    """Whether the element, or every one of a list or tuple, is None."""
    return all(x is None for x in to_list(iterable_or_element, allow_tuple=True))


def slice_arrays(arrays, start=None, stop=None):
    """``x[start:stop]`` of an array, or of each in a list; `start` may be a list of indices.

    None stays None in a list; None alone gives ``[None]``.
    """
    if arrays is None:
        return [None]
    if hasattr(start, "__len__"):
        key = start.tolist() if hasattr(start, "tolist") else start  # h5py wants a list
    else:
        key = slice(start, stop)
    if isinstance(arrays, list):
        return [None if x is None else x[key] for x in arrays]
    return arrays[key]


def transpose_shape(shape, target_format, spatial_axes):
    """A channels-last `shape` in the order of `target_format`, in the type that it has.

    >>> transpose_shape((16, 128, 128, 32), "channels_first", spatial_axes=(1, 2))
    (16, 32, 128, 128)
    """
    if config.check_data_format(target_format) == "channels_last":
        return shape
    order = [*range(spatial_axes[0]), len(shape) - 1, *spatial_axes]
    return type(shape)(shape[axis] for axis in order)


def check_for_unexpected_keys(name, input_dict, expected_values):
    """Raises `ValueError` where a dictionary has other keys than these."""
    unknown = [key for key in input_dict if key not in expected_values]
    if unknown:
        raise ValueError(
            f"Unknown entries in {name} dictionary: {unknown}. Only expected following keys: "
            f"{expected_values}"
        )
