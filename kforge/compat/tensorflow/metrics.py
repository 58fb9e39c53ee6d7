"""`tf.metrics`: pairs of (value so far, operation that takes a batch in and gives the new one)."""

from ... import backend as K
from ...variable import record_update
from .scopes import GraphKeys, add_to_collection
from .segments import confusion_matrix
from .values import convert, tensor
from .variables import Variable

__all__ = [
    "accuracy",
    "mean",
    "mean_absolute_error",
    "mean_iou",
    "mean_squared_error",
    "precision",
    "recall",
    "root_mean_squared_error",
]


def _counter(name, shape=()):
    variable = Variable(K.zeros(shape), False, name=name)
    for key in (GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES):
        add_to_collection(key, variable)
    return variable


def _streaming(name, parts, finish, shape=()):
    """The pair for sums, of which `parts` are what a batch adds, and `finish` makes the value."""
    sums = [_counter(f"{name}/{key}", shape) for key in parts]
    moved = [record_update("add", total, part) for total, part in zip(sums, parts.values())]
    new = [total + part for total, part in zip(sums, parts.values())]
    value = finish(*sums)
    with K.control_dependencies(moved):
        return value, K.identity(finish(*new))


def _divided(total, count):
    return K.switch(K.equal(count, 0.0), K.zeros_like(total), total / K.maximum(count, 1e-30))


def mean(values, weights=None, metrics_collections=None, updates_collections=None, name=None):
    """The mean of all values so far."""
    values = K.cast(tensor(values), "float32")
    weights = K.ones_like(values) if weights is None else convert(weights, "float32")
    weights = weights + K.zeros_like(values)
    parts = {"total": K.sum(values * weights), "count": K.sum(weights)}
    return _streaming(name or "mean", parts, _divided)


def _mean_of(name, elements):
    def metric(
        labels,
        predictions,
        weights=None,
        metrics_collections=None,
        updates_collections=None,
        name=name,
    ):
        return mean(elements(tensor(labels), tensor(predictions)), weights, name=name)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = f"`{name}` of all elements so far."
    return metric


def _equal(y, p):
    return K.equal(K.cast(y, "float32"), K.cast(p, "float32"))


accuracy = _mean_of("accuracy", _equal)
mean_absolute_error = _mean_of("mean_absolute_error", lambda y, p: K.abs(p - y))
mean_squared_error = _mean_of("mean_squared_error", lambda y, p: K.square(p - y))


def root_mean_squared_error(labels, predictions, weights=None, name=None, **collections):
    """The root of the mean of squared errors so far."""
    found = mean_squared_error(labels, predictions, weights, name=name or "rmse")
    return tuple(K.sqrt(x) for x in found)


def _share(name, of):
    def metric(
        labels,
        predictions,
        weights=None,
        metrics_collections=None,
        updates_collections=None,
        name=name,
    ):
        y, p = (K.cast(K.cast(tensor(x), "bool"), "float32") for x in (labels, predictions))
        weights = 1.0 if weights is None else convert(weights, "float32")
        parts = {"true_positives": K.sum(y * p * weights), "count": K.sum(of(y, p) * weights)}
        return _streaming(name, parts, _divided)

    metric.__name__ = metric.__qualname__ = name
    metric.__doc__ = f"`{name}` of all elements so far."
    return metric


precision, recall = _share("precision", lambda y, p: p), _share("recall", lambda y, p: y)


def mean_iou(labels, predictions, num_classes, weights=None, name=None, **collections):
    """The mean, over classes, of intersections divided by unions; of the classes that occur.

    The operation that takes a batch in gives the confusion matrix.
    """
    weights = None if weights is None else K.flatten(convert(weights))
    flat = [K.flatten(convert(x)) for x in (labels, predictions)]
    batch = confusion_matrix(*flat, num_classes, "float32", weights)
    total = _counter(f"{name or 'mean_iou'}/total_confusion_matrix", (num_classes, num_classes))
    diagonal = K.sum(total * K.eye(num_classes), 0)
    unions = K.sum(total, 0) + K.sum(total, 1) - diagonal
    occurring = K.sum(K.cast(K.greater(unions, 0.0), "float32"))
    value = _divided(K.sum(diagonal / K.maximum(unions, 1e-30)), occurring)
    with K.control_dependencies([record_update("add", total, batch)]):
        return value, K.identity(total)
