"""Losses: values, gradients, weights and configs of Keras 2.3.1, and names."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import losses
from tests import golden

T, P = np.array([[0.0, 1.0]], "float32"), np.array([[0.25, 0.5]], "float32")


@golden.cases("functions_losses", "(?!metric_).*")
def test_functions_as_keras(case):
    golden.check(case)


@golden.cases("training_losses", "class_.*")
def test_classes_as_keras(case):
    golden.check(case)


def test_arrays_and_tensors():
    wanted = [0.15625]
    np.testing.assert_allclose(K.eval(losses.mse(T, P)), wanted)
    np.testing.assert_allclose(losses.mse(torch.tensor(T), torch.tensor(P)), wanted)
    np.testing.assert_allclose(K.eval(losses.mse(T.astype(int), P)), wanted)
    # Integers as predictions count as floats.
    np.testing.assert_allclose(K.eval(losses.mse(T, np.array([[1, 1]]))), [0.5])


def test_numbers_of_classes_and_one_hot_labels_agree():
    p = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    one_hot = losses.categorical_crossentropy(torch.eye(3)[[1, 2]], p)
    for labels in (torch.tensor([1, 2]), torch.tensor([[1.0], [2.0]])):
        torch.testing.assert_close(losses.sparse_categorical_crossentropy(labels, p), one_hot)


def test_own_loss():
    class Scaled(losses.Loss):
        def __init__(self, scale, **kwargs):
            super().__init__(**kwargs)
            self.scale = scale

        def call(self, y_true, y_pred):
            return self.scale * torch.mean(torch.abs(y_true - y_pred), -1)

        def get_config(self):
            return {**super().get_config(), "scale": self.scale}

    config = losses.serialize(Scaled(4.0, reduction="sum", name="scaled"))
    loss = losses.deserialize(config, custom_objects={"Scaled": Scaled})
    assert loss(torch.tensor(T), torch.tensor(P)).item() == pytest.approx(1.5)
    with pytest.raises(NotImplementedError, match="Loss must implement `call"):
        losses.Loss()(T, P)


def test_own_function_in_a_loss():
    loss = losses.LossFunctionWrapper(losses.huber_loss, name="h", delta=K.variable(0.5))
    assert loss.fn is losses.huber_loss
    assert loss.get_config() == {"reduction": "sum_over_batch_size", "name": "h", "delta": 0.5}


def test_cosine_similarity_class():
    y = torch.tensor([[3.0, 4.0]])
    assert losses.CosineSimilarity()(y, 2 * y).item() == pytest.approx(-1.0)
    assert losses.CosineSimilarity(axis=0).get_config()["axis"] == 0


def test_names():
    assert losses.get(None) is None
    assert losses.get("MSE") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get("log_cosh") is losses.logcosh  # tf.keras
    with pytest.raises(ValueError, match="Unknown loss function: mean_square"):
        losses.get("mean_square")
    with pytest.raises(ValueError, match="Could not interpret loss function identifier: 1"):
        losses.get(1)


def test_is_categorical_crossentropy():
    wrapped = losses.LossFunctionWrapper(losses.categorical_crossentropy)
    for loss in ("categorical_crossentropy", losses.CategoricalCrossentropy(), wrapped):
        assert losses.is_categorical_crossentropy(loss)
    for loss in ("mse", losses.MeanSquaredError(), losses.mse, None):
        assert not losses.is_categorical_crossentropy(loss)
