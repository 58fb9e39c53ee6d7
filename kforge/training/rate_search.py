"""A range test for learning rates.

Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186, section 3.3: the
rate grows from step to step; where the loss falls fastest is a good rate to train with.
"""

import itertools

import numpy as np
import torch

from .. import backend as K
from .. import operations
from ..utils.seeding import random_states, set_random_states
from ..variable import Variable
from .loop import step_for

__all__ = ["RateSearch", "search_rate"]


class RateSearch:
    """What `Model.lr_find` saw: `learning_rates` and the `losses` at them, as NumPy arrays.

    `smoothed` is the exponential mean of the losses, corrected for its start; `suggestion` the
    rate at which that falls fastest over the logarithm of the rate, before its minimum and after
    the first values. It is None where the loss never falls.
    """

    def __init__(self, learning_rates, losses, smoothing):
        self.learning_rates, self.losses = np.asarray(learning_rates), np.asarray(losses)
        self.smoothed = _exponential_mean(self.losses, smoothing)
        # The mean of few values is rough: its memory must fill first.
        self.suggestion = self._steepest(min(round(1 / (1 - smoothing)), len(self.losses) // 2))

    def _steepest(self, start):
        known = np.flatnonzero(np.isfinite(self.smoothed))
        end = known[np.argmin(self.smoothed[known])] + 1 if known.size else 0
        if end - start < 2:
            return None
        part = slice(start, end)
        slopes = np.gradient(self.smoothed[part], np.log(self.learning_rates[part]))
        return float(self.learning_rates[part][np.argmin(slopes)])

    def plot(self, axes=None):
        """Draws the losses over the rates with matplotlib; gives the axes."""
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("`plot` needs matplotlib: pip install kforge[plot].") from error
        axes = axes or pyplot.subplots()[1]
        axes.plot(self.learning_rates, self.losses, alpha=0.3, label="loss")
        axes.plot(self.learning_rates, self.smoothed, label="smoothed")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, linestyle=":", label=f"{self.suggestion:.1e}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        return axes

    def __repr__(self):
        return f"RateSearch({len(self.losses)} steps, suggestion={self.suggestion})"


def _exponential_mean(values, weight):
    found, mean = [], 0.0
    for i, value in enumerate(values, 1):
        mean = weight * mean + (1.0 - weight) * value
        found.append(mean / (1.0 - weight**i))
    return np.asarray(found)


def search_rate(model, batches, rates, smoothing, divergence):
    """Trains a step with each of `rates`; gives a `RateSearch`, and everything back as it was.

    Ends early when the smoothed loss is no number, or more than `divergence` times its minimum.
    """
    losses = []
    with _Restoring(model), batches.running():
        step = step_for(batches, model._train_step)
        stream = itertools.chain.from_iterable(iter(batches.epoch, None))
        for rate in rates:
            K.set_value(model.optimizer.lr, rate)
            parts = itertools.islice(stream, model._options.accumulate_steps)
            losses.append(float(np.mean([step(batch).item() for batch in parts])))
            smoothed = _exponential_mean(losses, smoothing)
            if not smoothed[-1] <= divergence * smoothed.min():
                break
    return RateSearch(rates[: len(losses)], losses, smoothing)


class _Restoring:
    """Within this context a model may be trained; then it, its optimizer and all random numbers
    are as they were."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        model = self.model
        if not hasattr(model.optimizer, "lr"):
            raise ValueError('Optimizer must have a "lr" attribute.')
        self.generators = operations.generators([model.total_loss])
        self.random = random_states(self.generators)
        model._make_train_function()
        recorded = not model.optimizer.is_direct  # then changes of weights are in the graph
        step = model._train_step((recorded,) * len(model._compiled.trained))
        settings = [v for v in vars(model.optimizer).values() if isinstance(v, Variable)]
        changed = [v for _, v, *_ in step.lowered.changes if v is not None]
        held = [*model._ordered_weights(), *model.optimizer.weights, *settings, *changed]
        natives = {id(v.native): v.native for v in held}.values()
        self.saved = [(native, native.detach().clone()) for native in natives]
        self.gathering = model._gathering()
        if self.gathering is not None:
            self.gathering.discard()
            self.scaling = self.gathering.state()

    def __exit__(self, *exc):
        with torch.no_grad():
            for native, value in self.saved:
                native.copy_(value)
        if self.gathering is not None:
            self.gathering.discard()
            self.gathering.set_state(self.scaling)
        self.model.reset_metrics()
        set_random_states(self.random, self.generators)
