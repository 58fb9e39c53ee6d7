"""Logs: what a loop tells its callbacks, under the names of every version of Keras."""

import re

import numpy as np

__all__ = ["Logs", "Number", "listed", "other_spelling"]


# Metrics, before 2.3 under their full names ("acc" for accuracy), since then as they were given.
_SHORT = {
    "acc": "accuracy",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_OTHER = {**_SHORT, **{long: short for short, long in _SHORT.items()}}
_NAME = re.compile(rf"(.*_)?({'|'.join(_OTHER)})(_\d+)?")


def other_spelling(name):
    """What other versions of Keras call a value: "val_acc" for "val_accuracy"; None: the same."""
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    return match and f"{match[1] or ''}{_OTHER[match[2]]}{match[3] or ''}"


# What Keras called those of `weighted_metrics` before 2.3.
_WEIGHTED = re.compile(r"(.*_)?weighted_(.+)")


def listed(name, names):
    """The one of `names` that a value is listed under which some Keras called `name`, else None.

    Weighted metrics have the number 1 if there is one of the same name without weights.
    """
    candidates = [name]
    match = _WEIGHTED.fullmatch(name) if isinstance(name, str) else None
    if match:
        plain = f"{match[1] or ''}{match[2]}"
        candidates += [f"{plain}_1", plain]
    return next((n for c in candidates for n in (c, other_spelling(c)) if n in names), None)


class Number(np.float64):
    """A value that a loop reports: a Python float that is a NumPy scalar too, as in Keras.

    It prints as a float whatever NumPy there is, and is pickled as NumPy's own.
    """

    __slots__ = ()
    __repr__ = float.__repr__

    def __reduce__(self):
        return np.float64, (float(self),)


Number.__name__ = Number.__qualname__ = "float64"  # scripts and reports show the type by name


class Logs(dict):
    """A dictionary of values that also answers to what other versions of Keras call a metric.

    Each value is listed once, under the name that it was given.
    """

    def __missing__(self, name):
        found = listed(name, self.keys())
        if found is None:
            raise KeyError(name)
        return dict.__getitem__(self, found)

    def __contains__(self, name):
        return dict.__contains__(self, name) or listed(name, self.keys()) is not None

    def get(self, name, default=None):
        """The value, or `default`."""
        return self[name] if name in self else default

    def copy(self):
        """A copy that answers to the same names."""
        return Logs(self)
