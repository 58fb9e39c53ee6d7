"""What the arguments of `compile` mean: losses, weights and metrics of each output."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import losses, metrics
from kforge.layers import Dense, Input
from kforge.models import Model, Sequential

RNG = np.random.RandomState(0)
X, U, V = RNG.randn(12, 4), RNG.randn(12, 1), RNG.randn(12, 2)


def two_outputs():
    x = Input((4,))
    return Model(x, [Dense(1, name="u")(x), Dense(2, name="v")(x)])


def values(model):
    """(mean squares of u, mean absolute error of v) by hand."""
    u, v = model.predict(X)
    return np.mean((u - U) ** 2), np.mean(np.abs(v - V))


@pytest.mark.parametrize(
    "loss",
    [
        ["mse", "mae"],
        {"v": "mae", "u": "mean_squared_error"},
        [losses.mean_squared_error, losses.MeanAbsoluteError()],
        [lambda t, p: K.mean(K.square(t - p), -1), "MAE"],
    ],
)
@pytest.mark.parametrize("weights", [None, [2.0, 0.5], {"u": 2.0, "v": 0.5}])
def test_the_loss_is_the_weighted_sum_over_outputs(loss, weights):
    model = two_outputs()
    model.compile("sgd", loss, loss_weights=weights)
    u, v = values(model)
    total = 2.0 * u + 0.5 * v if weights else u + v
    assert model.metrics_names == ["loss", "u_loss", "v_loss"]
    np.testing.assert_allclose(model.evaluate(X, [U, V], verbose=0), [total, u, v], rtol=1e-5)


def test_an_output_without_loss_needs_no_target():
    model = two_outputs()
    model.get_layer("v").trainable = False  # a weight without gradient is an error, as in Keras
    with pytest.warns(UserWarning, match="Output v missing from loss dictionary"):
        model.compile("sgd", {"u": "mse"})
    u, _ = values(model)
    loss = model.evaluate(X, U, verbose=0)
    np.testing.assert_allclose(np.ravel(loss)[0], u, rtol=1e-5)
    model.fit(X, U, verbose=0)
    assert values(model)[0] < u


@pytest.mark.parametrize(
    "given, names",
    [
        (["mae"], ["u_mae", "v_mae"]),
        ({"v": ["mae", "mse"]}, ["v_mae", "v_mse"]),
        ([["mae"], ["mse"]], ["u_mae", "v_mse"]),
        ({"u": metrics.MeanAbsoluteError(name="off")}, ["u_off"]),
        (None, []),
    ],
)
def test_metrics_of_outputs(given, names):
    model = two_outputs()
    model.compile("sgd", "mse", metrics=given)
    assert model.metrics_names == ["loss", "u_loss", "v_loss", *names]
    found = dict(zip(model.metrics_names, model.evaluate(X, [U, V], verbose=0)))
    u, v = model.predict(X)
    for name in names:
        error = u - U if name[0] == "u" else v - V
        wanted = np.mean(error**2) if name.endswith("mse") else np.mean(np.abs(error))
        assert found[name] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    "loss, units, name",
    [
        ("binary_crossentropy", 3, "binary_accuracy"),
        ("mse", 1, "binary_accuracy"),
        ("categorical_crossentropy", 3, "categorical_accuracy"),
        ("sparse_categorical_crossentropy", 3, "sparse_categorical_accuracy"),
    ],
)
def test_accuracy_depends_on_loss_and_output(loss, units, name):
    model = Sequential([Dense(units, activation="sigmoid", input_shape=(4,))])
    labels = RNG.randint(units, size=12)
    y = labels if loss[0] == "s" or units == 1 else np.eye(units)[labels]
    found = []
    for metric in ("acc", name):
        model.compile("sgd", loss, metrics=[metric])
        found.append(model.evaluate(X, y, verbose=0)[1])
    assert found[0] == found[1]


def test_weighted_metrics_see_the_weights_others_do_not():
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    weights = np.arange(12.0)
    error = np.abs(model.predict(X) - U)[:, 0]
    _, plain, weighted = model.evaluate(X, U, sample_weight=weights, verbose=0)
    assert plain == pytest.approx(error.mean(), rel=1e-5)
    assert weighted == pytest.approx((error * weights).sum() / weights.sum(), rel=1e-5)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"loss": {"w": "mse"}}, ValueError, r"Unknown entries in loss dictionary: \['w'\]"),
        ({"loss": ["mse"]}, ValueError, "should have one entry per model output"),
        ({"loss": "mse", "loss_weights": [1.0]}, ValueError, "The model has 2 outputs"),
        ({"loss": "mse", "loss_weights": 2.0}, TypeError, "Could not interpret loss_weights"),
        ({"loss": "mse", "metrics": {"w": "mae"}}, ValueError, "Unknown entries in metrics"),
        ({"loss": "mse", "metrics": "mae"}, TypeError, "Expected a list or a dictionary"),
        ({"loss": "mze"}, ValueError, "mze"),
        ({"loss": None}, ValueError, "no loss to optimize"),
        ({"loss": "mse", "optimizer": "sgdd"}, ValueError, "sgdd"),
    ],
)
def test_mistakes(arguments, error, message):
    with pytest.raises(error, match=message):
        two_outputs().compile(**{"optimizer": "sgd", **arguments})


def test_a_compile_that_fails_leaves_the_former_one():
    model = two_outputs()
    model.compile("adam", "mse")
    optimizer = model.optimizer
    with pytest.raises(ValueError):
        model.compile("sgd", "mze")
    assert model.optimizer is optimizer and model.loss == "mse"
    model.fit(X, [U, V], verbose=0)


def test_compiling_again_keeps_weights_and_replaces_the_optimizer():
    model = two_outputs()
    model.compile("adam", "mse")
    model.fit(X, [U, V], verbose=0)
    before = model.get_weights()
    model.compile("adam", "mae")
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    model.train_on_batch(X, [U, V])
    assert model.optimizer.iterations.numpy() == 1
    model.optimizer = type(model.optimizer)(0.5)  # also without compiling
    model.train_on_batch(X, [U, V])
    assert model.optimizer.iterations.numpy() == 1


def test_loss_functions_are_those_of_the_outputs():
    model = two_outputs()
    assert not hasattr(model, "loss_functions")
    model.compile("sgd", ["mse", None])
    first, second = model.loss_functions
    assert isinstance(first, losses.Loss) and first.name == "mean_squared_error"
    assert second is None
