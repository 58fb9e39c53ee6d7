"""Cells by themselves, and the weights that they keep."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import layers as L
from kforge import symbolic
from kforge.models import Model
from tests import golden

LAST_FIRST = {"reverse_state_order": True}

CELLS = {
    "simple": (L.SimpleRNNCell, {}),
    "gru": (L.GRUCell, {}),
    "gru-after": (L.GRUCell, {"reset_after": True}),
    "lstm": (L.LSTMCell, {}),
}
cells = pytest.mark.parametrize("name", CELLS)


def built(name, **kwargs):
    cls, settings = CELLS[name]
    cell = cls(2, bias_initializer="normal", **settings, **kwargs)
    cell.build((None, 3))
    return cell


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(name, x, states, kernel, recurrent, bias):
    """One step by the formulas, with the weights as Keras has them."""
    h = states[0]
    if name == "simple":
        return [np.tanh(x @ kernel + bias + h @ recurrent)]
    if name == "lstm":
        i, f, g, o = np.split(x @ kernel + bias + h @ recurrent, 4, 1)
        c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        return [sigmoid(o) * np.tanh(c), c]
    after = name == "gru-after"
    inputs = x @ kernel + (bias[0] if after else bias)
    product = h @ recurrent + (bias[1] if after else 0.0)
    z, r = np.split(sigmoid(inputs + product)[:, :4], 2, 1)
    reset = r * product[:, 4:] if after else (r * h) @ recurrent[:, 4:]
    return [z * h + (1 - z) * np.tanh(inputs[:, 4:] + reset)]


@cells
def test_step(name):
    cell = built(name)
    rng = np.random.RandomState(0)
    x, *states = (rng.normal(size=(5, n)) for n in (3, 2, 2))
    states = states[: len(np.atleast_1d(cell.state_size))]
    wanted = by_hand(name, x, states, *cell.get_weights())
    output, found = cell.call(K.constant(x), [K.constant(s) for s in states])
    for f, w in zip([output, *found], [wanted[0], *wanted]):
        np.testing.assert_allclose(K.eval(f), w, rtol=1e-4, atol=1e-6)


class GateByGate(L.LSTMCell):
    """An LSTM written from the weights of its gates, as users' cells are."""

    def call(self, inputs, states, training=None):
        h, c = states

        def gate(letter):
            kernel, recurrent, bias = (
                getattr(self, f"{name}_{letter}") for name in ("kernel", "recurrent_kernel", "bias")
            )
            return K.bias_add(K.dot(inputs, kernel) + K.dot(h, recurrent), bias)

        i, f, o = (self.recurrent_activation(gate(letter)) for letter in "ifo")
        c = f * c + i * self.activation(gate("c"))
        h = o * self.activation(c)
        return h, [h, c]


def test_each_gate_has_its_part_of_the_weights():
    x = np.random.RandomState(0).normal(size=(2, 4, 3)).astype("float32")
    inputs = L.Input((4, 3))
    builtin, own = L.RNN(L.LSTMCell(5, bias_initializer="normal")), L.RNN(GateByGate(5))
    model = Model(inputs, [builtin(inputs), own(inputs)])
    own.set_weights(builtin.get_weights())
    wanted, found = model.predict(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_names_of_the_gates():
    gru = built("gru-after")
    bias = K.get_value(gru.bias)
    np.testing.assert_array_equal(K.eval(gru.input_bias_z), bias[0, :2])
    np.testing.assert_array_equal(K.eval(gru.recurrent_bias_h), bias[1, 4:])
    np.testing.assert_array_equal(K.eval(gru.kernel_r), K.get_value(gru.kernel)[:, 2:4])
    gru = built("gru", use_bias=False)
    assert gru.input_bias_z is None and gru.recurrent_bias_r is None
    assert not hasattr(gru, "kernel_i") and not hasattr(built("simple"), "kernel_z")
    lstm = L.LSTMCell(2)
    lstm.kernel_i = "mine"
    assert lstm.kernel_i == "mine" and not hasattr(lstm, "kernel_f")  # it is not built


@cells
def test_weights_are_those_of_keras_in_memory_of_torch(name):
    cell = built(name)
    kernel, recurrent, bias = cell.get_weights()
    gates = kernel.shape[1] // 2
    assert kernel.shape == (3, 2 * gates) and recurrent.shape == (2, 2 * gates)
    assert bias.shape == ((2, 2 * gates) if name == "gru-after" else (2 * gates,))
    assert cell.kernel.native.shape == (2 * gates, 3) and cell.kernel.native.is_contiguous()
    values = [np.random.RandomState(1).normal(size=w.shape) for w in (kernel, recurrent, bias)]
    cell.set_weights(values)
    for found, wanted in zip(cell.get_weights(), values):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_torch_has_the_gates_of_a_gru_in_another_order():
    cell = built("gru-after")
    update, reset, candidate = np.split(cell.get_weights()[0], 3, 1)
    stored = np.concatenate([reset, update, candidate], 1).T
    np.testing.assert_array_equal(cell.kernel.native.detach().cpu(), stored)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_dropout_draws_once_for_all_steps(name):
    cell = built(name, dropout=0.5, recurrent_dropout=0.5)
    x, state = (torch.ones(64, n, device=cell.kernel.device) for n in (3, 2))
    states = [state] * (2 if name == "lstm" else 1)
    with symbolic.executing(1), torch.no_grad():
        first = cell.call(x, states, training=True)[0]
        assert torch.equal(cell.call(x, states, training=True)[0], first)
        cell._dropout_mask = cell._recurrent_dropout_mask = None
        assert not torch.equal(cell.call(x, states, training=True)[0], first)


def test_rates_are_kept_between_0_and_1():
    cell = L.LSTMCell(2, dropout=1.5, recurrent_dropout=-0.5)
    assert (cell.dropout, cell.recurrent_dropout) == (1.0, 0.0)


def test_sizes():
    assert L.LSTMCell(2).state_size == (2, 2)
    assert L.GRUCell(2).state_size == L.SimpleRNNCell(2).state_size == 2
    stack = L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(3)])
    assert tuple(stack.state_size) == (2, 2, 3)
    assert stack.output_size == 3


def test_stack_has_the_weights_of_its_cells():
    stack = L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(3)])
    stack.build((None, 4))
    shapes = [w.shape for w in stack.get_weights()]
    assert shapes == [(4, 8), (2, 8), (8,), (2, 9), (3, 9), (9,)]
    again = L.StackedRNNCells.from_config(stack.get_config())
    again.build((None, 4))
    again.set_weights(stack.get_weights())
    for a, b in zip(again.get_weights(), stack.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_states_of_a_stack_may_be_those_of_the_last_cell_first():
    x = np.random.RandomState(0).randn(2, 4, 3).astype("float32")
    stacks = [L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(3)], **more) for more in ({}, LAST_FIRST)]
    models = []
    for stack in stacks:
        inputs = L.Input((4, 3))
        models.append(Model(inputs, L.RNN(stack, return_state=True)(inputs)))
    models[1].set_weights(models[0].get_weights())
    (output, h, c, state), found = (model.predict(x) for model in models)
    assert tuple(stacks[1].state_size) == (3, 2, 2)
    for a, b in zip((output, state, h, c), found):
        np.testing.assert_array_equal(a, b)
    again = L.StackedRNNCells.from_config(stacks[1].get_config())
    assert again.reverse_state_order and not stacks[0].reverse_state_order
    stack, states = stacks[1], [K.zeros((1, n)) for n in (3, 2, 2)]
    _, new = stack.call(K.zeros((1, 3)), states)
    assert [K.int_shape(s)[1] for s in new] == [3, 2, 2]


@pytest.mark.parametrize("cls, gates", [(L.SimpleRNN, 1), (L.GRU, 3), (L.LSTM, 4)])
def test_each_gate_starts_from_the_identity(cls, gates):
    layer = cls(3, recurrent_initializer="identity")
    layer(L.Input((4, 2)))
    np.testing.assert_array_equal(layer.get_weights()[1], np.tile(np.eye(3), (1, gates)))


def test_regularizers_and_constraints_reach_the_weights():
    cell = L.LSTMCell(2, kernel_regularizer="l2", recurrent_constraint="non_neg")
    cell.build((None, 3))
    assert len(cell.losses) == 1
    np.testing.assert_allclose(
        K.eval(cell.losses[0]), 0.01 * np.sum(cell.get_weights()[0] ** 2), rtol=1e-5
    )
    assert cell.recurrent_kernel.constraint is not None and cell.kernel.constraint is None


@golden.cases("text", "config_(RNN|LSTM|GRU|SimpleRNN).*")
def test_config(case):
    golden.check(case)
