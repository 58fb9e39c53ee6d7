"""Metric functions, as in Keras 2.3.1."""

import numpy as np

from kforge import backend as K
from kforge import metrics
from tests import golden


@golden.cases("functions_losses", "metric_.*")
def test_as_keras(case):
    golden.check(case)


def test_sequences():
    p = np.array([[[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]], "float32")
    for labels in (np.array([[1, 2]]), np.array([[[1], [2]]])):
        assert K.eval(metrics.sparse_categorical_accuracy(labels, p)).tolist() == [[1, 0]]
        top = metrics.sparse_top_k_categorical_accuracy(labels, p, k=2)
        assert K.eval(top).tolist() == [[1, 1]]
    top = metrics.top_k_categorical_accuracy(np.eye(3)[[[0, 1]]], p, k=2)
    assert K.eval(top).tolist() == [[0, 0]]


def test_equal_predictions_are_all_among_the_best():
    p = np.array([[0.4, 0.4, 0.2]], "float32")
    top = metrics.sparse_top_k_categorical_accuracy(np.array([1]), p, k=1)
    assert K.eval(top).tolist() == [1]


def test_accuracy_of_labels():
    assert K.eval(metrics.Accuracy()([[1], [2], [3]], [[1], [2], [0]])) == np.float32(2 / 3)


def test_cosine_is_positive_as_a_metric_and_negative_as_a_loss():
    y = np.array([[3.0, 4.0]], "float32")
    np.testing.assert_allclose(K.eval(metrics.cosine_proximity(y, y)), [1.0], rtol=1e-6)
