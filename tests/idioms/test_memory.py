"""Memory: `K.clear_session` gives back what a dropped model had; steps leave nothing behind."""

import gc
import weakref

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge.layers import LSTM, BatchNormalization, Dense, Dropout
from kforge.models import Sequential

RNG = np.random.RandomState(0)
X, Y = RNG.randn(4, 5, 3).astype("float32"), RNG.randn(4, 2).astype("float32")


def tensors():
    """The number of tensors that live."""
    return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())


def trained():
    model = Sequential([LSTM(4, input_shape=(5, 3)), BatchNormalization(), Dropout(0.5), Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(X, Y)
    model.predict_on_batch(X)
    return model


@pytest.fixture
def collected():
    """No garbage before, and none collected meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_models_that_are_dropped_leave_nothing():
    counts = []
    for _ in range(8):
        K.clear_session()
        model = trained()
        get = K.function([model.input, K.learning_phase()], [model.layers[0].output])
        get([X, 0])
        assert [layer.name for layer in model.layers[:2]] == ["lstm_1", "batch_normalization_1"]
        counts.append((tensors(), len(gc.get_objects())))
    (before, objects), (after, more) = counts[3], counts[-1]
    # torch.fx keeps the text of each generated function, for tracebacks.
    assert after == before and more - objects < 4 * 30


def test_a_model_is_freed_by_clear_session():
    model = trained()
    gone = [weakref.ref(model), weakref.ref(model.layers[0].kernel.native)]
    del model
    K.clear_session()
    assert [ref() for ref in gone] == [None, None]


def test_names_start_again_and_kept_models_go_on():
    kept = trained()
    before = kept.predict_on_batch(X)
    K.clear_session()
    assert Dense(1).name == "dense_1" and K.get_uid("mine") == 1
    np.testing.assert_array_equal(kept.predict_on_batch(X), before)
    kept.train_on_batch(X, Y)


@pytest.mark.parametrize("what", ["train_on_batch", "predict_on_batch", "function"])
def test_steps_leave_no_tensors(what, collected):
    model = Sequential([Dense(3, input_shape=(3,)), BatchNormalization(), Dropout(0.5), Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    x, function = X[:, 0], K.function([model.input, K.learning_phase()], [model.output])
    calls = {
        "train_on_batch": lambda: model.train_on_batch(x, Y),
        "predict_on_batch": lambda: model.predict_on_batch(x),
        "function": lambda: function([x, 1]),
    }

    def count_after(calls_made):
        for _ in range(calls_made):
            calls[what]()
        return tensors(), len(gc.get_objects())

    (before, objects), (after, more) = count_after(5), count_after(1000)
    assert after == before and more - objects < 50
