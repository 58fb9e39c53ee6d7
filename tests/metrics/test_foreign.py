"""Metrics with the methods of torchmetrics."""

import pytest
import torch

from kforge import backend as K
from kforge import lowering, metrics, symbolic


class Agreement:
    """What torchmetrics's accuracy does: labels must be integers."""

    def __init__(self):
        self.reset()

    def update(self, preds, target):
        assert target.dtype is torch.int64 and not preds.requires_grad
        self.right += int((preds.argmax(-1) == target).sum())
        self.count += len(target)

    def compute(self):
        return torch.tensor(self.right / max(1, self.count))

    def reset(self):
        self.right = self.count = 0


def test_in_a_step():
    metric = metrics.as_metric(Agreement(), "agreement")
    y = symbolic.placeholder((None, 1), torch.float32, "y")
    p = symbolic.placeholder((None, 3), torch.float32, "p")
    step = lowering.lower([], [y, p], metric.update_state(y, p))
    labels, scores = torch.tensor([[0.0], [2.0]]), torch.eye(3)[[0, 1]]
    step.run([labels, scores.requires_grad_()])
    assert (metric.name, K.eval(metric.result())) == ("agreement", 0.5)
    step.run([labels, torch.eye(3)[[0, 2]]])
    assert K.eval(metric.result()) == 0.75
    metric.reset_states()
    assert K.eval(metric.result()) == 0


def test_called():
    metric = metrics.ForeignMetric(Agreement())
    found = metric(K.constant([[1.0]]), K.constant([[0.0, 1.0]]))
    assert K.eval(found) == 1
    assert metric.metric.count == 1


def test_weights_are_left_out_with_a_warning():
    metric = metrics.ForeignMetric(Agreement(), "agreement")
    with pytest.warns(UserWarning, match="Metric 'agreement': Agreement.update takes no weights"):
        metric.update_state(K.constant([[1.0]]), K.constant([[0.0, 1.0]]), K.constant([0.0]))


def test_what_else_a_metric_may_be():
    mean = metrics.Mean()
    assert metrics.as_metric(mean, "m") is mean and mean.name == "m"
    wrapped = metrics.as_metric(metrics.mae, "mae")
    assert isinstance(wrapped, metrics.MeanMetricWrapper) and wrapped.name == "mae"
