"""Recurrent layers on images."""

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge import layers as L
from tests import golden, golden_models

BATCH, STEPS, SHAPE = 2, 3, (5, 4, 2)


@golden_models.cases("models_rnn", "conv_lstm2d_.*")
def test_model(case):
    golden_models.check(case)


@golden.cases("h5_keras231", "conv_lstm")
def test_file(case):
    golden.check(case)


@golden.cases("text", "config_ConvLSTM2D.*")
def test_config(case):
    golden.check(case)


def images(seed=0, shape=SHAPE):
    x = np.random.RandomState(seed).normal(size=(BATCH, STEPS, *shape))
    return x.astype("float32")


def run(layer, x, mask=None, phase=0):
    inputs = L.Input(x.shape[1:])
    outputs = layer(inputs) if mask is None else layer(inputs, mask=mask)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return K.function([inputs, K.learning_phase()], outputs)([x, phase])


def test_pixels_by_themselves_are_an_lstm():
    """With kernels of one pixel, each pixel has an LSTM of the same weights."""
    layer = L.ConvLSTM2D(3, 1, return_sequences=True, recurrent_activation="sigmoid")
    found = run(layer, images())[0]
    plain = L.LSTM(3, return_sequences=True)
    pixels = np.moveaxis(images(), 1, 3).reshape(-1, STEPS, 2)
    x = L.Input((STEPS, 2))
    model = kforge.Model(x, plain(x))
    plain.set_weights(
        [w.reshape(w.shape[-2:]) for w in layer.get_weights()[:2]] + layer.get_weights()[2:]
    )
    wanted = np.moveaxis(model.predict(pixels).reshape(BATCH, 5, 4, STEPS, 3), 3, 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert layer.kernel_path == "loop"


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("strides, padding", [(1, "valid"), (2, "same")])
def test_channels_first(sequences, strides, padding):
    settings = {"strides": strides, "padding": padding, "return_sequences": sequences}
    last = L.ConvLSTM2D(3, (3, 2), **settings)
    wanted = run(last, images())[0]
    first = L.ConvLSTM2D(3, (3, 2), data_format="channels_first", **settings)
    first.build((None, STEPS, 2, 5, 4))
    first.set_weights(last.get_weights())
    found = run(first, np.moveaxis(images(), -1, 2))[0]
    np.testing.assert_allclose(np.moveaxis(found, -3, -1), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_shapes(data_format):
    shape = (None, 9, 8, 2) if data_format == "channels_last" else (None, 2, 9, 8)
    layer = L.ConvLSTM2D(
        4, 3, strides=2, data_format=data_format, return_sequences=True, return_state=True
    )
    found = [K.int_shape(t) for t in layer(L.Input(shape))]
    image = (4, 3, 4) if data_format == "channels_last" else (4, 4, 3)
    assert found == [(None, None, *image), (None, *image), (None, *image)]


def test_sizes_may_be_unknown():
    x = L.Input((None, None, None, 2))
    model = kforge.Model(x, L.ConvLSTM2D(3, 3, strides=2, padding="same")(x))
    assert model.predict(np.ones((1, 2, 5, 4, 2))).shape == (1, 3, 2, 3)
    assert model.predict(np.ones((2, 3, 7, 9, 2))).shape == (2, 4, 5, 3)


def test_layer_on_values():
    layer = L.ConvLSTM2D(3, 3, return_sequences=True, padding="same")
    wanted = run(layer, images())[0]
    with torch.no_grad():
        found = layer(torch.from_numpy(images())).cpu()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_masked_steps_are_skipped():
    layer = L.ConvLSTM2D(3, 3, padding="same", return_state=True)
    x = images()
    shorter = run(layer, x[:, [0, 2]])
    masked = run(layer, x, mask=K.constant([[1, 0, 1]] * BATCH))
    for found, wanted in zip(masked, shorter):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_initial_states():
    layer = L.ConvLSTM2D(3, 3, padding="same", return_state=True)
    x = images()
    whole = run(layer, x)
    _, *states = run(layer, x[:, :1])
    inputs = L.Input((2, *SHAPE)), *(L.Input((5, 4, 3)) for _ in range(2))
    rest = layer(inputs[0], initial_state=list(inputs[1:]))
    for found, wanted in zip(kforge.Model(list(inputs), rest).predict([x[:, 1:], *states]), whole):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_stateful():
    x = L.Input(batch_shape=(BATCH, STEPS, *SHAPE))
    layer = L.ConvLSTM2D(3, 3, stateful=True)
    model = kforge.Model(x, layer(x))
    first = model.predict(images(), batch_size=BATCH)
    assert not np.allclose(model.predict(images(), batch_size=BATCH), first)
    layer.reset_states()
    np.testing.assert_array_equal(model.predict(images(), batch_size=BATCH), first)
    assert K.int_shape(layer.states[0]) == (BATCH, 3, 2, 3)
    layer.reset_states([np.ones((BATCH, 3, 2, 3))] * 2)
    np.testing.assert_array_equal(K.get_value(layer.states[1]), np.ones((BATCH, 3, 2, 3)))


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
def test_dropout(rates):
    layer = L.ConvLSTM2D(3, 3, **rates)
    plain = L.ConvLSTM2D(3, 3)
    wanted = run(plain, images())[0]
    run(layer, images())
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(run(layer, images())[0], wanted, rtol=1e-5)
    dropped = [run(layer, images(), phase=1)[0] for _ in range(2)]
    assert not np.allclose(*dropped) and np.all(np.isfinite(dropped))


def test_training():
    model = kforge.Sequential(
        [L.ConvLSTM2D(2, 3, input_shape=(STEPS, *SHAPE), dropout=0.1), L.Flatten(), L.Dense(1)]
    )
    model.compile("adam", "mse")
    target = images().mean((1, 2, 3, 4))[:, None]
    before = model.evaluate(images(), target, verbose=0)
    model.fit(images(), target, epochs=20, verbose=0)
    assert model.evaluate(images(), target, verbose=0) < before


class Blur(L.Layer):
    """A convolutional cell of a user: a running mean of blurred images."""

    def __init__(self, filters, **kwargs):
        self.filters, self.kernel_size, self.strides, self.padding = filters, (3, 3), (1, 1), "same"
        self.dilation_rate, self.data_format = (1, 1), "channels_last"
        self.state_size = filters
        super().__init__(**kwargs)

    def build(self, input_shape):
        shape = (3, 3, input_shape[-1], self.filters)
        self.kernel = self.add_weight("kernel", shape, initializer="ones")
        self.built = True

    def call(self, inputs, states):
        h = 0.5 * states[0] + K.conv2d(inputs, self.kernel, padding="same")
        return h, [h]


def test_cell_of_the_user():
    layer = L.ConvRNN2D(Blur(1), return_sequences=True)
    found = run(layer, images())[0]
    assert found.shape == (BATCH, STEPS, 5, 4, 1)
    inside = images()[:, :, :3, :3].sum((2, 3, 4))  # what the pixel (1, 1) sees
    wanted = inside[:, 0]
    for t in range(STEPS):
        wanted = inside[:, t] if t == 0 else 0.5 * wanted + inside[:, t]
        np.testing.assert_allclose(found[:, t, 1, 1, 0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda x: L.ConvLSTM2D(2, 3, unroll=True), TypeError, "Unrolling isn't possible"),
        (lambda x: L.ConvRNN2D([L.ConvLSTM2DCell(2, 3)]), TypeError, "stack convolutional"),
        (lambda x: L.ConvLSTM2D(2, 7)(x), ValueError, "conv_lst_m2d_1: the images are too small"),
        (lambda x: L.ConvLSTM2D(2, 3)(x[:, 0]), ValueError, "expected ndim=5, found ndim=4"),
        (lambda x: L.ConvLSTM2D(2, (3, 3, 3)), ValueError, "`kernel_size` argument"),
        (lambda x: L.ConvLSTM2D(2, 3, padding="around"), ValueError, "`padding` argument"),
        (lambda x: L.ConvLSTM2D(2, 3)(L.Input((3, 5, 4, None))), ValueError, "must be known"),
    ],
)
def test_refused(make, error, text):
    kforge.config.reset_uids()
    with pytest.raises(error, match=text):
        make(L.Input((STEPS, *SHAPE)))
