"""The loop over time, for cells of any kind."""

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge import layers as L
from tests import golden, golden_models
from tests.layers.sequences import (
    BATCH,
    FEATURES,
    MASKS,
    STEPS,
    UNITS,
    assert_same,
    computed,
    data,
)

masks = pytest.mark.parametrize("mask", MASKS)


@golden_models.cases("models_rnn", "rnn_.*")
def test_model(case):
    golden_models.check(case)


@golden.cases("text", "error_(rnn|stateful|unroll|reset_states|lstm).*")
def test_error(case):
    golden.check(case)


@golden.cases("training_loops", "stateful.*")
def test_training(case):
    golden.check(case)


class Plain(L.Layer):
    """``h = tanh(x W + h U)``, with a state that counts steps, and one that the output is not."""

    def __init__(self, units, **kwargs):
        self.units, self.state_size, self.output_size = units, [units, 1], 2 * units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.w = self.add_weight("w", (input_shape[-1], self.units), initializer="normal")
        self.u = self.add_weight("u", (self.units, self.units), initializer="normal")
        self.built = True

    def call(self, inputs, states):
        h = K.tanh(K.dot(inputs, self.w) + K.dot(states[0], self.u))
        return K.concatenate([h, 2.0 * h]), [h, states[1] + 1.0]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def by_hand(x, mask, w, u):
    """What `Plain` gives: outputs of all steps, and the last states."""
    h, count = np.zeros((len(x), w.shape[1])), np.zeros((len(x), 1))
    output, outputs = np.zeros((len(x), 2 * w.shape[1])), []
    for t in range(x.shape[1]):
        new, kept = np.tanh(x[:, t] @ w + h @ u), mask[:, t : t + 1]
        output = np.where(kept, np.concatenate([new, 2 * new], 1), output)
        h, count = np.where(kept, new, h), count + kept
        outputs.append(output)
    return np.stack(outputs, 1), h, count


@masks
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_cell_of_the_user(mask, backwards, unroll):
    layer = L.RNN(Plain(3), True, True, go_backwards=backwards, unroll=unroll)
    assert layer.kernel_path == "loop"
    found = computed(layer, mask)[:3]
    kept = np.ones((BATCH, STEPS)) if MASKS[mask] is None else np.array(MASKS[mask])
    order = slice(None, None, -1) if backwards else slice(None)
    assert_same(found, by_hand(data(mask)[:, order], kept[:, order], *layer.get_weights()))


def test_shapes_follow_output_size():
    x = L.Input((None, FEATURES))
    output, *states = L.RNN(Plain(3), return_sequences=True, return_state=True)(x)
    assert K.int_shape(output) == (None, None, 6)
    assert [K.int_shape(s) for s in states] == [(None, 3), (None, 1)]
    assert K.int_shape(L.RNN(Plain(3))(x)) == (None, 6)


def test_length_may_change_from_batch_to_batch():
    x = L.Input((None, FEATURES))
    model = kforge.Model(x, L.RNN(Plain(3), return_sequences=True)(x))
    for steps in (2, 7):
        assert model.predict(np.ones((BATCH, steps, FEATURES))).shape == (BATCH, steps, 6)


class WithFirstState(Plain):
    """A cell that says where it begins."""

    def get_initial_state(self, inputs):
        zeros = K.zeros_like(inputs[:, 0, :1])
        return [K.tile(zeros, (1, self.units)) + 0.5, zeros + 10.0]


def test_cell_may_give_the_initial_state():
    count = computed(L.RNN(WithFirstState(3), return_state=True))[2]
    np.testing.assert_array_equal(count, np.full((BATCH, 1), 10.0 + STEPS))


class Scaled(L.Layer):
    """Adds inputs, scaled by a constant, to its state."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.shapes = input_shape
        self.built = True

    def call(self, inputs, states, constants):
        h = states[0] + inputs * constants[0]
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_symbolic_constants():
    x, scale = L.Input((STEPS, FEATURES)), L.Input((FEATURES,))
    layer = L.RNN(Scaled(FEATURES))
    model = kforge.Model([x, scale], layer(x, constants=scale))
    assert layer.cell.shapes == [(None, FEATURES), (None, FEATURES)]
    scales = np.random.RandomState(1).normal(size=(BATCH, FEATURES)).astype("float32")
    found = model.predict([data(), scales])
    np.testing.assert_allclose(found, data().sum(1) * scales, rtol=1e-5)
    config = model.get_config()
    again = kforge.Model.from_config(config, custom_objects={"Scaled": Scaled})
    np.testing.assert_array_equal(again.predict([data(), scales]), found)


def test_constants_beside_states_in_a_list():
    x, h, scale = L.Input((STEPS, FEATURES)), L.Input((FEATURES,)), L.Input((FEATURES,))
    layer = L.RNN(Scaled(FEATURES))
    arrays = [data(), np.ones((BATCH, FEATURES)), np.full((BATCH, FEATURES), 2.0)]
    for output in (layer(x, h, scale), layer([x, h, scale])):  # it knows now that it has one
        found = kforge.Model([x, h, scale], output).predict(arrays)
        np.testing.assert_allclose(found, 1.0 + 2.0 * data().sum(1), rtol=1e-5)


def test_constants_that_are_values():
    x = L.Input((STEPS, FEATURES))
    found = L.RNN(Scaled(FEATURES))(x, constants=K.variable(np.full(FEATURES, 2.0)))
    np.testing.assert_allclose(
        K.function([x], [found])([data()])[0], 2.0 * data().sum(1), rtol=1e-5
    )
    real = L.RNN(Scaled(FEATURES))(torch.ones(2, 3, FEATURES), constants=[torch.full((3,), 2.0)])
    assert torch.equal(real, torch.full((2, FEATURES), 6.0))


# ---- stacks of cells --------------------------------------------------------------------------


class OneByOne(L.LSTMCell):
    """An LSTM cell that is called step by step, as cells of users are."""

    def call(self, inputs, states, training=None):
        return super().call(inputs, states, training)


def stack(*classes):
    return [cls(n) for cls, n in zip(classes, (3, UNITS))]


@masks
@pytest.mark.parametrize("backwards", [False, True])
def test_stacked_cells_run_one_after_the_other(mask, backwards):
    whole = L.RNN(stack(L.GRUCell, L.LSTMCell), True, True, go_backwards=backwards)
    by_steps = L.RNN(stack(L.GRUCell, OneByOne), True, True, go_backwards=backwards)
    wanted = computed(by_steps, mask)
    assert_same(computed(whole, mask, by_steps.get_weights()), wanted)


def test_stacked_cells_are_stacked_layers():
    cells = L.RNN(stack(L.LSTMCell, L.LSTMCell))
    assert cells.kernel_path == "native"
    found = computed(cells)[0]
    x = L.Input((STEPS, FEATURES))
    layers = [L.LSTM(3, return_sequences=True), L.LSTM(UNITS)]
    model = kforge.Model(x, layers[1](layers[0](x)))
    model.set_weights(cells.get_weights())
    np.testing.assert_allclose(model.predict(data()), found, rtol=1e-5)


def test_initial_states_of_stacked_cells():
    states = [np.full((BATCH, n), 0.1 * i, "float32") for i, n in enumerate((3, 3, UNITS))]
    by_steps = L.RNN(stack(OneByOne, L.GRUCell), return_state=True)
    wanted = computed(by_steps, "gaps", states=states)
    whole = L.RNN(stack(L.LSTMCell, L.GRUCell), return_state=True)
    assert_same(computed(whole, "gaps", by_steps.get_weights(), states), wanted)


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda x: L.RNN(3), ValueError, "`cell` should have a `call`"),
        (lambda x: L.RNN([L.LSTMCell(2), 3]), ValueError, "All cells must have a `call`"),
        (lambda x: L.LSTM(2)(x, constants=x), TypeError, "lstm_1: got constants, but .*LSTMCell"),
        (lambda x: L.LSTM(2)(x, [x]), ValueError, "lstm_1 has 2 states but was passed 1"),
        (lambda x: L.GRU(2)(x, x[:, 0]), ValueError, "gru_1: an initial_state was .*3.* is 2"),
        (lambda x: L.GRU(2)([x, x], x), ValueError, "in `inputs` or as keywords"),
        (lambda x: L.GRU(2)(L.Input((5, None))), ValueError, "gru_1: the number of features"),
    ],
)
def test_refused(make, error, text):
    kforge.config.reset_uids()
    with pytest.raises(error, match=text):
        make(L.Input((STEPS, FEATURES)))


def test_a_call_that_fails_leaves_no_trace():
    layer, x = L.LSTM(UNITS), L.Input((STEPS, FEATURES))
    with pytest.raises(ValueError, match="not compatible"):
        layer(x, initial_state=[L.Input((UNITS,)), L.Input((UNITS + 1,))])
    assert K.int_shape(layer(x)) == (None, UNITS)


def test_what_a_layer_cannot_give_its_cell_is_not_asked_for():
    kforge.config.reset_uids()
    layer = L.LSTM(UNITS)
    with pytest.raises(AttributeError, match="lstm_1 has no inbound nodes"):
        print(layer.output)
    for _ in range(2):
        layer(L.Input((STEPS, FEATURES)))
    with pytest.raises(AttributeError, match="lstm_1 has multiple inbound nodes"):
        print(layer.output)
    assert K.int_shape(layer.kernel) == (FEATURES, 4 * UNITS)  # that of the cell
