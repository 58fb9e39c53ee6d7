"""Counting right and wrong decisions, at the place where Keras has it."""

from ..metrics.base import Reduction
from ..metrics.confusion import (
    NEG_INF,
    AUCCurve,
    AUCSummationMethod,
    ConfusionMatrix,
    assert_thresholds_range,
    filter_top_k,
    parse_init_thresholds,
    update_confusion_matrix_variables,
)

__all__ = [
    "NEG_INF",
    "AUCCurve",
    "AUCSummationMethod",
    "ConfusionMatrix",
    "Reduction",
    "assert_thresholds_range",
    "filter_top_k",
    "parse_init_thresholds",
    "update_confusion_matrix_variables",
]
