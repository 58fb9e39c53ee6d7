"""One pass over batches, and the training around it."""

import numpy as np
import pytest
import torch

from kforge.callbacks import Callback
from kforge.layers import Dense
from kforge.models import Sequential
from kforge.training.loop import run_epoch, step_for

RNG = np.random.RandomState(0)
X, Y = RNG.randn(10, 4).astype("float32"), RNG.randn(10, 2).astype("float32")


def linear(**options):
    model = Sequential([Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse", **options)
    return model


def test_a_pass_sums_losses_by_samples():
    batches = [[torch.full((n, 1), float(n))] for n in (3, 1)]
    total, count, last = run_epoch(lambda batch: batch[0].mean(), batches)
    assert (total.item(), count, last.item()) == (3 * 3.0 + 1.0, 4, 1.0)


def test_a_pass_can_begin_in_the_middle_and_stop():
    seen = []

    def step(batch):
        seen.append(batch[0].item())
        return batch[0].sum()

    batches = [[torch.tensor([float(i)])] for i in range(5)]
    run_epoch(step, batches, skip=1, should_stop=lambda: seen[-1] == 3.0)
    assert seen == [1.0, 2.0, 3.0]


def test_a_pass_over_nothing():
    assert run_epoch(None, []) == (None, 0, None)


def test_a_step_is_made_once_for_each_kind_of_weights():
    made = []

    class Batch(list):
        def __init__(self, weighted):
            super().__init__([0])
            self.weighted = weighted

    class Stream:
        weighted = None

    def make(weighted):
        made.append(weighted)
        return lambda batch: weighted

    step = step_for(Stream, make)
    found = [step(Batch(w)) for w in ((True,), (False,), (True,))]
    assert found == [(True,), (False,), (True,)] and made == [(True,), (False,)]


class Order(Callback):
    """Notes every hook that is called."""

    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if name.startswith("on_") and "_batch" not in name:
            return lambda *args: self.calls.append(name[3:])
        return super().__getattribute__(name)


def test_the_order_of_hooks():
    order = Order()
    linear().fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[order], verbose=0)
    epoch = ["epoch_begin", "test_begin", "test_end", "epoch_end"]
    assert order.calls == ["train_begin", *epoch, *epoch, "train_end"]


@pytest.mark.parametrize("when", ["batch", "epoch"])
def test_stop_training(when):
    class Stop(Callback):
        steps = 0

        def on_batch_end(self, batch, logs=None):
            self.steps += 1
            self.model.stop_training = when == "batch" and batch == 2

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    stop, model = Stop(), linear()
    history = model.fit(X, Y, batch_size=1, epochs=5, callbacks=[stop], verbose=0).history
    assert stop.steps == (3 if when == "batch" else 10)
    assert len(history["loss"]) == 1
    model.fit(X, Y, verbose=0)  # starts anew
    assert model.stop_training is False


def test_epochs_are_numbered_from_the_initial_one():
    history = linear().fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4] and len(history.history["loss"]) == 2
    assert linear().fit(X, Y, epochs=2, initial_epoch=2, verbose=0).history == {}


def test_metrics_start_anew_for_validation_and_each_epoch():
    model = linear(metrics=["mae"])
    model.optimizer.lr = 0.0
    history = model.fit(
        X, Y, batch_size=3, epochs=2, validation_data=(X[:4], Y[:4]), verbose=0
    ).history
    errors = np.abs(model.predict(X) - Y).mean(-1)
    np.testing.assert_allclose(history["mae"], [errors.mean()] * 2, rtol=1e-5)
    np.testing.assert_allclose(history["val_mae"], [errors[:4].mean()] * 2, rtol=1e-5)


def test_an_error_in_a_callback_leaves_grad_mode_and_denormals_as_they_were():
    class Fail(Callback):
        def on_batch_end(self, batch, logs=None):
            raise OSError("no space")

    model = linear()
    with pytest.raises(OSError, match="no space"):
        model.fit(X, Y, callbacks=[Fail()], verbose=0)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert (torch.tensor(1e-40) * 1.0).item() != 0.0
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("size", [1, 3, 10, 32])
def test_predictions_of_any_batch_size_are_the_same(size):
    model = linear()
    np.testing.assert_allclose(
        model.predict(X, batch_size=size), X @ model.get_weights()[0], rtol=1e-5, atol=1e-6
    )


def test_steps_see_the_whole_set():
    model = linear()
    assert model.predict(X, steps=3).shape == (30, 2)
    assert model.evaluate(X, Y, steps=2, verbose=0) == pytest.approx(
        model.evaluate(X, Y, verbose=0), rel=1e-6
    )
    with pytest.raises(ValueError, match="`batch_size` must be None"):
        model.fit(X, Y, steps_per_epoch=2, batch_size=4, verbose=0)
