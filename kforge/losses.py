"""Loss functions, the classes around them, and finding them by name."""

import math

import torch
from torch.nn import functional as F

from . import backend as K
from . import config
from .backend.values import tensor
from .registry import Registry, class_around, plain
from .weighting import Reduction, compute_weighted_loss

__all__ = [
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "compute_weighted_loss",
    "cosine",
    "cosine_proximity",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber_loss",
    "is_categorical_crossentropy",
    "kld",
    "kullback_leibler_divergence",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

_registry = Registry("loss function", instantiate=True)


# ---- functions: the last axis is reduced, a value for each sample is left ----------------------


def as_pair(y_true, y_pred):
    """Both as tensors of the type of `y_pred`."""
    y_pred = tensor(y_pred)
    if not y_pred.dtype.is_floating_point:
        y_pred = K.cast(y_pred, config.floatx())
    y_true = tensor(y_true, y_pred.dtype)
    return (y_true if y_true.dtype == y_pred.dtype else y_true.to(y_pred.dtype)), y_pred


@_registry.register
def mean_squared_error(y_true, y_pred):
    """``mean((y_pred - y_true) ** 2)``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return torch.mean(torch.square(y_pred - y_true), -1)


@_registry.register
def mean_absolute_error(y_true, y_pred):
    """``mean(abs(y_pred - y_true))``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return torch.mean(torch.abs(y_pred - y_true), -1)


@_registry.register
def mean_absolute_percentage_error(y_true, y_pred):
    """``100 * mean(abs((y_true - y_pred) / y_true))``; targets near 0 count as epsilon."""
    y_true, y_pred = as_pair(y_true, y_pred)
    scale = torch.clamp(torch.abs(y_true), min=config.epsilon())
    return 100.0 * torch.mean(torch.abs((y_true - y_pred) / scale), -1)


@_registry.register
def mean_squared_logarithmic_error(y_true, y_pred):
    """``mean((log(y_pred + 1) - log(y_true + 1)) ** 2)``; values below epsilon count as epsilon."""
    logs = [torch.log(torch.clamp(y, min=config.epsilon()) + 1.0) for y in as_pair(y_true, y_pred)]
    return torch.mean(torch.square(logs[1] - logs[0]), -1)


def _signs(y_true):
    """Labels as -1 and 1, if they are all 0 or 1."""
    binary = torch.all(torch.eq(y_true * (y_true - 1.0), 0.0))
    return torch.where(binary, 2.0 * y_true - 1.0, y_true)


@_registry.register
def hinge(y_true, y_pred):
    """``mean(max(1 - y_true * y_pred, 0))``; labels are -1 and 1, or 0 and 1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return torch.mean(torch.clamp(1.0 - _signs(y_true) * y_pred, min=0.0), -1)


@_registry.register
def squared_hinge(y_true, y_pred):
    """``mean(max(1 - y_true * y_pred, 0) ** 2)``; labels are -1 and 1, or 0 and 1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return torch.mean(torch.square(torch.clamp(1.0 - _signs(y_true) * y_pred, min=0.0)), -1)


@_registry.register
def categorical_hinge(y_true, y_pred):
    """``max(1 + max((1 - y_true) * y_pred) - sum(y_true * y_pred), 0)``; labels are one-hot."""
    y_true, y_pred = as_pair(y_true, y_pred)
    right = torch.sum(y_true * y_pred, -1)
    wrong = torch.amax((1.0 - y_true) * y_pred, -1)
    return torch.relu(wrong - right + 1.0)


@_registry.register
def logcosh(y_true, y_pred):
    """``mean(log(cosh(y_pred - y_true)))``: squares for small errors, absolutes for large ones."""
    y_true, y_pred = as_pair(y_true, y_pred)
    x = y_pred - y_true
    return torch.mean(x + F.softplus(-2.0 * x) - math.log(2.0), -1)


@_registry.register
def huber_loss(y_true, y_pred, delta=1.0):
    """Half the squared error up to `delta`, linear beyond; not averaged over the last axis."""
    y_true, y_pred = as_pair(y_true, y_pred)
    error = torch.abs(y_pred - y_true)
    quadratic = torch.clamp(error, max=delta)
    return 0.5 * torch.square(quadratic) + delta * (error - quadratic)


@_registry.register
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """Crossentropy with one-hot labels.

    `label_smoothing` moves that share of a label evenly onto all classes.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    if label_smoothing:
        classes = y_true.shape[1]
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / classes
    return K.categorical_crossentropy(y_true, y_pred, from_logits=from_logits)


@_registry.register
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, axis=-1):
    """Crossentropy with the numbers of classes as labels."""
    return K.sparse_categorical_crossentropy(
        tensor(y_true), tensor(y_pred), from_logits=from_logits, axis=axis
    )


@_registry.register
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """Mean crossentropy of independent yes-or-no labels."""
    y_true, y_pred = as_pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return torch.mean(K.binary_crossentropy(y_true, y_pred, from_logits=from_logits), -1)


@_registry.register
def kullback_leibler_divergence(y_true, y_pred):
    """``sum(y_true * log(y_true / y_pred))``, with both clipped to [epsilon, 1]."""
    y_true, y_pred = (torch.clamp(y, config.epsilon(), 1.0) for y in as_pair(y_true, y_pred))
    return torch.sum(y_true * torch.log(y_true / y_pred), -1)


@_registry.register
def poisson(y_true, y_pred):
    """``mean(y_pred - y_true * log(y_pred))``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return torch.mean(y_pred - y_true * torch.log(y_pred + config.epsilon()), -1)


@_registry.register
def cosine_proximity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between targets and predictions."""
    y_true, y_pred = (K.l2_normalize(y, axis=axis) for y in as_pair(y_true, y_pred))
    return -torch.sum(y_true * y_pred, axis)


def is_categorical_crossentropy(loss):
    """Whether `loss` is categorical crossentropy: the function, its name, or an instance."""
    return (
        isinstance(loss, CategoricalCrossentropy)
        or (isinstance(loss, LossFunctionWrapper) and loss.fn is categorical_crossentropy)
        or loss is categorical_crossentropy
        or (isinstance(loss, str) and loss == "categorical_crossentropy")
    )


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity


# ---- classes -----------------------------------------------------------------------------------


class Loss:
    """A loss with a way to reduce the values of samples to that of a batch.

    Subclasses implement `call(y_true, y_pred)`, which gives a value for each sample.
    """

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None):
        self.reduction, self.name = reduction, name

    def __call__(self, y_true, y_pred, sample_weight=None):
        return compute_weighted_loss(self.call(y_true, y_pred), sample_weight, self.reduction)

    def call(self, y_true, y_pred):
        """A value for each sample."""
        raise NotImplementedError(f"{type(self).__name__} must implement `call(y_true, y_pred)`.")

    def get_config(self):
        """The arguments that make such a loss."""
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """A loss of a config made by `get_config`."""
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A `Loss` around a function, to which further arguments are passed on."""

    def __init__(self, fn, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None, **kwargs):
        super().__init__(reduction, name)
        self.fn, self._fn_kwargs = fn, kwargs

    def call(self, y_true, y_pred):
        """A value for each sample."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        """The arguments that make such a loss, except for the function."""
        options = {
            k: v if isinstance(v, (str, int, float, type(None))) else plain(K.eval(v))
            for k, v in self._fn_kwargs.items()
        }
        return {**super().get_config(), **options}


def _class(class_name, fn, name, **options):
    """A class around `fn`: its constructor takes `options`, `reduction` and `name`."""
    arguments = {**options, "reduction": Reduction.SUM_OVER_BATCH_SIZE, "name": name}
    made = class_around(__name__, class_name, LossFunctionWrapper, fn, arguments)
    return _registry.register(made)


MeanSquaredError = _class("MeanSquaredError", mse, "mean_squared_error")
MeanAbsoluteError = _class("MeanAbsoluteError", mae, "mean_absolute_error")
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", mape, "mean_absolute_percentage_error"
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", msle, "mean_squared_logarithmic_error"
)
BinaryCrossentropy = _class(
    "BinaryCrossentropy",
    binary_crossentropy,
    "binary_crossentropy",
    from_logits=False,
    label_smoothing=0,
)
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy",
    categorical_crossentropy,
    "categorical_crossentropy",
    from_logits=False,
    label_smoothing=0,
)
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy",
    sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy",
    from_logits=False,
)
Hinge = _class("Hinge", hinge, "hinge")
SquaredHinge = _class("SquaredHinge", squared_hinge, "squared_hinge")
CategoricalHinge = _class("CategoricalHinge", categorical_hinge, "categorical_hinge")
Poisson = _class("Poisson", poisson, "poisson")
LogCosh = _class("LogCosh", logcosh, "logcosh")
KLDivergence = _class("KLDivergence", kld, "kullback_leibler_divergence")
Huber = _class("Huber", huber_loss, "huber_loss", delta=1.0)
CosineSimilarity = _class("CosineSimilarity", cosine_proximity, "cosine_similarity", axis=-1)


# ---- by name -----------------------------------------------------------------------------------

_registry.register(LossFunctionWrapper)
_registry.alias(
    mse=mse,
    MSE=mse,
    mae=mae,
    MAE=mae,
    mape=mape,
    MAPE=mape,
    msle=msle,
    MSLE=msle,
    kld=kld,
    KLD=kld,
    cosine=cosine,
    cosine_similarity=cosine,
    # As tf.keras calls them in its files.
    bce=binary_crossentropy,
    BCE=binary_crossentropy,
    huber=huber_loss,
    kl_divergence=kld,
    log_cosh=logcosh,
)


def serialize(loss):
    """The name of a loss function, or the config of a `Loss`."""
    return _registry.serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss of a name or config."""
    return _registry.deserialize(name, custom_objects)


def get(identifier):
    """A loss from a name, a config, or itself; None stays None."""
    return _registry.get(identifier)
