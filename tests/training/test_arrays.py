"""Arrays of every kind: what a user may pass for inputs, targets, weights and validation."""

import numpy as np
import pytest
import torch

from kforge.callbacks import LambdaCallback
from kforge.layers import Dense, Input, concatenate
from kforge.models import Model, Sequential

RNG = np.random.RandomState(0)
X, Y = RNG.randn(20, 4).astype("float32"), RNG.randn(20, 3).astype("float32")


def linear():
    model = Sequential([Dense(3, input_shape=(4,), name="out")])
    model.compile("sgd", "mse", metrics=["mae"])
    model.set_weights([np.ones((4, 3)), np.zeros(3)])
    return model


def frame(x):
    return pytest.importorskip("pandas").DataFrame(x)


def sparse(x, form="csr"):
    return pytest.importorskip("scipy.sparse").coo_matrix(x).asformat(form)


KINDS = {
    "list of arrays": lambda x: [x],
    "numbers": lambda x: x.tolist(),
    "float64": lambda x: x.astype("float64"),
    "every other": lambda x: np.repeat(x, 2, 0)[::2],
    "big-endian": lambda x: x.astype(">f4"),
    "read-only": lambda x: np.broadcast_to(x, x.shape),
    "objects": lambda x: x.astype(object),
    "tensor": torch.from_numpy,
    "float64 tensor": lambda x: torch.from_numpy(x).double(),
    "frame": frame,
    "frame of objects": lambda x: frame(x).astype(object),
    "sparse": sparse,
    "sparse lists": lambda x: sparse(x, "lil"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_training_evaluation_prediction_and_validation(kind):
    make, model, wanted = KINDS[kind], linear(), linear()
    options = {"batch_size": 6, "epochs": 2, "shuffle": False, "verbose": 0}
    data = make(X), make(Y)
    history = model.fit(*data, validation_data=data, **options).history
    for name, values in wanted.fit(X, Y, validation_data=(X, Y), **options).history.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    found = model.evaluate(*data, verbose=0)
    np.testing.assert_allclose(found, wanted.evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(model.predict(make(X)), wanted.predict(X), rtol=1e-5, atol=1e-6)
    single = [model.train_on_batch(*data), model.test_on_batch(*data)]
    assert single == [
        pytest.approx(wanted.train_on_batch(X, Y)),
        pytest.approx(wanted.test_on_batch(X, Y)),
    ]
    np.testing.assert_allclose(model.predict_on_batch(make(X)), wanted.predict(X), rtol=1e-5)


def test_by_name_in_any_order():
    a, b = Input((4,), name="a"), Input((3,), name="b")
    h = concatenate([a, b])
    model = Model([a, b], [Dense(1, name="u")(h), Dense(2, name="v")(h)])
    model.compile("sgd", {"u": "mse", "v": "mae"}, loss_weights={"u": 2.0})
    wanted = model.evaluate([X, Y], [Y[:, :1], Y[:, :2]], verbose=0)
    named = {"b": Y, "a": X, "other": None}, {"v": Y[:, :2], "u": Y[:, :1]}
    assert model.evaluate(*named, verbose=0) == wanted
    assert model.fit(*named, validation_data=named, verbose=0).history["val_u_loss"]


def test_a_column_of_a_frame_is_a_target_and_a_weight():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    table["label"], table["weight"] = Y[:, 0], np.arange(20.0)
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    wanted = model.evaluate(X, Y[:, :1], sample_weight=np.arange(20.0), verbose=0)
    given = table[list("abcd")], table["label"]
    found = model.evaluate(*given, sample_weight=table["weight"], verbose=0)
    assert found == pytest.approx(wanted)
    model.fit(*given, sample_weight=table["weight"], validation_split=0.2, verbose=0)


@pytest.mark.parametrize(
    "freq, wanted", [(1, [1, 2, 3, 4]), (2, [2, 4]), ([1, 4], [1, 4]), ({3}, [3])]
)
def test_epochs_with_validation(freq, wanted):
    model, at = linear(), []

    note = LambdaCallback(on_epoch_end=lambda e, logs: at.append(e + 1) if "val_mae" in logs else 0)
    history = model.fit(
        X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=freq, callbacks=[note]
    ).history
    assert at == wanted
    assert len(history["val_loss"]) == len(wanted) and len(history["loss"]) == 4


def test_validation_weights_count():
    model, weights = linear(), np.arange(20.0)
    options = {"validation_data": (X, Y, weights), "verbose": 0}
    history = model.fit(X, Y, **options).history
    wanted = model.evaluate(X, Y, sample_weight=weights, verbose=0)[0]
    assert history["val_loss"] == [pytest.approx(wanted)]


@pytest.mark.parametrize(
    "data, message",
    [
        ({"x": np.array([["a"] * 4]), "y": Y[:1]}, r"input: out_input is an array of <U1"),
        ({"x": [[1, 2, 3, 4], [1, 2]], "y": Y[:2]}, "Are the samples of different lengths"),
        ({"x": X, "y": None}, "pass targets `y`"),
        ({"x": None, "y": Y}, r"No data provided for \['out_input'\]"),
        ({"x": X[:0], "y": Y[:0]}, "There are no samples"),
        ({"x": X, "y": Y, "batch_size": 0}, "`batch_size` must be a positive integer; got 0"),
        ({"x": X, "y": Y, "validation_split": 0.999}, "leaves 0 to train on"),
        ({"x": X, "y": Y, "validation_data": X}, "must contain 2 .* or 3"),
        ({"x": X, "y": Y, "validation_data": (X, Y), "validation_steps": 2}, "step-wise training"),
        ({"x": X, "y": Y, "sample_weight": np.ones((20, 2))}, 'sample_weight_mode="temporal"'),
        ({"x": X, "y": Y, "sample_weight": np.ones(19)}, "19"),
    ],
)
def test_mistakes(data, message):
    with pytest.raises(ValueError, match=message):
        linear().fit(verbose=0, **data)


def test_weights_for_outputs_that_there_are_not():
    with pytest.raises(ValueError, match=r"entries for \['other'\], but none for .* 'out'"):
        linear().fit(X, Y, sample_weight={"other": np.ones(20)}, verbose=0)
    x = Input((4,))
    model = Model(x, [Dense(3, name="a")(x), Dense(3, name="b")(x)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"entries for \[0, 1\], which have no effect.*'a', 'b'"):
        model.fit(X, [Y, Y], class_weight={0: 1.0, 1: 2.0}, verbose=0)
