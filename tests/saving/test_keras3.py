"""Models whose calls are described as Keras 3 does."""

import numpy as np
import pytest

from kforge import layers as L
from kforge.models import Model, Sequential, model_from_config
from kforge.saving.keras3 import translate_graph


def tensor(*origin):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": list(origin)}}


def call(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def described(layer, *calls):
    """A layer in Keras 3's words."""
    config = layer.get_config()
    kind = {"Model": "Functional"}.get(type(layer).__name__, type(layer).__name__)
    return {"class_name": kind, "config": config, "name": layer.name, "inbound_nodes": list(calls)}


def operation(name, *calls):
    """An operation by which Keras 3 computes masks."""
    return {
        "class_name": "NotEqual",
        "config": {"name": name},
        "name": name,
        "inbound_nodes": calls,
    }


def built(layers, inputs, outputs):
    config = {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return model_from_config({"class_name": "Functional", "config": config})


X = described(L.InputLayer((3,), name="x"))


def test_tensors_in_arguments():
    add = described(L.Add(name="add"), call([tensor("x", 0, 0), tensor("x", 0, 0)], mask=None))
    model = built([X, add], ["x", 0, 0], ["add", 0, 0])
    np.testing.assert_array_equal(model.predict(np.ones((1, 3))), [[2, 2, 2]])


def test_training_is_as_the_model_is_run():
    drop = described(L.Dropout(0.5, name="drop"), call(tensor("x", 0, 0), training=False))
    model = built([X, drop], ["x", 0, 0], ["drop", 0, 0])
    model.compile("sgd", "mse")
    zeros, ones = np.zeros((64, 3)), np.ones((64, 3))
    assert model.evaluate(ones, zeros, verbose=0) == 1.0
    assert model.train_on_batch(ones, zeros) > 1.2  # kept values are doubled


@pytest.mark.parametrize("kind", [Sequential, Model])
def test_nested_models(kind):
    inner = Sequential([L.Dense(2, input_shape=(3,))], name="inner")
    if kind is Model:
        inner = Model(inner.inputs, inner.outputs, name="inner")
    layers = [
        X,
        described(inner, call(tensor("x", 0, 0)), call(tensor("x", 0, 0))),
        described(L.Add(name="add"), call([tensor("inner", 0, 0), tensor("inner", 1, 0)])),
    ]
    model = built(layers, [["x", 0, 0]], [["add", 0, 0], ["inner", 1, 0]])
    both, once = model.predict(np.ones((2, 3)))
    np.testing.assert_allclose(both, 2 * once)


def test_masks_follow_from_the_layers():
    words = described(L.InputLayer((None,), dtype="int32", name="words"))
    layers = [
        words,
        described(L.Embedding(5, 2, mask_zero=True, name="embedding"), call(tensor("words", 0, 0))),
        operation("not_equal", call(tensor("words", 0, 0), 0)),
        described(
            L.LSTM(2, name="lstm"),
            call(tensor("embedding", 0, 0), training=False, mask=tensor("not_equal", 0, 0)),
        ),
    ]
    model = built(layers, ["words", 0, 0], ["lstm", 0, 0])
    found = model.predict(np.array([[1, 2, 0, 0], [1, 2, 0, 0]]))
    np.testing.assert_allclose(found, model.predict(np.array([[1, 2], [1, 2]])), 1e-5)
    assert [layer.name for layer in model.layers] == ["words", "embedding", "lstm"]


def test_first_states():
    x, h = described(L.InputLayer((4, 3), name="x")), described(L.InputLayer((2,), name="h"))
    gru = described(
        L.GRU(2, name="gru"), call(tensor("x", 0, 0), initial_state=[tensor("h", 0, 0)])
    )
    model = built([x, h, gru], [["x", 0, 0], ["h", 0, 0]], ["gru", 0, 0])
    a = np.ones((1, 4, 3))
    first, other = (model.predict([a, np.full((1, 2), value)]) for value in (0.0, 1.0))
    assert np.abs(first - other).max() > 1e-3


def test_masks_that_calls_were_given():
    x, w = described(L.InputLayer((4, 3), name="x")), described(L.InputLayer((4,), name="w"))
    layers = [
        x,
        w,
        described(L.ReLU(name="weights"), call(tensor("w", 0, 0))),
        described(L.LSTM(2, name="lstm"), call(tensor("x", 0, 0), mask=tensor("weights", 0, 0))),
    ]
    model = built(layers, [["x", 0, 0], ["w", 0, 0]], ["lstm", 0, 0])
    values = np.random.RandomState(0).rand(1, 4, 3)
    first = model.predict([values, np.array([[1, 1, 0, 0]])])
    values[:, 2:] = 5
    np.testing.assert_array_equal(model.predict([values, np.array([[1, 1, 0, 0]])]), first)


def test_what_is_no_tensor():
    with pytest.raises(ValueError, match="'add' is called on 3, which no layer gives"):
        built([X, described(L.Add(name="add"), call(3))], ["x", 0, 0], ["add", 0, 0])


def test_graphs_of_keras_2_stay_as_they_are():
    inputs = L.Input((3,))
    config = Model(inputs, L.Dense(2)(inputs)).get_config()
    assert translate_graph(config) is config
