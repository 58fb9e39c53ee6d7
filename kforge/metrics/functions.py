"""Metrics of one sample, such as accuracies, and the classes that take their mean."""

import torch

from .. import backend as K
from .. import config, losses
from ..backend.values import tensor
from ..losses import as_pair
from ..registry import class_around
from ..weighting import squeeze_or_expand_dimensions
from .base import Mean, MeanMetricWrapper, registry

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "TopKCategoricalAccuracy",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "cosine",
    "cosine_proximity",
    "cosine_similarity",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

# ---- functions ---------------------------------------------------------------------------------


def _floating(truth):
    return K.cast(truth, config.floatx())


def _labels(y_true, y_pred):
    """Numbers of classes, without a last axis of size 1."""
    y_true = tensor(y_true)
    return y_true.squeeze(-1) if len(y_true.shape) == len(y_pred.shape) else y_true


@registry.register
def accuracy(y_true, y_pred):
    """1 where targets and predictions are equal, else 0."""
    return _floating(torch.eq(*as_pair(y_true, y_pred)))


@registry.register
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """The share of predictions on the right side of `threshold`; targets are 0 or 1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    decided = torch.round(y_pred) if threshold == 0.5 else _floating(y_pred > threshold)
    return torch.mean(_floating(torch.eq(y_true, decided)), -1)


@registry.register
def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is at the largest target, else 0."""
    right = torch.eq(torch.argmax(tensor(y_true), -1), torch.argmax(tensor(y_pred), -1))
    return _floating(right)


@registry.register
def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is that of the class in `y_true`, else 0."""
    y_pred = tensor(y_pred)
    return _floating(torch.eq(_labels(y_true, y_pred), torch.argmax(y_pred, -1)))


@registry.register
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the prediction at the largest target is among the `k` largest, else 0."""
    return _floating(K.in_top_k(y_pred, torch.argmax(tensor(y_true), -1), k))


@registry.register
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the prediction for the class in `y_true` is among the `k` largest, else 0."""
    y_pred = tensor(y_pred)
    return _floating(K.in_top_k(y_pred, _labels(y_true, y_pred), k))


@registry.register
def cosine_proximity(y_true, y_pred, axis=-1):
    """The cosine of the angle between targets and predictions (the loss is minus that)."""
    return -losses.cosine_proximity(y_true, y_pred, axis=axis)


cosine = cosine_similarity = cosine_proximity
registry.alias(cosine=cosine, cosine_similarity=cosine)


# ---- classes -----------------------------------------------------------------------------------


def _class(class_name, fn, name, first=None, **options):
    """A class around `fn`: its constructor takes `first`, `name`, `dtype` and `options`."""
    arguments = {**(first or {}), "name": name, "dtype": None, **options}
    made = class_around(__package__, class_name, MeanMetricWrapper, fn, arguments)
    return registry.register(made)


Accuracy = _class("Accuracy", accuracy, "accuracy")
BinaryAccuracy = _class("BinaryAccuracy", binary_accuracy, "binary_accuracy", threshold=0.5)
CategoricalAccuracy = _class("CategoricalAccuracy", categorical_accuracy, "categorical_accuracy")
SparseCategoricalAccuracy = _class(
    "SparseCategoricalAccuracy", sparse_categorical_accuracy, "sparse_categorical_accuracy"
)
TopKCategoricalAccuracy = _class(
    "TopKCategoricalAccuracy",
    top_k_categorical_accuracy,
    "top_k_categorical_accuracy",
    first={"k": 5},
)
SparseTopKCategoricalAccuracy = _class(
    "SparseTopKCategoricalAccuracy",
    sparse_top_k_categorical_accuracy,
    "sparse_top_k_categorical_accuracy",
    first={"k": 5},
)
MeanSquaredError = _class("MeanSquaredError", losses.mse, "mean_squared_error")
MeanAbsoluteError = _class("MeanAbsoluteError", losses.mae, "mean_absolute_error")
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", losses.mape, "mean_absolute_percentage_error"
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", losses.msle, "mean_squared_logarithmic_error"
)
CosineSimilarity = _class("CosineSimilarity", cosine_proximity, "cosine_similarity", axis=-1)
Hinge = _class("Hinge", losses.hinge, "hinge")
SquaredHinge = _class("SquaredHinge", losses.squared_hinge, "squared_hinge")
CategoricalHinge = _class("CategoricalHinge", losses.categorical_hinge, "categorical_hinge")
LogCoshError = _class("LogCoshError", losses.logcosh, "logcosh")
Poisson = _class("Poisson", losses.poisson, "poisson")
KLDivergence = _class("KLDivergence", losses.kld, "kullback_leibler_divergence")
BinaryCrossentropy = _class(
    "BinaryCrossentropy",
    losses.binary_crossentropy,
    "binary_crossentropy",
    from_logits=False,
    label_smoothing=0,
)
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy",
    losses.categorical_crossentropy,
    "categorical_crossentropy",
    from_logits=False,
    label_smoothing=0,
)
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy",
    losses.sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy",
    from_logits=False,
    axis=-1,
)


@registry.register
class RootMeanSquaredError(Mean):
    """The square root of the mean squared error of all elements."""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the squared errors of a batch."""
        y_true, y_pred = as_pair(y_true, K.cast(y_pred, self.dtype))
        y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
        super().update_state(torch.square(y_pred - y_true), sample_weight)

    def result(self):
        """The root of the mean."""
        return torch.sqrt(self.total / self.count)
