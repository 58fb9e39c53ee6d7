"""Every public name of Keras 2.3.1, at every path where Keras has it, with its parameters.

`data/api_2.3.1.json` holds what an installed Keras 2.3.1 shows (`data/record_api.py` wrote it).
`data/api_gaps.json` lists what kforge does not have; it can only shrink: a new gap fails, and so
does an old one that has been closed. `python -m tests.test_api` writes it anew.
"""

import ast
import functools
import importlib
import inspect
import json
import os
import sys

import pytest

import kforge
from kforge.compat.paths import ALIASES

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
GAPS = os.path.join(DATA, "api_gaps.json")

with open(os.path.join(DATA, "api_2.3.1.json")) as f:
    API = json.load(f)
with open(GAPS) as f:
    LISTED = json.load(f)

# Names that are not to be had, and why.
EXCEPTIONS = {
    "keras_modules_injection": (
        "hands Keras's modules to the keras_applications package; kforge's models have them"
    ),
    "string_types": "the text types of Python 2 and 3, which one module of Keras shows",
    "tf_file_io_proxy": "stands for Google's file system in Keras's own tests of saving to it",
    # Parts of loops over TensorFlow's functions. Here `kforge.training.loop` runs steps.
    "fit_loop": "the inner loop of `Model.fit`, over a function of TensorFlow",
    "test_loop": "that of `Model.evaluate`",
    "predict_loop": "that of `Model.predict`",
    # Parts of enqueuers with a pool of processes. Here torch's DataLoader has the processes.
    "init_pool": "hands sequences to the processes of a pool",
    "init_pool_generator": "hands generators to them",
    "get_index": "asks a process for a batch of a sequence",
    "next_sample": "asks a process for the next batch of a generator",
}

# Definitions whose parameters differ, and why.
OTHER_PARAMETERS = {
    "keras.callbacks.tensorboard_v2.TensorBoard": (
        "Keras had one class for TensorFlow 1 and another for 2; here both names mean the first"
    ),
}

ABSENT = object()


def look_up(path, name):
    """The object that kforge shows as `name` at a path of Keras, or `ABSENT`."""
    try:
        return getattr(importlib.import_module(path), name, ABSENT)
    except ModuleNotFoundError as e:
        if not (e.name or "").startswith("keras"):
            raise
        return ABSENT


def homes():
    """Where each definition can be seen: {definition: (path, name)}."""
    seen = {}
    for path, names in sorted(API["modules"].items()):
        for name, what in names.items():
            if what in API["definitions"] and name not in EXCEPTIONS:
                is_home = f"{path}.{name}" == what
                if is_home or what not in seen:
                    seen[what] = (path, name)
    return seen


def name_gaps(path):
    """What is missing at a path, or is not the one object that Keras shows in several places."""
    for name, what in API["modules"][path].items():
        if name in EXCEPTIONS:
            continue
        found = look_up(path, name)
        if found is ABSENT:
            yield f"{path}: {name} is missing"
        elif what.startswith("= "):
            if found != ast.literal_eval(what[2:]):
                yield f"{path}: {name} is {found!r}, not {what[2:]}"
        elif what.startswith("module "):
            if found is not importlib.import_module(what[7:]):
                yield f"{path}: {name} is not {what}"
        elif "<locals>" not in what and found is not look_up(*HOMES[what]):
            yield f"{path}: {name} is not {'.'.join(HOMES[what])}"


def parameters(recorded):
    """[(name, default or ABSENT)], has *args, has **kwargs, of a recorded "(x, y=1, **kwargs)"."""
    arguments = ast.parse(f"def f{recorded}: pass").body[0].args
    names = [a.arg for a in arguments.args]
    defaults = [ast.literal_eval(d) for d in arguments.defaults]
    defaults = [ABSENT] * (len(names) - len(defaults)) + defaults
    return list(zip(names, defaults)), bool(arguments.vararg), bool(arguments.kwarg)


def same_default(ours, theirs):
    """Whether they are equal, or ours is one number that Keras repeats for each dimension."""
    if isinstance(theirs, (tuple, list)) and not isinstance(ours, (tuple, list)):
        return len(theirs) > 0 and all(same_default(ours, t) for t in theirs)
    if isinstance(theirs, (tuple, list)):
        ours, theirs = list(ours), list(theirs)
    if isinstance(ours, bool) is not isinstance(theirs, bool):
        return False
    return ours == theirs


def signature_gap(function, recorded, skip):
    """How the parameters of `function` differ from the recorded ones, or None."""
    if recorded == "(*args, **kwargs)":
        return None  # Keras says no more than that it can be called
    names, takes_more, takes_keywords = parameters(recorded)
    ours = list(inspect.signature(function).parameters.values())[skip:]
    kinds = {p.kind for p in ours}
    if takes_more and inspect.Parameter.VAR_POSITIONAL not in kinds:
        return "takes no *args"
    if takes_keywords and inspect.Parameter.VAR_KEYWORD not in kinds:
        return "takes no **kwargs"
    if takes_more:
        return None
    positional = [p for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    for i, (name, default) in enumerate(names):
        if i >= len(positional) or positional[i].name != name:
            return f"parameter {i + 1} is not {name}"
        given = positional[i].default
        given = ABSENT if given is inspect.Parameter.empty else given
        if default is not ABSENT and not same_default(given, default):
            return f"the default of {name} is not {default!r}"
    extra = [p.name for p in positional[len(names) :] if p.default is p.empty]
    return f"also requires {', '.join(extra)}" if extra else None


@functools.cache
def sample(name):
    """An instance of a class whose properties are attributes of its instances."""
    layers = kforge.layers
    make = {
        "Layer": layers.Layer,
        "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(2)),
        "ConvLSTM2D": lambda: layers.ConvLSTM2D(2, 3),
        "CuDNNGRU": lambda: layers.CuDNNGRU(2),
        "CuDNNLSTM": lambda: layers.CuDNNLSTM(2),
        "GRU": lambda: layers.GRU(2),
        "LSTM": lambda: layers.LSTM(2),
        "Network": lambda: kforge.Sequential([layers.Dense(1, input_shape=(1,))]),
        "SimpleRNN": lambda: layers.SimpleRNN(2),
    }
    return make[name]() if name in make else None


def definition_gaps(what):
    """What differs in the parameters of a function, or of the methods of a class."""
    path, name = HOMES[what]
    found = look_up(path, name)
    if found is ABSENT or what in OTHER_PARAMETERS:
        return
    recorded = API["definitions"][what]
    if isinstance(recorded, str):
        gap = signature_gap(found, recorded, skip=0)
        if gap:
            yield f"{path}: {name}: {gap}"
        return
    if not isinstance(found, type):
        yield f"{path}: {name} is not a class"
        return
    for method, signature in recorded.items():
        static = inspect.getattr_static(found, method, ABSENT)
        if static is ABSENT:
            has_it = signature == "property" and hasattr(sample(name), method)
            gap = None if has_it else "is missing"
        elif signature == "property":
            gap = "is a method" if inspect.isfunction(static) else None
        elif method == "__init__":
            gap = signature_gap(found.__init__, signature, skip=1)
        else:
            gap = signature_gap(getattr(found, method), signature, skip=inspect.isfunction(static))
        if gap:
            yield f"{path}: {name}.{method}: {gap}"


HOMES = homes()


@pytest.fixture(scope="module", autouse=True)
def keras():
    kforge.install()
    yield
    kforge.uninstall()


def parameter_gaps(path):
    """What differs in the parameters of everything that is at home at a path."""
    for what, (home, _) in HOMES.items():
        if home == path:
            yield from definition_gaps(what)


PARAMETER_PATHS = sorted({path for path, _ in HOMES.values()})


@pytest.mark.parametrize("path", API["modules"])
def test_names(path):
    assert list(name_gaps(path)) == LISTED["names"].get(path, [])


@pytest.mark.parametrize("path", PARAMETER_PATHS)
def test_parameters(path):
    assert list(parameter_gaps(path)) == LISTED["parameters"].get(path, [])


if __name__ == "__main__":
    kforge.install()
    names = {path: list(name_gaps(path)) for path in API["modules"]}
    parameters_ = {path: list(parameter_gaps(path)) for path in PARAMETER_PATHS}
    gaps = {"names": names, "parameters": parameters_}
    gaps = {kind: {p: g for p, g in found.items() if g} for kind, found in gaps.items()}
    gaps["paths"] = [path for path in ALIASES if f"keras.{path}" not in sys.modules]
    with open(GAPS, "w") as f:
        json.dump(gaps, f, indent=1, sort_keys=True)
        f.write("\n")
    for kind, found in gaps.items():
        print(kind, len(found) if kind == "paths" else sum(map(len, found.values())))
