import json
import random

import numpy as np
import pytest
import torch

from kforge.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    EarlyStopping,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from kforge.layers import Dense, Dropout
from kforge.models import Sequential
from kforge.optimizers import SGD

X = np.random.RandomState(0).rand(24, 4).astype("float32")
Y = np.random.RandomState(1).rand(24, 1).astype("float32")


class Killed(Exception):
    pass


class Kill(Callback):
    """Ends the training as a killed process would: nothing more is called."""

    def __init__(self, epoch=None, batch=None):
        self.epoch, self.batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch
        if epoch == self.epoch and self.batch is None:
            raise Killed

    def on_train_batch_begin(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            raise Killed

    def on_epoch_end(self, epoch, logs=None):
        if (epoch, "end") == (self.epoch, self.batch):
            raise Killed


def make():
    """A net whose training draws random numbers: order, a dropout, and one with its own seed."""
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    model = Sequential(
        [
            Dense(8, activation="tanh", input_shape=(4,)),
            Dropout(0.5),
            Dense(8, activation="tanh"),
            Dropout(0.5, seed=7),
            Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(model, callbacks, epochs=4):
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)


def others():
    return [
        EarlyStopping("loss", patience=10, restore_best_weights=True),
        ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.5),
    ]


class TestResume:
    def uninterrupted(self, tmp_path, **kwargs):
        model = make()
        callbacks = [*others(), Kill(), BackupAndRestore(tmp_path / "other", **kwargs)]
        history = fit(model, callbacks)
        return model, history, callbacks

    @pytest.mark.parametrize(
        "save_freq, at",
        [
            ("epoch", (2, None)),
            ("epoch", (2, 2)),
            (2, (2, 2)),
            (1, (3, None)),
            (1, (1, "end")),
            (1, (3, 2)),
        ],
    )
    def test_killed_and_started_again_is_the_same(self, tmp_path, save_freq, at):
        model, history, callbacks = self.uninterrupted(tmp_path, save_freq=save_freq)
        with pytest.raises(Killed):
            backup = BackupAndRestore(tmp_path / "b", save_freq)
            fit(make(), [*others(), Kill(*at), backup])

        again = make()
        np.random.rand(100)  # the state of this process does not matter
        torch.rand(100)
        resumed = [*others(), Kill(), BackupAndRestore(tmp_path / "b", save_freq)]
        continued = fit(again, resumed)
        for x, y in zip(model.get_weights(), again.get_weights()):
            np.testing.assert_array_equal(x, y)
        for x, y in zip(model.optimizer.get_weights(), again.optimizer.get_weights()):
            np.testing.assert_array_equal(x, y)
        assert continued.epoch == history.epoch == [0, 1, 2, 3]
        assert continued.history["lr"] == history.history["lr"]
        assert continued.history["lr"][-1] < history.history["lr"][0]
        assert continued.history == history.history
        assert resumed[0].best == callbacks[0].best
        assert resumed[1].wait == callbacks[1].wait

    def test_history_answers_to_both_spellings_after_a_restore(self, tmp_path):
        backup = lambda: BackupAndRestore(tmp_path, delete_checkpoint=False)  # noqa: E731
        model = make()
        model.compile("sgd", "mse", metrics=["accuracy"])
        fit(model, [backup()], epochs=1)
        history = fit(model, [backup()], epochs=2)
        assert history.epoch == [0, 1]
        assert len(history.history["acc"]) == 2

    def test_the_rate_comes_back(self, tmp_path):
        model = make()
        model.compile(SGD(0.5), "mse")
        schedule = LearningRateScheduler(lambda epoch: 0.25)
        fit(model, [schedule, BackupAndRestore(tmp_path, delete_checkpoint=False)], epochs=1)
        model = make()
        model.compile(SGD(0.5), "mse")
        fit(model, [Callback(), BackupAndRestore(tmp_path)], epochs=1)
        assert model.optimizer.lr.numpy() == 0.25


class TestFile:
    def test_is_deleted_at_the_end(self, tmp_path):
        backup = BackupAndRestore(tmp_path / "new" / "folder")
        seen = []
        look = Callback()
        look.on_epoch_begin = lambda epoch, logs: seen.append((tmp_path / "new/folder").exists())
        fit(make(), [look, backup], epochs=1)
        assert seen == [True] and list((tmp_path / "new" / "folder").iterdir()) == []

    def test_can_be_kept(self, tmp_path):
        fit(make(), [BackupAndRestore(tmp_path, delete_checkpoint=False)], epochs=1)
        with np.load(tmp_path / "backup.npz") as arrays:  # without pickles
            state = json.loads(str(arrays["tree"]))
        assert (state["epoch"], state["batch"]) == (1, 0)
        assert [p.name for p in tmp_path.iterdir()] == ["backup.npz"]

    def test_batches_are_left_alone_without_need(self, tmp_path):
        assert not CallbackList([BackupAndRestore(tmp_path)]).needs("train_batch_end")
        assert CallbackList([BackupAndRestore(tmp_path, 3)]).needs("train_batch_end")

    def test_other_callbacks(self, tmp_path):
        fit(make(), [BackupAndRestore(tmp_path, delete_checkpoint=False)], epochs=1)
        with pytest.raises(ValueError, match="training with 1 other callbacks; this one has 2"):
            fit(make(), [Callback(), BackupAndRestore(tmp_path)], epochs=2)

    def test_other_data(self, tmp_path):
        model = make()
        fit(model, [BackupAndRestore(tmp_path, delete_checkpoint=False)], epochs=1)
        with pytest.raises(ValueError, match="training on 24 samples; these are 8"):
            model.fit(X[:8], Y[:8], verbose=0, callbacks=[BackupAndRestore(tmp_path)])

    @pytest.mark.parametrize("save_freq", ["batch", 0, 1.5])
    def test_wrong_frequency(self, save_freq):
        with pytest.raises(ValueError, match='must be "epoch" or a positive number of batches'):
            BackupAndRestore("folder", save_freq)
