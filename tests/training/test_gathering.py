"""`accumulate_steps`: gradients of several batches make one step of the optimizer."""

import numpy as np
import pytest

from kforge import optimizers
from kforge.callbacks import BackupAndRestore, Callback, LambdaCallback
from kforge.layers import Dense
from kforge.models import Sequential
from kforge.utils import Sequence

RNG = np.random.RandomState(0)
X, Y = RNG.randn(24, 4).astype("float32"), RNG.randn(24, 3).astype("float32")
START = RNG.randn(4, 3), RNG.randn(3)


def linear(optimizer="adam", **options):
    model = Sequential([Dense(3, input_shape=(4,), kernel_regularizer="l2")])
    model.compile(optimizer, "mse", metrics=["mae"], **options)
    model.set_weights(START)
    return model


def assert_same(model, other):
    for got, want in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert model.optimizer.iterations.numpy() == other.optimizer.iterations.numpy()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "nadam"])
def test_four_batches_of_six_are_one_of_24(optimizer):
    parts, whole = linear(optimizer, accumulate_steps=4), linear(optimizer)
    losses = [
        model.fit(X, Y, batch_size=size, epochs=3, shuffle=False, verbose=0).history["loss"]
        for model, size in ((parts, 6), (whole, 24))
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert_same(parts, whole)
    assert parts.optimizer.iterations.numpy() == 3


def test_gradients_are_clipped_when_they_are_complete():
    parts, whole = (
        linear(optimizers.SGD(0.1, clipnorm=0.5), **options)
        for options in ({"accumulate_steps": 2}, {})
    )
    parts.fit(X, Y, batch_size=12, shuffle=False, verbose=0)
    whole.fit(X, Y, batch_size=24, verbose=0)
    assert_same(parts, whole)


def test_an_epoch_that_ends_in_between_takes_a_step_with_what_there_is():
    parts, whole = linear(accumulate_steps=3), linear()
    parts.fit(X[:21], Y[:21], batch_size=4, shuffle=False, verbose=0)  # 4 4 4, 4 4 1
    whole.train_on_batch(X[:12], Y[:12])
    whole.train_on_batch(X[12:21], Y[12:21])  # samples weigh alike, not batches
    assert_same(parts, whole)
    assert not parts._gathering().waiting


def test_single_batches_wait_for_the_next():
    model = linear(accumulate_steps=2)
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[1], START[1].astype("float32"))
    model.train_on_batch(X, Y)
    assert not np.array_equal(model.get_weights()[1], START[1].astype("float32"))


def test_an_epoch_begins_with_nothing_that_waits():
    model, other = linear(accumulate_steps=4), linear(accumulate_steps=4)

    def interrupt(batch, logs):
        raise KeyboardInterrupt

    stop = LambdaCallback(on_batch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=6, shuffle=False, verbose=0, callbacks=[stop])
    assert model._gathering().waiting == 1
    for each in (model, other):
        each.fit(X, Y, batch_size=6, shuffle=False, verbose=0)
    assert_same(model, other)


def test_batches_with_and_without_weights_wait_together():
    class Mixed(Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            part = slice(12 * i, 12 * i + 12)
            return (X[part], Y[part], np.ones(12)) if i else (X[part], Y[part])

    parts, whole = linear(accumulate_steps=2), linear()
    parts.fit(Mixed(), epochs=2, shuffle=False, verbose=0)
    whole.fit(X, Y, batch_size=24, epochs=2, shuffle=False, verbose=0)
    assert_same(parts, whole)


def test_a_backup_is_written_when_nothing_waits(tmp_path):
    class Killed(Exception):
        pass

    class Kill(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 5 and self.kills:
                raise Killed

    def train(kills):
        model, kill = linear(accumulate_steps=2), Kill()
        kill.kills = kills
        callbacks = [kill, BackupAndRestore(tmp_path, save_freq=3)]  # due after batch 3: after 4
        model.fit(X, Y, batch_size=3, shuffle=False, verbose=0, callbacks=callbacks)
        return model

    with pytest.raises(Killed):
        train(True)
    resumed, plain = train(False), linear(accumulate_steps=2)
    plain.fit(X, Y, batch_size=3, shuffle=False, verbose=0)
    for got, want in zip(resumed.get_weights(), plain.get_weights()):
        np.testing.assert_array_equal(got, want)
