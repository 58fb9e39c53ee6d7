"""SimpleRNN, GRU and LSTM: the same numbers on every path, and the path that each takes."""

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge import layers as L
from kforge import lowering
from kforge.layers import recurrent
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


@golden_models.cases("models_rnn", "(simple_rnn|lstm|gru)_.*")
def test_model(case):
    golden_models.check(case)


@golden_models.cases("training_optimizers", "gru_.*")
def test_training(case):
    golden.check(case)


# ---- all paths compute the same ---------------------------------------------------------------

CONFIGURATIONS = {
    "simple": (L.SimpleRNN, {}),
    "simple-relu": (L.SimpleRNN, {"activation": "relu", "use_bias": False}),
    "lstm": (L.LSTM, {}),
    "lstm-hard": (L.LSTM, {"recurrent_activation": "hard_sigmoid"}),
    "lstm-relu": (L.LSTM, {"activation": "relu", "use_bias": False, "implementation": 1}),
    "gru": (L.GRU, {}),
    "gru-hard": (L.GRU, {"recurrent_activation": "hard_sigmoid", "use_bias": False}),
    "gru-after": (L.GRU, {"reset_after": True}),
    "gru-after-hard": (L.GRU, {"reset_after": True, "recurrent_activation": "hard_sigmoid"}),
    "gru-after-plain": (L.GRU, {"reset_after": True, "use_bias": False, "implementation": 1}),
}
configurations = pytest.mark.parametrize("name", CONFIGURATIONS)
CELLS = {L.SimpleRNN: L.SimpleRNNCell, L.LSTM: L.LSTMCell, L.GRU: L.GRUCell}


def layer_of(name, **kwargs):
    cls, settings = CONFIGURATIONS[name]
    return cls(UNITS, bias_initializer="normal", **settings, **kwargs)


def step_by_step(name, **kwargs):
    """The layer as an RNN that calls its cell at each step, as it does with cells of users."""
    cls, settings = CONFIGURATIONS[name]

    class Cell(CELLS[cls]):
        def call(self, inputs, states, training=None):
            return super().call(inputs, states, training)

    return L.RNN(Cell(UNITS, bias_initializer="normal", **settings), **kwargs)


def states_of(name):
    count = 2 if name.startswith("lstm") else 1
    return [np.random.RandomState(i).normal(size=(BATCH, UNITS)) for i in range(count)]


@configurations
@masks
@pytest.mark.parametrize("sequences", [False, True], ids=["", "sequences"])
def test_paths_agree(name, mask, sequences):
    loop = {"return_sequences": sequences, "go_backwards": sequences}
    reference = step_by_step(name, **loop)
    wanted = computed(reference, mask)
    for unroll in (False, True):  # unrolled, never through torch's kernels
        layer = layer_of(name, unroll=unroll, **loop)
        assert_same(computed(layer, mask, reference.get_weights()), wanted)


@configurations
@masks
def test_paths_agree_on_states(name, mask):
    loop = {"return_sequences": True, "return_state": True}
    reference = step_by_step(name, **loop)
    wanted = computed(reference, mask, states=states_of(name))
    for unroll in (False, True):
        layer = layer_of(name, unroll=unroll, **loop)
        assert_same(computed(layer, mask, reference.get_weights(), states_of(name)), wanted)


@configurations
def test_last_output_with_states(name):
    """Where all steps are masked, the output is zero and the states are the initial ones."""
    layer = layer_of(name, return_state=True)
    states = states_of(name)
    output, *last = computed(layer, "gaps", states=states)[: 1 + len(states)]
    assert not np.any(output[3])
    for state, first in zip(last, states):
        np.testing.assert_allclose(state[3], first[3], rtol=1e-6)
    np.testing.assert_array_equal(output[:3], last[0][:3])


@configurations
def test_layer_on_values(name):
    layer = layer_of(name, return_sequences=True)
    wanted = computed(layer)[0]
    with torch.no_grad():
        found = layer(torch.from_numpy(data())).cpu()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["simple", "lstm", "lstm-hard", "gru", "gru-after"])
def test_gradients_of_gradients(name):
    """As a gradient penalty takes them."""
    found, weights = [], None
    for unroll in (False, True):
        x, layer = L.Input((STEPS, FEATURES)), layer_of(name, unroll=unroll)
        slope = K.gradients(K.sum(layer(x)), x)[0]
        weights = weights or layer.get_weights()
        layer.set_weights(weights)
        seconds = K.gradients(K.sum(K.square(slope)), layer.trainable_weights)
        found.append(K.function([x], seconds)([data()]))
    assert_same(*found)


# ---- which path -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, path",
    [
        (lambda: L.LSTM(2), "native"),
        (lambda: L.LSTM(2, dropout=0.2), "native"),
        (lambda: L.LSTM(2, dropout=0.2, implementation=1), "loop"),
        (lambda: L.LSTM(2, recurrent_dropout=0.2), "loop"),
        (lambda: L.LSTM(2, recurrent_activation="hard_sigmoid"), "loop"),
        (lambda: L.LSTM(2, activation="relu"), "loop"),
        (lambda: L.LSTM(2, unroll=True), "loop"),
        (lambda: L.GRU(2), "loop"),
        (lambda: L.GRU(2, reset_after=True), "native"),
        (lambda: L.GRU(2, reset_after=True, activation="elu"), "loop"),
        (lambda: L.SimpleRNN(2), "native"),
        (lambda: L.SimpleRNN(2, activation="relu"), "native"),
        (lambda: L.SimpleRNN(2, activation="sigmoid"), "loop"),
        (lambda: L.RNN(L.LSTMCell(2)), "native"),
        (lambda: L.RNN([L.LSTMCell(2), L.GRUCell(2)]), "loop"),
    ],
)
def test_kernel_path(make, path):
    layer = make()
    assert layer.kernel_path == path
    layer(L.Input((STEPS, FEATURES)))
    assert layer.kernel_path == path


@pytest.mark.parametrize(
    "make, path",
    [
        (lambda: L.LSTM(2), "native"),
        (lambda: L.LSTM(2, return_sequences=True, go_backwards=True), "native"),
        (lambda: L.LSTM(2, return_state=True), "native"),
        (lambda: L.GRU(2, reset_after=True, return_state=True), "native"),
        (lambda: L.SimpleRNN(2, return_state=True), "native"),
    ],
)
def test_kernel_path_with_a_mask(make, path):
    layer = make()
    layer(L.Masking()(L.Input((STEPS, FEATURES))))
    assert layer.kernel_path == path


def functions(output, x, phase):
    graph = lowering.lower([output], [x], phase=phase).module.graph
    return {getattr(n.target, "__name__", "") for n in graph.nodes}


def test_testing_takes_the_kernel_that_dropout_forbids():
    x = L.Input((STEPS, FEATURES))
    output = L.LSTM(2, dropout=0.2, recurrent_dropout=0.2, implementation=1)(x)
    assert "lstm" in functions(output, x, 0) and "loop" not in functions(output, x, 0)
    assert "loop" in functions(output, x, 1)
    output = L.LSTM(2, recurrent_dropout=0.2)(x)
    assert torch.lstm in {n.target for n in lowering.lower([output], [x]).module.graph.nodes}
    assert "loop" not in functions(output, x, 1)


# ---- dropout ----------------------------------------------------------------------------------

ONES = np.ones((200, STEPS, 6), "float32")


def trained(layer, weights, x=ONES, **call):
    """What a layer gives in the training phase."""
    inputs = L.Input(x.shape[1:])
    output = layer(inputs, **call)
    layer.set_weights(weights)
    return K.function([inputs, K.learning_phase()], [output])([x, 1])[0]


def test_dropout_of_inputs():
    layer = L.SimpleRNN(6, activation="linear", dropout=0.4, return_sequences=True)
    y = trained(layer, [np.eye(6), np.zeros((6, 6)), np.zeros(6)])
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.6)}
    assert abs(np.mean(y == 0) - 0.4) < 0.05
    np.testing.assert_array_equal(y, y[:, :1].repeat(STEPS, 1))  # the same at all steps
    assert len(np.unique(y[:, 0], axis=0)) > 20  # another for each sample


@pytest.mark.parametrize("activation", ["linear", "softplus"], ids=["scan", "loop"])
def test_dropout_of_states(activation):
    layer = L.SimpleRNN(6, activation, recurrent_dropout=0.5, return_sequences=True)
    first = K.constant(np.ones((len(ONES), 6)))
    weights = [np.zeros((6, 6)), np.eye(6), np.zeros(6)]
    y = trained(layer, weights, initial_state=[first])
    kept = y[:, 0] > 1.5
    assert abs(kept.mean() - 0.5) < 0.05
    if activation == "linear":
        for t in range(STEPS):
            np.testing.assert_array_equal(y[:, t], kept * 2.0 ** (t + 1))


@pytest.mark.parametrize("cls, gates", [(L.LSTMCell, 4), (L.GRUCell, 3)])
def test_gates_share_masks_in_implementation_2(cls, gates):
    x = torch.ones(300, 6)
    for implementation, count in ((1, gates), (2, 1)):
        cell = cls(1, dropout=0.5, implementation=implementation)
        with kforge.symbolic.executing(1):
            masks = cell._draw(x, 0.5)
        assert len(masks) == count
        assert not any(torch.equal(masks[0], m) for m in masks[1:])


@pytest.mark.parametrize("implementation", [1, 2])
@pytest.mark.parametrize("name", ["simple", "lstm", "gru", "gru-after"])
@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4), (0.4, 0.4)])
def test_dropout_in_training_only(name, implementation, rates):
    cls, settings = CONFIGURATIONS[name]
    settings = settings if name == "simple" else {**settings, "implementation": implementation}
    dropping = cls(UNITS, dropout=rates[0], recurrent_dropout=rates[1], **settings)
    plain = cls(UNITS, **settings)
    wanted = computed(plain)
    assert_same(computed(dropping, weights=plain.get_weights()), wanted)
    changed = computed(
        cls(UNITS, dropout=rates[0], recurrent_dropout=rates[1], **settings), phase=1
    )
    assert all(np.all(np.isfinite(a)) for a in changed)
    x = L.Input((STEPS, FEATURES))
    run = K.function([x, K.learning_phase()], [dropping(x)])
    assert not np.allclose(run([data(), 1])[0], run([data(), 1])[0])


def test_mean_over_masks_is_the_plain_output():
    """Of linear units: what dropout gives on average."""
    plain = L.SimpleRNN(UNITS, activation="linear")
    x = data()[:1].repeat(20000, 0)
    wanted = computed(plain)[0][0]
    dropping = L.SimpleRNN(UNITS, activation="linear", dropout=0.2)
    found = trained(dropping, plain.get_weights(), x)
    np.testing.assert_allclose(found.mean(0), wanted, atol=0.05)


# ---- states between batches -------------------------------------------------------------------


def stateful(cls, **kwargs):
    x = L.Input(batch_shape=(BATCH, STEPS, FEATURES))
    layer = cls(UNITS, stateful=True, **kwargs)
    return kforge.Model(x, layer(x)), layer


@pytest.mark.parametrize("cls", [L.SimpleRNN, L.GRU, L.LSTM])
@masks
def test_stateful(cls, mask):
    x = L.Input(batch_shape=(BATCH, STEPS, FEATURES))
    layer = cls(UNITS, stateful=True)
    model = kforge.Model(x, layer(x if mask == "none" else L.Masking()(x)))
    whole = cls(UNITS)
    first, second = data(mask), data(mask, seed=1)
    longer = L.Input((2 * STEPS, FEATURES))
    at_once = kforge.Model(longer, whole(longer if mask == "none" else L.Masking()(longer)))
    at_once.set_weights(model.get_weights())
    start = model.predict(first, batch_size=BATCH)
    found = model.predict(second, batch_size=BATCH)
    wanted = at_once.predict(np.concatenate([first, second], 1))
    some = np.array(MASKS[mask] or np.ones((BATCH, STEPS))).any(1)
    np.testing.assert_allclose(found[some], wanted[some], rtol=1e-4, atol=1e-6)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(first, batch_size=BATCH), start)


def test_states_may_be_set():
    model, layer = stateful(L.LSTM, return_state=True)
    before = model.predict(data(), batch_size=BATCH)
    after = model.predict(data(), batch_size=BATCH)
    layer.reset_states(states=before[1:])
    for found, wanted in zip(model.predict(data(), batch_size=BATCH), after):
        np.testing.assert_array_equal(found, wanted)
    assert [K.int_shape(s) for s in layer.states] == [(BATCH, UNITS)] * 2
    np.testing.assert_array_equal(K.get_value(layer.states[1]), after[2])
    layer.reset_states()
    assert not np.any(K.get_value(layer.states[0]))


def test_training_moves_states():
    model, layer = stateful(L.GRU)
    model.compile("sgd", "mse")
    model.train_on_batch(data(), np.zeros((BATCH, UNITS)))
    assert np.any(K.get_value(layer.states[0]))
    assert not any("state" in w.name for w in model.weights)


@pytest.mark.parametrize(
    "states, text",
    [
        ([np.zeros((BATCH, UNITS))], "lstm_1 expects 2 states, but it received 1"),
        ([np.zeros((BATCH, UNITS)), np.zeros((BATCH, 1))], r"State 1 .* expected shape=\(4, 4\)"),
    ],
)
def test_states_of_other_shapes(states, text):
    kforge.config.reset_uids()
    _, layer = stateful(L.LSTM)
    with pytest.raises(ValueError, match=text):
        layer.reset_states(states)


def test_reset_states_needs_a_stateful_layer_of_known_batch():
    with pytest.raises(AttributeError, match="must be stateful"):
        L.LSTM(2).reset_states()
    with pytest.raises(ValueError, match="batch size"):
        L.LSTM(2, stateful=True).reset_states()


# ---- initial states ---------------------------------------------------------------------------


def test_initial_states_that_are_values():
    h, c = np.full((BATCH, UNITS), 0.2, "float32"), np.full((BATCH, UNITS), -0.3, "float32")
    layer = L.LSTM(UNITS)
    wanted = computed(layer, states=[h, c])[0]
    x = L.Input((STEPS, FEATURES))
    for states in ([K.variable(h), K.variable(c)], [h, c], (K.constant(h), K.constant(c))):
        found = K.function([x], [layer(x, initial_state=states)])([data()])[0]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    tensors = [torch.from_numpy(a) for a in (data(), h, c)]
    with torch.no_grad():
        np.testing.assert_allclose(layer(tensors[0], tensors[1:]).cpu(), wanted, rtol=1e-5)


def test_encoder_hands_its_states_to_a_decoder():
    source, target = L.Input((None, FEATURES)), L.Input((None, FEATURES))
    _, *states = L.LSTM(UNITS, return_state=True)(source)
    decoder = L.LSTM(UNITS, return_sequences=True, return_state=True)
    outputs, *_ = decoder(target, initial_state=states)
    model = kforge.Model([source, target], outputs)
    model.compile("sgd", "mse")
    x, y = data(), np.zeros((BATCH, STEPS, UNITS))
    before = model.evaluate([x, x], y, verbose=0)
    model.fit([x, x], y, epochs=3, verbose=0)
    assert model.evaluate([x, x], y, verbose=0) < before
    again = kforge.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict([x, x]), model.predict([x, x]))


# ---- subclasses, settings ---------------------------------------------------------------------


class Doubled(L.LSTM):
    """With a weight and a `call` of its own."""

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(name="scale", shape=(self.units,), initializer="ones")

    def call(self, inputs, mask=None, training=None, initial_state=None):
        found = super().call(inputs, mask=mask, training=training, initial_state=initial_state)
        return 2.0 * found * self.scale


@masks
def test_subclass(mask):
    plain = L.LSTM(UNITS)
    wanted = computed(plain, mask)[0]
    layer = Doubled(UNITS)
    found = computed(layer, mask, [np.ones(UNITS), *plain.get_weights()])[0]
    np.testing.assert_allclose(found, 2.0 * wanted, rtol=1e-5, atol=1e-6)
    assert layer.weights[0].name.endswith("/scale:0")


def test_activity_regularizer():
    x = L.Input((STEPS, FEATURES))
    model = kforge.Model(x, L.GRU(UNITS, activity_regularizer="l2")(x))
    model.compile("sgd", "mse")
    y = model.predict(data())
    found = model.test_on_batch(data(), y)
    np.testing.assert_allclose(found, 0.01 * np.sum(y**2), rtol=1e-3)


def test_forget_gate_begins_open():
    for open_, value in ((True, 1.0), (False, 0.0)):
        layer = L.LSTM(2, unit_forget_bias=open_)
        layer.build((None, STEPS, FEATURES))
        assert layer.get_weights()[2].tolist() == [0, 0, value, value, 0, 0, 0, 0]


def test_sizes_of_keras_1():
    layer = L.LSTM(2, input_dim=FEATURES, input_length=STEPS)
    assert layer.batch_input_shape == (None, STEPS, FEATURES)


def test_implementation_0_is_1():
    with pytest.warns(UserWarning, match="implementation=0"):
        layer = L.GRU(2, implementation=0)
    assert layer.implementation == 1


def test_double_precision():
    before = K.floatx()
    K.set_floatx("float64")
    try:
        assert {a.dtype.name for a in computed(L.LSTM(2), "gaps")} == {"float64"}
    finally:
        K.set_floatx(before)


def test_a_cell_of_your_own_draws_masks_as_keras_cells_do():
    x = L.Input((8,))
    three = recurrent.generate_dropout_mask(K.ones_like(x), 0.5, count=3)
    one = recurrent.generate_dropout_mask(K.ones_like(x), 0.5)
    masks = K.function([x, K.learning_phase()], [*three, one])
    assert all(np.all(mask == 1) for mask in masks([np.zeros((50, 8)), 0]))
    drawn = masks([np.zeros((50, 8)), 1])
    assert [set(mask.ravel()) for mask in drawn] == [{0, 2}] * 4
    assert not np.array_equal(drawn[0], drawn[1])
