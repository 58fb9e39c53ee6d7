"""Logs: what a loop tells its callbacks, under the names of every version of Keras."""

import re

__all__ = ["Logs", "other_spelling"]


def other_spelling(name):
    """What other versions of Keras call a value: "val_acc" for "val_accuracy"; None: the same."""
    match = re.fullmatch(r"(.*_)?(acc|accuracy)(_\d+)?", name) if isinstance(name, str) else None
    if match is None:
        return None
    other = "acc" if match[2] == "accuracy" else "accuracy"
    return f"{match[1] or ''}{other}{match[3] or ''}"


class Logs(dict):
    """A dictionary of values by name that also answers to the other spelling of accuracies.

    Each value is listed once, under the name that it was given.
    """

    def __missing__(self, name):
        other = other_spelling(name)
        if other is None or not dict.__contains__(self, other):
            raise KeyError(name)
        return dict.__getitem__(self, other)

    def __contains__(self, name):
        return dict.__contains__(self, name) or dict.__contains__(self, other_spelling(name))

    def get(self, name, default=None):
        """The value, or `default`."""
        return self[name] if name in self else default

    def copy(self):
        """A copy that answers to the same names."""
        return Logs(self)
