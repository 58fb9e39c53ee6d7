"""How metrics accumulate: outside of execution, within a step, and in user's own classes."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import lowering, metrics, operations, symbolic
from kforge.layers import Dense, Layer
from kforge.models import Sequential
from kforge.registry import Configurable
from tests import golden

CLASSES = sorted(
    {
        c
        for c in vars(metrics).values()
        if isinstance(c, type) and issubclass(c, Configurable) and c.__name__ != "ForeignMetric"
    },
    key=lambda c: c.__name__,
)
ARGUMENTS = {
    "MeanIoU": (3,),
    "MeanMetricWrapper": ("mse",),
    "Reduce": ("sum_over_batch_size", "r"),
    "SensitivityAtSpecificity": (0.5,),
    "SensitivitySpecificityBase": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
}
BUILT_IN = [c for c in CLASSES if "result" in dir(c) and c is not metrics.Metric]
COMPLETE = [c for c in BUILT_IN if c is not metrics.SensitivitySpecificityBase]


def make(cls, **kwargs):
    return cls(*ARGUMENTS.get(cls.__name__, ()), **kwargs)


def inputs(metric, shape=(None, 3)):
    """Symbolic arguments of `update_state`."""
    y, p = (symbolic.placeholder(shape, torch.float32, n) for n in ("y", "p"))
    if type(metric).__name__.startswith("Sparse"):
        y = symbolic.placeholder((None, 1), torch.float32, "y")
    single = isinstance(metric, (metrics.Reduce, metrics.MeanTensor))
    wrapper = isinstance(metric, (metrics.MeanMetricWrapper, metrics.RootMeanSquaredError))
    return [p] if single and not wrapper else [y, p]


@golden.cases("training_metrics", "class_.*")
def test_as_keras(case):
    golden.check(case)


class Count(metrics.Metric):
    """As users write them: 'how many predictions are positive'."""

    def __init__(self, name="count", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight("total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(K.sum(K.cast(y_pred > 0, "float32")))

    def result(self):
        return self.total


class CountAsInKeras(Count):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return [K.update_add(self.total, K.sum(K.cast(K.greater(y_pred, 0), "float32")))]


class CountByValue(Count):
    """Asks for values, which only running code has."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        for value in y_pred.flatten().tolist():
            if value > 0:
                self.total.assign_add(1.0)


OWN = [Count, CountAsInKeras, CountByValue]
BATCH = np.array([[1.0, -1.0, 2.0], [3.0, 0.0, -2.0]], "float32")


@pytest.mark.parametrize("cls", OWN)
class TestOwnMetrics:
    def test_call_gives_the_new_value_and_updates_once(self, cls):
        metric = cls()
        called = metric(K.constant(BATCH), K.constant(BATCH))
        assert K.eval(metric.result()) == 0  # nothing has run
        assert K.eval(called) == 3
        assert K.eval(metric.result()) == 3
        assert K.eval(called) == 6  # evaluated again, it counts again
        metric.reset_states()
        assert K.eval(metric.result()) == 0

    def test_updates_in_a_step(self, cls):
        metric = cls()
        y, p = inputs(metric)
        step = lowering.lower([], [y, p], metric.update_state(y, p))
        for i in range(1, 4):
            step.run([torch.from_numpy(BATCH)] * 2)
            assert K.eval(metric.result()) == 3 * i

    def test_while_executing(self, cls):
        metric = cls()
        batch = torch.from_numpy(BATCH)
        with symbolic.executing():
            assert metric(batch, batch) == 3
            assert metric(batch, batch) == 6


def test_an_update_that_uses_super():
    class Twice(Count):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(y_true, y_pred)
            super().update_state(y_true, y_pred)

    metric = Twice()
    assert len(metric.update_state(K.constant(BATCH), K.constant(BATCH))) == 2
    assert K.eval(metric(K.constant(BATCH), K.constant(BATCH))) == 6
    assert K.eval(metric.result()) == 6


def test_assignments_in_order():
    class Last(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.seen, self.last = self.add_weight("seen"), self.add_weight("last")

        def update_state(self, value):
            self.seen.assign_add(1.0)
            self.last.assign(K.sum(value))
            self.last.assign_sub(1.0)

        def result(self):
            return self.last * 10 + self.seen

    metric = Last()
    assert K.eval(metric(K.constant([1.0, 2.0]))) == 21
    assert K.eval(metric(K.constant([4.0]))) == 32
    assert metric.get_weights() == [2, 3]


@pytest.mark.parametrize("cls", COMPLETE, ids=lambda c: c.__name__)
def test_updates_are_recorded_not_opaque(cls):
    metric = make(cls)
    arguments = inputs(metric, (4, 3) if cls is metrics.MeanTensor else (None, 3))
    updates = metric.update_state(*arguments)
    assert 1 <= len(updates) <= 4
    assert not any(operations.is_effect(node) for node in updates)
    assert {u.op.args[1] for u in updates} == set(metric.weights)


@pytest.mark.parametrize("cls", COMPLETE, ids=lambda c: c.__name__)
def test_config_and_reset(cls):
    metric = make(cls)
    again = metrics.clone_metric(metric)
    assert type(again) is cls
    assert again.get_config() == metric.get_config()
    assert metrics.deserialize(metrics.serialize(metric)).get_config() == metric.get_config()
    metric.set_weights([w + 1 for w in metric.get_weights()])
    metric.reset_states()
    assert all(np.all(w == 0) for w in metric.get_weights())
    assert all(not w.trainable for w in metric.weights)


class TestSumsAndMeans:
    def test_weights(self):
        mean = metrics.Mean()
        assert K.eval(mean(np.array([1.0, 3.0]), sample_weight=np.array([3.0, 1.0]))) == 1.5
        assert mean.get_weights() == [6, 4]
        # A number as weight counts once, however many values there are, as in Keras.
        assert K.eval(mean(np.array([1.0, 3.0]), sample_weight=0.5)) == 8 / 4.5
        assert K.eval(metrics.Sum()([1.0, 3.0], sample_weight=[3.0, 1.0])) == 6

    def test_over_batch_size(self):
        metric = metrics.Reduce("sum_over_batch_size", "r")
        assert K.eval(metric([1.0, 3.0], sample_weight=[3.0, 1.0])) == 3

    def test_weights_of_samples_count_for_all_their_values(self):
        metric = metrics.MeanAbsoluteError()
        y, p = np.zeros((2, 3, 4)), np.ones((2, 3, 4)) * [[[1]], [[2]]]
        assert K.eval(metric(y, p, sample_weight=np.array([1.0, 3.0]))) == 1.75

    def test_dtype(self):
        metric = metrics.Mean(dtype="float64")
        assert K.eval(metric(np.float64([1.0, 2.0]))).dtype == "float64"
        assert metrics.Mean(dtype=torch.float64).get_config()["dtype"] == "float64"

    def test_tensors(self):
        metric = metrics.MeanTensor()
        with pytest.raises(ValueError, match="mean_tensor does not have any result yet"):
            metric.result()
        metric.reset_states()
        K.eval(metric(np.float32([0, 1, 2, 3])))
        found = K.eval(metric(np.float32([4, 5, 6, 7]), sample_weight=np.float32([0, 0.2, 0.5, 0])))
        np.testing.assert_allclose(found, [0, 5 / 3, 10 / 3, 3], rtol=1e-6)
        with pytest.raises(ValueError, match=r"same shape.*\(4,\). Got: \(2,\)"):
            metric(np.float32([1, 2]))


def test_wrapped_function():
    metric = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="b", threshold=0.9)
    assert K.eval(metric([[1.0, 0.0]], [[0.8, 0.2]])) == 0.5
    config = {"fn": "binary_accuracy", "name": "b", "dtype": "float32", "threshold": 0.9}
    assert metric.get_config() == config
    # As tf.keras writes metrics=["accuracy"].
    config = {"name": "accuracy", "dtype": "float32", "fn": "categorical_accuracy"}
    again = metrics.deserialize({"class_name": "MeanMetricWrapper", "config": config})
    assert K.eval(again([[1.0, 0.0]], [[0.8, 0.2]])) == 1


class Seen(Layer):
    """A metric of Keras 2.1 and 2.2: a layer that counts the samples of all batches."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stateful = True
        self.samples = K.variable(0)

    def __call__(self, y_true, y_pred):
        new = self.samples + K.sum(K.ones_like(y_true))
        self.add_update(K.update(self.samples, new), inputs=[y_true, y_pred])
        return new


def test_layers_as_metrics_start_anew():
    counted = Seen(name="seen")
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse", metrics=[counted])
    x, y = np.ones((6, 2)), np.ones((6, 1))
    history = model.fit(x, y, batch_size=6, epochs=2, verbose=0, validation_data=(x, y)).history
    assert history["seen"] == history["val_seen"] == [6, 6]
    assert model.evaluate(x, y, batch_size=2, verbose=0)[1] == 4  # the mean of 2, 4 and 6
    assert K.get_value(counted.samples) == 6


def test_names():
    K.clear_session()
    assert [metrics.AUC().name, metrics.AUC().name, Count().name] == ["auc_1", "auc_2", "count"]
    assert metrics.Mean(name="loss").weights[0].name == "total:0"
    assert metrics.get("MSE") is metrics.mean_squared_error
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    with pytest.raises(ValueError, match="Unknown metric function: acuracy"):
        metrics.get("acuracy")
    with pytest.raises(ValueError, match="Could not interpret metric function identifier: None"):
        metrics.get(None)
    with pytest.raises(TypeError, match="Keyword argument not understood"):
        Count(nmae="x")


def test_own_class_by_config():
    config = metrics.serialize(Count())
    assert config == {"class_name": "Count", "config": {"name": "count", "dtype": "float32"}}
    assert isinstance(metrics.deserialize(config, custom_objects={"Count": Count}), Count)


def test_missing_methods():
    with pytest.raises(NotImplementedError, match="Metric must implement `update_state`"):
        metrics.Metric()(1, 2)
    with pytest.raises(NotImplementedError, match="Metric must implement `result`"):
        metrics.Metric().result()


def test_clones():
    first, function = metrics.clone_metrics([metrics.Mean("m"), metrics.mse])
    assert first.name == "m" and function is metrics.mse
