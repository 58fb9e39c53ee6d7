"""The parts of Keras's training code that scripts import."""

import inspect

import numpy as np
import pytest

from kforge import backend as K
from kforge import losses, metrics
from kforge.layers import Dense, Input
from kforge.models import Model, Sequential
from kforge.training import helpers
from kforge.utils import Sequence

RNG = np.random.RandomState(0)
X, Y = RNG.randn(6, 4).astype("float32"), RNG.randn(6, 3).astype("float32")


class Twos:
    """A sequence without being a subclass: two batches of two."""

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return X[2 * i : 2 * i + 2], Y[2 * i : 2 * i + 2]

    def __iter__(self):
        return (self[i] for i in range(2))

    def on_epoch_end(self):
        """Nothing to shuffle."""


def test_batches_cover_all_samples():
    assert helpers.make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)]
    assert helpers.make_batches(0, 3) == []


def test_batch_shuffle_keeps_batches_whole_and_the_rest_last():
    given = np.arange(8)
    found = helpers.batch_shuffle(given, 3)
    assert sorted([tuple(found[:3]), tuple(found[3:6])]) == [(0, 1, 2), (3, 4, 5)]
    assert list(found[6:]) == [6, 7] and list(given) == list(range(8))


def test_numbers_of_samples():
    assert helpers.check_num_samples([X], batch_size=2) == 6
    assert helpers.check_num_samples([X], steps=3) is None
    with pytest.raises(ValueError, match="If my_steps is set, the `batch_size` must be None"):
        helpers.check_num_samples([X], 2, 3, "my_steps")
    with pytest.raises(ValueError, match="specify `steps`"):
        helpers.check_num_samples([])
    helpers.check_array_length_consistency([X], [Y], [np.ones(6)])
    helpers.check_array_length_consistency(X, [Y], X)
    helpers.check_array_length_consistency(None, [None], None)
    for given in ((X, None), (X, Y, None), ([X, None], None)):
        with pytest.raises(ValueError, match="same number of samples"):
            helpers.check_array_length_consistency(*given)
    with pytest.raises(ValueError, match="same number of samples"):
        helpers.check_array_length_consistency([X], [Y[:3]])


@pytest.mark.parametrize(
    "freq, epochs", [(1, [0, 1, 2, 3, 4, 5]), (2, [1, 3, 5]), ([1, 4], [0, 3])]
)
def test_epochs_after_which_to_validate(freq, epochs):
    assert [e for e in range(6) if helpers.should_run_validation(freq, e)] == epochs


@pytest.mark.parametrize("freq", [0, -1, "2", 1.5])
def test_unknown_frequencies_of_validation(freq):
    with pytest.raises(ValueError, match="validation_freq"):
        helpers.should_run_validation(freq, 0)


def test_what_has_all_of_a_sequence_is_one():
    assert helpers.is_sequence(Sequence()) and helpers.is_sequence(Twos())
    assert not helpers.is_sequence([1, 2]) and not helpers.is_sequence(x for x in [1])
    assert helpers.is_generator_or_sequence(x for x in [1])
    endless = helpers.iter_sequence_infinite(Twos())
    firsts = [next(endless)[0][0, 0] for _ in range(5)]
    np.testing.assert_array_equal(firsts, X[[0, 2, 0, 2, 0], 0])


@pytest.mark.parametrize("workers", [0, 1])
def test_generator_functions_are_methods_of_the_model(workers):
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse")
    helpers.fit_generator(model, Twos(), epochs=2, verbose=0, workers=workers)
    loss = helpers.evaluate_generator(model, Twos(), workers=workers)
    found = helpers.predict_generator(model, Twos(), workers=workers)
    np.testing.assert_allclose(found, model.predict(X[:4]), rtol=1e-6)
    assert loss == pytest.approx(np.mean((found[2:] - Y[2:4]) ** 2), rel=1e-5)  # the last batch's
    assert list(inspect.signature(helpers.fit_generator).parameters)[:2] == ["model", "generator"]
    with pytest.raises(ValueError, match="`validation_split` argument is not supported"):
        helpers.check_generator_arguments(validation_split=0.1)


def test_arrays_by_name():
    shapes = [(None, 4), (None, 1)]
    a, b = helpers.standardize_input_data({"a": X, "b": [1, 2]}, ["a", "b"], shapes)
    assert a is X and b.shape == (2, 1)
    assert helpers.standardize_input_data(None, ["a"]) == [None]
    assert helpers.standardize_input_data(None, []) == []
    assert helpers.standardize_single_array(np.ones(3)).shape == (3, 1)
    assert helpers.standardize_single_array(None) is None
    (fixed,) = helpers.standardize_input_data(X, ["a"], [(5, 4)], check_batch_axis=False)
    assert fixed is X
    for data, names, shapes in [
        (X, ["a"], [(5, 4)]),
        (X, ["a"], [(None, 3)]),
        ([X, X], ["a"], None),
        ({"b": X}, ["a"], None),
        (X, [], None),
    ]:
        with pytest.raises(ValueError, match=r"checking (model )?target|No data provided"):
            helpers.standardize_input_data(data, names, shapes, exception_prefix="target")


def test_targets_that_a_loss_would_broadcast():
    fits = helpers.check_loss_and_target_compatibility
    fits([Y, None], [losses.mean_squared_error, None], [(None, 3), None])
    for loss in (losses.mean_squared_error, losses.MeanSquaredError()):
        with pytest.raises(ValueError, match="same shape as the output"):
            fits([Y], [loss], [(None, 2)])


def test_inputs_of_layers_and_models():
    inner = Sequential([Dense(3, batch_input_shape=(2, 4))])
    assert helpers.get_input_shape_and_dtype(Sequential([inner])) == ((2, 4), "float32")
    assert helpers.get_static_batch_size(inner) == 2
    assert helpers.get_input_shape_and_dtype(Dense(2)) == (None, None)
    assert helpers.get_static_batch_size(Dense(2)) is None


def test_weights_of_samples():
    names = ["a", "b"]
    assert helpers.standardize_class_weights({"a": {0: 2.0}}, names) == [{0: 2.0}, None]
    assert helpers.standardize_sample_weights([1, 2], names) == [1, 2]
    given = helpers.standardize_sample_or_class_weights(None, names, "sample_weight")
    assert given == [None, None]
    classes = np.array([0, 1, 1])
    found = helpers.standardize_weights(classes, np.array([1.0, 2.0, 3.0]), {0: 2.0, 1: 0.5})
    assert found.tolist() == [2.0, 1.0, 1.5] and found.dtype == "float32"
    assert helpers.standardize_weights(np.ones((3, 4))).shape == (3,)
    ones = helpers.standardize_weights(np.ones((3, 4, 2)), sample_weight_mode="temporal")
    assert ones.shape == (3, 4)
    with pytest.raises(ValueError, match="sample_weight_mode"):
        helpers.standardize_weights(classes, sample_weight_mode="spatial")


def test_placeholders_of_sample_weights():
    weights, modes = helpers.prepare_sample_weights(["a", "b", "c"], {"b": "temporal"}, [2])
    assert [w if w is None else w.name for w in weights] == [
        "a_sample_weights:0",
        "b_sample_weights:0",
        None,
    ]
    assert [len(w.shape) for w in weights[:2]] == [1, 2] and modes == [None, "temporal", None]


def test_losses_of_outputs():
    assert isinstance(helpers.get_loss_function("mse"), losses.Loss)
    first, second = helpers.prepare_loss_functions({"b": "mae"}, ["a", "b"])
    assert first is None and second.fn is losses.mean_absolute_error
    assert helpers.prepare_loss_weights(["a", "b"], {"b": 2.0}) == [1.0, 2.0]


def test_an_objective_weighs_and_masks():
    assert helpers.weighted_masked_objective(None) is None
    objective = helpers.weighted_masked_objective(losses.mean_absolute_error)
    y_true, y_pred = np.zeros((2, 3, 1)), np.array([[[1.0], [2], [3]], [[4], [5], [6]]])
    weights, mask = np.array([2.0, 0.0]), np.array([[1, 1, 0], [1, 1, 1]])
    found = K.eval(objective(*map(K.constant, (y_true, y_pred, weights, mask))))
    scores = y_pred[..., 0] * mask / mask.mean()
    assert found == pytest.approx(np.mean(scores.mean(1) * weights) / 0.5)


def test_metrics_of_outputs():
    assert helpers.get_metric_name("acc") == "acc"
    assert helpers.get_metric_name(metrics.mse) == "mean_squared_error"
    assert helpers.get_metric_name(metrics.AUC(name="area")) == "area"
    sparse = helpers.get_metric_function("acc", (None, 3), losses.sparse_categorical_crossentropy)
    assert sparse is metrics.sparse_categorical_accuracy
    (found,) = helpers.collect_per_output_metric_info(
        ["acc", "mae"], ["a"], [(None, 1)], [losses.binary_crossentropy]
    )
    assert list(found) == ["acc", "mae"] and isinstance(found["acc"], metrics.Metric)
    value = helpers.call_metric_function(
        found["mae"], K.zeros((2, 1)), K.ones((2, 1)) * 3, K.constant([1.0, 3.0]), K.ones((2,))
    )
    assert K.eval(value) == 3


def test_functions_of_one_list():
    a = Input((4,))
    model = Model(a, Dense(3)(a))
    assert not hasattr(model, "predict_function") and not hasattr(model, "train_function")
    model._make_predict_function()
    (found,) = model.predict_function([X])
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-6)
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.train_function is model.test_function is None
    model._make_train_function()
    model._make_test_function()
    before = model.test_function([X, Y, np.ones(6), 0.0])
    assert before == pytest.approx([np.mean((found - Y) ** 2), np.mean(abs(found - Y))], rel=1e-5)
    model.reset_metrics()
    assert model.train_function([X, Y]) == pytest.approx(before)
    assert model.test_function([X, Y])[0] < before[0]
    model.train_function = None
    with pytest.raises(AttributeError, match="override `test_on_batch`"):
        model.test_function = print


def test_a_train_function_of_ones_own_takes_the_place_of_the_models():
    a = Input((4,))
    model, wanted = Model(a, Dense(3)(a)), Model(a, Dense(3)(a))
    for each in (model, wanted):
        each.compile("sgd", "mse", metrics=["mae"])
        each.set_weights([np.ones((4, 3)), np.zeros(3)])
    model._make_train_function()
    usual, sizes = model.train_function, []

    def shifted(inputs):
        sizes.append([len(x) for x in inputs])
        bias = model.layers[1].bias
        K.set_value(bias, K.get_value(bias) + 1)
        results = usual(inputs)
        K.set_value(bias, K.get_value(bias) - 1)
        return results

    model.train_function = shifted
    options = {"epochs": 2, "batch_size": 4, "verbose": 0, "shuffle": False}
    history = model.fit(X, Y, **options).history
    wanted.layers[1].set_weights([np.ones((4, 3)), np.ones(3)])
    for name, values in wanted.fit(X, Y, **options).history.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    assert sizes == [[4, 4, 4], [2, 2, 2]] * 2 and model.train_function is shifted
    weights = np.arange(6.0)
    found, other = (m.train_on_batch(X, Y, sample_weight=weights) for m in (model, wanted))
    assert found == pytest.approx(other, rel=1e-5)
    moved, expected = model.get_weights(), wanted.get_weights()
    np.testing.assert_allclose(
        [*moved[0].ravel(), *moved[1] + 1], np.concatenate([w.ravel() for w in expected]), rtol=1e-5
    )
    model.compile("sgd", "mse")
    assert model.train_function is None
