"""What older Keras versions, Theano and CuDNN layers saved, made here from today's weights."""

import warnings

import h5py
import numpy as np
import pytest

import kforge
from kforge import layers as L
from kforge.models import Model, Sequential
from kforge.saving import preprocess_weights_for_loading
from kforge.saving.old_weights import Source, match


def built(layer, *shape):
    """A layer with random weights, for inputs of this shape."""
    Sequential([L.InputLayer(batch_input_shape=(None, *shape)), layer])
    random = np.random.RandomState(0)
    layer.set_weights([random.rand(*w.shape).astype("float32") for w in layer.weights])
    return layer


def gates_of(arrays, order):
    """The arrays of Keras 1, one a gate, of the arrays of today."""
    blocks = [np.split(array, len(order), -1) for array in arrays]
    return [blocks[kind][order.index(g)] for g in range(len(order)) for kind in range(len(arrays))]


def same(found, wanted):
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted):
        np.testing.assert_array_equal(f, w)


LAYERS_OF_KERAS1 = {
    "dense": (lambda: L.Dense(3), (4,), lambda w: w),
    "conv1d": (lambda: L.Conv1D(3, 2), (6, 4), lambda w: [w[0][:, None], w[1]]),
    "conv1d, older": (
        lambda: L.Conv1D(3, 2),
        (6, 4),
        lambda w: [w[0][:, None].transpose(3, 2, 0, 1), w[1]],
    ),
    "conv2d": (lambda: L.Conv2D(3, (2, 3)), (6, 6, 4), lambda w: w),
    "conv2d, channels first": (
        lambda: L.Conv2D(3, (2, 3), data_format="channels_first"),
        (4, 6, 6),
        lambda w: [w[0].transpose(3, 2, 0, 1), w[1]],
    ),
    "conv2d transposed": (
        lambda: L.Conv2DTranspose(3, (2, 3)),
        (6, 6, 4),
        lambda w: [w[0].transpose(0, 1, 3, 2), w[1]],
    ),
    "conv2d transposed, channels first": (
        lambda: L.Conv2DTranspose(3, (2, 3), data_format="channels_first"),
        (4, 6, 6),
        lambda w: [w[0].transpose(2, 3, 0, 1), w[1]],
    ),
    "conv3d, channels first": (
        lambda: L.Conv3D(3, (2, 3, 1), data_format="channels_first"),
        (4, 6, 6, 6),
        lambda w: [w[0].transpose(4, 3, 0, 1, 2), w[1]],
    ),
    "gru": (lambda: L.GRU(3), (5, 4), lambda w: gates_of(w, [0, 1, 2])),
    "lstm": (lambda: L.LSTM(3), (5, 4), lambda w: gates_of(w, [0, 2, 1, 3])),
    "lstm, bidirectional": (
        lambda: L.Bidirectional(L.LSTM(3)),
        (5, 4),
        lambda w: gates_of(w[:3], [0, 2, 1, 3]) + gates_of(w[3:], [0, 2, 1, 3]),
    ),
    "conv lstm": (
        lambda: L.ConvLSTM2D(3, (2, 2)),
        (5, 6, 6, 4),
        lambda w: gates_of(w, [0, 2, 1, 3]),
    ),
    "conv lstm, channels first": (
        lambda: L.ConvLSTM2D(3, (2, 2), data_format="channels_first"),
        (5, 4, 6, 6),
        lambda w: [
            a.transpose(3, 2, 0, 1) if a.ndim == 4 else a for a in gates_of(w, [0, 2, 1, 3])
        ],
    ),
    "distributed": (
        lambda: L.TimeDistributed(L.Conv1D(3, 2)),
        (5, 6, 4),
        lambda w: [w[0][:, None], w[1]],
    ),
}


@pytest.mark.parametrize("name", LAYERS_OF_KERAS1)
def test_keras_1(name):
    make, shape, old = LAYERS_OF_KERAS1[name]
    layer = built(make(), *shape)
    weights = layer.get_weights()
    same(preprocess_weights_for_loading(layer, old(weights), "1"), weights)
    same(preprocess_weights_for_loading(layer, old(weights), "1.2.2"), weights)
    same(preprocess_weights_for_loading(layer, weights, "2.3.1", "tensorflow"), weights)


@pytest.mark.parametrize(
    "make, shape, kernels",
    [
        (lambda: L.Conv1D(3, 3), (6, 4), 1),
        (lambda: L.Conv2D(3, (2, 3)), (6, 6, 4), 1),
        (lambda: L.Conv3D(3, (2, 3, 2)), (6, 6, 6, 4), 1),
        (lambda: L.Conv2DTranspose(3, (2, 3)), (6, 6, 4), 1),
        (lambda: L.ConvLSTM2D(3, (2, 3)), (5, 6, 6, 4), 2),
        (lambda: L.Dense(3), (4,), 0),
    ],
)
def test_kernels_of_theano_are_flipped(make, shape, kernels):
    layer = built(make(), *shape)
    weights = layer.get_weights()
    flipped = [
        np.flip(w, tuple(range(w.ndim - 2))) if i < kernels else w for i, w in enumerate(weights)
    ]
    same(preprocess_weights_for_loading(layer, flipped, "2.2.4", "theano"), weights)


def test_a_kernel_for_each_gate_with_the_axes_of_today():
    layer = L.ConvLSTM2D(5, 3, data_format="channels_first")
    layer.build((None, 4, 6, 7, 7))
    today = layer.get_weights()
    old = [np.split(w, 4, -1) for w in today]
    gates = [w[i] for i in (0, 2, 1, 3) for w in old]
    for found, wanted in zip(preprocess_weights_for_loading(layer, gates, "1"), today):
        np.testing.assert_array_equal(found, wanted)


def test_kernels_with_the_output_axis_first_are_recognised():
    layer = built(L.Conv2D(3, (2, 5)), 6, 6, 4)
    weights = layer.get_weights()
    other = [weights[0].transpose(2, 3, 1, 0), weights[1]]  # what transpose(3, 2, 0, 1) undoes
    same(preprocess_weights_for_loading(layer, other, "2.2.4"), weights)


@pytest.mark.parametrize("wrap", [lambda layer: layer, L.Bidirectional], ids=["plain", "both ways"])
@pytest.mark.parametrize(
    "plain, twin",
    [
        (lambda: L.LSTM(3), lambda: L.CuDNNLSTM(3)),
        (lambda: L.GRU(3, reset_after=True), lambda: L.CuDNNGRU(3)),
    ],
    ids=["lstm", "gru"],
)
def test_cudnn_layers_and_plain_ones_take_each_others_weights(plain, twin, wrap):
    one, other = built(wrap(plain()), 5, 4), built(wrap(twin()), 5, 4)
    there = preprocess_weights_for_loading(other, one.get_weights(), "2.3.1")
    assert [a.shape for a in there] == [w.shape for w in other.get_weights()]
    back = preprocess_weights_for_loading(one, there, "2.3.1")
    for found, wanted in zip(back, one.get_weights()):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_kinds_of_gru_that_compute_differently():
    layer = built(L.GRU(3, name="gru"), 5, 4)
    for other in (L.GRU(3, reset_after=True), L.CuDNNGRU(3)):
        weights = built(other, 5, 4).get_weights()
        with pytest.raises(ValueError, match=r"'gru'.*one is a GRU with `reset_after=True`"):
            preprocess_weights_for_loading(layer, weights, "2.3.1")


def test_arrays_that_do_not_fit_are_named():
    layer = built(L.LSTM(3, name="rnn"), 5, 4)
    with pytest.raises(ValueError, match=r"'rnn' expects 3 weights.*have 2 elements"):
        preprocess_weights_for_loading(layer, layer.get_weights()[:2], "2.3.1")
    with pytest.raises(ValueError, match=r"'rnn', saved with shapes \[\(\), \(\), \(\)\]"):
        preprocess_weights_for_loading(layer, [np.zeros(())] * 3, "2.3.1")


def test_reshape_gives_arrays_of_the_right_size_the_right_shape():
    layer = built(L.Dense(6), 4)
    kernel, bias = layer.get_weights()
    found = preprocess_weights_for_loading(
        layer, [kernel.reshape(8, 3), bias], "2.3.1", reshape=True
    )
    same(found, [kernel, bias])


class TestNestedModels:
    """Whose order in a file depends on what was trainable when it was saved."""

    @staticmethod
    def nested(prefix, frozen=()):
        """A layer that is a model, its inner layers known by name."""
        kforge.backend.clear_session()
        inner = Sequential(
            [
                L.Dense(4, input_shape=(4,), name=f"{prefix}a"),
                L.BatchNormalization(name=f"{prefix}norm"),
                L.Dense(4, name=f"{prefix}b"),
            ]
        )
        for layer in inner.layers:
            layer.trainable = layer.name.removeprefix(prefix) not in frozen
        inputs = L.Input((4,))
        Model(inputs, inner(inputs))
        random = np.random.RandomState(1)
        inner.set_weights([random.rand(*w.shape) for w in inner.get_weights()])
        return inner

    @staticmethod
    def saved(inner):
        """What a file holds for it: names and arrays, trainable weights first."""
        return [w.name for w in inner.weights], [w.numpy() for w in inner.weights]

    @pytest.mark.parametrize("now", [(), ("a",), ("a", "b")])
    @pytest.mark.parametrize("then", [(), ("a",), ("b",), ("a", "norm", "b")])
    def test_by_the_names_of_the_inner_layers(self, then, now):
        source = self.nested("x_", then)
        target = self.nested("x_", now)
        wanted = {w.name: w.numpy() for w in source.weights}
        for variable, array in match(target, *self.saved(source), Source("2.3.1")):
            np.testing.assert_array_equal(array, wanted[variable.name])

    def test_by_the_order_in_which_the_shapes_agree(self):
        source = self.nested("x_", ())
        target = self.nested("y_", ("a",))
        wanted = {w.name: w.numpy() for w in source.weights}
        for variable, array in match(target, *self.saved(source), Source("2.3.1")):
            np.testing.assert_array_equal(array, wanted[variable.name.replace("y_", "x_")])

    def test_frozen_layers_come_behind(self):
        names, _ = self.saved(self.nested("x_", ("a",)))
        assert names[:2] == ["x_norm/gamma:0", "x_norm/beta:0"]
        assert names[-4:-2] != names[:2] and any("x_a" in name for name in names[4:])

    def test_models_within_models_within_wrappers(self):
        inner = self.nested("x_", ("b",))
        outer = Sequential([inner, L.Dense(2, name="x_c")])
        wrapper = L.TimeDistributed(outer)
        inputs = L.Input((3, 4))
        Model(inputs, wrapper(inputs))
        names, arrays = self.saved(wrapper)
        wanted = dict(zip(names, arrays))
        for flag in (True, False):
            outer.trainable = flag
            for variable, array in match(wrapper, names, arrays, Source("2.3.1")):
                np.testing.assert_array_equal(array, wanted[variable.name])

    def test_names_of_keras_1(self):
        inner = self.nested("x_")
        names, arrays = self.saved(inner)
        old = [name.replace("/", "_") for name in names]
        shuffled = [*range(2, len(names)), 0, 1]
        pairs = match(inner, [old[i] for i in shuffled], [arrays[i] for i in shuffled], Source())
        for variable, array in pairs:
            np.testing.assert_array_equal(array, dict(zip(names, arrays))[variable.name])


@pytest.mark.parametrize("name, is_told", [("W", True), ("W:0", False)])
def test_kernels_of_keras_1_that_theano_flipped(name, is_told, tmp_path):
    model = Sequential([L.TimeDistributed(L.Conv1D(2, 3), input_shape=(2, 7, 2))])
    kernel = np.random.RandomState(0).rand(3, 1, 2, 2).astype("float32")
    arrays = {name: kernel, name.replace("W", "b"): np.zeros(2, "float32")}
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.attrs["layer_names"] = ["conv"]
        file.create_group("conv").attrs["weight_names"] = list(arrays)
        for key, array in arrays.items():
            file["conv"][key] = array
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_weights(tmp_path / "weights.h5")
    told = ["of Keras 1 on Theano" in str(warning.message) for warning in caught]
    assert told == [True] * is_told
    np.testing.assert_array_equal(model.get_weights()[0], kernel[:, 0])
    with h5py.File(tmp_path / "weights.h5", "r+") as file:  # as the warning says
        file.attrs["backend"] = "theano"
    model.load_weights(tmp_path / "weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], kernel[::-1, 0])
