"""`tf.losses`: means over elements that count by their weights, kept in a collection."""

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


def _loss(name, elements):
    def loss(
        labels,
        predictions,
        weights=1.0,
        scope=None,
        loss_collection=GraphKeys.LOSSES,
        reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
    ):
        found = elements(*_floats(labels, predictions))
        return compute_weighted_loss(found, weights, scope, loss_collection, reduction)

    loss.__name__ = loss.__qualname__ = name
    loss.__doc__ = f"`{name}` of elements, weighted and reduced."
    return loss


absolute_difference = _loss("absolute_difference", lambda y, p: K.abs(p - y))
mean_squared_error = _loss("mean_squared_error", lambda y, p: K.square(p - y))


def hinge_loss(
    labels,
    logits,
    weights=1.0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """``max(0, 1 - y * logit)`` where y is -1 for label 0 and 1 for label 1."""
    labels, logits = _floats(labels, logits)
    found = nn.relu(1.0 - (2.0 * labels - 1.0) * logits)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def huber_loss(
    labels,
    predictions,
    weights=1.0,
    delta=1.0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """Half the squared error up to `delta`, beyond it linear."""
    labels, predictions = _floats(labels, predictions)
    error = K.abs(predictions - labels)
    near = K.minimum(error, delta)
    found = 0.5 * K.square(near) + delta * (error - near)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def log_loss(
    labels,
    predictions,
    weights=1.0,
    epsilon=1e-7,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The crossentropy of probabilities, `epsilon` added before logarithms."""
    y, p = _floats(labels, predictions)
    found = -y * K.log(p + epsilon) - (1.0 - y) * K.log(1.0 - p + epsilon)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def cosine_distance(
    labels,
    predictions,
    axis=None,
    weights=1.0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """1 minus the product of vectors, which are normalized already, along an axis."""
    labels, predictions = _floats(labels, predictions)
    found = 1.0 - K.sum(labels * predictions, axis, keepdims=True)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels,
    logits,
    weights=1.0,
    label_smoothing=0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The crossentropy of labels, moved towards 1 / 2 by `label_smoothing`, and of sigmoids."""
    labels, logits = _floats(multi_class_labels, logits)
    labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
    found = nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels,
    logits,
    weights=1.0,
    label_smoothing=0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The crossentropy of labels, smoothed by `label_smoothing`, and of softmax."""
    labels, logits = _floats(onehot_labels, logits)
    if label_smoothing:
        labels = labels * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    found = nn.softmax_cross_entropy_with_logits(K.stop_gradient(labels), logits)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels,
    logits,
    weights=1.0,
    scope=None,
    loss_collection=GraphKeys.LOSSES,
    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS,
):
    """The crossentropy of classes, as numbers, and of softmax."""
    labels, logits = convert(labels), tensor(logits)
    if len(labels.shape) == len(logits.shape):
        labels = labels.squeeze(-1)
    found = nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return compute_weighted_loss(found, weights, scope, loss_collection, reduction)


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
