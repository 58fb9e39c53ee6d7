"""The same seed gives the same bits; a training in two parts is the whole one."""

import numpy as np
import pytest
import torch

from kforge import layers as L
from kforge.callbacks import BackupAndRestore
from kforge.models import Sequential, load_model
from kforge.utils import Sequence, random_states, set_random_seed, set_random_states

X = np.random.RandomState(0).rand(40, 6, 6, 1).astype("float32")
Y = np.eye(3, dtype="float32")[np.random.RandomState(1).randint(3, size=40)]


@pytest.fixture(autouse=True)
def as_before():
    yield
    torch.use_deterministic_algorithms(False)


class Batches(Sequence):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


def network(optimizer="adam"):
    model = Sequential(
        [
            *(L.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 1)), L.BatchNormalization()),
            *(L.Reshape((4, 16)), L.GaussianNoise(0.1), L.LSTM(5, recurrent_dropout=0.2)),
            *(L.Dropout(0.3), L.Dense(3, activation="softmax")),
        ]
    )
    model.compile(optimizer, "categorical_crossentropy", metrics=["acc"])
    return model


def assert_same_bits(found, other):
    for a, b in zip(found, other, strict=True):
        np.testing.assert_array_equal(a, b)


def state(model):
    return [*model.get_weights(), *model.optimizer.get_weights()]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam"])
@pytest.mark.parametrize(
    "data",
    [
        lambda: {"x": X, "y": Y, "validation_split": 0.2, "batch_size": 8},
        lambda: {"x": Batches(), "workers": 3, "validation_data": (X, Y)},
        lambda: {"x": torch.utils.data.TensorDataset(*map(torch.from_numpy, (X, Y)))},
    ],
    ids=["arrays", "Sequence", "Dataset"],
)
def test_two_runs(optimizer, data):
    runs = []
    for _ in range(2):
        set_random_seed(5, deterministic=True)
        model = network(optimizer)
        history = model.fit(**data(), epochs=2, verbose=0).history
        runs.append([*state(model), *history.values(), model.predict(X)])
    assert_same_bits(*runs)


def test_another_seed_is_another_run():
    found = []
    for seed in (5, 6):
        set_random_seed(seed)
        found.append(network().fit(X, Y, verbose=0).history["loss"])
    assert found[0] != found[1]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam", "adadelta"])
def test_5_and_5_epochs_through_a_file_are_10(optimizer, tmp_path):
    set_random_seed(5)
    whole = network(optimizer)
    history = whole.fit(X, Y, batch_size=8, epochs=10, shuffle=False, verbose=0).history
    set_random_seed(5)
    model = network(optimizer)
    model.fit(X, Y, batch_size=8, epochs=5, shuffle=False, verbose=0)
    model.save(tmp_path / "half.h5")
    states = random_states()
    model = load_model(tmp_path / "half.h5")
    set_random_states(states)
    rest = model.fit(
        X, Y, batch_size=8, epochs=10, initial_epoch=5, shuffle=False, verbose=0
    ).history
    assert rest["loss"] == history["loss"][5:]
    assert_same_bits(state(model), state(whole))


def test_5_and_5_epochs_through_a_backup_are_10_also_if_samples_are_shuffled(tmp_path):
    set_random_seed(5)
    whole = network()
    whole.fit(X, Y, batch_size=8, epochs=10, verbose=0)
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    for seed, epochs in ((5, 5), (6, 10)):  # the second process has drawn other numbers
        set_random_seed(seed)
        model = network()
        model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=[backup])
    assert_same_bits(state(model), state(whole))


@pytest.mark.cuda
def test_two_runs_on_a_device():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    runs = []
    for _ in range(2):
        set_random_seed(5)
        model = network()
        model.to("cuda")
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        runs.append(state(model))
    assert_same_bits(*runs)
