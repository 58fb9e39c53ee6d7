"""`precision`: the model works in a reduced dtype, losses and metrics do not."""

import functools

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import layers as L
from kforge.layers import Dense, Input
from kforge.models import Model, Sequential
from kforge.optimizers import SGD
from kforge.utils import set_random_seed

RNG = np.random.RandomState(0)
X = RNG.randn(16, 8).astype("float32")
both = pytest.mark.parametrize("precision", ["bf16", "fp16"])
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@both
def test_kernels_get_the_dtype_losses_and_metrics_float32(precision):
    seen, judged = [], []

    def loss(target, output):
        if isinstance(output, torch.Tensor):
            judged.append(output.dtype)
        return K.mean(K.square(target - output), -1) + 0.0 * float(K.stop_gradient(K.mean(output)))

    model = Sequential([Dense(4, input_shape=(8,)), L.TorchModule(Watch(seen)), Dense(2)])
    model.compile("sgd", loss, metrics=[loss], precision=precision)
    seen.clear(), judged.clear()
    model.train_on_batch(X, X[:, :2])
    model.test_on_batch(X, X[:, :2])
    assert set(seen) == {DTYPES[precision]} and len(seen) == 2
    assert set(judged) == {torch.float32} and len(judged) == 4
    assert model.predict(X).dtype == "float32"
    assert {w.dtype for w in model._ordered_weights()} == {torch.float32}


class Watch(torch.nn.Module):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x):
        self.seen.append(x.dtype)
        return x


@both
def test_crossentropies_and_regularizers_are_as_exact_as_ever(precision):
    """With weights and data that both dtypes hold exactly, nothing but the sums differs."""
    x = RNG.randint(-2, 3, (16, 4)).astype("float32")
    weights = [RNG.randint(-2, 3, (4, 3)).astype("float32") / 4, np.zeros(3)]
    for loss, activation, y in (
        ("binary_crossentropy", "sigmoid", RNG.randint(0, 2, (16, 3))),
        ("categorical_crossentropy", "softmax", np.eye(3)[RNG.randint(0, 3, 16)]),
        ("mse", None, RNG.randn(16, 3)),
    ):
        found = []
        for options in ({}, {"precision": precision}):
            layer = Dense(3, activation=activation, kernel_regularizer="l2", input_shape=(4,))
            model = Sequential([layer])
            model.compile("sgd", loss, metrics=["mae", "acc"], **options)
            model.set_weights(weights)
            found.append([*model.test_on_batch(x, y), *model.predict(x).ravel()])
        np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@both
def test_updates_of_the_model_and_losses_within_it(precision):
    found = []
    for options in ({}, {"precision": precision}):
        set_random_seed(0, deterministic=False)
        x = Input((8,))
        h = L.BatchNormalization()(Dense(6, activation="tanh", activity_regularizer="l2")(x))
        model = Model(x, Dense(8)(h))
        model.add_loss(K.mean(K.square(h)))
        loss = functools.partial(lambda h, t, p: K.mean(K.square(t - p), -1) + K.sum(h, -1), h)
        model.compile("sgd", loss, **options)
        losses = [model.train_on_batch(X, X) for _ in range(3)]
        found.append([*losses, *np.concatenate([w.ravel() for w in model.get_weights()])])
    np.testing.assert_allclose(*found, rtol=0.02, atol=0.02)
    assert not np.array_equal(*found)


@both
@pytest.mark.parametrize("layer", ["SimpleRNN", "GRU", "LSTM"])
def test_recurrent_layers(precision, layer):
    x = RNG.randn(6, 5, 3).astype("float32")
    found = []
    for options in ({}, {"precision": precision}):
        set_random_seed(0, deterministic=False)
        layers = [getattr(L, layer)(4, return_sequences=True), getattr(L, layer)(4), Dense(1)]
        model = Sequential([L.Conv1D(3, 2, input_shape=(5, 3)), L.Masking(), *layers])
        model.compile("adam", "mse", loss_weights=[0.01], **options)  # leaves room for the scale
        found.append([model.train_on_batch(x, x[:, 0, :1]) for _ in range(3)])
    np.testing.assert_allclose(*found, rtol=0.02)


def test_a_step_of_float16_that_overflows_is_left_out_and_the_scale_halved():
    model = Sequential([Dense(2, input_shape=(8,))])
    model.compile(SGD(1e-3), "mse", precision="fp16")
    before, scale = model.get_weights(), 2.0**16
    model.train_on_batch(X * 1e4, X[:, :2])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert model.optimizer.iterations.numpy() == 0
    assert model._gathering().scaler.get_scale() == scale / 2
    model.train_on_batch(X / 100, X[:, :2] / 100)
    assert model.optimizer.iterations.numpy() == 1
    assert all(p.grad is None for p in model.parameters())


def test_gradients_too_small_for_float16_arrive():
    """Without the scale they would be 0: the smallest number of float16 is 6e-8."""
    found = []
    for options in ({}, {"precision": "fp16"}):
        model = Sequential([Dense(1, use_bias=False, input_shape=(8,)), Dense(1, use_bias=False)])
        model.compile(SGD(1e6), lambda t, p: 1e-9 * K.mean(p, -1), **options)
        model.set_weights([np.ones((8, 1)), np.ones((1, 1))])
        model.train_on_batch(X, X[:, :1])
        found.append(model.get_weights()[0] - 1)
    np.testing.assert_allclose(*found, rtol=0.02)
    assert np.abs(found[1]).max() > 0


def test_it_goes_with_accumulation():
    found = []
    for options, size in (({"accumulate_steps": 2}, 8), ({}, 16)):
        model = Sequential([Dense(2, input_shape=(8,))])
        model.compile("sgd", "mse", precision="fp16", **options)
        model.set_weights([np.zeros((8, 2)), np.zeros(2)])
        model.fit(X, X[:, :2] / 10, batch_size=size, epochs=2, shuffle=False, verbose=0)
        assert model.optimizer.iterations.numpy() == 2
        found.append(model.get_weights()[0])
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-6)
