"""Graphs of layers."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge.engine.layer import disable_tracking
from kforge.engine.node import Node
from kforge.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    Input,
    Lambda,
    Layer,
    Masking,
    TimeDistributed,
    add,
    concatenate,
)
from kforge.models import Model, Sequential, model_from_json

X = np.random.RandomState(0).randn(5, 4).astype("float32")


def test_a_model_computes_its_layers():
    x = Input((4,))
    dense = Dense(3, activation="tanh")
    model = Model(x, dense(x))
    kernel, bias = dense.get_weights()
    np.testing.assert_allclose(model.predict(X), np.tanh(X @ kernel + bias), rtol=1e-5)
    assert dense.kernel.native.shape == (3, 4), "stored as torch has it"


def test_layers_are_in_the_order_of_keras():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    h = Dense(2, name="left")(a)
    model = Model([a, b], Dense(1, name="top")(concatenate([h, b], name="join")))
    assert [layer.name for layer in model.layers] == ["a", "left", "b", "join", "top"]


def test_a_shared_layer_has_one_set_of_weights():
    a, b = Input((4,)), Input((4,))
    tower = Dense(2)
    model = Model([a, b], add([tower(a), tower(b)]))
    assert len(model.trainable_weights) == 2
    np.testing.assert_allclose(
        model.predict([X, X]), 2 * (X @ tower.get_weights()[0]), rtol=1e-5, atol=1e-6
    )


def test_names_with_points_are_names_of_their_own():
    model = Sequential([Dense(2, input_shape=(4,), name="a.b"), Dense(2, name="a_b")])
    model.add(Dense(3, name="last.one"))
    assert len(list(model.children())) == 3 and len(model.state_dict()) == 6
    with pytest.raises(ValueError, match=r"last.one. is used 2 times"):
        model.add(Dense(3, name="last.one"))
    model.pop()
    assert len(model.state_dict()) == 4
    twin = Model(model.input, model.output)
    assert len(twin.state_dict()) == 4


def test_what_a_model_is_not_made_of():
    x = Input((4,))
    with pytest.raises(TypeError, match=r"unknown arguments \['more'\]"):
        Model(x, x, "name", True, None, "more")
    with pytest.raises(TypeError, match="give both"):
        Model(x)
    assert not Model("name", trainable=False).trainable


def test_a_config_may_list_layers_in_any_order():
    x = h = Input((4,))
    for _ in range(300):
        h = Activation("linear")(h)
    model = Model(x, Dense(2)(h))
    config = model.get_config()
    config["layers"].reverse()
    twin = Model.from_config(config)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    config["layers"].append(config["layers"][0])
    with pytest.raises(ValueError, match="used twice"):
        Model.from_config(config)
    del config["layers"][-2:]
    with pytest.raises(ValueError, match=r"inputs of these layers cannot be found"):
        Model.from_config(config)


def test_a_model_is_a_layer():
    inner = Sequential([Dense(3, input_shape=(4,)), Activation("relu")])
    x = Input((4,))
    outer = Model(x, Dense(1)(inner(x)))
    twin = Model.from_config(outer.get_config())
    twin.set_weights(outer.get_weights())
    np.testing.assert_array_equal(twin.predict(X), outer.predict(X))


def test_a_model_called_again_on_the_same_tensor_updates_once():
    x = Input((2,))
    inner = Sequential([BatchNormalization(momentum=0.5, input_shape=(2,))])
    twice = Model(x, [inner(x), inner(x)])
    twice.compile("sgd", "mse")
    data = np.array([[1.0, 3.0], [3.0, 5.0]])
    twice.train_on_batch(data, [data, data])
    np.testing.assert_allclose(inner.get_weights()[2], [1, 2])  # half of the mean


def test_models_end_at_any_tensor_and_take_arrays_and_tensors():
    x = Input((4,))
    h = Dense(3, name="h")(x)
    model = Model(x, [Dense(1)(h), h])
    want = model.predict(X)[1]
    np.testing.assert_array_equal(Model(x, model.get_layer("h").output).predict(X), want)
    np.testing.assert_allclose(model(X)[1].detach().cpu(), want)
    np.testing.assert_allclose(model(torch.from_numpy(X))[1].detach().cpu(), want)


def test_a_thousand_layers():
    x = y = Input((3,))
    for _ in range(1000):
        y = Dense(3, kernel_initializer="identity")(y)
    np.testing.assert_allclose(Model(x, y).predict(X[:, :3]), X[:, :3])


def test_code_that_branches_on_values_is_opaque():
    x = Input((4,))
    flip = Lambda(lambda t: -t if float(t.sum()) < 0 else t)
    model = Model(x, flip(x))
    np.testing.assert_array_equal(model.predict(-np.abs(X)), np.abs(X))
    np.testing.assert_array_equal(model.predict(np.abs(X)), np.abs(X))


def test_a_layer_that_gives_a_list_of_one_gives_a_tensor():
    x = Input((4,))
    slope = Lambda(lambda t: K.gradients(K.sum(t * t), t))
    y = slope(x)
    assert y.shape == (None, 4)
    np.testing.assert_allclose(Model(x, y).predict(X), 2 * X)
    np.testing.assert_array_equal(Lambda(lambda t: [-t])(torch.from_numpy(X)), -X)


def test_layers_know_sizes_that_inference_does_not():
    class Rows(Layer):
        def call(self, inputs):
            return K.reshape(inputs, K.concatenate([K.shape(inputs)[:1], [-1, 2]]))

        def compute_output_shape(self, input_shape):
            return (input_shape[0], K.constant(3, "int32"), 2)

    x = Input((None,))
    model = Model(x, TimeDistributed(Dense(4))(Rows()(x)))
    assert model.output_shape == (None, 3, 4)
    assert model.predict(np.ones((5, 6))).shape == (5, 3, 4)


def test_nested_masks_go_to_the_outputs_in_order():
    class Twice(Layer):
        def call(self, inputs, mask=None):
            return [inputs, -inputs, inputs[:, 0]]

        def compute_mask(self, inputs, mask=None):
            return [[mask, mask], None]

    x = Masking()(Input((3, 4)))
    masks = [y._keras_mask for y in Twice()(x)]
    assert masks == [x._keras_mask, x._keras_mask, None]


def test_a_subclass_with_a_call():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.towers = [Dense(3), Dense(3)]

        def call(self, inputs):
            return self.towers[0](inputs) * self.towers[1](inputs)

    net = Net()
    net.compile("sgd", "mse")
    assert net.predict(X).shape == (5, 3) and len(net.trainable_weights) == 4


def test_attributes_before_init_and_weights_of_a_custom_layer():
    class Scale(Layer):
        def __init__(self, **kwargs):
            self.start = 2.0
            super().__init__(**kwargs)

        def build(self, input_shape):
            start = K.constant(self.start)
            self.scale = self.add_weight("scale", (), initializer=lambda s, dtype=None: start)
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.scale

    model = Sequential([Scale(input_shape=(4,))])
    np.testing.assert_array_equal(model.predict(X), X * 2)
    assert dict(model.named_parameters()).keys() == {f"{model.layers[0].name}.scale"}


def test_variables_that_are_attributes_are_weights():
    class Line(Layer):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)
            self.slope = K.variable(2.0)

        def build(self, input_shape):
            self.start = self.add_weight("start", (), trainable=False)
            self.fixed = K.variable([1.0, 2.0])  # in a list, it would be none
            self.hidden = [K.variable(0.0)]

        def call(self, inputs):
            return self.dense(inputs) * self.slope + self.start

    line = Line()
    line(K.constant(X))
    own = [line.slope, line.fixed]
    assert line._trainable_weights == own and line.non_trainable_weights == [line.start]
    assert line.trainable_weights == own + line.dense.weights
    assert line._layers == [line.dense]


def test_what_a_graph_tells_of_itself():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(3, name="shared")
    joined = add([shared(a), Dense(3, name="second")(shared(b))], name="joined")
    model = Model([a, b], joined)
    assert [layer.name for layer in model._input_layers] == ["a", "b"]
    assert model.output_layers == [model.get_layer("joined")]
    by_depth = {d: {x.name for x in found} for d, found in model._layers_by_depth.items()}
    assert by_depth == {0: {"joined"}, 1: {"second"}, 2: {"shared"}, 3: {"a", "b"}}
    assert len(model._nodes_by_depth[2]) == 2
    assert len(shared.inbound_nodes) == 2
    shared(Input((4,)))  # not the model's
    assert model._network_nodes == {
        *("a_ib-0", "b_ib-0", "shared_ib-0", "shared_ib-1", "second_ib-0", "joined_ib-0")
    }
    assert model._layers is model.layers


def test_what_uses_the_learning_phase():
    a, b = Input((4,)), Input((4,))
    model = Model([a, b], [Dense(2)(a), Dropout(0.5)(b)])
    assert model.uses_learning_phase
    c, d = model([Input((4,)), Input((4,))])
    assert c._uses_learning_phase and d._uses_learning_phase  # a model answers for all its outputs
    always = Model(a, Dropout(0.5)(a, training=True))
    assert not always.uses_learning_phase


def test_the_dtype_of_a_model_is_that_of_its_own_weights():
    class Counter(Model):
        def __init__(self):
            super().__init__(dtype="int64")
            self.count = self.add_weight("count", [], initializer="ones")

    assert K.dtype(Counter().count) == "int64"


@pytest.mark.parametrize("dtype", [torch.float16, np.float16, np.dtype("float16"), "float16"])
def test_a_layer_names_its_dtype(dtype):
    layer = Dense(2, dtype=dtype)
    assert layer.dtype == layer.get_config()["dtype"] == "float16"


def test_a_chain_that_a_model_begins_can_be_written():
    x = Input((4,))
    chain = Sequential([Model(x, Dense(3)(x)), Dense(1)])
    model = Model(chain.input, chain.output)
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["input", "output", "input_shape", "output_shape"])
def test_a_model_without_a_shape_has_no_ends(name):
    with pytest.raises(AttributeError, match="not connected"):
        getattr(Sequential([Dense(2)]), name)


def test_adding_and_removing():
    model = Sequential([Dense(3, input_shape=(4,))])
    model.add(Dense(7))
    model.pop()
    model.add(Dense(2))
    assert model.predict(X).shape == (5, 2)
    with pytest.raises(TypeError, match="There are no layers"):
        Sequential().pop()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Model(Input((3,)), Dense(1)(Input((3,)))), "Graph disconnected"),
        (lambda: (lambda x: Model(x, x * 2))(Input((3,))), "must be the output of a Keras `Layer`"),
        (lambda: Sequential([Dense(2), 3]), "instance of class Layer"),
        (lambda: Dense(2)(np.zeros((2, 3))), "isn't a symbolic tensor"),
        (lambda: Dense(2, unit=3), "Keyword argument not understood"),
    ],
)
def test_mistakes_are_told(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("layer", [Dense(3), Flatten(), BatchNormalization()])
def test_a_list_of_one_tensor_is_no_tensor(layer):
    with pytest.raises(AttributeError, match=r"a list of one tensor .*: `layer\(x\)`"):
        layer([Input((3, 4))])


def test_layers_under_names_that_classes_have_too():
    class Chain(Layer):
        last = None

        def __init__(self, **kwargs):
            self.forward, self.to, self.last = Dense(3), Dense(2), Dense(1)
            super().__init__(**kwargs)

        def call(self, x):
            return self.last(self.to(self.forward(x)))

    model = Sequential([Chain(input_shape=(4,))])
    assert model.predict(X[:, :4]).shape == (5, 1) and len(model.get_weights()) == 6
    again = Sequential([Chain(input_shape=(4,))])
    again.layers[0].to = Dense(7)
    assert again.layers[0].to.units == 7


def test_a_layer_that_does_not_call_the_constructor_of_layers():
    class Scaled(Layer):
        def __init__(self, factor):
            self.factor = factor

    with pytest.raises(AttributeError, match=r"Scaled has no name.*super\(Scaled, self\)"):
        Scaled(2)(Input((3,)))


def test_nodes_and_the_graph_itself_as_in_keras():
    class Constant(Layer):
        def __init__(self, value, **kwargs):
            super().__init__(**kwargs)
            tensor = K.constant(value)
            shape = tuple(tensor.shape)
            tensor._keras_history = (self, 0, 0)
            Node(self, [], [], [], [tensor], [tensor], [None], [None], [shape], [shape])

    made = Constant(X)
    assert made.get_output_at(0).shape == X.shape and made.input is made.output
    x = Input((4,))
    model = Model(x, Dropout(0.5)(Dense(3)(x)))
    assert model.uses_learning_phase and not Model(x, model.layers[1].output).uses_learning_phase
    other = K.placeholder((7, 4))
    outputs, masks, shapes = model.run_internal_graph(other)
    assert masks == [None] and shapes == [(7, 3)]
    twice = K.function([other], [outputs[0] * 2])
    x7 = np.ones((7, 4), "float32")
    np.testing.assert_allclose(twice([x7])[0], 2 * model.predict(x7), rtol=1e-6)


def test_layers_that_are_not_tracked():
    class Borrows(Layer):
        @disable_tracking
        def __init__(self, layer, **kwargs):
            super().__init__(**kwargs)
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs)

    lent = Dense(3, input_shape=(4,))
    lent.build((None, 4))
    model = Sequential([Borrows(lent, input_shape=(4,))])
    assert model.weights == [] and model.predict(X).shape == (5, 3)


def test_a_layer_lists_its_metrics():
    x = Input((4,))
    dense = Dense(3)
    dense.add_metric(K.mean(dense(x)), name="mean")
    assert [m.name for m in dense.metrics] == ["mean"]


def test_names_that_torch_would_take_for_one():
    model = Sequential([Dense(3, input_shape=(4,), name="a.b"), Dense(2, name="a_b")])
    x = Input((2,))
    graph = Model(x, Dense(2, name="x.y")(Dense(2, name="x_y")(x)))
    assert len(list(model.parameters())) == len(list(graph.parameters())) == 4
    assert len(model.state_dict()) == len(graph.get_weights()) == 4
    model.pop()
    assert [layer.name for layer in model.layers] == ["a.b"] and len(model.state_dict()) == 2
    model.add(Dense(2, name="a_b"))
    with pytest.raises(ValueError, match=r'"a\.b" is used 2 times'):
        model.add(Dense(2, name="a.b"))


def test_as_many_inputs_as_the_model_has():
    a, b, x = Input((4,)), Input((4,)), Input((4,))
    model = Model([a, b], add([a, b]), name="pair")
    for wrong in (x, [x], [x, x, x]):
        with pytest.raises(ValueError, match=r"Layer pair expects 2 inputs, but it received"):
            model(wrong)
    with pytest.raises(ValueError, match=r"pair: 2 inputs, input_shape \(None, 4\)"):
        model.compute_output_shape((None, 4))
    assert model.input_spec == [None, None] and Model().input_spec is None


def test_what_a_model_does_not_have_yet():
    model = Sequential([Dense(2)])
    names = ("input", "output", "input_shape", "output_shape")
    names += ("total_loss", "targets", "sample_weights", "loss_weights_list", "sample_weight_modes")
    names += ("_feed_targets", "_feed_output_names")
    assert not model._is_compiled and not any(hasattr(model, name) for name in names)
    model.compile("sgd", "mse")
    model.build((None, 4))
    model.train_on_batch(X, X[:, :2])
    assert all(hasattr(model, name) for name in names)
    assert (model.loss_weights_list, model.sample_weight_modes) == ([1.0], [None])


def test_private_layers_of_a_chain_begin_with_the_input():
    model = Sequential([Dense(2, input_shape=(4,)), Dense(3)])
    assert [type(layer).__name__ for layer in model._layers] == ["InputLayer", "Dense", "Dense"]


def test_metrics_are_those_that_were_asked_for():
    x = Input((4,))
    model = Model(x, [Dense(2, name="p")(x), Dense(2, name="q")(x)])
    model.add_metric(K.sum(x), name="sum")
    assert [m.name for m in model.metrics] == ["sum"]
    model.compile("sgd", "mse", metrics=["mae"])
    assert [m.name for m in model.metrics] == ["p_mae", "q_mae", "sum"]
    assert model.metrics_names == ["loss", "p_loss", "q_loss", "p_mae", "q_mae", "sum"]
