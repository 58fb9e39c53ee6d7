"""Losses and metrics: closures (VAE), `add_loss`, `add_metric`, code that asks for values."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import metrics, regularizers
from kforge.layers import LSTM, Activation, Dense, Input, Lambda, Layer
from kforge.losses import binary_crossentropy, mse
from kforge.models import Model, Sequential

RNG = np.random.RandomState(0)
X = RNG.uniform(size=(6, 4)).astype("float32")
Y = RNG.randn(6, 3).astype("float32")


def close(found, wanted, **tolerances):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-4, "atol": 1e-6, **tolerances})


def vae():
    """(model, inputs, mean, log variance) of a variational autoencoder that draws nothing."""
    inputs = Input((4,), name="encoder_input")
    z_mean, z_log_var = Dense(2, name="z_mean")(inputs), Dense(2, name="z_log_var")(inputs)

    def sampling(args):
        z_mean, z_log_var = args
        batch, dim = K.shape(z_mean)[0], K.int_shape(z_mean)[1]
        epsilon = K.random_normal(shape=(batch, dim), stddev=0.0)
        return z_mean + K.exp(0.5 * z_log_var) * epsilon

    z = Lambda(sampling, output_shape=(2,), name="z")([z_mean, z_log_var])
    outputs = Dense(4, activation="sigmoid")(z)
    return Model(inputs, outputs, name="vae"), inputs, z_mean, z_log_var


def vae_by_torch(x, weights):
    """The loss of `vae` and the gradients of its weights."""
    x = torch.tensor(x)
    weights = [torch.tensor(w, requires_grad=True) for w in weights]
    mean, log_var = x @ weights[0] + weights[1], x @ weights[2] + weights[3]
    out = torch.sigmoid(mean @ weights[4] + weights[5])
    kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(-1)
    reconstruction = 4 * torch.nn.functional.binary_cross_entropy(out, x, reduction="none").mean(-1)
    loss = (reconstruction + kl).mean()
    return loss.item(), [g.numpy() for g in torch.autograd.grad(loss, weights)]


def check_step(model, train):
    before = model.get_weights()
    loss, grads = vae_by_torch(X, before)
    close(train(), loss)
    for new, old, grad in zip(model.get_weights(), before, grads):
        close(new, old - 0.01 * grad)


def test_a_vae_whose_loss_closes_over_the_latent_tensors():
    model, _, z_mean, z_log_var = vae()

    def vae_loss(x, x_decoded_mean):
        xent_loss = 4 * binary_crossentropy(x, x_decoded_mean)
        kl_loss = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
        return xent_loss + kl_loss

    model.compile(optimizer="sgd", loss=vae_loss)
    check_step(model, lambda: model.train_on_batch(X, X))
    assert model.fit(X, X, epochs=1, batch_size=3, verbose=0).history["loss"][0] > 0


def test_a_vae_with_add_loss_and_no_targets():
    model, inputs, z_mean, z_log_var = vae()
    reconstruction_loss = binary_crossentropy(inputs, model.output) * 4
    kl_loss = K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1) * -0.5
    model.add_loss(K.mean(reconstruction_loss + kl_loss))
    model.compile(optimizer="sgd")
    check_step(model, lambda: model.train_on_batch(X, None))
    history = model.fit(X, epochs=2, batch_size=6, verbose=0, validation_data=(X, None)).history
    assert history["loss"][1] < history["loss"][0] and history["val_loss"][1] < history["loss"][1]


def test_a_vae_with_a_layer_that_adds_the_loss():
    class CustomVariationalLayer(Layer):
        def __init__(self, **kwargs):
            self.is_placeholder = True
            super().__init__(**kwargs)

        def vae_loss(self, x, decoded, z_mean, z_log_var):
            xent_loss = 4 * metrics.binary_crossentropy(x, decoded)
            kl = -0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
            return K.mean(xent_loss + kl)

        def call(self, inputs):
            loss = self.vae_loss(*inputs)
            self.add_loss(loss, inputs=inputs)
            return inputs[0]

    inner, inputs, z_mean, z_log_var = vae()
    model = Model(inputs, CustomVariationalLayer()([inputs, inner.output, z_mean, z_log_var]))
    model.compile(optimizer="sgd", loss=None)
    check_step(model, lambda: model.train_on_batch(X, None))


def test_a_loss_made_by_a_function_of_parameters_and_inputs():
    def weighted(alpha, weight_tensor):
        def loss(y_true, y_pred):
            return K.mean(alpha * K.square(y_true - y_pred) * weight_tensor, axis=-1)

        return loss

    a, w = Input((4,)), Input((1,))
    model = Model([a, w], Dense(3)(a))
    model.compile("sgd", weighted(2.0, w), metrics=[weighted(1.0, w)])
    given = np.linspace(0, 1, 6).reshape(6, 1).astype("float32")
    error = (model.predict([X, given]) - Y) ** 2 * given
    close(model.test_on_batch([X, given], Y), [2 * error.mean(), error.mean()])


def test_a_loss_with_keras_private_constant():
    def weighted(target, output):
        epsilon = K._to_tensor(K.epsilon(), K.dtype(output))
        output = K.clip(output, epsilon, 1 - epsilon)
        return K.mean(K.log(output) * target, axis=-1)

    found = K.eval(weighted(K.constant([[1.0, 2.0]]), K.constant([[0.0, 1.0]])))
    close(found, [np.log(1e-7) / 2], rtol=1e-5)


def test_a_loss_of_two_outputs_of_one_model():
    x = Input((4,))
    a, b = Dense(3, name="a")(x), Dense(3, name="b")(x)
    model = Model(x, [a, b])
    gap = lambda y_true, y_pred: K.mean(K.square(y_pred - b), axis=-1)  # noqa: E731
    model.compile("sgd", [gap, "mse"], loss_weights=[1, 0])
    pa, pb = model.predict(X)
    close(model.train_on_batch(X, [Y, Y])[:2], [np.mean((pa - pb) ** 2)] * 2)
    assert not np.allclose(model.get_layer("b").get_weights()[1], 0), "both learn from it"


def test_metrics_of_tensors_and_functions():
    x = Input((4,))
    hidden = Dense(3, activation="relu", name="hidden")(x)
    model = Model(x, Dense(3)(hidden))
    model.add_metric(K.sum(hidden), name="activity", aggregation="mean")
    model.layers[1].add_metric(K.max(hidden), "peak")

    def mean_pred(y_true, y_pred):
        return K.mean(y_pred)

    model.compile("sgd", "mse", metrics=[mean_pred, "mae"])
    assert model.metrics_names == ["loss", "mean_pred", "mae", "activity", "peak"]
    inner = Model(x, hidden).predict(X)
    parts = [model.predict(X[i : i + 3]).mean() for i in (0, 3)]
    found = dict(zip(model.metrics_names, model.evaluate(X, Y, batch_size=3, verbose=0)))
    close(found["mean_pred"], np.mean(parts))
    close(found["activity"], inner.sum() / 2)
    close(found["peak"], (inner[:3].max() + inner[3:].max()) / 2)
    history = model.fit(X, Y, verbose=0, validation_split=0.5).history
    assert {"activity", "val_activity", "val_mean_pred"} < history.keys()


def test_losses_and_updates_of_layers():
    class Averages(Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight("kernel", (4,), initializer="ones", regularizer="l2")
            self.mean = self.add_weight("mean", (4,), initializer="zeros", trainable=False)
            super().build(input_shape)

        def call(self, inputs):
            self.add_loss(0.1 * K.sum(K.abs(inputs)), inputs=inputs)
            new = 0.5 * self.mean + 0.5 * K.mean(inputs, axis=0)
            self.add_update([(self.mean, new)], inputs)
            return inputs * self.kernel

    layer = Averages()
    layer.activity_regularizer = regularizers.l1(0.01)
    x = Input((4,))
    model = Model(x, layer(x))
    assert len(layer.losses) == 3 and len(layer.updates) == 1
    assert len(layer.get_losses_for(None)) == 1 and len(layer.get_losses_for(x)) == 2
    assert layer.get_updates_for(x) == layer.updates and model.updates == layer.updates
    close(K.function([x], model.losses)([X])[0], 0.01 * 4)

    model.compile("sgd", "mse")
    penalties = 0.04 + 0.11 * X.sum()
    close(model.test_on_batch(X, X), penalties)
    close(layer.get_weights()[1], 0)
    close(model.train_on_batch(X, X), penalties)
    close(layer.get_weights()[1], X.mean(0) / 2)


def test_a_frozen_layer_does_not_update():
    from kforge.layers import BatchNormalization

    bn = BatchNormalization(input_shape=(4,))
    model = Sequential([bn, Dense(3)])
    bn.trainable = False
    model.compile("sgd", "mse")
    assert bn.updates == [] and model.updates == []
    model.train_on_batch(X, Y)
    close(bn.get_weights()[2], 0)


def test_feeds_of_the_total_loss():
    x = Input((4,))
    model = Model(x, [Dense(3, name="a")(x), Dense(1, name="b")(x)])
    model.compile("sgd", "mse", loss_weights=[1.0, 0.5])
    losses = K.function(model.inputs + model.targets + model.sample_weights, [model.total_loss])
    a, b = model.predict(X)
    found = losses([X, Y, X[:, :1], np.full(6, 2.0), np.ones(6)])[0]
    close(found, 2 * np.mean((a - Y) ** 2) + 0.5 * np.mean((b - X[:, :1]) ** 2))


def test_private_names_that_scripts_feed():
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse")
    grads = model.optimizer.get_gradients(model.total_loss, model.trainable_weights)
    symb_inputs = model._feed_inputs + model._feed_targets + model._feed_sample_weights
    f = K.function(symb_inputs, grads)
    x, y, sample_weight = model._standardize_user_data(X, Y)
    norms = [np.sum(np.square(w)) for w in f(x + y + sample_weight)]
    error = 2 * (model.predict(X) - Y) / Y.size
    close(norms, [np.square(X.T @ error).sum(), np.square(error.sum(0)).sum()])
    _, _, (weights,) = model._standardize_user_data(X, Y, class_weight=None, sample_weight=Y[:, 0])
    close(weights, Y[:, 0])
    assert model._feed_input_names == model.input_names
    assert model._feed_output_names == model.output_names
    assert model._feed_input_shapes == [(None, 4)] and model._feed_output_shapes == [(None, 3)]
    assert model._feed_outputs == model.outputs and len(model._feed_loss_fns) == 1


def test_lengths_of_user_data_that_are_checked_on_demand():
    model = Sequential([Dense(3, batch_input_shape=(2, 4))])
    model.compile("sgd", "mse")
    (x,), (y,), _ = model._standardize_user_data(X[:5], Y, check_array_lengths=False)
    assert (len(x), len(y)) == (5, 6)
    with pytest.raises(ValueError, match="same number of samples"):
        model._standardize_user_data(X[:4], Y)
    stateful = Sequential([LSTM(3, stateful=True, batch_input_shape=(2, 2, 4))])
    stateful.compile("sgd", "mse")
    sequences = np.stack([X, X], 1)
    with pytest.raises(ValueError, match="Found: 6 samples"):
        stateful._standardize_user_data(sequences, Y, batch_size=4)


def test_tensors_appended_to_the_metrics():
    x = Input((4,))
    hidden = Dense(3, activation="relu", name="hidden")(x)
    model = Model(x, Dense(3)(hidden))
    model.compile("sgd", "mse", metrics=["mae"])
    model.metrics_names.append("activity")
    model.metrics_tensors.append(K.mean(hidden, keepdims=True))
    assert model.metrics_names == ["loss", "mae", "activity"]
    wanted = Model(x, hidden).predict(X).mean()
    close(model.test_on_batch(X, Y)[2], wanted)
    history = model.fit(X, Y, batch_size=3, verbose=0, validation_data=(X, Y)).history
    assert {"activity", "val_activity"} < history.keys() and len(history) == 6


# ---- values ------------------------------------------------------------------------------------


def linear(**options):
    model = Sequential([Dense(3, input_shape=(4,), kernel_initializer="ones")])
    model.compile("sgd", **options)
    return model, model.predict(X)


def test_a_loss_that_branches_on_values():
    def loss(y_true, y_pred):
        if float(K.mean(y_true)) > 0:
            return K.mean(K.square(y_pred - y_true))
        return K.mean(K.abs(y_pred - y_true))

    model, p = linear(loss=loss)
    up, down = abs(Y), -abs(Y)
    close(model.test_on_batch(X, up), np.mean((p - up) ** 2))
    close(model.test_on_batch(X, down), np.mean(abs(p - down)))
    bias = model.get_weights()[1]
    model.train_on_batch(X, down)
    close(model.get_weights()[1], bias - 0.01 * np.sign(p - down).mean(0) / 3)


def test_metrics_in_numpy():
    def ranking(y_true, y_pred):
        order = np.argsort(y_pred.detach().cpu().numpy()[:, 0])
        return K.constant(float(np.abs(np.diff(order)).mean()))

    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.largest = self.add_weight("largest", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            if y_pred.max().item() > K.get_value(self.largest):
                K.set_value(self.largest, y_pred.max().item())

        def result(self):
            return self.largest

    model, p = linear(loss="mse", metrics=[ranking, Largest()])
    _, rank, largest = model.evaluate(X, Y, verbose=0)
    close(rank, np.abs(np.diff(np.argsort(p[:, 0]))).mean())
    close(largest, p.max())


def test_a_call_that_branches_on_values():
    class Normalize(Layer):
        def call(self, inputs):
            if np.linalg.norm(inputs.detach().cpu().numpy()) > 5:
                return inputs / 2
            return inputs * 3

    model = Sequential([Normalize(input_shape=(4,)), Activation("linear")])
    close(model.predict(X), X * 3)
    close(model.predict(X * 10), X * 5)
    model.add(Dense(1))
    model.compile("sgd", "mse")
    model.train_on_batch(X, X[:, :1])


def test_a_call_that_evaluates_its_input():
    class Rectify(Layer):
        def call(self, inputs):
            if K.eval(K.sum(inputs)) > 0:
                return inputs
            return K.zeros_like(inputs)

    model = Sequential([Rectify(input_shape=(4,))])
    close(model.predict(X), X)
    close(model.predict(-X), 0)


def test_a_lambda_that_closes_over_another_layers_tensor():
    x = Input((4,))
    gate = Dense(4, activation="sigmoid", name="gate")(x)
    model = Model(x, Lambda(lambda t: t * gate + K.mean(gate))(x))
    layers = {layer.name for layer in model.layers}
    assert "gate" not in layers, "as in Keras, it is not part of the model"
    gates = K.function([x], [gate])([X])[0]
    close(model.predict(X), X * gates + gates.mean())


def test_a_loss_without_a_path_to_a_weight_is_told():
    x = Input((4,))
    chosen = Lambda(lambda t: K.expand_dims(K.cast(K.argmax(t), "float32")))(Dense(3)(x))
    model = Model(x, chosen)
    model.compile("sgd", mse)
    with pytest.raises(ValueError, match="An operation has `None` for gradient"):
        model.train_on_batch(X, X[:, 0])


def test_targets_with_columns_of_their_own():
    def anchored(y_true, y_pred):
        values, state = y_true[:, :-1], y_true[:, -1]
        rows = K.cast(K.equal(state, 1.0), "float32")
        return K.sum(K.square(values - y_pred) * K.expand_dims(rows)) / K.sum(rows)

    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", anchored)
    states = np.array([1, 0, 1, -1, 0, 1], "float32")
    want = np.square(Y - model.predict(X))[states == 1].sum() / 3
    close(model.train_on_batch(X, np.column_stack([Y, states])), want)
