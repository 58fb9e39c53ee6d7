"""`tf.losses`: means over elements that count by their weights, kept in a collection."""

import functools
import inspect

from ... import backend as K
from . import nn
from .numeric import add_n
from .scopes import GraphKeys, add_to_collection, get_collection
from .values import convert, pair, tensor

__all__ = [
    "Reduction",
    "absolute_difference",
    "add_loss",
    "compute_weighted_loss",
    "cosine_distance",
    "get_losses",
    "get_regularization_loss",
    "get_regularization_losses",
    "get_total_loss",
    "hinge_loss",
    "huber_loss",
    "log_loss",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]


class Reduction:
    """How a loss of elements becomes one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = SUM_OVER_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"


def _divided(total, count):
    """The quotient, 0 where nothing counts."""
    return K.switch(K.equal(count, 0.0), K.zeros_like(total), total / K.maximum(count, 1e-30))


def compute_weighted_loss(
    losses,
    weights=1.0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """`losses` times `weights`, reduced; kept in a collection."""
    losses, weights = tensor(losses), convert(weights, "float32")
    weighted = losses * weights
    if reduction == Reduction.NONE:
        found = weighted
    else:
        found = K.sum(weighted)
        every = weights + K.zeros_like(losses)
        if reduction == Reduction.MEAN:
            found = _divided(found, K.sum(every))
        elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
            found = _divided(found, K.sum(K.cast(K.not_equal(every, 0.0), "float32")))
        elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
            found = _divided(found, K.sum(K.ones_like(losses)))
    if loss_collection:
        add_loss(found, loss_collection)
    return found


def _floats(labels, predictions):
    labels, predictions = pair(labels, predictions)
    return K.cast(labels, "float32"), K.cast(predictions, "float32")


def _reduced(elements=None, before=2):
    """A decorator: a loss of elements as one of `tf.losses`, weighted, reduced and kept.

    It takes `weights` after the first `before` arguments, and last what all of these losses take.
    """
    if elements is None:
        return functools.partial(_reduced, before=before)
    own = list(inspect.signature(elements).parameters.values())
    weights, *last = list(inspect.signature(compute_weighted_loss).parameters.values())[1:]
    signature = inspect.Signature([*own[:before], weights, *own[before:], *last])

    @functools.wraps(elements)
    def loss(*args, **kwargs):
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        settings = {p.name: given.arguments.pop(p.name) for p in (weights, *last)}
        return compute_weighted_loss(elements(**given.arguments), **settings)

    loss.__signature__ = signature
    return loss


@_reduced
def absolute_difference(labels, predictions):
    """The absolute error."""
    labels, predictions = _floats(labels, predictions)
    return K.abs(predictions - labels)


@_reduced
def mean_squared_error(labels, predictions):
    """The squared error."""
    labels, predictions = _floats(labels, predictions)
    return K.square(predictions - labels)


@_reduced
def hinge_loss(labels, logits):
    """``max(0, 1 - y * logit)`` where y is -1 for label 0 and 1 for label 1."""
    labels, logits = _floats(labels, logits)
    return nn.relu(1.0 - (2.0 * labels - 1.0) * logits)


@_reduced
def huber_loss(labels, predictions, delta=1.0):
    """Half the squared error up to `delta`, beyond it linear."""
    labels, predictions = _floats(labels, predictions)
    error = K.abs(predictions - labels)
    near = K.minimum(error, delta)
    return 0.5 * K.square(near) + delta * (error - near)


@_reduced
def log_loss(labels, predictions, epsilon=1e-7):
    """The crossentropy of probabilities, `epsilon` added before logarithms."""
    y, p = _floats(labels, predictions)
    return -y * K.log(p + epsilon) - (1.0 - y) * K.log(1.0 - p + epsilon)


@_reduced(before=3)
def cosine_distance(labels, predictions, axis=None):
    """1 minus the product of vectors, which are normalized already, along an axis."""
    labels, predictions = _floats(labels, predictions)
    return 1.0 - K.sum(labels * predictions, axis, keepdims=True)


@_reduced
def sigmoid_cross_entropy(multi_class_labels, logits, label_smoothing=0):
    """The crossentropy of labels, moved towards 1 / 2 by `label_smoothing`, and of sigmoids."""
    labels, logits = _floats(multi_class_labels, logits)
    labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
    return nn.sigmoid_cross_entropy_with_logits(labels, logits)


@_reduced
def softmax_cross_entropy(onehot_labels, logits, label_smoothing=0):
    """The crossentropy of labels, smoothed by `label_smoothing`, and of softmax."""
    labels, logits = _floats(onehot_labels, logits)
    if label_smoothing:
        labels = labels * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    return nn.softmax_cross_entropy_with_logits(K.stop_gradient(labels), logits)


@_reduced
def sparse_softmax_cross_entropy(labels, logits):
    """The crossentropy of classes, as numbers, and of softmax."""
    labels, logits = convert(labels), tensor(logits)
    if len(labels.shape) == len(logits.shape):
        labels = labels.squeeze(-1)
    return nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


# ---- the collection -----------------------------------------------------------------------------


def add_loss(loss, loss_collection=GraphKeys.LOSSES):
    """Keeps a loss in a collection."""
    add_to_collection(loss_collection, loss)


def get_losses(scope=None, loss_collection=GraphKeys.LOSSES):
    """The losses that were kept."""
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope=None):
    """The losses of regularizers."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope=None):
    """The sum of the losses of regularizers."""
    found = get_regularization_losses(scope)
    return add_n(found) if found else convert(0.0)


def get_total_loss(add_regularization_losses=True, scope=None):
    """The sum of all losses."""
    found = get_losses(scope)
    found += get_regularization_losses(scope) if add_regularization_losses else []
    return add_n(found)
