"""Batches of a kind that was seen before skip the checks, and nothing else."""

import numpy as np
import pytest
import torch

from kforge.layers import Dense, Embedding, Flatten, Input, concatenate
from kforge.models import Model, Sequential
from kforge.training import methods, one_batch, streams
from kforge.training.plain import Conversions

RNG = np.random.RandomState(0)


def linear():
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
def test_tensors_are_those_that_the_checks_gave(dtype):
    x, y = RNG.rand(5, 4).astype(dtype), RNG.rand(5).astype(dtype)
    checked = [torch.from_numpy(x).float(), torch.from_numpy(y).float()[:, None]]
    conversions = Conversions(linear())
    assert conversions.tensors([x, y]) is None
    conversions.learn([x, y], checked)
    for got, want in zip(conversions.tensors([x, y]), checked):
        assert got.dtype == want.dtype
        torch.testing.assert_close(got, want)
    assert len(conversions.tensors([x[:2], y[:2]])[0]) == 2  # any number of samples
    assert conversions.tensors([x[:2], y]) is None
    assert conversions.tensors([x[:, ::2], y]) is None
    assert conversions.tensors([x, y.astype("complex64")]) is None


def test_kinds_that_are_never_known():
    x, y = RNG.rand(5, 4), RNG.rand(5, 1)
    conversions = Conversions(linear())
    for data in (
        [x.tolist(), y],
        [{"a": x}, y],
        [x.astype(">f4"), y],
        [x.astype(object), y],
        [np.broadcast_to(x[:1], (5, 4)), y],
    ):
        conversions.learn(data, [torch.zeros(5, 4), torch.zeros(5, 1)])
    assert not conversions.known
    fixed = Sequential([Dense(1, batch_input_shape=(5, 4))])
    conversions = Conversions(fixed)
    conversions.learn([x, y], [torch.zeros(5, 4), torch.zeros(5, 1)])
    assert not conversions.known


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_single_batches_are_checked_once_for_each_kind(dtype, monkeypatch):
    x, y, model = RNG.randint(9, size=(5, 4)).astype(dtype), np.ones(5), linear()
    weights = model.get_weights()
    wanted = model.train_on_batch(x, y), model.predict(x)
    model.set_weights(weights)
    for module in (one_batch, methods):
        monkeypatch.setattr(module, "adapt_arrays", None)
    found = model.train_on_batch(x, y), model.predict(x)
    for got, want in zip(found, wanted):
        np.testing.assert_array_equal(got, want)


def test_a_stream_is_checked_once_for_each_kind(monkeypatch):
    a, b = Input((4,)), Input((2,))
    model = Model([a, b], Dense(1)(concatenate([a, Flatten()(Embedding(9, 3)(b))])))
    model.compile("sgd", "mse")
    checks, adapt = [], streams.adapt_arrays
    monkeypatch.setattr(streams, "adapt_arrays", lambda *a: checks.append(1) or adapt(*a))

    def batches():
        for size in (4, 4, 3, 4):
            yield [RNG.rand(size, 4), RNG.randint(9, size=(size, 2))], RNG.rand(size)

    model.fit(batches(), steps_per_epoch=4, workers=0, verbose=0)
    assert len(checks) == 1


def test_a_batch_that_does_not_fit_is_still_found():
    def batches(wrong):
        yield RNG.rand(4, 4), RNG.rand(4)
        yield wrong

    for wrong, message in (
        ((RNG.rand(4, 5), RNG.rand(4)), "to have shape"),
        ((RNG.rand(4, 4), RNG.rand(3)), "same number of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            linear().fit(batches(wrong), steps_per_epoch=2, workers=0, verbose=0)


def test_weights_come_and_go():
    x, y, w = RNG.rand(6, 4), RNG.rand(6), np.array([9.0, 0, 0, 0, 0, 0])

    def batches():
        yield from ((x, y), (x, y, w), (x, y), (x, y, w))

    model, other = linear(), linear()
    other.set_weights(model.get_weights())
    model.fit(batches(), steps_per_epoch=4, workers=0, verbose=0)
    for batch in batches():
        other.train_on_batch(*batch)
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-6)
