"""JSON and YAML, in and out, for configurations that nobody vouches for.

Reading makes dictionaries, lists, tuples, strings and numbers, never anything else, and never more
of them than the text is long: nesting, containers, aliases and digits are bounded.
"""

import functools
import json
import re
from itertools import accumulate

import numpy as np

from .errors import FileError, UnsafeFileError

__all__ = ["dump_json", "dump_yaml", "load_json", "load_yaml"]

MAX_CHARACTERS = {"JSON": 1 << 28, "YAML": 1 << 22}
MAX_DEPTH = 256
MAX_CONTAINERS = 1_000_000  # lists and dictionaries; YAML counts each use of an alias
MAX_DIGITS = 400


def load_json(text, source="JSON text"):
    """The value of a JSON text; `source` names it in messages.

    NaN, Infinity and -Infinity are numbers, as Python's own writer has it. Raises
    `json.JSONDecodeError` (a `ValueError`) for other syntax, `UnsafeFileError` beyond the bounds.
    """
    text = _decoded(text, source, "JSON")
    # Brackets outside strings. Escapes occur only in strings (the parser stops at any other), so
    # that without them every second piece between quotes lies outside.
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    brackets = re.findall(r"[][{}]", outside)
    deepest = max(accumulate(1 if b in "[{" else -1 for b in brackets), default=0)
    _check_size(deepest, (len(brackets) + 1) // 2, source)
    try:
        return json.loads(text, parse_int=functools.partial(_integer, source=source))
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(f"{source}: {error.msg}", error.doc, error.pos) from None


def dump_json(value, **kwargs):
    """`value` as JSON; `kwargs` are those of `json.dumps`.

    Arrays become lists, objects with a `get_config` become {"class_name", "config"}, functions
    and classes their names; raises `TypeError` for other objects.
    """
    return json.dumps(value, **{"default": _plain, **kwargs})


def load_yaml(text, source="YAML text"):
    """The value of a YAML text: plain YAML, and tuples, strings and numbers of NumPy as Python's
    writer tags them.

    Raises `UnsafeFileError` for other tags and beyond the bounds, `FileError` for bad syntax.
    """
    import yaml

    text = _decoded(text, source, "YAML")
    try:
        _check_events(text, source)
        return yaml.load(text, Loader=_loader())
    except FileError:
        raise
    except (yaml.YAMLError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        # The latter come from scalars that do not fit their tag, as in "!!int x".
        raise FileError(f"{source} is not valid YAML: {error}") from error


def dump_yaml(value, **kwargs):
    """`value` as YAML; `kwargs` are those of `yaml.dump`.

    Tuples are tagged as Python's writer does, which every Keras reads; other objects are written
    as by `dump_json`.
    """
    import yaml

    return yaml.dump(value, Dumper=_dumper(), **kwargs)


def _decoded(text, source, language):
    if isinstance(text, (bytes, bytearray)):
        try:
            text = bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileError(f"{source} is not UTF-8: {error}") from error
    if not isinstance(text, str):
        raise TypeError(f"{source}: expected a string, got {type(text).__name__}.")
    if len(text) > MAX_CHARACTERS[language]:
        raise UnsafeFileError(
            f"{source} has {len(text):,} characters; at most {MAX_CHARACTERS[language]:,} are read."
        )
    return text


def _check_size(depth, containers, source):
    if depth > MAX_DEPTH:
        raise UnsafeFileError(f"{source} is nested more than {MAX_DEPTH} levels deep.")
    if containers > MAX_CONTAINERS:
        raise UnsafeFileError(
            f"{source} has more than {MAX_CONTAINERS:,} lists and dictionaries, aliases expanded."
        )


def _integer(digits, source):
    if len(digits) > MAX_DIGITS:
        raise UnsafeFileError(f"{source} has an integer of {len(digits):,} digits.")
    return int(digits)


def _check_events(text, source):
    """Bounds a YAML text, whose parsing is iterative, before the recursive part of the work.

    An alias costs what it stands for: that is what makes "a: [*b, *b], b: [*c, *c]..." a bomb.
    """
    import yaml

    known = {None, "!", *_loader().yaml_constructors}
    sizes = [0]  # containers counted so far, one entry a level
    anchors = {}
    names = []
    for event in yaml.parse(text, Loader=_loader()):
        if getattr(event, "tag", None) not in known:
            raise UnsafeFileError(
                f"{source} has the tag {event.tag!r}, which makes an object of a kind that no "
                "configuration needs."
            )
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(1)
            names.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            size = sizes.pop()
            anchors[names.pop()] = size
            sizes[-1] += size
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in names:
                raise UnsafeFileError(f"{source}: *{event.anchor} contains itself.")
            sizes[-1] += anchors.get(event.anchor, 0) + 1
        elif isinstance(event, yaml.ScalarEvent):
            anchors[event.anchor] = 0
        _check_size(len(sizes) - 1, sizes[-1], source)


@functools.cache
def _loader():
    """YAML's safe loader with a few tags more, and with bounded numbers."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        pass

    def number(construct, loader, node):
        if len(node.value) > MAX_DIGITS:
            raise UnsafeFileError(f"A number of {len(node.value):,} characters in the YAML text.")
        return construct(loader, node)

    prefix = "tag:yaml.org,2002:"
    for kind in ("int", "float"):
        construct = getattr(yaml.SafeLoader, f"construct_yaml_{kind}")
        Loader.add_constructor(prefix + kind, functools.partial(number, construct))
    Loader.add_constructor(
        prefix + "python/tuple", lambda loader, node: tuple(loader.construct_sequence(node, True))
    )
    for kind in ("str", "unicode"):
        Loader.add_constructor(prefix + f"python/{kind}", yaml.SafeLoader.construct_yaml_str)
    Loader.add_constructor(prefix + "python/name:numpy.ndarray", lambda loader, node: None)
    for name, construct in _NUMPY.items():
        Loader.add_constructor(prefix + f"python/object/apply:numpy.{name}", construct)
    return Loader


# ---- NumPy's numbers, as Keras 2.3 writes those of `ReLU`: read as numbers, nothing is called ----


def _numpy_type(loader, node):
    found = loader.construct_mapping(node, True)
    dtype = np.dtype(str(found["args"][0])).newbyteorder(found["state"][1])
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise TypeError(f"{dtype} is not a type of numbers")
    return dtype


def _numpy_array(loader, node):
    _, shape, dtype, transposed, raw = loader.construct_mapping(node, True)["state"]
    order = "F" if transposed else "C"
    return np.frombuffer(raw, dtype).reshape(shape, order=order).tolist()


def _numpy_scalar(loader, node):
    dtype, raw = loader.construct_sequence(node, True)
    return np.frombuffer(raw, dtype).item()


_NUMPY = {
    "dtype": _numpy_type,
    "core.multiarray._reconstruct": _numpy_array,
    "core.multiarray.scalar": _numpy_scalar,
}


@functools.cache
def _dumper():
    """YAML's safe writer, extended to tuples and to what `_plain` makes plain."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def represent_tuple(dumper, value):
        return dumper.represent_sequence("tag:yaml.org,2002:python/tuple", value)

    Dumper.add_representer(tuple, represent_tuple)
    Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_data(_plain(value)))
    return Dumper


def _plain(value):
    """One step from an object towards what JSON holds; raises `TypeError` if there is none."""
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    raise TypeError(
        f"Not JSON serializable: {value!r} of type {type(value).__name__}. A `get_config` must "
        "return numbers, strings, lists, dictionaries, or objects that have a `get_config`."
    )
