"""Decisions at thresholds: against counting by hand, and values that tf.keras gives."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import metrics
from kforge.metrics import confusion

RANDOM = np.random.RandomState(1)
Y = (RANDOM.rand(50) > 0.6).astype("float32")
P = np.clip(Y * 0.3 + RANDOM.rand(50) * 0.7, 0, 1).astype("float32")
W = RANDOM.rand(50).astype("float32")


def counted(threshold, weights=W):
    yes, right = threshold < P, Y > 0
    kinds = {"tp": yes & right, "fp": yes & ~right, "tn": ~yes & ~right, "fn": ~yes & right}
    return {kind: float(np.sum(weights[where])) for kind, where in kinds.items()}


@pytest.mark.parametrize("thresholds", [None, 0.3, [0.3], [0.7, 0.2, 0.5]])
@pytest.mark.parametrize("weights", [None, W])
def test_counts(thresholds, weights):
    classes = {
        "tp": metrics.TruePositives,
        "fp": metrics.FalsePositives,
        "tn": metrics.TrueNegatives,
        "fn": metrics.FalseNegatives,
    }
    at = thresholds if isinstance(thresholds, list) else [thresholds or 0.5]
    by_hand = [counted(t, np.ones(50) if weights is None else weights) for t in at]
    for kind, cls in classes.items():
        found = K.eval(cls(thresholds)(Y, P, sample_weight=weights))
        wanted = [c[kind] for c in by_hand]
        np.testing.assert_allclose(found, wanted if len(at) > 1 else wanted[0], rtol=1e-5)


def test_a_prediction_at_the_threshold_says_no():
    assert K.eval(metrics.FalseNegatives(0.5)([1.0, 1.0], [0.5, 0.6])) == 1
    assert K.eval(metrics.TruePositives(0.5)([1.0, 1.0], [0.5, 0.6])) == 1


def test_precision_and_recall():
    c = counted(0.5)
    precision = K.eval(metrics.Precision()(Y, P, W))
    recall = K.eval(metrics.Recall()(Y, P, W))
    np.testing.assert_allclose(precision, c["tp"] / (c["tp"] + c["fp"]), rtol=1e-5)
    np.testing.assert_allclose(recall, c["tp"] / (c["tp"] + c["fn"]), rtol=1e-5)
    assert K.eval(metrics.Precision()([0.0], [0.0])) == 0  # not NaN


def test_top_k_and_class():
    y, p = [[0, 0, 1], [0, 1, 0]], [[0.3, 0.4, 0.35], [0.2, 0.9, 0.2]]
    assert K.eval(metrics.Recall(top_k=1)(y, p)) == 0.5
    assert K.eval(metrics.Recall(top_k=2)(y, p)) == 1
    assert K.eval(metrics.Precision(top_k=2, class_id=2)(y, p)) == 1
    weighted = metrics.Precision(class_id=1, thresholds=0.3)(y, p, sample_weight=[3.0, 1.0])
    assert K.eval(weighted) == 0.25


def test_of_equal_predictions_the_first_are_the_top_k():
    found = confusion.filter_top_k(K.constant([[0.5, 0.5, 0.5]]), 2)
    assert K.eval(found).tolist() == [[0.5, 0.5, np.float32(confusion.NEG_INF)]]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, 0.87446976),
        ({"curve": "PR"}, 0.82261306),
        ({"curve": "PR", "summation_method": "majoring"}, 0.83070284),
        ({"summation_method": "minoring"}, 0.8698816),
    ],
)
def test_auc(kwargs, expected):
    metric = metrics.AUC(**kwargs)
    K.eval(metric(Y[:20], P[:20], W[:20]))
    np.testing.assert_allclose(K.eval(metric(Y[20:], P[20:], W[20:])), expected, rtol=2e-5)


def test_auc_is_the_share_of_pairs_in_order():
    pairs = [(p > q) + 0.5 * (p == q) for p in P[Y > 0] for q in P[Y == 0]]
    found = K.eval(metrics.AUC(num_thresholds=5000)(Y, P))
    np.testing.assert_allclose(found, np.mean(pairs), atol=2e-4)


def test_sensitivity_and_specificity():
    best = metrics.SensitivityAtSpecificity(0.6, num_thresholds=11)
    found = K.eval(best(Y, P))
    rates = []
    for t in np.float32([0.0, *np.arange(1, 10) / 10, 1.0]):
        c = counted(t, np.ones(50))
        rates.append((c["tn"] / (c["tn"] + c["fp"]), c["tp"] / (c["tp"] + c["fn"])))
    nearest = np.argmin([abs(specificity - 0.6) for specificity, _ in rates])
    np.testing.assert_allclose(found, rates[nearest][1], rtol=1e-6)
    assert K.eval(metrics.SpecificityAtSensitivity(1.0)(Y, Y)) == 1
    assert K.eval(metrics.SensitivityAtSpecificity(0.5, num_thresholds=1)(Y, Y)) == 1


def test_one_weight_for_all():
    metric = metrics.TruePositives(thresholds=[0.25, 0.5])
    found = K.eval(metric([1, 1, 0], [0.3, 0.9, 0.9], sample_weight=3.0))
    np.testing.assert_array_equal(found, [6.0, 3.0])


def test_mean_iou():
    y, p = [0, 0, 1, 1], [0, 1, 0, 1]
    np.testing.assert_allclose(K.eval(metrics.MeanIoU(3)(y, p)), 1 / 3, rtol=1e-6)
    found = K.eval(metrics.MeanIoU(2)(y, p, sample_weight=[0.3, 0.3, 0.3, 0.1]))
    np.testing.assert_allclose(found, 0.23809525, rtol=1e-6)
    images = np.ones((2, 2, 2, 1))
    assert K.eval(metrics.MeanIoU(2)(images, images, sample_weight=images)) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.Precision(thresholds=[0.5, 1.5]), r"in \[0, 1\]. Invalid.*1.5"),
        (lambda: metrics.AUC(thresholds=[-1]), r"in \[0, 1\]"),
        (lambda: metrics.AUC(num_thresholds=1), "`num_thresholds` must be > 1"),
        (lambda: metrics.AUC(curve="DET"), "Invalid AUCCurve value 'DET'"),
        (lambda: metrics.AUC(summation_method="x"), "Invalid AUCSummationMethod value 'x'"),
        (lambda: metrics.SensitivityAtSpecificity(1.5), r"`specificity` must be in the range"),
        (lambda: metrics.SpecificityAtSensitivity(-1), r"`sensitivity` must be in the range"),
        (lambda: metrics.SpecificityAtSensitivity(0.5, 0), "`num_thresholds` must be > 0"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
