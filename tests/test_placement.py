"""Device scopes: where operations run, and what is copied between devices.

Without a GPU the "meta" device, on which tensors have no values, shows where things run.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch

import kforge
from kforge import Input, Model, Sequential, devices, layers, lowering, symbolic
from kforge import backend as K
from kforge.placement import move

META = torch.device("meta")
GPUS = [f"/gpu:{i}" for i in range(torch.cuda.device_count())]
needs_gpu = [pytest.mark.cuda, pytest.mark.skipif(not GPUS, reason="needs a GPU")]
needs_two = [pytest.mark.cuda, pytest.mark.skipif(len(GPUS) < 2, reason="needs two GPUs")]


def computed(model, phase=0, batch=2):
    """The outputs of the lowered model for zeros, and the generated function's copies."""
    lowered = lowering.lower(model.outputs, model.inputs, phase=phase)
    shapes = [(batch, *(n or 6 for n in x.shape[1:])) for x in model.inputs]
    zeros = [torch.zeros(shape, device=devices.default_device()) for shape in shapes]
    with symbolic.executing(phase):
        found = lowered.forward(*zeros, *lowered.captured)
    return found, [n for n in lowered.module.graph.nodes if n.target is move]


def test_names_of_devices():
    assert devices.parse_device("/cpu:0") == devices.parse_device("/device:CPU:0")
    assert devices.parse_device("gpu:999") == torch.device("cpu")  # soft placement
    with pytest.raises(ValueError, match="Unknown device 'tpu:0'"):
        devices.parse_device("tpu:0")


ASKING = """
import torch
def asked(*args): raise AssertionError("CUDA_VISIBLE_DEVICES, set by a script, would come too late")
for name in ("is_available", "device_count", "current_device", "is_initialized", "init"):
    setattr(torch.cuda, name, asked)
import kforge
kforge.install()
import keras, tensorflow, keras.backend, keras.utils.multi_gpu_utils
"""


def test_importing_asks_cuda_nothing():
    done = subprocess.run([sys.executable, "-c", ASKING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_scopes_nest():
    default = devices.default_device()
    with kforge.device("cpu"):
        with kforge.device(META):
            assert devices.current_device() == devices.scope_device() == META
        assert devices.current_device() == torch.device("cpu")
    assert devices.scope_device() is None
    assert devices.current_device() == default


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LSTM(4),
        lambda: layers.LSTM(4, recurrent_activation="hard_sigmoid"),
        lambda: layers.Bidirectional(layers.GRU(3)),
        lambda: layers.Conv1D(4, 3),
        lambda: layers.BatchNormalization(),
        lambda: layers.TimeDistributed(layers.Dense(3)),
        lambda: layers.LocallyConnected1D(3, 2),
        lambda: layers.Lambda(lambda x: x * K.ones_like(x) + np.ones(5, "float32")),
    ],
)
def test_a_shared_layer_runs_where_it_is_called(make):
    layer, x = make(), Input((7, 5))
    here = layer(x)
    with kforge.device(META):
        there = layer(x)
    model = Model(x, [here, there])
    for phase in (0, 1):
        (a, b), copies = computed(model, phase)
        assert a.device == devices.default_device()
        assert b.device == META
        assert copies
    assert {w.device for w in layer.weights} <= {devices.default_device()}  # it was built here


def test_python_code_on_values_finds_its_weights_there():
    class Branching(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight("scale", (input_shape[-1],), initializer="ones")
            self.built = True

        def call(self, x):
            if K.shape(x)[0] > 1:  # a value: the layer is one operation
                return x * self.scale
            return x

    layer, x = Branching(), Input((3,))
    with kforge.device(META):
        model = Model(x, layer(x))
    (out, *_), _ = computed(model)
    assert out.device == META


def test_a_weight_is_copied_once_for_all_that_use_it():
    x, dense = Input((3,)), layers.Dense(3, use_bias=False)
    y = dense(x)
    with kforge.device(META):
        z = dense(dense(x))
    _, copies = computed(Model(x, [y, z]))
    assert len([n for n in copies if n.args[1] == META]) == 2  # the input and the kernel


def test_without_a_scope_nothing_is_copied():
    model = Sequential([layers.Dense(3, input_shape=(2,)), layers.BatchNormalization()])
    assert computed(model, 1)[1] == []


@pytest.fixture
def elsewhere(monkeypatch):
    """Variables and constants are made on the meta device, as on a GPU."""
    monkeypatch.setattr(devices, "default_device", lambda: META)


def offsets(x):
    """Each value and its place in the map, as a share of its size."""
    height, width = K.shape(x)[1], K.shape(x)[2]
    rows = K.tile(K.reshape(K.arange(0, height), [1, -1, 1, 1]), [1, 1, width, 1])
    x = K.reshape(x, [K.shape(x)[0], height, width, 2, -1])[..., 0, :]
    return (x + K.cast(rows, "float32")) / K.cast(K.shape(x)[1:4:2][::-1], "float32")


def test_sizes_are_the_hosts_and_values_the_devices(elsewhere):
    x = Input((None, None, 4))
    (out,), copies = computed(Model(x, layers.Lambda(offsets)(layers.Dense(4)(x))))
    assert out.device == META
    assert len(copies) == 2  # the input, and the sizes among the values


def test_sizes_and_values_give_the_numbers_of_numpy():
    x = Input((None, None, 4))
    values = np.random.rand(2, 3, 5, 4).astype("float32")
    rows = np.arange(3)[:, None, None]
    wanted = (values[..., :2] + rows) / np.array([2, 3])
    found = Model(x, layers.Lambda(offsets)(x)).predict(values)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_tensors_of_torch_that_scripts_hold_are_copied_there(elsewhere):
    held = torch.ones(3)
    x = Input((3,))
    (out,), copies = computed(Model(x, layers.Lambda(lambda t: t * held)(layers.Dense(3)(x))))
    assert out.device == META
    assert len(copies) == 2


def test_a_layer_takes_values_from_elsewhere(elsewhere):
    dense = layers.Dense(3)
    assert dense(torch.zeros(2, 4)).device == META
    assert layers.LSTM(2)(torch.zeros(2, 4, 3), initial_state=[np.zeros((2, 2))] * 2).device == META


def test_one_lstm_for_two_sequences():
    """The example of the FAQ, on whatever devices there are."""
    tweet_a, tweet_b = Input((14, 8)), Input((14, 8))
    shared = layers.LSTM(6)
    with kforge.device("/gpu:0"):
        encoded_a = shared(tweet_a)
    with kforge.device("/gpu:1"):
        encoded_b = shared(tweet_b)
    with kforge.device("/cpu:0"):
        merged = layers.concatenate([encoded_a, encoded_b], axis=-1)
    model = Model([tweet_a, tweet_b], layers.Dense(1)(merged))
    plain = Model(tweet_a, encoded_a)
    a, b = np.random.rand(2, 4, 14, 8).astype("float32")
    halves = Model([tweet_a, tweet_b], merged).predict([a, b])
    np.testing.assert_allclose(halves[:, :6], plain.predict(a), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(halves[:, 6:], plain.predict(b), rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse", metrics=["mae"])
    y = np.random.rand(4, 1)
    losses = model.fit([a, b], y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def trained(places):
    """Weights of a model with batch statistics, a regularizer and gradients in its loss."""
    np.random.seed(0)
    x = Input((6,))
    with kforge.device(places[0]):
        h = layers.BatchNormalization()(layers.Dense(5, kernel_regularizer="l2")(x))
    with kforge.device(places[1]):
        h = layers.Dense(4, activation="tanh", activity_regularizer="l1")(h)
        out = layers.Dense(1)(h)
    model = Model(x, out)
    model.set_weights([np.random.rand(*w.shape) for w in model.get_weights()])
    model.add_loss(K.mean(K.square(K.gradients(out, [h])[0])))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.random.rand(12, 6), np.random.rand(12, 1), 4, 2, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(["/cpu:0", "/gpu:0"], marks=needs_gpu),
        pytest.param(["/gpu:0", "/cpu:0"], marks=needs_gpu),
        pytest.param(["/gpu:0", "/gpu:1"], marks=needs_two),
        pytest.param(["/cpu:0", "/cpu:0"]),
    ],
)
def test_training_over_two_devices_gives_the_same_numbers(places):
    model, plain = trained(places), trained(["/gpu:0", "/gpu:0"])
    for a, b in zip(model.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
