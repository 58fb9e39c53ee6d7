"""Optimizers with a `get_updates` of their own, and reading and setting those of others."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import optimizers
from kforge.callbacks import LambdaCallback, LearningRateScheduler
from kforge.compat import interfaces
from kforge.layers import BatchNormalization, Conv2D, Dense, Flatten
from kforge.models import Sequential, load_model

RNG = np.random.RandomState(0)
X, Y = RNG.randn(8, 4).astype("float32"), RNG.randn(8, 1).astype("float32")
RATE = 0.1


def close(found, wanted, **tolerances):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-4, "atol": 1e-6, **tolerances})


def linear(optimizer, **options):
    """A compiled model of one kernel, from zeros."""
    model = Sequential(
        [Dense(1, use_bias=False, kernel_initializer="zeros", input_shape=(4,), **options)]
    )
    model.compile(optimizer, "mse")
    return model


def gradient(w, x=X, y=Y):
    """That of the mean square error of `linear`."""
    return 2 / len(x) * x.T @ (x @ w - y)


def descend(step, steps=5, **state):
    """Weights after `step(w, g, t, state)` was taken for t = 1, 2, ...; `state` starts at zeros."""
    w = np.zeros((4, 1))
    state = {name: np.zeros((4, 1)) for name in ("m", "v", "total")}
    for t in range(1, steps + 1):
        w = step(w, gradient(w), t, state)
    return w


class Counted(optimizers.Optimizer):
    """What the optimizers below share: how often they were asked for updates."""

    calls = 0

    def __init__(self, lr=RATE, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.decay = K.variable(decay, name="decay")
        self.initial_decay = decay

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        self.calls += 1
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        lr = self.lr
        if self.initial_decay > 0:
            lr *= 1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay)))
        t = K.cast(self.iterations, K.floatx()) + 1
        ms = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        vs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        self.weights = [self.iterations, *ms, *vs]
        for p, g, m, v in zip(params, grads, ms, vs):
            new_p = self.new_value(p, g, m, v, lr, t)
            if getattr(p, "constraint", None) is not None:
                new_p = p.constraint(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        return {"lr": float(K.get_value(self.lr)), **super().get_config()}


class AdamW(Counted):
    """Decoupled weight decay (https://arxiv.org/abs/1711.05101)."""

    def new_value(self, p, g, m, v, lr, t):
        m_t, v_t = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * K.square(g)
        self.updates += [K.update(m, m_t), K.update(v, v_t)]
        lr_t = lr * K.sqrt(1.0 - K.pow(0.999, t)) / (1.0 - K.pow(0.9, t))
        return p - lr_t * m_t / (K.sqrt(v_t) + 1e-8) - lr * 0.01 * p


def adamw(w, g, t, s, rate=RATE):
    s["m"], s["v"] = 0.9 * s["m"] + 0.1 * g, 0.999 * s["v"] + 0.001 * g**2
    lr_t = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - lr_t * s["m"] / (np.sqrt(s["v"]) + 1e-8) - rate * 0.01 * w


class AdaBound(Counted):
    """Adam whose rates are bounded more and more tightly (https://arxiv.org/abs/1902.09843)."""

    def new_value(self, p, g, m, v, lr, t):
        lower = 0.5 * (1.0 - 1.0 / (0.1 * t + 1))
        upper = 0.5 * (1.0 + 1.0 / (0.1 * t))
        m_t, v_t = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * K.square(g)
        self.updates += [K.update(m, m_t), K.update(v, v_t)]
        lr_t = lr * K.sqrt(1.0 - K.pow(0.999, t)) / (1.0 - K.pow(0.9, t))
        denom = K.sqrt(v_t) + 1e-8
        return p - K.minimum(K.maximum(lr_t / denom, lower), upper) * m_t


def adabound(w, g, t, s):
    s["m"], s["v"] = 0.9 * s["m"] + 0.1 * g, 0.999 * s["v"] + 0.001 * g**2
    lr_t = RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) / (np.sqrt(s["v"]) + 1e-8)
    lower, upper = 0.5 * (1 - 1 / (0.1 * t + 1)), 0.5 * (1 + 1 / (0.1 * t))
    return w - np.clip(lr_t, lower, upper) * s["m"]


class Accumulating(Counted):
    """Gradient descent on the mean gradient of each two batches."""

    def new_value(self, p, g, m, v, lr, t):
        due = K.equal(t % 2, 0)
        total = m + g
        self.updates.append(K.update(m, K.switch(due, K.zeros_like(total), total)))
        return K.switch(due, p - lr * total / 2, p)


def accumulating(w, g, t, s):
    total = s["total"] + g
    s["total"] = total * (t % 2)
    return w - RATE * total / 2 if t % 2 == 0 else w


class Multiplied(Counted):
    """A rate of its own for each layer, by its name."""

    multipliers = (("dense", 3.0),)

    def new_value(self, p, g, m, v, lr, t):
        for name, factor in self.multipliers:
            if p.name.startswith(name):
                lr = lr * factor
        return p - lr * g


def multiplied(w, g, t, s):
    return w - 3 * RATE * g


@pytest.mark.parametrize(
    "optimizer, step",
    [
        (AdamW, adamw),
        (AdaBound, adabound),
        (Accumulating, accumulating),
        (Multiplied, multiplied),
    ],
)
def test_get_updates_is_traced_once_and_then_lowered(optimizer, step):
    model = linear(optimizer())
    losses = [model.train_on_batch(X, Y) for _ in range(5)]
    close(model.get_weights()[0], descend(step))
    assert losses[0] == pytest.approx(np.mean(Y**2), rel=1e-5)
    assert model.optimizer.calls == 1 and K.get_value(model.optimizer.iterations) == 5
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    close(model.get_weights()[0], descend(step, 8))
    assert model.optimizer.calls == 1


def test_decay_rates_and_constraints_of_such_optimizers():
    model = linear(Multiplied(decay=0.5), kernel_constraint="non_neg")
    w = np.zeros((4, 1))
    for t in range(4):
        if t == 2:
            K.set_value(model.optimizer.lr, 0.05)
        model.train_on_batch(X, Y)
        rate = (0.05 if t >= 2 else RATE) / (1 + 0.5 * t)
        w = np.maximum(w - 3 * rate * gradient(w), 0)
    close(model.get_weights()[0], w)
    assert (w == 0).any() and (w > 0).any()


def test_such_an_optimizer_travels(tmp_path):
    model = linear(AdamW())
    for _ in range(3):
        model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5", custom_objects={"AdamW": AdamW})
    for m in (model, again):
        for _ in range(2):
            m.train_on_batch(X, Y)
    close(again.get_weights()[0], model.get_weights()[0])
    close(again.get_weights()[0], descend(adamw))


def test_weights_of_samples_come_and_go_without_a_new_trace():
    model, w = linear(AdamW()), np.zeros((4, 1))
    state, given = {"m": 0, "v": 0}, np.linspace(0.5, 2, 8)
    for t in range(1, 5):
        weights = given if t % 2 else np.ones(8)
        model.train_on_batch(X, Y, sample_weight=given if t % 2 else None)
        w = adamw(w, 2 / 8 * X.T @ ((X @ w - Y) * weights[:, None]), t, state)
        close(model.get_weights()[0], w)
    assert model.optimizer.calls == 1


def test_gradients_of_ones_own():
    class Normalized(optimizers.SGD):
        def get_gradients(self, loss, params):
            grads = super().get_gradients(loss, params)
            return [g / (K.sqrt(K.sum(K.square(g))) + K.epsilon()) for g in grads]

    model = linear(Normalized(lr=RATE))
    sgd = optimizers.SGD(lr=RATE)
    plain = sgd.get_gradients
    sgd.get_gradients = lambda loss, params: [K.sign(g) for g in plain(loss, params)]
    other = linear(sgd)
    w = v = np.zeros((4, 1))
    for _ in range(3):
        model.train_on_batch(X, Y)
        other.train_on_batch(X, Y)
        w = w - RATE * gradient(w) / np.linalg.norm(gradient(w))
        v = v - RATE * np.sign(gradient(v))
    close(model.get_weights()[0], w)
    close(other.get_weights()[0], v)


def net():
    model = Sequential(
        [
            Conv2D(2, 3, input_shape=(5, 4, 3), kernel_constraint="unit_norm"),
            BatchNormalization(),
            Flatten(),
            Dense(2),
        ]
    )
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True, decay=0.1),
        lambda: optimizers.RMSprop(0.01, decay=0.1),
        lambda: optimizers.Adagrad(0.05, clipnorm=0.5),
        lambda: optimizers.Adadelta(clipvalue=0.1),
        lambda: optimizers.Adam(0.01, decay=0.1),
        lambda: optimizers.Adam(0.01, amsgrad=True),
        lambda: optimizers.Adamax(0.01),
        lambda: optimizers.Nadam(0.01),
    ],
)
def test_updates_of_built_in_optimizers_are_their_fast_path(make):
    images, targets = RNG.randn(6, 5, 4, 3).astype("float32"), RNG.randn(6, 2).astype("float32")
    model, twin = net(), net()
    twin.set_weights(model.get_weights())
    model.compile(make(), "mse")
    target, optimizer = K.placeholder((None, 2)), make()
    loss = K.mean(K.square(twin.output - target))
    updates = optimizer.get_updates(loss, twin.trainable_weights) + twin.updates
    train = K.function([twin.input, target, K.learning_phase()], [loss], updates=updates)
    for _ in range(3):
        close(train([images, targets, 1])[0], model.train_on_batch(images, targets))
    for ours, theirs in zip(model.get_weights(), twin.get_weights()):
        close(ours, theirs, rtol=1e-5)
    for ours, theirs in zip(model.optimizer.get_weights(), optimizer.get_weights()):
        close(ours, theirs, rtol=1e-5)


def test_rates_are_read_and_set_in_every_way():
    model = linear(optimizers.SGD(lr=RATE))
    w, rates = np.zeros((4, 1)), [0.1, 0.05, 0.02, 0.01]
    setters = [
        lambda rate: None,
        lambda rate: K.set_value(model.optimizer.lr, rate),
        lambda rate: setattr(model.optimizer, "lr", rate),
        lambda rate: model.optimizer.lr.assign(rate),
    ]
    for rate, setter in zip(rates, setters):
        setter(rate)
        assert K.get_value(model.optimizer.lr) == pytest.approx(rate)
        assert K.eval(model.optimizer.lr) == pytest.approx(rate)
        model.train_on_batch(X, Y)
        w = w - rate * gradient(w)
        close(model.get_weights()[0], w)
    assert K.get_value(model.optimizer.iterations) == 4

    seen = []
    schedule = LearningRateScheduler(lambda epoch, lr: lr * 0.5)
    spy = LambdaCallback(on_epoch_end=lambda e, logs: seen.append(K.get_value(model.optimizer.lr)))
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[schedule, spy])
    close(seen, [0.005, 0.0025])


def test_the_rate_with_decay_as_scripts_print_it():
    model = linear(optimizers.SGD(lr=RATE, decay=0.5))
    for _ in range(3):
        model.train_on_batch(X, Y)
    o = model.optimizer
    lr = K.eval(o.lr * (1.0 / (1.0 + o.decay * K.cast(o.iterations, K.dtype(o.decay)))))
    assert lr == pytest.approx(RATE / 2.5)


def extended(base, altered):
    """A class whose updates are those of `base`, each new value of a weight being `altered`."""

    class Extended(base):
        def get_updates(self, loss, params):
            usual = K.update

            def update(x, new):
                return usual(x, altered(self, x, new) if any(x is p for p in params) else new)

            K.update = update
            updates = super().get_updates(loss, params)
            K.update = usual
            return updates

    return Extended


def test_a_function_in_place_of_k_update_alters_the_changes_of_weights():
    decay = extended(optimizers.SGD, lambda self, w, new: new - 0.05 * w)
    model = linear(decay(RATE, momentum=0.9), kernel_constraint=lambda w: K.clip(w, -0.2, 0.2))
    slower = linear(extended(optimizers.Nadam, lambda self, w, new: w + (new - w) / 2)())
    nadam = linear("nadam")
    w, m = np.zeros((4, 1)), 0.0
    for _ in range(3):
        m = 0.9 * m - RATE * gradient(w)
        w = np.clip(w + m, -0.2, 0.2) - 0.05 * w
        model.train_on_batch(X, Y)
        close(model.get_weights()[0], w)
        for other in (slower, nadam):
            other.set_weights([np.zeros((4, 1))])
            other.train_on_batch(X, Y)
        close(slower.get_weights()[0] * 2, nadam.get_weights()[0])
    for ours, wanted in zip(slower.optimizer.get_weights(), nadam.optimizer.get_weights()):
        close(ours, wanted)


class Accumulating(optimizers.SGD):
    """Steps with the sum of two batches' gradients, while a learning rate of 0 stands still."""

    def get_gradients(self, loss, params):
        return self.sums

    def get_updates(self, loss, params):
        gradients = super().get_gradients(loss, params)
        self.sums = [K.zeros(K.int_shape(p)) for p in params]
        now = K.equal(self.iterations % 2, 1)
        self.lr = K.switch(now, self.lr, 0.0)
        added = [K.update_add(s, g) for s, g in zip(self.sums, gradients)]
        with K.control_dependencies(added):
            updates = super().get_updates(loss, params)
        with K.control_dependencies(updates):
            return [K.update(s, K.switch(now, K.zeros_like(s), s)) for s in self.sums]


def test_a_learning_rate_that_is_computed_in_each_step():
    model, w = linear(Accumulating(lr=RATE)), np.zeros((4, 1))
    for t in range(4):
        model.train_on_batch(X[t : t + 4], Y[t : t + 4])
        if t % 2:
            w = w - RATE * sum(gradient(w, X[i : i + 4], Y[i : i + 4]) for i in (t - 1, t))
        close(model.get_weights()[0], w)
    assert K.get_value(model.optimizer.lr) == pytest.approx(RATE)


class LookingAhead(optimizers.Adam):
    """Every second step ends midway between the slow weights and the fast ones."""

    def get_updates(self, loss, params):
        updates = super().get_updates(loss, params)
        self.slow = [K.variable(np.ones(K.int_shape(p))) for p in params]
        now = K.equal(self.iterations % 2, 0)
        pairs = list(zip(params, self.slow))
        with K.control_dependencies(updates):
            moved = [K.update(q, K.switch(now, q + (p - q) / 2, q)) for p, q in pairs]
            with K.control_dependencies(moved):
                return [K.update(p, K.switch(now, q, p)) for p, q in pairs]


def test_changes_that_come_one_after_the_other_read_what_was_changed():
    model, adam = linear(LookingAhead()), linear("adam")
    slow = np.ones((4, 1))
    for t in range(4):
        adam.set_weights(model.get_weights())
        model.train_on_batch(X, Y)
        adam.train_on_batch(X, Y)
        wanted = adam.get_weights()[0]
        if t % 2 == 0:
            wanted = slow = (slow + wanted) / 2
        close(model.get_weights()[0], wanted)
