"""`tf.app`: options on the command line, and running `main`."""

import argparse
import sys

__all__ = ["APP", "FLAGS", "FUNCTIONS"]


class _Flags:
    """The values of options, read from the command line when one is asked for first."""

    def __init__(self):
        made = argparse.ArgumentParser(allow_abbrev=False)
        vars(self).update(_made=made, _values=None, _truths=set())

    def _parse(self, argv=None):
        words = sys.argv[1:] if argv is None else argv
        alone = {f"-{dash}{name}" for name in self._truths for dash in ("", "-")}
        words = [f"{word}=true" if word in alone else word for word in words]
        known, rest = self._made.parse_known_args(words)
        found = {**vars(known), **(self._values or {})}
        vars(self)["_values"] = found
        return rest

    def __call__(self, argv, known_only=False):
        """Reads options; gives what is left, the name of the program first."""
        vars(self)["_values"] = None
        rest = self._parse(argv[1:])
        unknown = [word for word in rest if word.startswith("-")]
        if unknown and not known_only:
            raise ValueError(f"Unknown command line flags: {unknown}")
        return [argv[0], *rest]

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if self._values is None or name not in self._values:
            self._parse()
        if name not in self._values:
            raise AttributeError(f"There is no flag {name!r}; `tf.flags.DEFINE_...` makes one.")
        return self._values[name]

    def __setattr__(self, name, value):
        vars(self)["_values"] = {**(self._values or {}), name: value}

    def __getitem__(self, name):
        return argparse.Namespace(name=name, value=getattr(self, name))

    def __contains__(self, name):
        return any(action.dest == name for action in self._made._actions)

    def __iter__(self):
        return (action.dest for action in self._made._actions if action.dest != "help")

    def flag_values_dict(self):
        """{name: value} of all flags."""
        return {name: getattr(self, name) for name in self}

    def mark_as_parsed(self):
        """Reads nothing more than the defaults unless the command line has options."""


FLAGS = _Flags()


def _define(name, default, help, **settings):
    if name in FLAGS:
        return
    FLAGS._made.add_argument(f"--{name}", dest=name, default=default, help=help, **settings)


def _DEFINE_string(flag_name, default_value, docstring=None, **kwargs):
    """An option that is a text."""
    _define(flag_name, default_value, docstring)


def _DEFINE_integer(flag_name, default_value, docstring=None, **kwargs):
    """An option that is a whole number."""
    _define(flag_name, default_value, docstring, type=int)


def _DEFINE_float(flag_name, default_value, docstring=None, **kwargs):
    """An option that is a number."""
    _define(flag_name, default_value, docstring, type=float)


def _truth(text):
    if text.lower() in ("true", "t", "1", "yes", "y"):
        return True
    if text.lower() in ("false", "f", "0", "no", "n"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _DEFINE_boolean(flag_name, default_value, docstring=None, **kwargs):
    """An option that is true or false: ``--name``, ``--noname``, ``--name=false``."""
    if flag_name in FLAGS:
        return
    _define(flag_name, default_value, docstring, type=_truth)
    FLAGS._truths.add(flag_name)
    made = FLAGS._made
    made.add_argument(
        f"--no{flag_name}", dest=flag_name, action="store_false", default=argparse.SUPPRESS
    )


def _DEFINE_enum(flag_name, default_value, enum_values, docstring=None, **kwargs):
    """An option that is one of some texts."""
    _define(flag_name, default_value, docstring, choices=list(enum_values))


def _DEFINE_list(flag_name, default_value, docstring=None, **kwargs):
    """An option that is texts with commas between them."""
    if isinstance(default_value, str):
        default_value = default_value.split(",")
    _define(flag_name, default_value, docstring, type=lambda text: text.split(","))


def _mark_flag_as_required(flag_name, flag_values=None):
    """An option that has to be given."""
    next(a for a in FLAGS._made._actions if a.dest == flag_name).required = True


FUNCTIONS = {
    "DEFINE_bool": _DEFINE_boolean,
    "DEFINE_boolean": _DEFINE_boolean,
    "DEFINE_enum": _DEFINE_enum,
    "DEFINE_float": _DEFINE_float,
    "DEFINE_integer": _DEFINE_integer,
    "DEFINE_list": _DEFINE_list,
    "DEFINE_string": _DEFINE_string,
    "FLAGS": FLAGS,
    "mark_flag_as_required": _mark_flag_as_required,
}


def _run(main=None, argv=None):
    """Reads options, and ends the program with what ``main(arguments that are left)`` gives."""
    main = main or sys.modules["__main__"].main
    sys.exit(main(FLAGS(sys.argv if argv is None else argv, known_only=True)))


APP = {"run": _run}
