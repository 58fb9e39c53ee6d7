import numpy as np
import pytest

from kforge.callbacks import LearningRateScheduler, ReduceLROnPlateau

from .training import Model, train, values


class TestLearningRateScheduler:
    @pytest.mark.parametrize(
        "schedule",
        [
            lambda epoch: 0.5 ** (epoch + 1),
            lambda epoch, lr: lr * 0.5,
            lambda epoch, *, unused=3: 0.5 ** (epoch + 1),
        ],
    )
    def test_schedules(self, schedule):
        history = train(Model(), [LearningRateScheduler(schedule)], [{}] * 3).history
        assert history == {"lr": [0.5, 0.25, 0.125]}
        assert type(history["lr"][0]) is np.float32

    def test_verbose(self, capsys):
        train(Model(), [LearningRateScheduler(lambda epoch: 0.5, verbose=1)], [{}])
        text = "\nEpoch 00001: LearningRateScheduler setting learning rate to 0.5.\n"
        assert capsys.readouterr().out == text

    def test_no_float(self):
        with pytest.raises(ValueError, match='output of the "schedule" function should be float'):
            train(Model(), [LearningRateScheduler(lambda epoch: 1)], [{}])

    def test_errors_of_the_schedule_are_its_own(self):
        with pytest.raises(TypeError, match="unsupported operand"):
            train(Model(), [LearningRateScheduler(lambda epoch, lr: epoch + None)], [{}])

    def test_optimizer_without_rate(self):
        model = Model()
        model.optimizer = object()
        with pytest.raises(ValueError, match='Optimizer must have a "lr" attribute'):
            train(model, [LearningRateScheduler(lambda epoch: 0.5)], [{}])


class TestReduceLROnPlateau:
    def rates(self, callback, *losses, name="val_loss"):
        return train(Model(), [callback], values(name, *losses)).history["lr"]

    def test_after_patience(self):
        callback = ReduceLROnPlateau(factor=0.5, patience=2)
        assert self.rates(callback, 3, 2, 2, 2, 2, 2, 2) == [1, 1, 1, 1, 0.5, 0.5, 0.25]

    def test_min_delta(self):
        losses = [3, 2.9, 2.8, 2.7]
        assert self.rates(ReduceLROnPlateau(factor=0.5, patience=1), *losses)[-1] == 1
        callback = ReduceLROnPlateau(factor=0.5, patience=1, min_delta=0.15)
        assert self.rates(callback, *losses) == [1, 1, 0.5, 0.5]

    def test_cooldown(self):
        callback = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2)
        assert self.rates(callback, 1, 1, 1, 1, 1, 1) == [1, 1, 0.5, 0.5, 0.25, 0.25]

    def test_min_lr(self):
        callback = ReduceLROnPlateau(factor=0.5, patience=1, min_lr=0.25)
        assert self.rates(callback, 1, 1, 1, 1, 1) == [1, 1, 0.5, 0.25, 0.25]

    @pytest.mark.parametrize("mode, monitor", [("max", "val_loss"), ("auto", "val_acc")])
    def test_larger_is_better(self, mode, monitor):
        callback = ReduceLROnPlateau(monitor, factor=0.5, patience=1, mode=mode)
        name = monitor.replace("acc", "accuracy")
        assert self.rates(callback, 1, 2, 3, 2, 2, name=name) == [1, 1, 1, 1, 0.5]

    def test_starts_anew(self):
        callback = ReduceLROnPlateau(factor=0.5, patience=1)
        self.rates(callback, 1, 1)
        assert self.rates(callback, 3, 2) == [1, 1]

    def test_verbose(self, capsys):
        self.rates(ReduceLROnPlateau(factor=0.5, patience=1, verbose=1), 1, 1)
        text = "\nEpoch 00002: ReduceLROnPlateau reducing learning rate to 0.5.\n"
        assert capsys.readouterr().out == text

    def test_absent_value(self):
        text = "Reduce LR on plateau conditioned on metric `val_loss` which is not available"
        with pytest.warns(RuntimeWarning, match=f"{text}. Available metrics are: loss,lr"):
            self.rates(ReduceLROnPlateau(), 1, name="loss")

    def test_arguments(self):
        with pytest.raises(ValueError, match=r"does not support a factor >= 1\.0"):
            ReduceLROnPlateau(factor=1.0)
        with pytest.warns(UserWarning, match="`epsilon` argument is deprecated"):
            assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
        with pytest.raises(TypeError, match=r"unexpected arguments: .*patiense"):
            ReduceLROnPlateau(patiense=3)
        with pytest.warns(RuntimeWarning, match="Reducing mode best is unknown, fallback to auto"):
            ReduceLROnPlateau(mode="best")
