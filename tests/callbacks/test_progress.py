import re
from collections.abc import Mapping

import pytest

from kforge.callbacks import ProgbarLogger, configure, progress

from .training import Model, train, values


def shown(capsys):
    """What was written, as one screen without times."""
    text = re.sub(r"\d+(s|us|ms)(/step)?", "T", capsys.readouterr().out)
    return text.replace("\r", "\n").replace("\b", "")


class TestTraining:
    def test_lines(self, capsys):
        train(Model(), [], values("loss", 0.5, 0.25), batches=3, verbose=2)
        lines = shown(capsys).splitlines()
        assert lines == ["Epoch 1/2", " - T - loss: 0.5000", "Epoch 2/2", " - T - loss: 0.2500"]

    def test_bar(self, capsys):
        train(Model(), [], values("loss", 0.5), batches=2, verbose=1)
        lines = shown(capsys).splitlines()
        assert lines[0] == "Epoch 1/1"
        assert lines[-1].startswith("20/20 [==============================] - T")
        assert lines[-1].endswith("- loss: 0.5000")

    def test_bar_in_steps(self, capsys):
        train(Model(), [], values("loss", 0.5), batches=2, verbose=1, count_mode="steps", steps=2)
        assert shown(capsys).splitlines()[-1].startswith("2/2 [====")

    def test_values_of_the_epoch_are_shown_at_its_end(self, capsys):
        hooks = configure(
            [], Model(), verbose=1, samples=20, epochs=1, metrics=["loss", "val_loss"]
        )
        hooks.on_train_begin()
        hooks.on_epoch_begin(0)
        hooks.on_train_batch_end(0, {"size": 10, "loss": 3.0})
        hooks.on_train_batch_end(1, {"size": 10, "loss": 1.0})
        hooks.on_epoch_end(0, {"loss": 2.0, "val_loss": 4.0})
        lines = shown(capsys).splitlines()
        assert any(line.startswith("10/20") and line.endswith("loss: 3.0000") for line in lines)
        assert lines[-1].endswith("- loss: 2.0000 - val_loss: 4.0000")

    def test_silence(self, capsys):
        train(Model(), [ProgbarLogger()], values("loss", 0.5), verbose=0)
        assert capsys.readouterr().out == ""

    def test_count_mode(self):
        with pytest.raises(ValueError, match="Unknown `count_mode`: batches"):
            ProgbarLogger("batches")


class Lazy(Mapping):
    """Logs that count how often their values are looked at."""

    looks = 0

    def __getitem__(self, name):
        return {"batch": 0, "size": 10}[name]

    def __len__(self):
        raise AssertionError

    def __iter__(self):
        raise AssertionError

    def means(self):
        Lazy.looks += 1
        return {"loss": 0.5}


class TestReading:
    """Values on the device are looked at ten times a second, not at each batch."""

    def hooks(self, verbose):
        Lazy.looks = 0
        hooks = configure([], Model(), verbose=verbose, samples=1000, epochs=1, metrics=["loss"])
        hooks.on_train_begin()
        hooks.on_epoch_begin(0)
        return hooks

    def test_bar_reads_now_and_then(self, monkeypatch, capsys):
        hooks, now = self.hooks(1), 100.0
        monkeypatch.setattr(progress.time, "time", lambda: now)
        for i in range(50):
            now += 0.0101
            hooks.on_train_batch_end(i, Lazy())
        assert Lazy.looks == 5
        assert "500/1000" not in shown(capsys)

    def test_lines_never_read(self):
        assert not self.hooks(2).needs("train_batch_end")
        assert self.hooks(1).needs("train_batch_end")


class TestEvaluation:
    @pytest.mark.parametrize("mode", ["test", "predict"])
    def test_bar(self, mode, capsys):
        hooks = configure([], Model(), mode=mode, verbose=1, samples=20)
        getattr(hooks, f"on_{mode}_begin")()
        for i in range(2):
            getattr(hooks, f"on_{mode}_batch_end")(i, {"size": 10})
        getattr(hooks, f"on_{mode}_end")()
        assert shown(capsys).splitlines()[-1].startswith("20/20 [====")

    def test_steps(self, capsys):
        hooks = configure([], Model(), mode="test", verbose=1, samples=None, steps=3)
        hooks.on_test_begin()
        for i in range(3):
            hooks.on_test_batch_end(i, {"size": 10})
        assert shown(capsys).splitlines()[-1].startswith("3/3 [====")

    def test_silence(self):
        assert configure([], Model(), mode="test", verbose=0, samples=20).callbacks == []
