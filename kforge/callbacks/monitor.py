"""What callbacks that watch a value have in common."""

import warnings

import numpy as np

__all__ = ["current_value", "direction"]


def direction(mode, monitor, owner):
    """(whether the first is better than the second, the worst value) for `mode` and `monitor`.

    The mode "auto" takes accuracies and F-measures as better when larger.
    """
    if mode not in ("auto", "min", "max"):
        text = f"{owner} mode {mode} is unknown, fallback to auto mode."
        warnings.warn(text, RuntimeWarning, stacklevel=3)
        mode = "auto"
    if mode == "auto":
        mode = "max" if "acc" in monitor or monitor.startswith("fmeasure") else "min"
    return (np.greater, -np.inf) if mode == "max" else (np.less, np.inf)


def current_value(logs, monitor, owner):
    """The value called `monitor` in the logs of an epoch; if there is none, None and a warning."""
    current = logs.get(monitor)
    if current is None:
        warnings.warn(
            f"{owner} conditioned on metric `{monitor}` which is not available. Available metrics "
            f"are: {','.join(logs)}",
            RuntimeWarning,
            stacklevel=3,
        )
    return current
