"""Writes api_2.3.1.json: every public name of Keras 2.3.1, at every path, with its parameters.

Run by a Python 3.7 that has Keras 2.3.1 and TensorFlow 1.15 (`pip install keras==2.3.1
tensorflow==1.15.5 "protobuf<3.21" "h5py<3"`):  python3.7 tests/data/record_api.py

    {"modules":     {path: {name: where it is defined, or "module PATH", or "= VALUE"}},
     "definitions": {where: "(parameters)" of a function,
                     or {method: "(parameters)", property: "property"} of a class}}

A name is public unless it begins with "_". Names that Keras itself only imported from elsewhere
(`os`, `np`, TensorFlow's) are left out; those it imported from itself are in, since scripts do
say `from keras.layers.core import Layer`.
"""

import importlib
import inspect
import json
import os
import pkgutil

import keras

FAMILY = ("keras", "keras_applications", "keras_preprocessing")
# The first two need Theano and CNTK; the third is the NumPy reference of Keras's own tests.
LEFT_OUT = ("theano_backend", "cntk_backend", "numpy_backend")
PLAIN = (int, float, str, tuple, list, dict)


def in_family(name):
    return (name or "").split(".")[0] in FAMILY


def default(value):
    if isinstance(value, PLAIN) or value is None:
        return repr(value)
    return "<{}>".format(getattr(value, "__name__", type(value).__name__))


def parameters(function, drop_self=False):
    if function.__qualname__.startswith("disable_tracking.<"):  # says nothing of what it wraps
        function = function.__closure__[0].cell_contents
    found = list(inspect.signature(function).parameters.values())[drop_self:]
    words = []
    for p in found:
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        words.append(star + p.name + ("" if p.default is p.empty else "=" + default(p.default)))
    return "({})".format(", ".join(words))


def unwrapped(function):
    """(where, function): sees through the bare wrappers of keras.applications."""
    if function.__closure__ and function.__qualname__.startswith("keras_modules_injection.<"):
        inner = function.__closure__[0].cell_contents
        package = importlib.import_module(inner.__module__.replace(".", "_", 1))
        return inner.__module__ + "." + inner.__name__, getattr(package, inner.__name__)
    return function.__module__ + "." + function.__qualname__, function


def members(cls):
    """Own methods and properties of a class, and how it is made."""
    found = {}
    for name, value in sorted(vars(cls).items()):
        if name.startswith("_") and name != "__call__":
            continue
        if isinstance(value, property):
            found[name] = "property"
        elif isinstance(value, (staticmethod, classmethod)):
            found[name] = parameters(value.__func__, drop_self=isinstance(value, classmethod))
        elif inspect.isfunction(value):
            found[name] = parameters(value, drop_self=True)
    if cls.__init__ is not object.__init__:
        found["__init__"] = parameters(cls.__init__, drop_self=True)
    return found


def record():
    paths = ["keras"] + [m.name for m in pkgutil.walk_packages(keras.__path__, "keras.")]
    modules, definitions = {}, {}
    for path in paths:
        if path.rpartition(".")[2] in LEFT_OUT:
            continue
        module = importlib.import_module(path)
        names = modules[path] = {}
        for name, value in sorted(vars(module).items()):
            if name.startswith("_"):
                continue
            if inspect.ismodule(value):
                if value.__name__.split(".")[0] == "keras" and (
                    value.__name__.rpartition(".")[2] not in LEFT_OUT
                ):
                    names[name] = "module " + value.__name__
            elif inspect.isclass(value) or inspect.isfunction(value):
                if not in_family(value.__module__):
                    continue
                if inspect.isclass(value):
                    where = value.__module__ + "." + value.__qualname__
                    definitions[where] = members(value)
                else:
                    where, function = unwrapped(value)
                    definitions[where] = parameters(function)
                names[name] = where
            elif type(value) in PLAIN:
                names[name] = "= " + repr(value)
    return {"keras": keras.__version__, "modules": modules, "definitions": definitions}


if __name__ == "__main__":
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "api_2.3.1.json")
    text = json.dumps(record(), indent=0, sort_keys=True)
    with open(target, "w") as f:
        f.write(text + "\n")
