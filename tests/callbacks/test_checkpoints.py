import numpy as np
import pytest

from kforge.callbacks import EarlyStopping, ModelCheckpoint

from .training import Model, train, values


class TestModelCheckpoint:
    def saved(self, callback, epochs):
        model = Model()
        train(model, [callback], epochs)
        return model.saved

    def test_every_epoch(self):
        saved = self.saved(ModelCheckpoint("m.h5"), values("loss", 3, 2))
        assert saved == [("model", "m.h5", 1), ("model", "m.h5", 2)]

    def test_weights_only_every_other_epoch(self):
        callback = ModelCheckpoint("m.h5", save_weights_only=True, period=2)
        saved = self.saved(callback, values("loss", 3, 2, 1, 1, 1))
        assert saved == [("weights", "m.h5", 2), ("weights", "m.h5", 4)]

    def test_names(self, tmp_path):
        callback = ModelCheckpoint(tmp_path / "m.{epoch:02d}-{val_acc:.2f}-{loss}.h5")
        saved = self.saved(callback, [{"loss": 3, "val_accuracy": 0.123}])
        assert saved[0][1] == str(tmp_path / "m.01-0.12-3.h5")

    def test_name_that_is_not_logged(self):
        with pytest.raises(KeyError, match="val_loss"):
            self.saved(ModelCheckpoint("{val_loss}"), values("loss", 3))

    def test_best_only(self, capsys):
        callback = ModelCheckpoint("m.h5", save_best_only=True, verbose=1)
        saved = self.saved(callback, values("val_loss", 3, 4, 2))
        assert [epoch for _, _, epoch in saved] == [1, 3]
        assert capsys.readouterr().out.split("\n") == [
            "",
            "Epoch 00001: val_loss improved from inf to 3.00000, saving model to m.h5",
            "",
            "Epoch 00002: val_loss did not improve from 3.00000",
            "",
            "Epoch 00003: val_loss improved from 3.00000 to 2.00000, saving model to m.h5",
            "",
        ]

    @pytest.mark.parametrize(
        "monitor, mode", [("val_acc", "auto"), ("fmeasure", "auto"), ("val_f1", "max")]
    )
    def test_larger_is_better(self, monitor, mode):
        callback = ModelCheckpoint("m.h5", monitor, save_best_only=True, mode=mode)
        saved = self.saved(callback, values(monitor.replace("acc", "accuracy"), 1, 3, 2))
        assert [epoch for _, _, epoch in saved] == [1, 2]

    def test_nothing_to_watch(self):
        callback = ModelCheckpoint("m.h5", save_best_only=True)
        with pytest.warns(RuntimeWarning, match="best model only with val_loss available, skip"):
            assert self.saved(callback, values("loss", 1)) == []

    def test_unknown_mode(self):
        with pytest.warns(RuntimeWarning, match="ModelCheckpoint mode most is unknown, fallback"):
            ModelCheckpoint("m.h5", mode="most")


class TestEarlyStopping:
    def stopped(self, callback, *numbers, name="val_loss"):
        model = Model()
        train(model, [callback], values(name, *numbers))
        return len(model.history.epoch), float(model.weights[0][0])

    def test_patience(self):
        callback = EarlyStopping(patience=2)
        assert self.stopped(callback, 3, 2, 2, 1.5, 2, 2, 1) == (6, 6)
        assert callback.stopped_epoch == 5 and callback.best == 1.5

    def test_min_delta(self):
        assert self.stopped(EarlyStopping(min_delta=0.15), 3, 2.8, 2.7, 2) == (3, 3)
        callback = EarlyStopping("val_acc", min_delta=0.15)
        assert self.stopped(callback, 2, 2.2, 2.3, 3, name="val_accuracy") == (3, 3)

    def test_baseline(self):
        assert self.stopped(EarlyStopping(baseline=1, patience=2), 3, 2, 0.5) == (2, 2)
        assert self.stopped(EarlyStopping(baseline=2.5, patience=2), 3, 2, 1.5) == (3, 3)

    def test_best_weights_come_back(self, capsys):
        callback = EarlyStopping(patience=1, restore_best_weights=True, verbose=1)
        assert self.stopped(callback, 3, 2, 4) == (3, 2)
        assert capsys.readouterr().out.splitlines() == [
            "Restoring model weights from the end of the best epoch",
            "Epoch 00003: early stopping",
        ]

    def test_also_when_the_epochs_run_out(self):
        callback = EarlyStopping(patience=10, restore_best_weights=True)
        assert self.stopped(callback, 3, 2, 4) == (3, 2)
        assert self.stopped(callback, 3, 2, 1) == (3, 3)

    def test_no_epoch_was_better_than_the_baseline(self):
        callback = EarlyStopping(baseline=1, patience=2, restore_best_weights=True)
        assert self.stopped(callback, 3, 2) == (2, 2)

    def test_kept_weights_are_a_copy(self):
        model = Model()
        callback = EarlyStopping(patience=5, restore_best_weights=True)
        train(model, [callback], values("val_loss", 1, 2))
        model.weights[0][:] = 7
        np.testing.assert_array_equal(callback.best_weights[0], [1, 1])

    def test_starts_anew(self):
        callback = EarlyStopping()
        self.stopped(callback, 1, 2)
        assert self.stopped(callback, 5, 4, 3) == (3, 3)
        assert callback.stopped_epoch == 0

    def test_absent_value(self):
        text = "Early stopping conditioned on metric `val_loss` which is not available. Available"
        with pytest.warns(RuntimeWarning, match=f"{text} metrics are: loss"):
            assert self.stopped(EarlyStopping(), 1, name="loss") == (1, 1)
