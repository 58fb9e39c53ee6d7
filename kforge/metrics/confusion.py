"""Metrics that count right and wrong decisions, at one threshold or many."""

import enum

import torch

from .. import backend as K
from .. import config
from ..backend.values import as_list, tensor
from ..devices import current_device
from ..dtypes import torch_dtype
from ..weighting import broadcast_weights, squeeze_or_expand_dimensions
from .base import Metric, divide_no_nan, registry

__all__ = [
    "AUC",
    "FalseNegatives",
    "FalsePositives",
    "MeanIoU",
    "Precision",
    "Recall",
    "SensitivityAtSpecificity",
    "SensitivitySpecificityBase",
    "SpecificityAtSensitivity",
    "TrueNegatives",
    "TruePositives",
]

NEG_INF = -1e10


class ConfusionMatrix(enum.Enum):
    """What can become of a decision."""

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


class _Named(enum.Enum):
    @classmethod
    def from_str(cls, key):
        """The member of a name; `ValueError` if there is none."""
        try:
            return cls(key)
        except ValueError:
            valid = [member.value for member in cls]
            raise ValueError(f"Invalid {cls.__name__} value {key!r}. Valid: {valid}") from None


class AUCCurve(_Named):
    """Receiver operating characteristic, or precision against recall."""

    ROC = "ROC"
    PR = "PR"


class AUCSummationMethod(_Named):
    """How an area is summed: trapezoids, or the higher or lower side of each step."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"


# ---- counting ----------------------------------------------------------------------------------


def assert_thresholds_range(thresholds):
    """Raises `ValueError` unless all thresholds are in [0, 1]."""
    wrong = [t for t in thresholds or () if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Invalid values: {wrong}")


def parse_init_thresholds(thresholds, default_threshold=0.5):
    """The list of thresholds that an argument means."""
    if thresholds is None:
        return as_list(default_threshold)
    assert_thresholds_range(as_list(thresholds))
    return as_list(thresholds)


def filter_top_k(x, k):
    """`x` with all but the `k` largest of its last axis replaced by `NEG_INF`."""
    # Of equal ones the first, as in Keras.
    values, places = torch.sort(x, dim=-1, descending=True, stable=True)
    return torch.full_like(x, NEG_INF).scatter(-1, places[..., :k], values[..., :k])


def update_confusion_matrix_variables(
    variables_to_update,
    y_true,
    y_pred,
    thresholds=0.5,
    top_k=None,
    class_id=None,
    sample_weight=None,
):
    """Adds decisions to {member of `ConfusionMatrix`: variable of the shape of `thresholds`}.

    A prediction above a threshold says yes; targets other than 0 mean yes. Of each row only the
    `top_k` largest predictions count as they are; only the class `class_id` is looked at.
    """
    y_true, y_pred = tensor(y_true), K.cast(y_pred, config.floatx())
    y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
    if top_k is not None:
        y_pred = filter_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    weights = torch.ones_like(y_pred)
    if sample_weight is not None:
        weights = K.cast(sample_weight, config.floatx())
        _, _, weights = squeeze_or_expand_dimensions(y_pred, None, weights)
        weights = broadcast_weights(y_pred, weights).expand_as(y_pred)
    sums = _decisions(y_true, y_pred, weights, as_list(thresholds))
    return [variable.assign_add(sums[kind]) for kind, variable in variables_to_update.items()]


def _decisions(y_true, y_pred, weights, thresholds):
    """{kind of decision: sum of weights for each threshold}.

    Predictions are sorted into the intervals between thresholds, which costs the same memory for
    any number of them.
    """
    ascending = sorted(range(len(thresholds)), key=thresholds.__getitem__)
    dtype, device = torch_dtype(config.floatx()), current_device()
    bounds = torch.tensor([thresholds[i] for i in ascending], dtype=dtype, device=device)
    cells = len(thresholds) + 1
    # The number of thresholds below; torch warns of predictions that have strides.
    cell = torch.bucketize(y_pred.reshape(-1).contiguous(), bounds)
    cell = cell + torch.ne(y_true.reshape(-1), 0) * cells
    table = y_pred.new_zeros(2 * cells).index_add(0, cell, weights.reshape(-1))
    below = table.reshape(2, cells).cumsum(-1)
    no, total = below[:, :-1], below[:, -1:]
    if ascending != sorted(ascending):
        place = sorted(range(len(thresholds)), key=ascending.__getitem__)
        no = no.index_select(1, torch.tensor(place, device=device))
    yes = total - no
    return {
        ConfusionMatrix.TRUE_POSITIVES: yes[1],
        ConfusionMatrix.FALSE_POSITIVES: yes[0],
        ConfusionMatrix.TRUE_NEGATIVES: no[0],
        ConfusionMatrix.FALSE_NEGATIVES: no[1],
    }


def _single(values):
    """The only one of a vector, or the vector."""
    return values[0] if values.shape[0] == 1 else values


# ---- counts ------------------------------------------------------------------------------------


class _ConditionCount(Metric):
    """The weight of all decisions of one kind: a number, or one for each of several thresholds."""

    kind = None

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_init_thresholds(thresholds)
        self.accumulator = self.add_weight("accumulator", (len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the decisions of a batch."""
        return update_confusion_matrix_variables(
            {self.kind: self.accumulator},
            y_true,
            y_pred,
            self.thresholds,
            sample_weight=sample_weight,
        )

    def result(self):
        """The weight of these decisions."""
        return _single(self.accumulator)

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


@registry.register
class TruePositives(_ConditionCount):
    """The weight of yes where yes is right."""

    kind = ConfusionMatrix.TRUE_POSITIVES


@registry.register
class TrueNegatives(_ConditionCount):
    """The weight of no where no is right."""

    kind = ConfusionMatrix.TRUE_NEGATIVES


@registry.register
class FalsePositives(_ConditionCount):
    """The weight of yes where no is right."""

    kind = ConfusionMatrix.FALSE_POSITIVES


@registry.register
class FalseNegatives(_ConditionCount):
    """The weight of no where yes is right."""

    kind = ConfusionMatrix.FALSE_NEGATIVES


class _TrueShare(Metric):
    """True positives divided by themselves and decisions of a wrong kind.

    With `top_k`, the largest predictions of a row say yes; with `class_id`, one class counts.
    """

    wrong = None

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = parse_init_thresholds(thresholds, 0.5 if top_k is None else NEG_INF)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_weight("true_positives", shape)
        name = self.wrong.name.lower()
        setattr(self, name, self.add_weight(name, shape))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the decisions of a batch."""
        kinds = (ConfusionMatrix.TRUE_POSITIVES, self.wrong)
        return update_confusion_matrix_variables(
            dict(zip(kinds, self.weights)),
            y_true,
            y_pred,
            self.thresholds,
            self.top_k,
            self.class_id,
            sample_weight,
        )

    def result(self):
        """The share, for each threshold; 0 where there are no such decisions."""
        right, wrong = self.weights
        return _single(divide_no_nan(right, right + wrong))

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


@registry.register
class Precision(_TrueShare):
    """The share of those who are right among all that say yes."""

    wrong = ConfusionMatrix.FALSE_POSITIVES


@registry.register
class Recall(_TrueShare):
    """The share of those who say yes among all that should."""

    wrong = ConfusionMatrix.FALSE_NEGATIVES


# ---- curves ------------------------------------------------------------------------------------


def _evenly(count):
    """`count` thresholds between 0 and 1, those left out."""
    return [(i + 1) / (count + 1) for i in range(count)]


class _Curve(Metric):
    """Decisions of all four kinds at `thresholds`."""

    def _count_at(self, thresholds):
        self.thresholds = thresholds
        shape = (len(thresholds),)
        self.true_positives = self.add_weight("true_positives", shape)
        self.true_negatives = self.add_weight("true_negatives", shape)
        self.false_positives = self.add_weight("false_positives", shape)
        self.false_negatives = self.add_weight("false_negatives", shape)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the decisions of a batch."""
        kinds = {kind: getattr(self, kind.name.lower()) for kind in ConfusionMatrix}
        return update_confusion_matrix_variables(
            kinds, y_true, y_pred, self.thresholds, sample_weight=sample_weight
        )

    def _sensitivity(self):
        positives = self.true_positives + self.false_negatives
        return divide_no_nan(self.true_positives, positives)

    def _specificity(self):
        negatives = self.true_negatives + self.false_positives
        return divide_no_nan(self.true_negatives, negatives)


class SensitivitySpecificityBase(_Curve):
    """One of sensitivity and specificity where the other is nearest to `value`."""

    def __init__(self, value, num_thresholds=200, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError(f"`num_thresholds` must be > 0. Got {num_thresholds}.")
        self.value, self.num_thresholds = value, num_thresholds
        inner = _evenly(num_thresholds - 2)
        self._count_at([0.5] if num_thresholds == 1 else [0.0, *inner, 1.0])

    def _best(self, wanted, given):
        nearest = torch.argmin(torch.abs(given - self.value)).reshape(1)
        return wanted.index_select(0, nearest).reshape(())


def _rate(value, name):
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be in the range [0, 1]. Got {value}.")
    return value


@registry.register
class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """The share of yes among those who should, at a share of no among those who should."""

    def __init__(self, specificity, num_thresholds=200, name=None, dtype=None):
        self.specificity = _rate(specificity, "specificity")
        super().__init__(specificity, num_thresholds, name, dtype)

    def result(self):
        """The sensitivity."""
        return self._best(self._sensitivity(), self._specificity())


@registry.register
class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """The share of no among those who should, at a share of yes among those who should."""

    def __init__(self, sensitivity, num_thresholds=200, name=None, dtype=None):
        self.sensitivity = _rate(sensitivity, "sensitivity")
        super().__init__(sensitivity, num_thresholds, name, dtype)

    def result(self):
        """The specificity."""
        return self._best(self._specificity(), self._sensitivity())


@registry.register
class AUC(_Curve):
    """The area under a curve, summed at `num_thresholds` points, or at those of `thresholds`.

    `curve` is "ROC" or "PR"; `summation_method` "interpolation", "majoring" or "minoring". Areas
    under precision against recall are interpolated after Davis & Goadrich, ICML 2006.
    """

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
    ):
        super().__init__(name=name, dtype=dtype)
        if thresholds is not None:
            assert_thresholds_range(thresholds)
            inner = sorted(thresholds)
        elif num_thresholds <= 1:
            raise ValueError(f"`num_thresholds` must be > 1. Got {num_thresholds}.")
        else:
            inner = _evenly(num_thresholds - 2)
        self.num_thresholds = len(inner) + 2
        self.curve = AUCCurve.from_str(curve)
        self.summation_method = AUCSummationMethod.from_str(summation_method)
        # Just outside, so that predictions of 0 and 1 are on the right side of the ends.
        self._count_at([0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()])

    def interpolate_pr_auc(self):
        """The area under precision against recall, precision being no line between points."""
        positives = self.true_positives + self.false_positives
        slope = divide_no_nan(
            self.true_positives[:-1] - self.true_positives[1:],
            torch.clamp(positives[:-1] - positives[1:], min=0.0),
        )
        intercept = self.true_positives[1:] - slope * positives[1:]
        both = torch.logical_and(positives[:-1] > 0, positives[1:] > 0)
        ratio = torch.where(both, divide_no_nan(positives[:-1], positives[1:]), 1.0)
        gained = self.true_positives[:-1] - self.true_positives[1:]
        area = slope * (gained + intercept * torch.log(ratio))
        return torch.sum(divide_no_nan(area, self.true_positives[1:] + self.false_negatives[1:]))

    def result(self):
        """The area."""
        recall = self._sensitivity()
        if self.curve is AUCCurve.ROC:
            x, y = (
                divide_no_nan(self.false_positives, self.false_positives + self.true_negatives),
                recall,
            )
        elif self.summation_method is AUCSummationMethod.INTERPOLATION:
            return self.interpolate_pr_auc()
        else:
            positives = self.true_positives + self.false_positives
            x, y = recall, divide_no_nan(self.true_positives, positives)
        heights = {
            AUCSummationMethod.INTERPOLATION: lambda a, b: (a + b) / 2.0,
            AUCSummationMethod.MAJORING: torch.maximum,
            AUCSummationMethod.MINORING: torch.minimum,
        }[self.summation_method](y[:-1], y[1:])
        return torch.sum((x[:-1] - x[1:]) * heights)

    def get_config(self):
        """The arguments that make such a metric."""
        return {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "name": self.name,
            "dtype": self.dtype,
            "thresholds": self.thresholds[1:-1],
        }


@registry.register
class MeanIoU(Metric):
    """The mean over classes of intersection over union, for targets and predictions of classes.

    Classes that occur in neither do not count.
    """

    def __init__(self, num_classes, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.total_cm = self.add_weight("total_confusion_matrix", (num_classes, num_classes))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch to the matrix of targets and predictions."""
        y_true, y_pred = (K.cast(y, "int64").reshape(-1) for y in (y_true, y_pred))
        weights = torch.ones_like(y_pred, dtype=self.total_cm.torch_dtype)
        if sample_weight is not None:
            weights = K.cast(sample_weight, self.dtype).reshape(-1)
        cells = self.num_classes * self.num_classes
        table = weights.new_zeros(cells).index_add(0, y_true * self.num_classes + y_pred, weights)
        return self.total_cm.assign_add(table.reshape(self.num_classes, self.num_classes))

    def result(self):
        """The mean over the classes that occur."""
        both = torch.diagonal(self.total_cm)
        either = torch.sum(self.total_cm, 0) + torch.sum(self.total_cm, 1) - both
        occur = torch.sum(K.cast(either > 0, self.dtype))
        return divide_no_nan(torch.sum(divide_no_nan(both, either)), occur)
