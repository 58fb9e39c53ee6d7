import json

import numpy as np
import pytest

import kforge
from kforge import backend as K
from kforge import layers as L
from kforge.models import (
    Model,
    Sequential,
    clone_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
)
from kforge.saving.dialects import translate
from kforge.saving.errors import UnsafeFileError


class Scale(L.Layer):
    """The users' own layer."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return dict(super().get_config(), factor=self.factor)


def cubed(x):
    return x**3


def model():
    inputs = L.Input((4,))
    hidden = L.Dense(3, activation="tanh", kernel_regularizer="l2")(inputs)
    inner = Sequential([L.Dense(2, input_shape=(3,)), L.LeakyReLU(0.1)])
    return Model(inputs, L.concatenate([inner(hidden), inner(hidden)]))


@pytest.mark.parametrize(
    "again",
    [
        lambda m: model_from_json(m.to_json()),
        lambda m: model_from_json(m.to_json(indent=2).encode()),
        lambda m: model_from_yaml(m.to_yaml()),
        lambda m: model_from_config({"class_name": "Model", "config": m.get_config()}),
    ],
    ids=["json", "indented bytes", "yaml", "config"],
)
def test_there_and_back(again):
    one = model()
    two = again(one)
    two.set_weights(one.get_weights())
    x = np.random.RandomState(0).rand(5, 4)
    np.testing.assert_array_equal(one.predict(x), two.predict(x))
    assert json.loads(one.to_json()) == json.loads(two.to_json())


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("units"), r"Dense 'dense_in' cannot be used. TypeError: .*'units'"),
        (lambda c: c.update(units=[2]), "Dense 'dense_in' cannot be used. TypeError"),
        (lambda c: c.update(units=10**30), "Sequential cannot be used.*Overflow"),
        (lambda c: c.update(colour="red"), "Dense 'dense_in' cannot be used. .*colour"),
        (lambda c: c.update(kernel_initializer={"class_name": 5, "config": {}}), "named by a str"),
        (lambda c: c.update(dtype=3), "Dense 'dense_in' cannot be used.*data type"),
        (lambda c: c.clear(), "Dense cannot be used"),
    ],
)
def test_a_malformed_config_is_a_value_error_that_names_the_layer(change, message):
    config = {"units": 2, "name": "dense_in", "batch_input_shape": [None, 3]}
    change(config)
    layers = {"layers": [{"class_name": "Dense", "config": config}]}
    with pytest.raises(ValueError, match=message):
        model_from_json(json.dumps({"class_name": "Sequential", "config": layers})).build((None, 3))


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Model", "config": {}},
        {"class_name": "Model", "config": {"layers": 3}},
        {
            "class_name": "Model",
            "config": {"layers": [{}], "input_layers": [], "output_layers": []},
        },
        {"class_name": "Sequential", "config": 3},
        {"class_name": "Sequential", "config": {"layers": []}, "keras_version": 2.3},
        {"class_name": ["Sequential"], "config": {}},
    ],
)
def test_a_malformed_model_is_a_value_error(config):
    with pytest.raises(ValueError, match=r"config|named by a string"):
        model_from_json(json.dumps(config))


def test_errors_of_users_own_layers_pass_as_they_are():
    class Table(L.Layer):
        def __init__(self, table=None, **kwargs):
            super().__init__(**kwargs)
            self.first = table["first"]

    layers = {"layers": [{"class_name": "Table", "config": {"table": {}}}]}
    with pytest.raises(KeyError, match="first"):
        model_from_config({"class_name": "Sequential", "config": layers}, {"Table": Table})


def test_a_nested_sequential_of_old_keras_has_the_name_of_its_entry():
    """Until Keras 2.2.2 its config was the list of its layers."""
    inner = Sequential([L.Dense(2, input_shape=(3,))], name="inner")
    inputs = L.Input((3,))
    config = {"class_name": "Model", "config": Model(inputs, inner(inputs)).get_config()}
    described = config["config"]["layers"][1]
    described["config"] = described["config"]["layers"]
    assert model_from_config(config).layers[1].name == "inner"


def test_what_is_no_configuration():
    with pytest.raises(TypeError, match=r"got list. For a list of layers, use `Sequential"):
        model_from_config([])
    with pytest.raises(ValueError, match="Improper config format"):
        model_from_config({})
    with pytest.raises(json.JSONDecodeError):
        model_from_json("{")


class TestCustomObjects:
    """Whatever is not Keras's own has to be passed, wherever it stands."""

    @pytest.mark.parametrize("way", ["argument", "scope"])
    @pytest.mark.parametrize(
        "make",
        [
            lambda: Sequential([Scale(2.0, input_shape=(3,))]),
            lambda: Sequential([Sequential([Scale(2.0, input_shape=(3,))])]),
            lambda: Sequential([L.TimeDistributed(Scale(2.0), input_shape=(5, 3))]),
            lambda: Sequential([L.Dense(2, activation=cubed, input_shape=(3,))]),
            lambda: Sequential(
                [L.TimeDistributed(L.Dense(2, activation=cubed), input_shape=(5, 3))]
            ),
        ],
        ids=["layer", "nested", "wrapped", "activation", "wrapped activation"],
    )
    def test_at_every_level(self, make, way):
        text = make().to_json()
        with pytest.raises(ValueError, match=r"custom_objects=\{'(Scale|cubed)':"):
            model_from_json(text)
        objects = {"Scale": Scale, "cubed": cubed}
        if way == "argument":
            again = model_from_json(text, custom_objects=objects)
        else:
            with kforge.registry.CustomObjectScope(objects):
                again = model_from_json(text)
        assert again.to_json() == text

    def test_unknown_names_are_named(self):
        text = Sequential([L.Dense(2, input_shape=(3,))]).to_json()
        with pytest.raises(ValueError, match="Unknown layer: Danse"):
            model_from_json(text.replace('"Dense"', '"Danse"'))


def translated(value):
    return translate(value, kforge.engine.layer.layers)


class TestDialects:
    def test_plain_values(self):
        assert translated({"class_name": "__tuple__", "items": [1, 2]}) == (1, 2)
        policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
        assert translated({"dtype": policy}) == {"dtype": "float32"}

    def test_arguments_without_effect_are_left_out(self):
        layer = {
            "class_name": "Conv2D",
            "module": "keras.layers",
            "config": {
                "name": "c",
                "filters": 2,
                "groups": 1,
                "dtype": "float32",
                "trainable": True,
            },
        }
        assert "groups" not in translated(layer)["config"]
        assert translated(layer)["config"]["dtype"] == "float32"

    @pytest.mark.parametrize(
        "kind, argument, value",
        [("Conv2D", "groups", 2), ("LSTM", "time_major", True)],
    )
    def test_arguments_with_an_effect_are_refused(self, kind, argument, value):
        layer = {"class_name": kind, "config": {"name": "x", argument: value}}
        with pytest.raises(ValueError, match=f"{kind} 'x' has {argument}={value}, of a newer"):
            translated(layer)

    def test_users_classes_get_what_they_wrote(self):
        layer = {"class_name": "Mine", "config": {"groups": 4, "fn": "f", "axis": [1, 2]}}
        assert translated(layer) == layer

    def test_axes_of_normalization(self):
        layer = {"class_name": "BatchNormalization", "config": {"name": "n", "axis": [3]}}
        assert translated(layer)["config"]["axis"] == 3
        layer["config"]["axis"] = [1, 2]
        with pytest.raises(ValueError, match=r"over the axes \[1, 2\]"):
            translated(layer)

    def test_two_different_directions(self):
        def layer(units, name):
            return {"class_name": "LSTM", "config": {"name": name, "units": units}}

        config = {"name": "b", "layer": layer(3, "forward_x"), "backward_layer": layer(3, "x")}
        found = translated({"class_name": "Bidirectional", "config": config})["config"]
        assert found["layer"]["config"] == {"name": "x", "units": 3, "go_backwards": False}
        config["backward_layer"] = layer(4, "x")
        with pytest.raises(ValueError, match="two different layers"):
            translated({"class_name": "Bidirectional", "config": config})


class TestHostile:
    def test_names_are_never_imported(self):
        layer = {"class_name": "os.system", "module": "os", "config": {"command": "true"}}
        for described in (layer, {**layer, "class_name": "system"}):
            with pytest.raises(ValueError, match="Unknown layer"):
                model_from_config(described)

    @pytest.mark.parametrize(
        "name", ["get_file", "eval", "__builtins__", "load_model", "Sequential"]
    )
    def test_functions_of_keras_are_no_activations(self, name):
        text = Sequential([L.Dense(2, activation="relu", input_shape=(3,))]).to_json()
        with pytest.raises(ValueError, match="Unknown activation"):
            model_from_json(text.replace('"relu"', json.dumps(name)))

    def test_bombs(self):
        with pytest.raises(UnsafeFileError):
            model_from_json('{"class_name":' * 1000)
        with pytest.raises(UnsafeFileError):
            model_from_yaml("!!python/object/apply:os.system [true]")


# ---- the same words, of other versions ----------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("2.3.1", [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]),
        ("2.2.4-tf", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]),
        ("2.15.0", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]),
        ("3.5.0", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]),
    ],
)
def test_bilinear_is_between_centres_of_pixels_since_tensorflow_2(version, wanted):
    model = Sequential(
        [L.UpSampling2D((1, 4), interpolation="bilinear", input_shape=(1, 2, 1), name="up")]
    )
    described = {**json.loads(model.to_json()), "keras_version": version}
    found = model_from_json(json.dumps(described))
    np.testing.assert_allclose(found.predict(np.array([[[[0.0], [1.0]]]]))[0, 0, :, 0], wanted)
    again = model_from_json(found.to_json())
    assert again.layers[0].interpolation == found.layers[0].interpolation


def test_the_hard_sigmoid_of_keras_3_is_another_function():
    model = Sequential([L.LSTM(2, input_shape=(3, 2), recurrent_activation="hard_sigmoid")])
    described = {**json.loads(model.to_json()), "keras_version": "2.15.0"}
    model_from_json(json.dumps(described))
    with pytest.raises(ValueError, match="has recurrent_activation='hard_sigmoid', which is anoth"):
        model_from_json(json.dumps({**described, "keras_version": "3.0.0"}))


class Mixed(L.Layer):
    """A call with arguments of all kinds."""

    def call(self, inputs, other=0.0, scale=1.0):
        return inputs * scale + other


def masked():
    x, weights = L.Input((5, 3)), L.Input((5,))
    heavy = L.Lambda(heavier, name="heavy")(weights)
    return Model([x, weights], L.LSTM(2)(x, mask=heavy))


def heavier(x):
    return x > 0.5


def with_states():
    x, state = L.Input((5, 3)), L.Input((2,))
    return Model([x, state], L.GRU(2)(x, initial_state=L.Dense(2)(state), training=False))


def mixed():
    x, other = L.Input((3,)), L.Input((3,))
    return Model([x, other], Mixed()(x, other=L.Dense(3)(other), scale=np.float32(2)))


class TestArgumentsOfCalls:
    @pytest.mark.parametrize("make", [masked, with_states, mixed])
    def test_are_kept(self, make):
        model = make()
        arrays = [np.random.RandomState(0).rand(4, *t.shape[1:]) for t in model.inputs]
        wanted = model.predict(arrays)
        again = model_from_json(model.to_json(), {"heavier": heavier, "Mixed": Mixed})
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(arrays), wanted)
        assert again.get_config()["layers"] == model.get_config()["layers"]
        inputs = [L.Input(t.shape[1:]) for t in model.inputs]
        np.testing.assert_array_equal(Model(inputs, model(inputs)).predict(arrays), wanted)
        twin = clone_model(model)
        twin.set_weights(model.get_weights())
        np.testing.assert_array_equal(twin.predict(arrays), wanted)

    def test_tensors_are_named_as_tf_keras_names_them(self):
        call = masked().get_config()["layers"][-1]["inbound_nodes"][0][0]
        assert call[3] == {"mask": ["heavy", 0, 0]}

    @pytest.mark.parametrize("training", [True, False])
    def test_a_model_is_called_in_the_same_phase(self, training):
        part = Sequential([L.Dropout(0.5, input_shape=(100,))])
        x = L.Input((100,))
        again = model_from_json(Model(x, part(x, training=training)).to_json())
        outer = L.Input((100,))
        for model in (again, Model(outer, again(outer))):
            assert (model.predict(np.ones((1, 100))) == 0).any() == training

    def test_what_cannot_be_written_is_told(self):
        x = L.Input((3,))
        model = Model(x, Mixed(name="mixed")(x, other=K.ones((3,))))
        with pytest.warns(UserWarning, match="mixed was passed the argument other=<Variable"):
            config = model.get_config()
        assert config["layers"][-1]["inbound_nodes"][0][0][3] == {}
