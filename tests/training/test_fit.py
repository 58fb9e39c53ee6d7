"""Training: numbers, data of every kind, and what it costs."""

import warnings

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import optimizers
from kforge.callbacks import Callback
from kforge.layers import Dense, Input, SimpleRNN, concatenate
from kforge.models import Model, Sequential

RNG = np.random.RandomState(0)
X, Y = RNG.randn(10, 4).astype("float32"), RNG.randn(10, 3).astype("float32")


def linear(optimizer="sgd", **options):
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile(optimizer, "mse", **options)
    return model


def descend(kernel, bias, x, y, rate=0.01):
    """One step of gradient descent on the mean square, by hand."""
    error = 2 * (x @ kernel + bias - y) / y.size
    return kernel - rate * x.T @ error, bias - rate * error.sum(0)


def test_a_step_is_gradient_descent():
    model = linear()
    kernel, bias = model.get_weights()
    loss = model.train_on_batch(X, Y)
    assert loss == pytest.approx(np.mean((X @ kernel + bias - Y) ** 2), rel=1e-5)
    for got, want in zip(model.get_weights(), descend(kernel, bias, X, Y)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


def test_values_of_one_name_are_all_reported():
    x = Input((4,))
    inner = Model(x, [Dense(3)(x), Dense(3)(x)])
    model = Model(x, inner(x))  # both losses have the name of the inner model
    model.compile("sgd", "mse")
    weights = model.get_weights()
    found = model.evaluate(X, [Y, Y], verbose=0)
    assert model.metrics_names == ["loss", inner.name + "_loss", inner.name + "_loss"]
    assert found[1:] == pytest.approx(
        [np.mean((X @ weights[i] + weights[i + 1] - Y) ** 2) for i in (0, 2)], rel=1e-5
    )
    assert found[0] == pytest.approx(sum(found[1:]), rel=1e-5)


def test_an_epoch_is_its_batches_the_last_one_smaller():
    model = linear()
    weights = model.get_weights()
    history = model.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history
    total = 0
    for i in (0, 4, 8):
        x, y = X[i : i + 4], Y[i : i + 4]
        total += len(x) * np.mean((x @ weights[0] + weights[1] - y) ** 2)
        weights = descend(*weights, x, y)
    assert history["loss"] == [pytest.approx(total / 10, rel=1e-5)]
    np.testing.assert_allclose(model.get_weights()[0], weights[0], rtol=1e-4, atol=1e-6)


def test_the_validation_split_is_the_end_of_the_data():
    model = linear(optimizers.SGD(0.0))
    logs = model.fit(X, Y, validation_split=0.3, verbose=0).history
    assert logs["val_loss"][0] == pytest.approx(model.evaluate(X[7:], Y[7:], verbose=0))
    assert logs["loss"][0] == pytest.approx(model.evaluate(X[:7], Y[:7], verbose=0))


def test_data_of_every_kind_trains_alike():
    def stream():
        while True:
            yield X, Y

    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=10
    )
    model = linear()
    start, name = model.get_weights(), model.input_names[0]
    found = []
    for data in (
        (X, Y),
        (torch.from_numpy(X), torch.from_numpy(Y)),
        ({name: X}, [Y]),
        stream(),
        loader,
    ):
        model.set_weights(start)
        arrays = data if isinstance(data, tuple) else (data,)
        steps = None if isinstance(data, tuple) or data is loader else 1
        model.fit(*arrays, batch_size=None, steps_per_epoch=steps, verbose=0, workers=1)
        found.append(model.get_weights()[0])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-6)


def test_what_is_trainable_is_what_compile_saw():
    generator = Sequential([Dense(4, input_shape=(4,))])
    critic = Sequential([Dense(3, input_shape=(4,))])
    critic.compile("sgd", "mse")
    critic.trainable = False
    z = Input((4,))
    both = Model(z, critic(generator(z)))
    both.compile("sgd", "mse")
    frozen = critic.get_weights()
    both.train_on_batch(X, Y)
    np.testing.assert_array_equal(critic.get_weights()[0], frozen[0])
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        critic.train_on_batch(X, Y)
    assert not np.array_equal(critic.get_weights()[0], frozen[0])


def test_an_optimizer_of_ones_own_is_part_of_the_graph():
    class Plain(optimizers.Optimizer):
        def __init__(self, rate):
            super().__init__()
            self.rate = K.variable(rate)

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            return [K.update(p, p - self.rate * g) for p, g in zip(params, grads)]

    own, built_in = linear(Plain(0.01)), linear()
    own.set_weights(built_in.get_weights())
    for model in (own, built_in):
        for _ in range(3):
            model.train_on_batch(X, Y)
    np.testing.assert_allclose(own.get_weights()[0], built_in.get_weights()[0], rtol=1e-5)


def arrays(size):
    return {"x": X, "y": Y, "batch_size": size}


def stream(size):
    def batches():
        while True:
            for i in range(0, 10, size):
                yield X[i : i + size], Y[i : i + size]

    return {"x": batches(), "steps_per_epoch": 10 // size, "workers": 0}


@pytest.mark.parametrize("options", [{}, {"accumulate_steps": 2}, {"precision": "bf16"}])
@pytest.mark.parametrize("data", [arrays, stream])
def test_nothing_is_read_from_the_device_between_batches(data, options, monkeypatch):
    model = linear(metrics=["mae"], **options)
    model.fit(X, Y, batch_size=2, verbose=0)
    reads = []
    for name in ("item", "cpu", "numpy", "tolist", "__float__", "__int__", "__bool__"):
        method = getattr(torch.Tensor, name)

        def counted(self, *args, _method=method, **kwargs):
            reads.append(self)
            return _method(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, counted)
    counts = []
    for size in (5, 1):  # 2 and 10 batches
        reads.clear()
        model.fit(verbose=0, **data(size))
        counts.append(len(reads))
    assert counts[0] == counts[1] < 10


@pytest.mark.cuda
def test_no_step_waits_for_the_device():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    model = linear("adam", metrics=["mae"])
    model.to("cuda")
    model.fit(X, Y, batch_size=2, verbose=0)
    counts = []
    for size in (5, 1):
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as found:
                warnings.simplefilter("always")
                model.fit(X, Y, batch_size=size, verbose=0)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchroniz" in str(w.message) for w in found))
    assert counts[0] == counts[1]


def test_logs_of_batches_are_there_for_who_asks():
    class Ask(Callback):
        losses = ()

        def on_batch_end(self, batch, logs=None):
            self.losses = (*self.losses, logs["loss"])

    ask = Ask()
    linear(optimizers.SGD(0.0)).fit(X, Y, batch_size=5, shuffle=False, verbose=0, callbacks=[ask])
    assert len(ask.losses) == 2 and all(isinstance(loss, float) for loss in ask.losses)


def test_a_loss_that_closes_over_a_tensor():
    x = Input((4,))
    h = Dense(2)(x)
    model = Model(x, Dense(3)(h))
    model.compile("sgd", lambda t, p: K.mean(K.square(t - p), -1) + K.sum(K.square(h), -1))
    outputs = Model(x, [h, model.output]).predict(X)
    want = np.mean((outputs[1] - Y) ** 2) + np.mean(np.sum(outputs[0] ** 2, -1))
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(want, rel=1e-5)


def test_mistakes_leave_the_model_as_it_was():
    model = linear()
    before = model.get_weights()
    for x, y, message in (
        (X[:, :3], Y, r"expected dense_\d+_input to have shape \(4,\) but got array with shape"),
        (X, Y[:9], "10 input samples and 9 target samples"),
        (X, Y[:, :2], r"expected dense_\d+ to have shape \(3,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    with pytest.raises(RuntimeError, match="compile"):
        Sequential([Dense(1, input_shape=(2,))]).fit(X, Y)


def test_predictions_are_as_many_as_the_first_input_has_samples():
    x, other = Input((4,)), Input((3,))
    model = Model([x, other], Dense(2)(concatenate([x, other])))
    want = model.predict([X[:6], Y[:6]])
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"\[6, 10\] samples: .* the first 6") as caught:
            np.testing.assert_array_equal(model.predict([X[:6], Y]), want)
        assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="same number of samples"):
        model.predict([X, Y[:6]])


def test_one_batch_of_a_kind_seen_before_is_still_checked():
    model = linear()
    first = model.predict(X)
    np.testing.assert_array_equal(model.predict(X), first)
    model.train_on_batch(X, Y)
    with pytest.raises(ValueError, match="same number of samples"):
        model.train_on_batch(X, Y[:5])
    with pytest.raises(ValueError, match="to have shape"):
        model.predict(X[:, :2])


def test_a_stateful_model_is_trained_with_its_batch_size():
    model = Sequential([SimpleRNN(2, stateful=True, batch_input_shape=(2, 3, 1))])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3, 1)), np.ones((4, 2))
    with pytest.raises(ValueError, match=r"In a stateful network.*pass `batch_size=2`"):
        model.fit(x, y, verbose=0)
    model.fit(x, y, batch_size=2, verbose=0)
    assert model.predict(x).shape == (4, 2)  # which takes the size that the model has
    batches = iter([(x[:2], y[:2]), (x[2:], y[2:])])
    model.fit(batches, steps_per_epoch=2, validation_data=(x, y), verbose=0)
    assert len(model.history.history["val_loss"]) == 1
