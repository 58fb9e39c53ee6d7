"""The layers with cuDNN's weights: they compute what the plain layers do, on any device."""

import numpy as np
import pytest

import kforge
from kforge import backend as K
from kforge import layers as L
from tests import golden
from tests.layers.sequences import BATCH, FEATURES, STEPS, UNITS, assert_same, computed, data


@golden.cases("h5_keras231", "cudnn_.*")
def test_file(case):
    golden.check(case)


@golden.cases("text", "config_CuDNN.*")
def test_config(case):
    golden.check(case)


def as_plain(weights, gates):
    """The weights of the plain layer: cuDNN has the matrix of each gate transposed in place."""
    kernel, recurrent, bias = weights
    matrices = [
        np.concatenate([m.reshape(UNITS, -1).T for m in np.split(w, gates, 1)], 1)
        for w in (kernel, recurrent)
    ]
    two = bias.reshape(2, -1)
    return [*matrices, two.sum(0) if gates == 4 else two]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cls, gates", [(L.CuDNNLSTM, 4), (L.CuDNNGRU, 3)])
def test_plain_layer_of_the_same_weights(cls, gates, backwards):
    loop = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    layer = cls(UNITS, bias_initializer="normal", **loop)
    assert layer.kernel_path == "native"
    states = [np.full((BATCH, UNITS), 0.3, "float32")] * (2 if gates == 4 else 1)
    found = computed(layer, states=states)
    plain = L.LSTM(UNITS, **loop) if gates == 4 else L.GRU(UNITS, reset_after=True, **loop)
    wanted = computed(plain, weights=as_plain(layer.get_weights(), gates), states=states)
    assert_same(found[:-3], wanted[:-3])  # all but the gradients of weights
    kernel, recurrent, bias = as_plain(found[-3:], gates)
    if gates == 4:  # both biases have the gradient of the plain layer's one
        bias = bias / 2
    assert_same([kernel, recurrent, bias], wanted[-3:])


def test_shapes_and_first_values_of_biases():
    lstm, gru = L.CuDNNLSTM(2), L.CuDNNGRU(2)
    for layer in (lstm, gru):
        layer.build((None, STEPS, FEATURES))
    bias = lstm.get_weights()[2]
    assert bias.shape == (16,) and np.flatnonzero(bias).tolist() == [10, 11]
    assert gru.get_weights()[2].tolist() == [0.0] * 12
    closed = L.CuDNNLSTM(2, unit_forget_bias=False)
    closed.build((None, STEPS, FEATURES))
    assert not np.any(closed.get_weights()[2])


@pytest.mark.parametrize("cls", [L.CuDNNLSTM, L.CuDNNGRU])
def test_weights_are_kept(cls):
    layer = cls(2)
    layer.build((None, STEPS, FEATURES))
    values = [np.random.RandomState(0).normal(size=w.shape) for w in layer.get_weights()]
    layer.set_weights(values)
    for found, wanted in zip(layer.get_weights(), values):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("cls", [L.CuDNNLSTM, L.CuDNNGRU])
def test_training_and_states_between_batches(cls):
    x = L.Input(batch_shape=(BATCH, STEPS, FEATURES))
    layer = cls(UNITS, stateful=True)
    model = kforge.Model(x, layer(x))
    model.compile("sgd", "mse")
    zeros = np.zeros((BATCH, UNITS))
    losses = [model.train_on_batch(data(), zeros) for _ in range(2)]
    assert losses[0] != losses[1]
    assert np.any(K.get_value(layer.states[0]))


def test_bidirectional():
    layer = L.Bidirectional(L.CuDNNGRU(UNITS))
    assert computed(layer)[0].shape == (BATCH, 2 * UNITS)


def test_what_cudnn_does_not_do():
    kforge.config.reset_uids()
    x = L.Input((STEPS, FEATURES))
    with pytest.raises(ValueError, match=r"cu_dnnlstm_1: masking is not supported.*Use `LSTM`"):
        L.CuDNNLSTM(2)(L.Masking()(x))
    for argument in ("unroll", "dropout", "activation"):
        with pytest.raises(TypeError, match=f"not understood.*{argument}"):
            L.CuDNNGRU(2, **{argument: 0.5})
