import json
import pickle

import numpy as np
import pytest

from kforge.callbacks.logs import Logs, Number, other_spelling


@pytest.mark.parametrize(
    "older, newer",
    [
        ("acc", "accuracy"),
        ("val_acc", "val_accuracy"),
        ("out_1_acc", "out_1_accuracy"),
        ("acc_1", "accuracy_1"),
        ("mae", "mean_absolute_error"),
        ("val_mse", "val_mean_squared_error"),
    ],
)
def test_spellings(older, newer):
    assert other_spelling(older) == newer
    assert other_spelling(newer) == older


@pytest.mark.parametrize("name", ["loss", "accurate", "macc", "rmse", "val_loss", 3, None])
def test_other_names_have_one(name):
    assert other_spelling(name) is None


class TestLogs:
    logs = Logs(loss=1.0, val_accuracy=0.5)

    def test_answers_to_both(self):
        assert self.logs["val_acc"] == self.logs["val_accuracy"] == self.logs.get("val_acc") == 0.5
        assert "val_acc" in self.logs and "val_accuracy" in self.logs

    def test_lists_each_once(self):
        assert list(self.logs) == ["loss", "val_accuracy"]
        assert json.loads(json.dumps(self.logs)) == {"loss": 1.0, "val_accuracy": 0.5}

    def test_absent(self):
        assert "acc" not in self.logs and None not in self.logs
        assert self.logs.get("acc") is None and self.logs.get("acc", 3) == 3
        with pytest.raises(KeyError, match="val_f1"):
            self.logs["val_f1"]

    def test_format(self):
        assert "{val_acc:.2f}-{loss}".format_map(self.logs) == "0.50-1.0"

    def test_copy(self):
        assert self.logs.copy()["val_acc"] == 0.5


def test_a_number_is_a_float_and_a_numpy_scalar():
    number = Number(0.1)
    assert isinstance(number, float) and number.dtype == "float64" and number[()] == 0.1
    assert f"{[number]} {number:.2f}" == "[0.1] 0.10" and json.dumps(number) == "0.1"
    assert type(pickle.loads(pickle.dumps(number))) is np.float64


def test_names_of_weighted_metrics_before_keras_2_3():
    logs = Logs(acc=0.5, acc_1=0.7, val_out_mae=0.2)
    assert logs["weighted_acc"] == logs["weighted_accuracy"] == 0.7 and logs["acc"] == 0.5
    assert logs["val_out_weighted_mean_absolute_error"] == 0.2
    assert "weighted_loss" not in logs and "weighted_" not in logs
