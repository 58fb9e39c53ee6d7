"""Names to objects and back: the one place where a name in a config becomes a class or function.

Each kind (layers, losses, ...) has one `Registry`. A name is looked up in the caller's
`custom_objects`, then in those of the scope or the global ones, then in the registry itself;
nothing is ever imported by a name that a file supplied.
"""

import contextlib
import functools
import inspect
import sys
from collections.abc import Mapping

import numpy as np

from .config import ThreadStack

__all__ = [
    "ConfigError",
    "Configurable",
    "CustomObjectScope",
    "Registry",
    "argument_names",
    "checking_config",
    "custom_object_scope",
    "get_custom_objects",
    "has_arg",
    "is_own",
]

_custom_objects = {}

# What each thread knows within its scopes, innermost last.
_scopes = ThreadStack()

# Prefixes that other dialects of Keras put before a class name.
_FOREIGN_PREFIXES = ("Custom>", "Addons>", "keras.layers>", "keras>")


class ConfigError(ValueError, TypeError):
    """A config does not describe an object; the message says which one and why.

    Both a `ValueError` and a `TypeError`, since a class may object to an argument's name, to its
    type or to its value.
    """


@contextlib.contextmanager
def checking_config(what):
    """Within this context what malformed configs make built-in classes trip over is `ConfigError`.

    `what` they describe begins its message. Errors in users' own code pass as they are.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError) as error:
        if isinstance(error, (ConfigError, NotImplementedError)) or _is_of_users(error):
            raise
        reason = str(error).partition("\n")[0]  # torch goes on with addresses
        kind = type(error).__name__
        raise ConfigError(f"The config of {what} cannot be used. {kind}: {reason}") from error


# Where the code of a traceback may be without being a user's.
_NOT_OF_USERS = {*sys.stdlib_module_names, __name__.partition(".")[0], "numpy", "torch"}


def _is_of_users(error):
    """Whether users' own code had a part in an error."""
    trace = error.__traceback__.tb_next  # below `checking_config` itself
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__") or ""
        if module.partition(".")[0] not in _NOT_OF_USERS:
            return True
        trace = trace.tb_next
    return False


def get_custom_objects():
    """The live dictionary of custom objects, {name: class or function}.

    Within a `CustomObjectScope` of this thread that of the scope, which ends with it; else the
    global one.
    """
    return _scopes.stack[-1] if _scopes.stack else _custom_objects


class CustomObjectScope:
    """Within this scope, the given dictionaries of custom objects are known by name.

    They are known to this thread only. Raises `TypeError` for what is no dictionary.

    >>> with CustomObjectScope({"MyLayer": MyLayer}):
    ...     model = load_model("model.h5")
    """

    def __init__(self, *args):
        for objects in args:
            if not isinstance(objects, Mapping):
                raise TypeError(
                    "Custom objects are given as a dictionary, {name: class or function}, got "
                    f"{objects!r}. For a class `MyLayer`, pass `{{'MyLayer': MyLayer}}`."
                )
        self.custom_objects = args

    def __enter__(self):
        known = dict(get_custom_objects())
        for objects in self.custom_objects:
            known.update(objects)
        _scopes.stack.append(known)
        return self

    def __exit__(self, *exc):
        _scopes.stack.pop()


def custom_object_scope(*args):
    """See `CustomObjectScope`."""
    return CustomObjectScope(*args)


def has_arg(fn, name, accept_all=False):
    """Whether `fn` takes a keyword argument `name`; with `accept_all`, also by ``**kwargs``."""
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False
    if accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    p = parameters.get(name)
    return p is not None and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)


class Registry:
    """Objects of one kind by name.

    `kind` is the word for it in messages ("layer", "loss function"). With `instantiate`, a bare
    name that means a class, or a factory, gives an instance, as `initializers.get("zeros")` does.
    """

    def __init__(self, kind, instantiate=False):
        self.kind = kind
        self.instantiate = instantiate
        self.objects = {}
        self.factories = []

    def register(self, obj, *aliases):
        """Makes `obj` known by its ``__name__`` and by `aliases`; returns it (a decorator)."""
        for name in (obj.__name__, *aliases):
            self.objects[name] = obj
        return obj

    def factory(self, function, *aliases):
        """Registers a function that makes an object, such as `he_normal(seed=None)`."""
        self.factories.append(function)
        return self.register(function, *aliases)

    def alias(self, **names):
        """Makes objects known by other names: ``alias(mse=mean_squared_error)``."""
        self.objects.update(names)

    def lookup(self, name, custom_objects=None):
        """The object called `name`, or None."""
        for table in (custom_objects or {}, get_custom_objects(), self.objects):
            if name in table:
                return table[name]
        for prefix in _FOREIGN_PREFIXES:
            if name.startswith(prefix):
                return self.lookup(name[len(prefix) :], custom_objects)
        return None

    def require(self, name, custom_objects=None):
        """The object called `name`; `ValueError` where nothing is."""
        if not isinstance(name, str):
            raise ConfigError(f"A {self.kind} is named by a string, got {name!r}.")
        found = self.lookup(name, custom_objects)
        if found is None:
            raise ValueError(
                f"Unknown {self.kind}: {name}. If it is your own, pass it: "
                f"`custom_objects={{{name!r}: <your class or function>}}`."
            )
        return found

    def get(self, identifier):
        """An object from what a user may write for it: None, a name, a config, or the object."""
        if identifier is None or not isinstance(identifier, (str, dict)):
            if identifier is None or callable(identifier):
                return identifier
            raise ValueError(f"Could not interpret {self.kind} identifier: {identifier!r}")
        return self.deserialize(identifier)

    def serialize(self, obj):
        """The config of an object: {"class_name", "config"}, or a function's name, or None."""
        if obj is None:
            return None
        if hasattr(obj, "get_config"):
            return {"class_name": type(obj).__name__, "config": obj.get_config()}
        if hasattr(obj, "__name__"):
            return obj.__name__
        raise ValueError(f"Cannot serialize {self.kind} {obj!r}: it has no `get_config` method.")

    def deserialize(self, identifier, custom_objects=None):
        """The object of a name or of a config made by `serialize`."""
        if isinstance(identifier, str):
            found = self.require(identifier, custom_objects)
            makes = isinstance(found, type) or found in self.factories
            return found() if self.instantiate and makes else found
        if not isinstance(identifier, dict) or not {"class_name", "config"} <= set(identifier):
            raise ValueError(f"Improper config format for a {self.kind}: {identifier!r}")
        found = self.require(identifier["class_name"], custom_objects)
        return build_from_config(found, identifier["config"], custom_objects)


def build_from_config(cls, config, custom_objects=None):
    """`cls.from_config(config)`, with the custom objects known inside it.

    Raises `ConfigError` where a built-in class cannot be made of it.
    """
    name = config.get("name") if isinstance(config, dict) else None
    with checking_config(f"{cls.__name__} {name!r}" if name else cls.__name__):
        if not hasattr(cls, "from_config"):
            with CustomObjectScope(custom_objects or {}):
                return cls(**config)
        if has_arg(cls.from_config, "custom_objects"):
            merged = {**get_custom_objects(), **(custom_objects or {})}
            return cls.from_config(config, custom_objects=merged)
        with CustomObjectScope(custom_objects or {}):
            return cls.from_config(config)


class Configurable:
    """An object whose config is the arguments of its constructor, kept under the same names.

    Only constructors of kforge's own classes count: a user's subclass adds what it takes by
    extending `get_config`, as in Keras.
    """

    def get_config(self):
        """The arguments that make such an object, as JSON can hold them."""
        return {name: plain(getattr(self, name)) for name in _arguments(type(self))}

    @classmethod
    def from_config(cls, config):
        """An object of a config made by `get_config`."""
        return cls(**config)


def _arguments(cls):
    """Names of the arguments of the constructor that `cls` has, or inherits, from kforge."""
    for base in cls.__mro__:
        if "__init__" in vars(base) and is_own(base):
            return argument_names(base.__init__)
    return ()


def is_own(thing):
    """Whether a class or function is kforge's, whichever name of its module it tells."""
    module = sys.modules.get(thing.__module__)
    return getattr(module, "__name__", "").partition(".")[0] == __name__.partition(".")[0]


@functools.cache
def argument_names(init):
    """Names of the arguments of a constructor."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(init).parameters.values()
    return tuple(p.name for p in parameters if p.kind in kinds and p.name != "self")


def class_around(module, name, base, fn, arguments):
    """A subclass of `base`, at home in `module`, whose constructor gives `fn` to that of `base`.

    It takes `arguments`, {name: default}, and passes them on by name.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(k, kind, default=v) for k, v in arguments.items()]
    signature = inspect.Signature([inspect.Parameter("self", kind), *parameters])

    def __init__(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        base.__init__(fn=fn, **given.arguments)

    __init__.__signature__ = signature
    body = {"__init__": __init__, "__module__": module, "__doc__": f"Around `{fn.__name__}`."}
    return type(name, (base,), body)


def plain(value):
    """`value` as JSON can hold it: NumPy numbers and arrays as Python's, functions by name."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [plain(v) for v in value]
        if type(value) is tuple:  # the same one if it can be: YAML writes it once
            return value if all(a is b for a, b in zip(items, value)) else tuple(items)
        return items
    return value
