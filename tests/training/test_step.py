"""The compiled step: `jit`, and what runs in which mode."""

import functools

import numpy as np
import pytest
import torch

from kforge import layers as L
from kforge.callbacks import LambdaCallback
from kforge.models import Sequential
from kforge.utils import set_random_seed

RNG = np.random.RandomState(0)
X, Y = RNG.randn(20, 6, 6, 1).astype("float32"), np.eye(3, dtype="float32")[RNG.randint(0, 3, 20)]


def network(**options):
    set_random_seed(0, deterministic=False)
    model = Sequential(
        [
            L.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 1)),
            *(L.BatchNormalization(), L.MaxPooling2D(), L.Flatten()),
            *(L.Dense(5, kernel_regularizer="l2"), L.PReLU(), L.Dense(3, activation="softmax")),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["acc"], **options)
    return model


def trained(**options):
    model = network(**options)
    history = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    return model, history


@pytest.fixture
def without_a_compiler(monkeypatch):
    """`torch.compile` as it is, down to autograd; a break in the graph is an error."""
    whole = functools.partial(torch.compile, backend="aot_eager", fullgraph=True)
    compiled = []

    def compile_(function):
        compiled.append(function)
        return whole(function)

    monkeypatch.setattr(torch, "compile", compile_)
    return compiled


def test_a_compiled_step_is_one_graph_and_trains_alike(without_a_compiler):
    plain, history = trained()
    model, found = trained(jit="compile")
    assert len(without_a_compiler) == 1
    for name, values in history.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    for got, want in zip(model.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", [None, "bf16"])
def test_a_recurrent_network_is_one_graph_too(without_a_compiler, precision):
    x, y = RNG.randn(8, 4, 3), RNG.randn(8, 1)
    found = []
    for options in ({}, {"jit": "compile"}):
        set_random_seed(0, deterministic=False)
        layers = [L.LSTM(4, return_sequences=True, input_shape=(4, 3)), L.LSTM(2), L.Dense(1)]
        model = Sequential(layers)
        model.compile("adam", "mse", precision=precision, **options)
        found.append([model.train_on_batch(x, y) for _ in range(3)])
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_any_function_that_compiles_will_do():
    calls = []

    def count(function):
        def counted(*args):
            calls.append(len(args[0]))
            return function(*args)

        return counted

    model = network(jit=count)
    model.fit(X, Y, batch_size=8, verbose=0)
    assert calls == [8, 8, 4]
    model.evaluate(X, Y, verbose=0)
    assert len(calls) == 3  # training is compiled, nothing else


def test_evaluation_and_prediction_run_in_inference_mode():
    modes = []

    class Mode(torch.nn.Module):
        def forward(self, x):
            modes.append((torch.is_inference_mode_enabled(), torch.is_grad_enabled()))
            return x

    model = Sequential([L.Dense(2, input_shape=(3,)), L.TorchModule(Mode())])
    model.compile("sgd", "mse")
    x, y = RNG.randn(9, 3), RNG.randn(9, 2)
    model.fit(x, y, verbose=0)
    assert modes[-1] == (False, True)
    for run in (
        lambda: model.evaluate(x, y, batch_size=4, verbose=0),
        lambda: model.predict(x, batch_size=4),
        lambda: model.predict(x),
        lambda: model.predict_on_batch(x),
        lambda: model.test_on_batch(x, y),
        lambda: model.fit(x, y, validation_data=(x, y), verbose=0),  # ends with the validation
    ):
        run()
        assert modes[-1][0], run
    assert not torch.is_inference_mode_enabled()


def test_predictions_go_into_one_array():
    model = Sequential([L.Dense(2, input_shape=(3,))])
    x = RNG.randn(10, 3).astype("float32")
    parts = []
    callback = LambdaCallback(on_predict_batch_end=lambda i, logs: parts.append(logs["outputs"][0]))
    whole = model.predict(x, batch_size=4, callbacks=[callback])
    assert [len(p) for p in parts] == [4, 4, 2]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    again = model.predict(x)
    whole[:] = 0  # nobody else's memory
    np.testing.assert_array_equal(model.predict(x), again)
