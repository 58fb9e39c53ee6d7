"""Metrics of other libraries: anything that has `update`, `compute` and `reset`."""

import warnings

import torch

from .. import operations, symbolic
from ..backend.values import tensor
from ..compat.arguments import user_level
from .base import MeanMetricWrapper, Metric

__all__ = ["ForeignMetric", "as_metric"]


class ForeignMetric(Metric):
    """A metric with torchmetrics's methods: ``update(preds, target)``, `compute` and `reset`.

    It runs on the values of each batch, outside of the graph. Targets that are numbers of classes
    come as integers, of the shape of the predictions without their last axis.
    """

    def __init__(self, metric, name=None, dtype=None):
        super().__init__(name=name or type(metric).__name__, dtype=dtype)
        self.metric = metric

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes one more batch into account. A warning tells that weights are left out."""
        if sample_weight is not None:
            warnings.warn(
                f"Metric {self.name!r}: {type(self.metric).__name__}.update takes no weights, so "
                "it sees all samples alike, masked ones too. Use a `keras.metrics.Metric` instead.",
                stacklevel=user_level(),
            )
        y_true, y_pred = tensor(y_true), tensor(y_pred)
        if symbolic.is_executing():
            return self._update([y_true, y_pred])
        return [operations.effect(self._update, [y_true, y_pred])]

    def _update(self, values):
        y_true, y_pred = (value.detach() for value in values)
        if y_pred.shape[-1] > 1 and y_true.shape[-1:] == (1,):
            y_true = y_true.squeeze(-1)
        if y_true.dim() < y_pred.dim():
            y_true = y_true.to(torch.int64)
        self.metric.update(y_pred, y_true)

    def result(self):
        """What `compute` gives."""
        if symbolic.is_executing():
            return self.metric.compute()
        return symbolic.declared(self.metric.compute, (), {}, (), symbolic.torch_dtype(self.dtype))

    def reset_states(self):
        """Starts anew."""
        self.metric.reset()


def as_metric(metric, name):
    """A `Metric` called `name` of what a user gave: one, a function, or a foreign metric."""
    if isinstance(metric, Metric):
        metric.name = name
        return metric
    if all(callable(getattr(metric, m, None)) for m in ("update", "compute", "reset")):
        return ForeignMetric(metric, name)
    return MeanMetricWrapper(metric, name)
