"""What callbacks see of a real training."""

import numpy as np
import pytest

from kforge.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from kforge.layers import Dense
from kforge.models import Sequential, load_model
from kforge.training import loop

X = np.random.RandomState(0).rand(24, 4).astype("float32")
Y = np.eye(3, dtype="float32")[np.random.RandomState(1).randint(3, size=24)]


@pytest.fixture
def model():
    found = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    found.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return found


def fit(model, *callbacks, **kwargs):
    kwargs = {"batch_size": 8, "epochs": 1, "verbose": 0, **kwargs}
    return model.fit(X, Y, callbacks=list(callbacks), **kwargs)


def test_a_class_is_no_callback(model):
    with pytest.raises(TypeError, match=r"class EarlyStopping.*`EarlyStopping\(\.\.\.\)`"):
        fit(model, EarlyStopping)


def test_validation_data(model):
    seen = Callback()
    fit(model, seen, validation_data=(X[:5], Y[:5]))
    for got, want in zip(seen.validation_data, [X[:5], Y[:5], np.ones(5)]):
        np.testing.assert_array_equal(got, want)
    weights = np.arange(5)
    fit(model, seen, validation_data=(X[:5], Y[:5], weights))
    np.testing.assert_array_equal(seen.validation_data[2], weights)
    fit(model, seen)
    assert seen.validation_data is None


def test_batch_logs(model):
    seen = []
    fit(model, LambdaCallback(on_batch_end=lambda batch, logs: seen.append(logs)), shuffle=False)
    assert [logs["batch"] for logs in seen] == [0, 1, 2]
    assert set(seen[2]) == {"batch", "size", "loss", "accuracy"}
    assert "acc" in seen[2] and seen[2]["acc"] == seen[2]["accuracy"]
    with pytest.raises(KeyError, match="f1"):
        seen[2]["f1"]
    assert seen[2].means()["loss"] == pytest.approx(model.history.history["loss"][0])


def test_values_that_nobody_looks_at_are_not_computed(model, monkeypatch):
    reads = []
    values = loop.Results.values
    monkeypatch.setattr(loop.Results, "values", lambda *args: reads.append(1) or values(*args))
    fit(model, LambdaCallback(on_batch_end=lambda batch, logs: logs["size"]), epochs=2)
    assert len(reads) == 2  # at the end of the epochs


def test_bar_shows_the_means(model, capsys):
    fit(model, verbose=1)
    history = model.history.history
    last = capsys.readouterr().out.splitlines()[-1]
    loss, accuracy = history["loss"][0], history["accuracy"][0]
    assert last.endswith(f" - loss: {loss:.4f} - accuracy: {accuracy:.4f}")


def test_older_spelling_everywhere(model, tmp_path):
    checkpoint = ModelCheckpoint(
        str(tmp_path / "m.{epoch}-{val_acc:.1f}.h5"), monitor="val_acc", save_best_only=True
    )
    stopping = EarlyStopping("val_acc", min_delta=2.0, patience=1)
    history = fit(model, checkpoint, stopping, epochs=5, validation_split=0.5).history
    assert len(history["val_acc"]) == 2 and "val_acc" in history and "val_acc" not in list(history)
    [path] = tmp_path.iterdir()
    assert path.name.startswith("m.1-")
    load_model(str(path))


@pytest.mark.parametrize("given, other", [("accuracy", "acc"), ("acc", "accuracy")])
def test_each_callback_understands_both_spellings(given, other, tmp_path, capsys):
    """Values have the name that `compile` was given; no name is listed twice."""
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "categorical_crossentropy", metrics=[given])
    assert model.metrics_names == ["loss", given]
    seen, listed, params = [], [], []

    class Watch(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs[f"val_{other}"], logs.get(other), other in logs))
            listed.append(sorted(logs))
            params.append(self.params["metrics"])

    history = fit(
        model,
        Watch(),
        CSVLogger(str(tmp_path / "log.csv")),
        ModelCheckpoint(str(tmp_path / f"{{val_{other}:.3f}}.h5"), f"val_{other}", 1, True),
        ReduceLROnPlateau(f"val_{other}", factor=0.5, patience=1, min_delta=9.0),
        EarlyStopping(f"val_{other}", min_delta=9.0, patience=3, baseline=0.0),
        epochs=9,
        validation_split=0.5,
        verbose=2,
    ).history
    names = ["loss", given, "val_loss", f"val_{given}"]
    assert listed[0] == sorted(names) and params[0] == names
    assert sorted(history) == sorted([*names, "lr"])
    assert len(history["loss"]) == 3  # EarlyStopping has seen that it is no better
    assert history["lr"][-1] < history["lr"][0]  # and so has ReduceLROnPlateau
    assert history[f"val_{other}"] == history[f"val_{given}"] == [value for value, _, _ in seen]
    assert history[other] == [value for _, value, _ in seen] and all(known for *_, known in seen)
    assert (tmp_path / f"{seen[0][0]:.3f}.h5").exists()
    head = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert head == ",".join(["epoch", *sorted(names)])
    out = capsys.readouterr().out
    assert f"val_{given}: " in out and f"val_{other} improved from -inf" in out
    assert f" {other}: " not in out


def test_sizes_that_are_not_known_are_no_parameters():
    class Seen(Callback):
        def on_train_begin(self, logs=None):
            seen.append({k: v for k, v in self.params.items() if k in ("samples", "batch_size")})

    seen, x, y = [], np.ones((6, 4)), np.ones((6, 2))
    model = Sequential([Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=3, verbose=0, callbacks=[Seen()])
    model.fit_generator(iter([(x, y)]), steps_per_epoch=1, verbose=0, callbacks=[Seen()])
    assert seen == [{"samples": 6, "batch_size": 3}, {}]
