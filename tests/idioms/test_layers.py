"""Custom layers, cells, initializers, regularizers, constraints and activations."""

import numpy as np
import pytest

from kforge import activations, constraints, initializers, regularizers
from kforge import backend as K
from kforge.layers import (
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    Input,
    InputSpec,
    Lambda,
    Layer,
    Masking,
    TimeDistributed,
    Wrapper,
    recurrent,
)
from kforge.models import Model, Sequential, load_model
from kforge.utils import CustomObjectScope, get_custom_objects

RNG = np.random.RandomState(0)
X = RNG.randn(6, 4).astype("float32")
STEPS = RNG.randn(3, 5, 4).astype("float32")


def close(found, wanted, **tolerances):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-4, "atol": 1e-6, **tolerances})


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class MyLayer(Layer):
    """As in Keras's guide."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[1], self.output_dim),
            initializer="uniform",
            trainable=True,
        )
        super().build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return dict(super().get_config(), output_dim=self.output_dim)


def test_the_layer_of_the_guide_trains_and_travels(tmp_path):
    model = Sequential([MyLayer(3, input_shape=(4,), name="mine"), Dense(2)])
    model.compile("sgd", "mse")
    kernel, w, b = model.get_weights()
    close(model.predict(X), X @ kernel @ w + b)
    model.train_on_batch(X, np.zeros((6, 2)))
    close(model.get_weights()[0], kernel - 0.01 * X.T @ (2 / 12 * (X @ kernel @ w + b)) @ w.T)
    model.save(tmp_path / "model.h5")
    again = load_model(tmp_path / "model.h5", custom_objects={"MyLayer": MyLayer})
    close(again.predict(X), model.predict(X))
    with CustomObjectScope({"MyLayer": MyLayer}):
        assert Sequential.from_config(model.get_config()).layers[0].output_dim == 3


def test_several_inputs_and_outputs():
    class MyMerge(Layer):
        def build(self, input_shape):
            assert isinstance(input_shape, list)
            self.kernel = self.add_weight("kernel", (input_shape[0][1], 3), initializer="ones")
            super().build(input_shape)

        def call(self, x):
            a, b = x
            return [K.dot(a, self.kernel) + b, K.mean(b, axis=-1)]

        def compute_output_shape(self, input_shape):
            shape_a, _ = input_shape
            return [(shape_a[0], 3), shape_a[:-1]]

    a, b = Input((4,)), Input((3,))
    model = Model([a, b], MyMerge()([a, b]))
    total, mean = model.predict([X, X[:, :3]])
    close(total, X.sum(1, keepdims=True) + X[:, :3])
    close(mean, X[:, :3].mean(1))
    assert model.output_shape == [(None, 3), (None,)]


def test_weights_made_as_variables_and_listed_by_hand():
    class Old(Layer):
        def build(self, input_shape):
            self.W = K.variable(np.full((input_shape[-1], 2), 0.5), name="W")
            self.b = K.variable(np.zeros(2), name="b")
            self.trainable_weights = [self.W, self.b]
            self.non_trainable_weights = [K.variable(3.0)]
            self.built = True

        def call(self, x, mask=None):
            return K.tanh(K.dot(x, self.W) + self.b) * self.non_trainable_weights[0]

        def get_output_shape_for(self, input_shape):
            return (input_shape[0], 2)

    model = Sequential([Old(input_shape=(4,))])
    close(model.predict(X), 3 * np.tanh(np.repeat(X.sum(1, keepdims=True) / 2, 2, 1)))
    model.compile("sgd", "mse")
    model.train_on_batch(X, np.zeros((6, 2)))
    assert len(model.trainable_weights) == 2 and np.any(model.get_weights()[0] != 0.5)
    close(model.get_weights()[2], 3)


class Attention(Layer):
    """Attention over time with a mask, as many scripts of the time have it."""

    def __init__(self, W_regularizer=None, b_constraint=None, bias=True, **kwargs):
        self.supports_masking = True
        self.init = initializers.get("glorot_uniform")
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_constraint = constraints.get(b_constraint)
        self.bias = bias
        super().__init__(**kwargs)

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.add_weight(
            shape=(input_shape[-1],),
            initializer=self.init,
            name=f"{self.name}_W",
            regularizer=self.W_regularizer,
        )
        self.b = None
        if self.bias:
            self.b = self.add_weight((input_shape[1],), initializer="zero", name=f"{self.name}_b")
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return None

    def call(self, x, mask=None):
        eij = K.squeeze(K.dot(x, K.expand_dims(self.W)), axis=-1)
        if self.b is not None:
            eij += self.b
        a = K.exp(K.tanh(eij))
        if mask is not None:
            a *= K.cast(mask, K.floatx())
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        return K.sum(x * K.expand_dims(a), axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


def test_attention_with_a_mask():
    with pytest.warns(UserWarning, match="Update your `add_weight` call"):
        model = Sequential([Masking(input_shape=(5, 4)), Attention(W_regularizer="l2")])
    w = model.get_weights()[0]
    steps = STEPS.copy()
    steps[:, 3:] = 0
    a = np.exp(np.tanh(steps @ w)) * (steps != 0).any(-1)
    close(model.predict(steps), ((a / a.sum(1, keepdims=True))[..., None] * steps).sum(1))
    model.compile("sgd", "mse")
    error = np.mean(model.predict(steps) ** 2)
    close(model.test_on_batch(steps, np.zeros((3, 4))), error + 0.01 * (w**2).sum())


def test_a_layer_that_makes_a_mask():
    class LastTwo(Layer):
        def compute_mask(self, inputs, mask=None):
            return K.greater(K.cumsum(K.ones_like(inputs[..., 0]), axis=1), 3)

    class MeanOverTime(Layer):
        supports_masking = True

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True

        def call(self, x, mask=None):
            mask = K.expand_dims(K.cast(mask, "float32"))
            return K.sum(x * mask, axis=1) / K.sum(mask, axis=1)

        def compute_output_shape(self, input_shape):
            return (input_shape[0], input_shape[2])

        def compute_mask(self, inputs, mask=None):
            return None

    model = Sequential([LastTwo(input_shape=(5, 4)), MeanOverTime()])
    close(model.predict(STEPS), STEPS[:, 3:].mean(1))


def test_keyword_arguments_go_through_call():
    class Scale(Layer):
        def call(self, inputs, factor=1.0, training=None, **kwargs):
            return K.in_train_phase(inputs * factor, inputs * -factor, training=training)

    x, y = Input((4,)), Scale()
    model = Model(x, [y(x, factor=3.0), y(x, training=True), y(x, training=False, other=1)])
    for found, factor in zip(model.predict(X), (-3, 1, -1)):
        close(found, factor * X)


def test_sublayers_wrappers_and_input_specs():
    class Block(Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.inner = [Dense(units, activation="tanh"), Dense(units)]
            self.input_spec = InputSpec(ndim=2, axes={-1: 4})

        def build(self, input_shape):
            self.inner[0].build(input_shape)
            self.inner[1].build((None, 3))
            super().build(input_shape)

        def call(self, inputs):
            return self.inner[1](self.inner[0](inputs))

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 3)

    class Twice(Wrapper):
        def build(self, input_shape):
            if not self.layer.built:
                self.layer.build(input_shape)
            super().build()

        def call(self, inputs):
            return 2 * self.layer.call(inputs)

    model = Sequential([Block(3, input_shape=(4,)), Twice(Dense(2))])
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    close(model.predict(X), 2 * ((np.tanh(X @ w1 + b1) @ w2 + b2) @ w3 + b3))
    with pytest.raises(ValueError, match="is incompatible with layer"):
        Block(3)(Input((5,)))


def test_a_layer_within_time_distributed():
    model = Sequential([TimeDistributed(MyLayer(3), input_shape=(5, 4))])
    close(model.predict(STEPS), STEPS @ model.get_weights()[0])


# ---- cells -------------------------------------------------------------------------------------


class MinimalRNNCell(Layer):
    """As in Keras's documentation of `RNN`."""

    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.built = True

    def call(self, inputs, states):
        h = K.dot(inputs, self.kernel)
        output = h + K.dot(states[0], self.recurrent_kernel)
        return output, [output]

    def get_config(self):
        return dict(super().get_config(), units=self.units)


def run_cell(steps, kernel, recurrent, state=0.0):
    found = []
    for t in range(steps.shape[1]):
        state = steps[:, t] @ kernel + state @ recurrent if t else steps[:, 0] @ kernel
        found.append(state)
    return np.stack(found, 1)


@pytest.mark.parametrize("unroll", [False, True])
def test_a_cell_in_an_rnn(unroll):
    x = Input((5, 4))
    layer = RNN(MinimalRNNCell(3), return_sequences=True, unroll=unroll)
    model = Model(x, layer(x))
    close(model.predict(STEPS), run_cell(STEPS, *model.get_weights()), rtol=1e-3)


class DroppingCell(MinimalRNNCell):
    """With Keras's own function for the dropout of cells."""

    def call(self, inputs, states, training=None):
        ones = K.ones_like(inputs)
        masks = recurrent.generate_dropout_mask(ones, 0.5, training=training, count=2)
        mask = recurrent.generate_dropout_mask(ones, 0.5, training=training)
        return super().call(inputs * masks[0] * masks[1] * mask, states)


def test_dropout_in_a_cell():
    x = Input((1, 1000))
    model = Model(x, RNN(DroppingCell(1))(x))
    run = K.function([x, K.learning_phase()], [model.output])
    model.set_weights([np.ones((1000, 1)), np.ones((1, 1))])
    ones = np.ones((1, 1, 1000))
    assert run([ones, 0])[0] == 1000
    kept = run([ones, 1])[0] / 8  # of 1000, with a chance of 1 in 8
    assert kept == kept.round() and 80 < kept < 180


def test_stacked_cells_and_both_directions():
    x = Input((5, 4))
    y = RNN([MinimalRNNCell(3), MinimalRNNCell(2)])(x)
    model = Model(x, y)
    k1, r1, k2, r2 = model.get_weights()
    close(model.predict(STEPS), run_cell(run_cell(STEPS, k1, r1), k2, r2)[:, -1], rtol=1e-3)

    with CustomObjectScope({"MinimalRNNCell": MinimalRNNCell}):
        both = Sequential([Bidirectional(RNN(MinimalRNNCell(3)), input_shape=(5, 4))])
    f, fr, b, br = both.get_weights()
    ahead, back = run_cell(STEPS, f, fr)[:, -1], run_cell(STEPS[:, ::-1], b, br)[:, -1]
    close(both.predict(STEPS), np.concatenate([ahead, back], -1), rtol=1e-3)


def test_a_cell_with_constants_and_two_states():
    class Counting(Layer):
        state_size = (2, 1)
        output_size = 2

        def call(self, inputs, states, constants):
            h, n = states
            h = h + inputs[:, :2] * constants[0]
            return h, [h, n + 1]

    x, c = Input((5, 4)), Input((1,))
    out, h, n = RNN(Counting(), return_state=True)(x, constants=c)
    model = Model([x, c], [out, h, n])
    scale = np.array([[1.0], [2.0], [3.0]], "float32")
    out, h, n = model.predict([STEPS, scale])
    close(out, STEPS[:, :, :2].sum(1) * scale)
    close(h, out)
    close(n, 5)


# ---- initializers, regularizers, constraints, activations --------------------------------------


def test_functions_of_ones_own():
    def my_init(shape, dtype=None):
        return K.ones(shape, dtype=dtype) * 2

    def l1_reg(weight_matrix):
        return 0.01 * K.sum(K.abs(weight_matrix))

    class MaxOne(constraints.Constraint):
        def __call__(self, w):
            return K.minimum(w, 1.0)

    def swish(x):
        return x * K.sigmoid(x)

    layer = Dense(
        3,
        activation=swish,
        kernel_initializer=my_init,
        bias_initializer=lambda shape, dtype=None: np.full(shape, 0.5),
        kernel_regularizer=l1_reg,
        kernel_constraint=MaxOne(),
        input_shape=(4,),
    )
    model = Sequential([layer])
    model.compile("sgd", "mse")
    z = 2 * X.sum(1, keepdims=True) + 0.5
    close(model.predict(X)[:, :1], z / (1 + np.exp(-z)))
    close(model.test_on_batch(X, model.predict(X)), 0.01 * 24)
    model.train_on_batch(X, np.zeros((6, 3)))
    assert model.get_weights()[0].max() <= 1


def test_names_of_ones_own():
    class Halves(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return K.constant(0.5, shape=shape, dtype=dtype)

    def cube(x):
        return x**3

    get_custom_objects().update({"Halves": Halves, "cube": cube})
    try:
        model = Sequential([Dense(2, activation="cube", kernel_initializer="Halves", input_dim=4)])
        close(model.predict(X), np.repeat((X.sum(1, keepdims=True) / 2) ** 3, 2, 1))
        again = Sequential.from_config(model.get_config())
        close(again.predict(X), model.predict(X))
        assert activations.get("cube") is cube
    finally:
        get_custom_objects().clear()


def test_tied_weights():
    class Tied(Layer):
        def __init__(self, tied_to, **kwargs):
            super().__init__(**kwargs)
            self.tied_to = tied_to

        def call(self, x):
            return K.dot(x, K.transpose(self.tied_to.kernel))

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 4)

        @property
        def trainable_weights(self):
            return []

    encoder = Dense(3, use_bias=False)
    x = Input((4,))
    model = Model(x, Tied(encoder)(encoder(x)))
    (kernel,) = model.get_weights()
    close(model.predict(X), X @ kernel @ kernel.T)
    model.compile("sgd", "mse")
    model.train_on_batch(X, X)
    error = 2 / 24 * (X @ kernel @ kernel.T - X)
    grad = X.T @ error @ kernel + error.T @ X @ kernel
    close(model.get_weights()[0], kernel - 0.01 * grad)


def test_an_embedding_shared_with_the_output():
    words = Input((5,), dtype="int32")
    embed = Embedding(7, 3)
    logits = Lambda(lambda h: K.dot(h, K.transpose(embed.embeddings)))(embed(words))
    model = Model(words, Lambda(lambda z: K.softmax(z))(logits))
    ids = RNG.randint(0, 7, (2, 5))
    (table,) = embed.get_weights()
    close(model.predict(ids), softmax(table[ids] @ table.T))
