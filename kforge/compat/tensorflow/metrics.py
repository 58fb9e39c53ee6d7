"""`tf.metrics`: pairs of (value so far, operation that takes a batch in and gives the new one).

The sums are local variables, which `tf.local_variables_initializer()` sets to 0.
"""

import functools
import inspect

import torch

from ... import backend as K
from ...variable import record_update
from .scopes import GraphKeys, add_to_collection
from .segments import confusion_matrix
from .values import convert, tensor
from .variables import Variable

__all__ = ["METRICS"]

METRICS = {}
_COLLECTIONS = ("metrics_collections", "updates_collections")


def _metric(function, name=None):
    """`function` of (..., weights, name) as a metric: it adds its pair to collections, too."""
    name = name or function.__name__

    @functools.wraps(function)
    def metric(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        chosen = [given.pop(key, None) for key in _COLLECTIONS]
        given["name"] = given.get("name") or name
        found = function(**given)
        for collections, part in zip(chosen, found):
            for collection in [collections] if isinstance(collections, str) else collections or ():
                add_to_collection(collection, part)
        return found

    own = list(inspect.signature(function).parameters.values())
    at = 1 + max(i for i, p in enumerate(own) if p.name in ("weights", "num_thresholds"))
    extra = [inspect.Parameter(k, own[at].kind, default=None) for k in _COLLECTIONS]
    metric.__signature__ = signature = inspect.Signature([*own[:at], *extra, *own[at:]])
    metric.__name__ = metric.__qualname__ = name
    METRICS[name] = metric
    return function


# ---- sums that go on from batch to batch --------------------------------------------------------


def _counter(name, shape=()):
    variable = Variable(K.zeros(shape), False, name=name)
    for key in (GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES):
        add_to_collection(key, variable)
    return variable


def _streaming(name, parts, finish, update=None):
    """The pair for sums, of which `parts` are what a batch adds, and `finish` makes the value.

    `update` makes what the operation gives, where that is something else.
    """
    sums = [_counter(f"{name}/{key}", tuple(part.shape)) for key, part in parts.items()]
    moved = [record_update("add", total, part) for total, part in zip(sums, parts.values())]
    new = [total + part for total, part in zip(sums, parts.values())]
    value = finish(*sums)
    with K.control_dependencies(moved):
        return value, K.identity((update or finish)(*new))


def _divided(total, count):
    return K.switch(K.equal(count, 0.0), K.zeros_like(total), total / K.maximum(count, 1e-30))


def _weighted(values, weights):
    """(values, weights), which are ones where there are none, as float32 of one shape."""
    values = K.cast(tensor(values), "float32")
    weights = K.ones_like(values) if weights is None else convert(weights, "float32")
    return values, weights + K.zeros_like(values)


# ---- means --------------------------------------------------------------------------------------


@_metric
def mean(values, weights=None, name=None):
    """The mean of all values so far."""
    values, weights = _weighted(values, weights)
    parts = {"total": K.sum(values * weights), "count": K.sum(weights)}
    return _streaming(name, parts, _divided)


@_metric
def mean_tensor(values, weights=None, name=None):
    """The mean of each element of a tensor so far."""
    values, weights = _weighted(values, weights)
    return _streaming(name, {"total": values * weights, "count": weights}, _divided)


def _mean_of(name, elements):
    def metric(labels, predictions, weights=None, name=None):
        return mean(elements(tensor(labels), tensor(predictions)), weights, name)

    metric.__doc__ = f"`{name}` of all elements so far."
    return _metric(metric, name)


def _equal(y, p):
    return K.equal(K.cast(y, "float32"), K.cast(p, "float32"))


_mean_of("accuracy", _equal)
_mean_of("mean_absolute_error", lambda y, p: K.abs(p - y))
mean_squared_error = _mean_of("mean_squared_error", lambda y, p: K.square(p - y))


@_metric
def root_mean_squared_error(labels, predictions, weights=None, name=None):
    """The root of the mean of squared errors so far."""
    return tuple(map(K.sqrt, mean_squared_error(labels, predictions, weights, name)))


@_metric
def mean_relative_error(labels, predictions, normalizer, weights=None, name=None):
    """The mean of absolute errors divided by `normalizer`; 0 where that is 0."""
    errors, scale = K.abs(tensor(labels) - tensor(predictions)), tensor(normalizer)
    is_zero = K.equal(scale, 0.0)
    errors = K.switch(is_zero, K.zeros_like(errors), errors / (scale + K.cast(is_zero, "float32")))
    return mean(errors, weights, name)


@_metric
def mean_cosine_distance(labels, predictions, dim, weights=None, name=None):
    """The mean of 1 minus the products of unit vectors along the axis `dim`."""
    products = K.sum(tensor(labels) * tensor(predictions), dim, keepdims=True)
    return tuple(1.0 - part for part in mean(products, weights, name))


@_metric
def percentage_below(values, threshold, weights=None, name=None):
    """The part of all values so far that is below `threshold`."""
    return mean(K.less(tensor(values), threshold), weights, name)


# ---- classes ------------------------------------------------------------------------------------


def _flat(x):
    return None if x is None else K.flatten(convert(x))


@_metric
def mean_iou(labels, predictions, num_classes, weights=None, name=None):
    """The mean, over classes, of intersections divided by unions; of the classes that occur.

    The operation that takes a batch in gives the confusion matrix.
    """
    flat = _flat(labels), _flat(predictions)
    batch = confusion_matrix(*flat, num_classes, "float32", _flat(weights))
    diagonal_of = K.eye(num_classes)

    def value(total):
        diagonal = K.sum(total * diagonal_of, 0)
        unions = K.sum(total, 0) + K.sum(total, 1) - diagonal
        occurring = K.sum(K.cast(K.greater(unions, 0.0), "float32"))
        return _divided(K.sum(diagonal / K.maximum(unions, 1e-30)), occurring)

    return _streaming(name, {"total_confusion_matrix": batch}, value, lambda total: total)


@_metric
def mean_per_class_accuracy(labels, predictions, num_classes, weights=None, name=None):
    """The mean, over classes, of the parts of their samples that were recognized.

    The operation that takes a batch in gives these parts.
    """
    y, p = (K.cast(_flat(x), "int32") for x in (labels, predictions))
    y, right = K.one_hot(y, num_classes), K.cast(K.equal(y, p), "float32")
    _, weights = _weighted(right, _flat(weights))
    y = y * K.expand_dims(weights)
    parts = {"right": K.sum(y * K.expand_dims(right), 0), "count": K.sum(y, 0)}
    return _streaming(name, parts, lambda *sums: K.mean(_divided(*sums)), _divided)


def _is_true(x):
    return K.cast(K.cast(tensor(x), "bool"), "float32")


def _confusion(labels, predictions, weights, thresholds=None):
    """What a batch adds to the counts: true and false positives, false and true negatives.

    With `thresholds` one of each for each of them, above which a prediction is positive.
    """
    y, p = _is_true(labels), tensor(predictions)
    if thresholds is None:
        p, axis = _is_true(p), None
    else:
        y, p, axis = K.reshape(y, (1, -1)), K.reshape(p, (1, -1)), 1
        p = K.cast(K.greater(p, K.constant(thresholds, shape=(len(thresholds), 1))), "float32")
    y, weights = _weighted(y, weights if axis is None or weights is None else _flat(weights))
    pairs = {"tp": (y, p), "fp": (1.0 - y, p), "fn": (y, 1.0 - p), "tn": (1.0 - y, 1.0 - p)}
    return {key: K.sum(a * b * weights, axis) for key, (a, b) in pairs.items()}


def _count_of(kind, name):
    def count(labels, predictions, weights=None, name=None):
        parts = {kind: _confusion(labels, predictions, weights)[kind]}
        return _streaming(name, parts, K.identity)

    def counts(labels, predictions, thresholds, weights=None, name=None):
        parts = {kind: _confusion(labels, predictions, weights, thresholds)[kind]}
        return _streaming(name, parts, K.identity)

    count.__doc__ = counts.__doc__ = f"The number of {name.replace('_', ' ')} so far."
    _metric(count, name)
    _metric(counts, f"{name}_at_thresholds")


_count_of("tp", "true_positives")
_count_of("fp", "false_positives")
_count_of("fn", "false_negatives")
_count_of("tn", "true_negatives")


def _share_of(name, other):
    """What part the true positives are of them and the counts `other`."""

    def share(labels, predictions, weights=None, name=None):
        parts = _confusion(labels, predictions, weights)
        parts = {"true_positives": parts["tp"], "count": parts["tp"] + parts[other]}
        return _streaming(name, parts, _divided)

    def shares(labels, predictions, thresholds, weights=None, name=None):
        parts = _confusion(labels, predictions, weights, thresholds)
        parts = {key: parts[key] for key in ("tp", other)}
        return _streaming(name, parts, lambda right, wrong: right / (1e-7 + right + wrong))

    share.__doc__ = shares.__doc__ = f"`{name}` of all elements so far."
    _metric(share, name)
    _metric(shares, f"{name}_at_thresholds")


_share_of("precision", "fp")
_share_of("recall", "fn")


# ---- curves -------------------------------------------------------------------------------------


def _thresholds(count):
    return [-1e-7, *((i + 1) / (count - 1) for i in range(count - 2)), 1 + 1e-7]


# The height of each piece of a curve.
_HEIGHTS = {
    "trapezoidal": lambda left, right: (left + right) / 2.0,
    "minoring": K.minimum,
    "majoring": K.maximum,
}


@_metric
def auc(
    labels, predictions, weights=None, num_thresholds=200, curve="ROC", name=None,
    summation_method="trapezoidal", thresholds=None,
):  # fmt: skip
    """The area under the curve of true over false positives, "ROC", or of precision over recall,
    "PR", at `num_thresholds` thresholds, or at the inner ones that are given."""
    if curve not in ("ROC", "PR") or summation_method not in _HEIGHTS:
        raise ValueError(
            f"auc: curve={curve!r}, summation_method={summation_method!r}; expected 'ROC' or "
            f"'PR', and one of {sorted(_HEIGHTS)}."
        )
    given = _thresholds(num_thresholds)
    given = given if thresholds is None else [given[0], *sorted(thresholds), given[-1]]
    small = 1e-6

    def area(tp, fp, fn, tn):
        recall = (tp + small) / (tp + fn + small)
        x, y = fp / (fp + tn + small), recall
        if curve == "PR":
            x, y = recall, (tp + small) / (tp + fp + small)
        return K.sum((x[:-1] - x[1:]) * _HEIGHTS[summation_method](y[:-1], y[1:]))

    return _streaming(name, _confusion(labels, predictions, weights, given), area)


@_metric
def sensitivity_at_specificity(
    labels, predictions, specificity, weights=None, num_thresholds=200, name=None
):
    """The recall at the threshold whose specificity is nearest to the one given."""

    def value(tp, fp, fn, tn):
        at = K.argmin(K.abs(tn / (tn + fp + 1e-7) - specificity), 0)
        return K.gather(tp / (tp + fn + 1e-7), at)

    parts = _confusion(labels, predictions, weights, _thresholds(num_thresholds))
    return _streaming(name, parts, value)


@_metric
def specificity_at_sensitivity(
    labels, predictions, sensitivity, weights=None, num_thresholds=200, name=None
):
    """The specificity at the last threshold whose recall is nearest to the one given."""

    def value(tp, fp, fn, tn):
        distances = K.abs(tp / (tp + fn + 1e-7) - sensitivity)
        at = K.argmin(K.reverse(distances, 0), 0)
        return K.gather(K.reverse(tn / (tn + fp + 1e-7), 0), at)

    parts = _confusion(labels, predictions, weights, _thresholds(num_thresholds))
    return _streaming(name, parts, value)


# ---- the best predictions -----------------------------------------------------------------------


def _hits(labels, chosen):
    """(labels with an axis for several, whether each label was chosen, and each choice a label)."""
    labels, chosen = K.cast(tensor(labels), "int64"), K.cast(tensor(chosen), "int64")
    if len(labels.shape) < len(chosen.shape):
        labels = K.expand_dims(labels)
    same = K.cast(K.equal(K.expand_dims(labels), K.expand_dims(chosen, -2)), "float32")
    return labels, chosen, K.max(same, -1), K.max(same, -2)


def _of_class(x, class_id):
    return K.ones_like(x) if class_id is None else K.cast(K.equal(x, class_id), "float32")


def _best(predictions, k):
    return torch.topk(tensor(predictions), k).indices


def _summed(found, weights):
    found = K.sum(found, -1)
    return K.sum(found if weights is None else found * convert(weights, "float32"))


def _share(name, hits, classes, class_id, weights):
    counted = _of_class(classes, class_id)
    parts = {"right": _summed(hits * counted, weights), "count": _summed(counted, weights)}
    return _streaming(name, parts, lambda right, count: right / count)


@_metric
def precision_at_top_k(labels, predictions_idx, k=None, class_id=None, weights=None, name=None):
    """What part of the classes that were chosen are labels."""
    _, chosen, _, hits = _hits(labels, predictions_idx)
    return _share(name, hits, chosen, class_id, weights)


@_metric
def recall_at_top_k(labels, predictions_idx, k=None, class_id=None, weights=None, name=None):
    """What part of the labels were chosen."""
    labels, _, hits, _ = _hits(labels, predictions_idx)
    return _share(name, hits, labels, class_id, weights)


@_metric
def precision_at_k(labels, predictions, k, class_id=None, weights=None, name=None):
    """What part of the `k` classes with the highest predictions are labels."""
    return precision_at_top_k(labels, _best(predictions, k), k, class_id, weights, name)


@_metric
def recall_at_k(labels, predictions, k, class_id=None, weights=None, name=None):
    """What part of the labels are among the `k` classes with the highest predictions."""
    return recall_at_top_k(labels, _best(predictions, k), k, class_id, weights, name)


@_metric
def average_precision_at_k(labels, predictions, k, weights=None, name=None):
    """The mean over samples of the average precision at the `k` highest predictions."""
    labels, _, _, hits = _hits(labels, _best(predictions, k))
    precisions = K.cumsum(hits, -1) / K.arange(1, k + 1, dtype="float32")
    most = min(k, labels.shape[-1])
    return mean(K.sum(precisions * hits, -1) / float(most), weights, name)


METRICS["sparse_average_precision_at_k"] = METRICS["average_precision_at_k"]
METRICS["sparse_precision_at_k"] = METRICS["precision_at_k"]
