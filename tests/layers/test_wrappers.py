"""Layers around layers."""

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


@pytest.mark.parametrize("case", golden.load("models_wrappers").values(), ids=repr)
def test_model(case):
    golden_models.check(case)


@golden.cases("text", "config_(Bidirectional|TimeDistributed).*|error_bidirectional.*")
def test_text(case):
    golden.check(case)


# ---- Bidirectional ----------------------------------------------------------------------------

MERGES = {
    "concat": lambda a, b: [np.concatenate([a, b], -1)],
    "sum": lambda a, b: [a + b],
    "ave": lambda a, b: [(a + b) / 2],
    "mul": lambda a, b: [a * b],
    None: lambda a, b: [a, b],
}


def directions(make, weights, mask, **kwargs):
    """What the layer gives forwards, and backwards in the order of the steps."""
    half = len(weights) // 2
    ahead = computed(make(**kwargs), mask, weights[:half])
    back = computed(make(go_backwards=True, **kwargs), mask, weights[half:])
    return ahead, back


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("sequences", [False, True], ids=["", "sequences"])
@masks
def test_two_directions(merge, sequences, mask):
    def make(**kwargs):
        return L.GRU(UNITS, return_sequences=sequences, **kwargs)

    layer = L.Bidirectional(make(), merge_mode=merge)
    found = computed(layer, mask)
    (ahead, *_), (back, *_) = directions(make, layer.get_weights(), mask)
    wanted = MERGES[merge](ahead, back[:, ::-1] if sequences else back)
    assert_same(found[: len(wanted)], wanted)


def test_bidirectional_lists_constraints_by_weight():
    layer = L.Bidirectional(L.GRU(2, kernel_constraint="non_neg"), input_shape=(3, 2))
    kforge.Sequential([layer])
    assert [w.name.split("/")[-1] for w in layer.constraints] == ["kernel:0", "kernel:0"]


@pytest.mark.parametrize("cls", [L.LSTM, L.GRU, L.SimpleRNN])
@masks
def test_states_of_both_directions(cls, mask):
    def make(**kwargs):
        return cls(UNITS, return_state=True, **kwargs)

    layer = L.Bidirectional(make())
    found = computed(layer, mask)
    ahead, back = directions(make, layer.get_weights(), mask)
    count = 2 if cls is L.LSTM else 1
    wanted = [np.concatenate([ahead[0], back[0]], -1), *ahead[1 : 1 + count], *back[1 : 1 + count]]
    assert_same(found[: len(wanted)], wanted)
    shapes = [K.int_shape(t) for t in layer.get_output_at(0)]
    assert shapes == [(None, 2 * UNITS)] + [(None, UNITS)] * 2 * count


def test_initial_states_of_both_directions():
    rng = np.random.RandomState(0)
    states = [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(4)]
    layer = L.Bidirectional(L.LSTM(UNITS))
    found = computed(layer, states=states)[0]
    weights = layer.get_weights()
    ahead = computed(L.LSTM(UNITS), weights=weights[:3], states=states[:2])[0]
    back = computed(L.LSTM(UNITS, go_backwards=True), weights=weights[3:], states=states[2:])[0]
    np.testing.assert_allclose(found, np.concatenate([ahead, back], -1), rtol=1e-5, atol=1e-6)
    x = L.Input((STEPS, FEATURES))
    values = K.function([x], [layer(x, initial_state=[K.constant(s) for s in states])])
    np.testing.assert_allclose(values([data()])[0], found, rtol=1e-5, atol=1e-6)


def test_initial_weights():
    layer = L.Bidirectional(L.GRU(2))
    layer.build((None, STEPS, FEATURES))
    weights = [np.random.RandomState(0).normal(size=w.shape) for w in layer.get_weights()]
    again = L.Bidirectional(L.GRU(2), weights=weights)
    again(L.Input((STEPS, FEATURES)))
    for found, wanted in zip(again.get_weights(), weights):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_freezing_both_directions():
    layer = L.Bidirectional(L.LSTM(2))
    layer.build((None, STEPS, FEATURES))
    assert len(layer.trainable_weights) == 6
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 6
    assert not layer.forward_layer.trainable


def test_updates_and_losses_of_both_directions():
    x = L.Input((3, 2))
    layer = L.Bidirectional(L.SimpleRNN(3, stateful=True), batch_input_shape=(2, 3, 2))
    moving = K.variable(0.0)
    for direction in (layer.forward_layer, layer.backward_layer):
        direction.add_update(K.update_add(moving, 1.0), inputs=x)
        direction.add_loss(K.sum(x), inputs=x)
    assert len(layer.updates) == len(layer.get_updates_for(x)) == 2
    assert len(layer.get_losses_for(x)) == 2
    layer(L.Input(batch_shape=(2, 3, 2)))
    assert len(layer.updates) == 4  # with those of the states


def test_training_carries_states_in_both_directions():
    layer = L.Bidirectional(L.LSTM(2, stateful=True), batch_input_shape=(2, 3, 2))
    model = kforge.Sequential([layer])
    model.compile(kforge.optimizers.SGD(0.0), "mse")
    x, y = np.random.RandomState(0).randn(2, 3, 2), np.zeros((2, 4))
    first, second = model.train_on_batch(x, y), model.train_on_batch(x, y)
    later = model.test_on_batch(x, y)
    assert first != second != later
    assert model.test_on_batch(x, y) == later, "predictions leave the states as they are"
    assert not layer.stateful and not model.stateful
    model.reset_states()
    assert model.test_on_batch(x, y) == later
    layer.reset_states()
    assert model.train_on_batch(x, y) == first


def test_directions_are_named_after_the_layer():
    kforge.config.reset_uids()
    layer = L.Bidirectional(L.LSTM(2))
    assert layer.forward_layer.name == "forward_lstm_1"
    assert layer.backward_layer.name == "backward_lstm_1"


def test_bidirectional_is_trained():
    model = kforge.Sequential(
        [
            L.Embedding(20, 8, mask_zero=True, input_length=STEPS),
            L.Bidirectional(L.LSTM(6, return_sequences=True, dropout=0.1, recurrent_dropout=0.1)),
            L.Bidirectional(L.GRU(4, kernel_regularizer="l2")),
            L.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(kforge.optimizers.Adam(0.02), "binary_crossentropy")
    assert len(model.losses) == 2
    rng = np.random.RandomState(0)
    x = rng.randint(0, 20, (64, STEPS))
    y = (x[:, -1] > 9).astype("float32")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=10, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.8 * before


def test_bidirectional_with_a_layer_of_the_user():
    class Doubled(L.LSTM):
        def call(self, inputs, mask=None, training=None, initial_state=None):
            return 2.0 * super().call(inputs, mask, training, initial_state)

    layer = L.Bidirectional(Doubled(UNITS))
    assert isinstance(layer.backward_layer, Doubled)
    plain = L.Bidirectional(L.LSTM(UNITS))
    wanted = computed(plain)[0]
    np.testing.assert_allclose(computed(layer, weights=plain.get_weights())[0], 2.0 * wanted)


# ---- TimeDistributed --------------------------------------------------------------------------


def distributed(layer, x):
    inputs = L.Input(x.shape[1:])
    output = L.TimeDistributed(layer)(inputs)
    return kforge.Model(inputs, output)


@pytest.mark.parametrize("steps", [STEPS, None])
@pytest.mark.parametrize("batch", [BATCH, None])
def test_each_step_by_itself(steps, batch):
    x = np.random.RandomState(0).normal(size=(BATCH, STEPS, 6, 3)).astype("float32")
    inputs = L.Input(batch_shape=(batch, steps, 6, 3))
    layer = L.TimeDistributed(L.Conv1D(2, 3, activation="tanh"))
    output = layer(inputs)
    assert K.int_shape(output) == (batch, steps, 4, 2)
    found = kforge.Model(inputs, output).predict(x, batch_size=BATCH)
    step = L.Input((6, 3))
    model = kforge.Model(step, layer.layer(step))
    for t in range(STEPS):
        np.testing.assert_allclose(found[:, t], model.predict(x[:, t]), rtol=1e-5, atol=1e-6)


def test_model_at_each_step():
    inner = kforge.Sequential(
        [L.Conv2D(3, 2, input_shape=(4, 4, 1)), L.BatchNormalization(), L.Flatten(), L.Dense(2)]
    )
    x = np.random.RandomState(0).normal(size=(BATCH, STEPS, 4, 4, 1)).astype("float32")
    model = distributed(inner, x)
    for t in range(STEPS):
        np.testing.assert_allclose(
            model.predict(x)[:, t], inner.predict(x[:, t]), rtol=1e-4, atol=1e-5
        )
    model.compile("sgd", "mse")
    moving = inner.layers[1].get_weights()[2]
    model.train_on_batch(x, np.zeros((BATCH, STEPS, 2)))
    assert not np.allclose(inner.layers[1].get_weights()[2], moving)


def test_dropout_differs_from_step_to_step():
    x = np.ones((50, STEPS, 20), "float32")
    inputs = L.Input(x.shape[1:])
    output = L.TimeDistributed(L.Dropout(0.5))(inputs)
    found = K.function([inputs, K.learning_phase()], [output])([x, 1])[0]
    assert abs(np.mean(found == 0) - 0.5) < 0.05
    assert not np.array_equal(found[:, 0], found[:, 1])
    np.testing.assert_array_equal(kforge.Model(inputs, output).predict(x), x)


def test_regularizers_and_activity_of_the_layer_count():
    x = data()
    model = distributed(L.Dense(2, kernel_regularizer="l2", activity_regularizer="l1"), x)
    model.compile("sgd", "mse")
    y = model.predict(x)
    found = model.test_on_batch(x, y)
    kernel = model.layers[1].get_weights()[0]
    wanted = 0.01 * np.sum(kernel**2) + 0.01 * np.sum(np.abs(y))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("mode, terms", [("sum", 1), ("concat", 1), (None, 2)])
def test_activity_counts_of_what_both_directions_give(mode, terms):
    x = data()
    inputs = L.Input(x.shape[1:])
    layer = L.Bidirectional(L.GRU(2, activity_regularizer="l2"), merge_mode=mode)
    model = kforge.Model(inputs, layer(inputs))
    assert len(model.losses) == terms
    model.compile("sgd", "mse")
    y = model.predict(x)
    wanted = 0.01 * np.sum(np.square(y))
    np.testing.assert_allclose(np.ravel(model.test_on_batch(x, y))[0], wanted, rtol=1e-4)


def test_initial_weights_of_the_layer_at_each_step():
    table = np.arange(12.0).reshape(4, 3)
    x = L.Input((2, 5))
    layer = L.TimeDistributed(L.Embedding(4, 3, weights=[table]))
    found = kforge.Model(x, layer(x)).predict(np.full((1, 2, 5), 2))
    np.testing.assert_array_equal(found, np.broadcast_to(table[2], (1, 2, 5, 3)))


def test_masks_go_on():
    x = L.Input((STEPS, FEATURES))
    output = L.TimeDistributed(L.Dense(2))(L.Masking()(x))
    mask = K.function([x], [output._keras_mask])([data("gaps")])[0]
    np.testing.assert_array_equal(mask, np.array(MASKS["gaps"], bool))


def test_sequences_of_sequences():
    """Words with padding in sentences: the layer inside sees the mask of each sentence."""
    words = np.random.RandomState(0).randint(1, 9, (BATCH, 3, STEPS))
    words[:, :, -2:] = 0
    x = L.Input((3, STEPS))
    embedded = L.TimeDistributed(L.Embedding(9, 4, mask_zero=True))(x)
    layer = L.LSTM(2)
    model = kforge.Model(x, L.TimeDistributed(layer)(embedded))
    embedding = model.layers[1].get_weights()[0]
    one = L.Input((STEPS - 2, 4))
    alone = kforge.Model(one, layer(one))
    found = model.predict(words)
    for i in range(3):
        wanted = alone.predict(embedding[words[:, i, :-2]])
        np.testing.assert_allclose(found[:, i], wanted, rtol=1e-5, atol=1e-6)


def test_layer_on_values():
    layer = L.TimeDistributed(L.Dense(2))
    x = torch.from_numpy(data())
    with torch.no_grad():
        found = layer(x)
        assert torch.allclose(found[:, 1], layer.layer(x[:, 1]))


# ---- all wrappers -----------------------------------------------------------------------------


class Twice(L.Wrapper):
    """A wrapper of the user."""

    def build(self, input_shape):
        self.layer.build(input_shape)
        super().build()

    def call(self, inputs):
        return 2.0 * self.layer.call(inputs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)


def test_wrapper_of_the_user():
    x = L.Input((FEATURES,))
    layer = Twice(L.Dense(2))
    model = kforge.Model(x, layer(x))
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(
        model.predict(data()[:, 0]), 2.0 * (data()[:, 0] @ kernel + bias), rtol=1e-4, atol=1e-6
    )
    again = kforge.Model.from_config(model.get_config(), {"Twice": Twice})
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(data()[:, 0]), model.predict(data()[:, 0]))
    layer.trainable = False
    assert layer.trainable_weights == [] and not layer.layer.trainable


def called_twice(layer, shape=(5, 6)):
    """Calls a layer on inputs of 3 features, then of 4."""
    for features in (3, 4):
        layer(L.Input((*shape, features)))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: L.TimeDistributed(3), "TimeDistributed wraps a layer. Got 3"),
        (lambda: L.Bidirectional(L.Dense(2)), "bidirectional_1: `Bidirectional` wraps a recurrent"),
        (lambda: L.Bidirectional(L.LSTM(2), "max"), "Invalid merge mode"),
        (lambda: L.Bidirectional(L.GRU(2))(*[L.Input((4, 3))] * 2), "should be a list"),
        (lambda: L.TimeDistributed(L.Dense(2))(L.Input((3,))), "time_distributed_1: .* 3 dim"),
        (
            lambda: L.TimeDistributed(L.Conv2D(2, 3))(L.Input((3, 8, 1))),
            "conv2d_1: .*ndim=4, found",
        ),
        (lambda: called_twice(L.TimeDistributed(L.Conv1D(2, 3))), "conv1d_1: .* size 3 but got"),
        (lambda: called_twice(L.Bidirectional(L.GRU(2)), (6,)), "bidirectional_1: expected shape="),
    ],
)
def test_refused(make, text):
    kforge.config.reset_uids()
    with pytest.raises(ValueError, match=text):
        make()
