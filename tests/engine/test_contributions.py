"""What layers add to training: losses, metrics."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import layers as L
from kforge import losses, metrics
from kforge.layers import Dense, Input, Layer, add
from kforge.models import Model, Sequential, clone_model

X, Y = np.arange(1.0, 7.0).reshape(6, 1), np.zeros((6, 1))


def linear(**kwargs):
    x = Input((1,))
    y = Dense(1, kernel_initializer="ones", trainable=False)(x)
    return Model(x, y, **kwargs), y


def test_a_metric_that_was_called_is_reported_as_it_is():
    model, y = linear()
    model.add_metric(K.sum(y), name="sum")
    model.add_metric(metrics.Mean(name="mean")(y))
    model.compile("sgd", "mse")
    assert model.metrics_names == ["loss", "sum", "mean"]
    found = model.evaluate(X, Y, batch_size=4, verbose=0)
    # The mean over two batches of their sums; the mean over all samples.
    assert found[1:] == pytest.approx([(10 + 11) / 2, 3.5])
    history = model.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history
    assert history["mean"] == pytest.approx([3.5])


def test_a_metric_that_is_added_after_a_step():
    model, y = linear()
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    model.add_metric(K.sum(y), name="sum")
    assert model.metrics_names == ["loss", "sum"]
    assert model.train_on_batch(X, Y)[1] == pytest.approx(21)


@pytest.mark.parametrize("first", ["name", "tensor"])
def test_metrics_that_are_appended_after_compile(first):
    model, y = linear()
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    append = {
        "name": lambda: model.metrics_names.append("sum"),
        "tensor": lambda: model.metrics_tensors.append(K.sum(y, keepdims=True)),
    }
    append.pop(first)()
    for rest in append.values():
        rest()
    assert model.metrics_names == ["loss", "sum"] and len(model.metrics_tensors) == 1
    assert model.evaluate(X, Y, batch_size=6, verbose=0)[1] == pytest.approx(21)
    assert model.fit(X, Y, verbose=0).history["sum"] == pytest.approx([21])


def test_metrics_that_are_added_after_compile():
    model, y = linear()
    model.compile("sgd", "mse", metrics=["mae"])
    model.add_metric(K.sum(y))
    assert model.metrics_names == ["loss", "mae", "mean_1"]
    assert model.train_on_batch(X, Y)[2] == pytest.approx(21)
    assert model.evaluate(X, Y, verbose=0)[2] == pytest.approx(21)


def test_losses_that_are_added_after_compile_count_from_the_next_one_on():
    model, y = linear()
    model.compile("sgd", "mse")
    model.add_loss(K.sum(y))
    model.add_metric(K.max(y), name="most")
    plain = model.evaluate(X, Y, verbose=0)[0]
    assert plain == pytest.approx(np.mean(X**2))
    assert model.evaluate(X, Y, sample_weight=np.ones(6), verbose=0)[0] == pytest.approx(plain)
    model.compile("sgd", "mse")
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(plain + 21)


@pytest.mark.parametrize("wrong", [lambda: 1.0, "mse"])
def test_losses_that_are_no_tensors(wrong):
    with pytest.raises(TypeError, match=r"`add_loss` takes tensors.*got"):
        linear()[0].add_loss(wrong)


def test_calls_outside_of_a_model_are_none_of_its_business():
    x = Input((3,))
    shared = Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
    normal = L.BatchNormalization()
    nested = Sequential([Dense(2, activity_regularizer="l2", input_shape=(2,))])
    ends = [nested(normal(shared(h))) for h in (x, L.Activation("tanh")(x))]
    one, both = Model(x, ends[0]), Model(x, ends)
    assert (len(one.losses), len(one.updates)) == (3, 2)
    assert (len(both.losses), len(both.updates)) == (5, 4)


class Summed(Model):
    """A model with a metric of its own, that reports a sum before it."""

    def __init__(self, names):
        super().__init__()
        self.dense = Dense(1)
        self.mean, self.other = (metrics.Mean(name=name) for name in names)

    def call(self, x):
        self.add_metric(K.sum(x), name="sum")
        self.add_metric(self.mean(x))
        self.add_metric(self.other(x * 2))
        return self.dense(x)


def test_metrics_that_are_attributes_come_first():
    model = Summed(["mean", "twice"])
    model.compile("sgd", "mse")
    found = model.evaluate(X, Y, batch_size=6, verbose=0)
    assert model.metrics_names == ["loss", "mean", "twice", "sum"]
    assert found[1:] == pytest.approx([3.5, 7.0, 21.0])


def test_metrics_have_names_of_their_own():
    model = Summed(["mean", "mean"])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="2 metrics with the name: 'mean'"):
        model.fit(X, Y, verbose=0)


def test_one_name_is_one_metric():
    class Watched(Layer):
        def call(self, x):
            self.add_metric(K.mean(x), name="level")
            return x

    a, b, watched = Input((1,)), Input((1,)), Watched()
    model = Model([a, b], Dense(1)(add([watched(a), watched(b)])))
    model.compile("sgd", "mse")
    assert model.metrics_names == ["loss", "level"]
    assert model.evaluate([X, 3 * X], Y, verbose=0)[1] == pytest.approx((3.5 + 10.5) / 2)


def test_a_metric_object_counts_each_output_by_itself():
    x = Input((1,))
    outputs = [Dense(1, kernel_initializer="ones", name=name)(x) for name in ("a", "b")]
    model = Model(x, outputs)
    given = metrics.MeanSquaredError(name="error")
    model.compile("sgd", losses.MeanSquaredError(), metrics=[given], weighted_metrics=[given])
    assert model.metrics_names[3:] == ["a_error", "a_error_1", "b_error", "b_error_1"]
    found = model.evaluate(X, [X, Y], sample_weight=[np.ones(6), np.arange(6.0)], verbose=0)
    weighted = np.average(X[:, 0] ** 2, weights=np.arange(6.0))
    assert found[3:] == pytest.approx([0, 0, np.mean(X**2), weighted])
    assert given.name == "error"


def test_numbers_are_losses_too():
    model, y = linear()
    model.add_loss(K.mean(y))
    model.add_loss(1)
    model.add_loss(1)
    assert len(model.losses) == 3
    model.compile("sgd", None)
    assert model.evaluate(X, verbose=0) == pytest.approx(3.5 + 2)


def statistics_move(model, inner):
    """Whether the inner model's weights change as the model is trained: [kernel..., statistics]."""
    model.compile("sgd", "mse")
    before = inner.get_weights()
    shapes = (model.input_shape[1:], model.output_shape[1:])
    model.fit(*(2 + np.random.rand(16, *s) for s in shapes), verbose=0)
    moved = [bool((a != b).any()) for a, b in zip(before, inner.get_weights())]
    return moved[0], moved[-1]


def set_trainable(model, value):
    for layer in model.layers:
        layer.trainable = value


NESTINGS = {
    "sequential": lambda inner: Sequential([inner, L.Dense(1)]),
    "deep": lambda inner: Sequential([Sequential([inner]), L.Dense(1)]),
    "distributed": lambda inner: Sequential(
        [L.TimeDistributed(inner, input_shape=(5, 4)), L.Dense(1)]
    ),
}


@pytest.mark.parametrize("nest", NESTINGS.values(), ids=NESTINGS)
def test_layers_frozen_after_their_model_was_nested_keep_moving_as_in_keras(nest):
    def inner():
        return Sequential([L.Dense(3, input_shape=(4,)), L.BatchNormalization()])

    late = inner()
    model = nest(late)
    assert statistics_move(model, late) == (True, True)
    set_trainable(late, False)
    assert statistics_move(model, late) == (False, True)
    copied = clone_model(model)  # of layers that are frozen from the start
    assert statistics_move(copied, copied.layers[0]) == (False, False)
    early = inner()
    set_trainable(early, False)
    model = nest(early)
    assert statistics_move(model, early) == (False, False)
    set_trainable(early, True)
    assert statistics_move(model, early) == (True, False)
    whole = inner()
    model = nest(whole)
    model.layers[0].trainable = False
    assert statistics_move(model, whole) == (False, False)


class Counted(Layer):
    """Doubles, and counts the steps in a variable that is no weight by `add_weight`."""

    def build(self, input_shape):
        self.steps, self.slope = K.variable(0.0), K.variable(2.0)
        self.built = True

    def call(self, inputs):
        self.add_update([K.update_add(self.steps, 1.0)], inputs)
        return inputs * self.slope * (1.0 + K.stop_gradient(self.steps) * 0.0)


def test_what_a_layer_updates_itself_is_not_trained():
    model = Sequential([Counted(input_shape=(1,))])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0)
    layer = model.layers[0]
    assert K.get_value(layer.steps) == 6 and K.get_value(layer.slope) < 2


def test_a_metric_that_is_one_number_is_not_masked():
    model = Sequential([L.Masking(input_shape=(3, 1)), Dense(1, kernel_initializer="ones")])

    def share_of_positives(y_true, y_pred):
        return K.mean(K.cast(K.greater(y_pred, 0.0), "float32"))

    model.compile("sgd", "mse", metrics=[share_of_positives])
    x = np.array([[[1.0], [-1.0], [0.0]], [[2.0], [0.0], [0.0]]])
    assert model.evaluate(x, x, verbose=0)[1] == pytest.approx(2 / 6)
