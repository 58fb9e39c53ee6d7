"""Data that come in batches: every kind, as training, validation and prediction data."""

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from kforge.callbacks import Callback
from kforge.layers import Dense, Input, concatenate
from kforge.models import Model, Sequential
from kforge.utils import HDF5Matrix, Sequence

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
RNG = np.random.RandomState(0)
X, Y = RNG.randn(24, 4).astype("float32"), RNG.randn(24, 3).astype("float32")
SIZE, STEPS = 6, 4


def linear():
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"])
    model.set_weights([np.ones((4, 3)), np.zeros(3)])
    return model


class Batches(Sequence):
    """Batches in order; notes what was asked for, and the ends of epochs."""

    def __init__(self):
        self.asked, self.ends = [], 0

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        self.asked.append(i)
        return X[SIZE * i : SIZE * (i + 1)], Y[SIZE * i : SIZE * (i + 1)]

    def on_epoch_end(self):
        self.ends += 1


class OnDisk(Batches):
    """Reads an HDF5 file, which every worker opens for itself."""

    def __init__(self, path):
        super().__init__()
        self.x, self.y = HDF5Matrix(path, "x"), HDF5Matrix(path, "y")

    def __getitem__(self, i):
        part = slice(SIZE * i, SIZE * (i + 1))
        return self.x[part], self.y[part]


def generator(kind=tuple):
    while True:
        for i in range(STEPS):
            yield kind((X[SIZE * i : SIZE * (i + 1)], Y[SIZE * i : SIZE * (i + 1)]))


class Samples(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return X[i], Y[i]


class Endless(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y))


def saved(folder):
    path = str(folder / "data.h5")
    with h5py.File(path, "w") as file:
        file.update(x=X, y=Y)
    return path


by_steps, sized = {"steps": STEPS}, {}
KINDS = {
    "generator": (lambda _: generator(), {"workers": 0}, by_steps),
    "generator of lists": (lambda _: generator(list), {"workers": 0}, by_steps),
    "generator in a thread": (lambda _: generator(), {"workers": 3}, by_steps),
    "generator in a process": (lambda _: generator(), {"use_multiprocessing": True}, by_steps),
    "iterator": (lambda _: iter(list(generator_once()) * 9), {}, by_steps),
    "Sequence": (lambda _: Batches(), {"workers": 0}, sized),
    "Sequence in threads": (lambda _: Batches(), {"workers": 2}, sized),
    "Sequence in processes": (
        lambda _: Batches(),
        {"workers": 2, "use_multiprocessing": True},
        sized,
    ),
    "Sequence on HDF5Matrix": (
        lambda folder: OnDisk(saved(folder)),
        {"workers": 2, "use_multiprocessing": True},
        sized,
    ),
    "DataLoader": (lambda _: DataLoader(Samples(), SIZE), {}, sized),
    "DataLoader with workers": (lambda _: DataLoader(Samples(), SIZE, num_workers=2), {}, sized),
    "Dataset": (lambda _: Samples(), {"batch_size": SIZE}, sized),
    "TensorDataset": (
        lambda _: TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
        {"batch_size": SIZE},
        sized,
    ),
    "IterableDataset": (lambda _: Endless(), {"batch_size": SIZE}, by_steps),
}
of_every_kind = pytest.mark.parametrize("kind", KINDS)


def generator_once():
    for _, batch in zip(range(STEPS), generator()):
        yield batch


@of_every_kind
def test_training_evaluation_and_prediction(kind, tmp_path):
    make, options, steps = KINDS[kind]
    model, other = linear(), linear()
    per_epoch = {f"{k}_per_epoch": v for k, v in steps.items()}
    history = model.fit(
        make(tmp_path), epochs=2, shuffle=False, verbose=0, **options, **per_epoch
    ).history
    wanted = other.fit(X, Y, SIZE, epochs=2, shuffle=False, verbose=0).history
    for name, values in wanted.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    for got, want in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(got, want, rtol=1e-5)
    found = model.evaluate(make(tmp_path), verbose=0, **options, **steps)
    loss, mae = other.evaluate(X, Y, verbose=0)
    assert found[1] == pytest.approx(mae, rel=1e-5)
    # Of a generator or Sequence, the loss is that of the last batch, as in Keras 2.3.
    last = other.test_on_batch(X[-SIZE:], Y[-SIZE:])[0]
    assert found[0] == pytest.approx(loss if "Data" in kind.split()[0] else last, rel=1e-5)
    outputs = model.predict(make(tmp_path), **options, **steps)
    np.testing.assert_allclose(outputs, model.predict(X), rtol=1e-5)


@of_every_kind
def test_validation(kind, tmp_path):
    make, options, steps = KINDS[kind]
    options = {k: v for k, v in options.items() if k != "batch_size"}
    model = linear()
    history = model.fit(
        X,
        Y,
        epochs=2,
        validation_data=make(tmp_path),
        **{f"validation_{k}": v for k, v in steps.items()},
        verbose=0,
        **options,
    ).history
    weights = model.evaluate(X, Y, verbose=0)
    assert history["val_mae"][-1] == pytest.approx(weights[1], rel=1e-5)
    assert len(history["val_mae"]) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_each_batch_once_an_epoch_and_on_epoch_end_after_each(workers):
    data = Batches()
    linear().fit(data, epochs=3, workers=workers, shuffle=True, verbose=0)
    asked = [sorted(data.asked[i : i + STEPS]) for i in range(0, 3 * STEPS, STEPS)]
    assert asked == [list(range(STEPS))] * 3
    assert data.ends >= 2


def test_workers_shuffle_the_batches_of_a_sequence():
    data = Batches()
    linear().fit(data, epochs=4, workers=1, max_queue_size=1, shuffle=True, verbose=0)
    assert data.asked[: 4 * STEPS] != list(range(STEPS)) * 4


def test_several_inputs_and_targets():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    h = concatenate([a, b])
    model = Model([a, b], [Dense(3, name="u")(h), Dense(3, name="v")(h)])
    model.compile("sgd", "mse")

    def batches(wrap):
        while True:
            yield wrap

    for batch in (
        ([X, X], [Y, Y]),
        ((X, X), (Y, Y)),
        ({"a": X, "b": X}, {"v": Y, "u": Y}),
        ([X, X], [Y, Y], [np.ones(24), np.ones(24)]),
    ):
        model.fit_generator(batches(batch), steps_per_epoch=2, verbose=0)
    for batch in ([X, X], {"a": X, "b": X}, ([X, X], [Y, Y])):  # a list holds the inputs
        assert model.predict_generator(batches(batch), steps=2)[0].shape == (48, 3)


def test_a_model_whose_loss_is_its_own_needs_no_targets():
    x = Input((4,))
    model = Model(x, Dense(1)(x))
    model.add_loss(torch.mean(model.output))
    model.compile("sgd")

    def batches():
        while True:
            yield X

    history = model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.parametrize("batch", [X, (X,), (X, Y, None, None), [X, Y, Y, Y], {"x": X}])
def test_batches_that_are_no_batches(batch):
    def batches():
        while True:
            yield batch

    with pytest.raises(ValueError, match=r"should be a tuple `\(x, y, sample_weight\)`"):
        linear().fit(batches(), steps_per_epoch=1, workers=0, verbose=0)


def test_the_number_of_steps_must_be_known():
    for data in (generator(), Endless(), DataLoader(Endless(), SIZE)):
        with pytest.raises(ValueError, match="`steps_per_epoch=None` is only valid"):
            linear().fit(data, verbose=0)
        with pytest.raises(ValueError, match="`steps=None` is only valid"):
            linear().predict(data)
        with pytest.raises(ValueError, match="`validation_steps=None` is only valid"):
            linear().fit(X, Y, validation_data=data, verbose=0)


def test_a_loader_that_gives_nothing_ends():
    class Nothing(IterableDataset):
        def __iter__(self):
            return iter(())

    with pytest.raises(ValueError, match="ended at step 1 of 2"):
        linear().fit(DataLoader(Nothing(), 2), steps_per_epoch=2, verbose=0)


def test_what_a_stream_brings_itself_is_refused():
    for options in ({"y": Y}, {"sample_weight": np.ones(24)}, {"validation_split": 0.1}):
        with pytest.raises(ValueError, match="argument is not supported when using a generator"):
            linear().fit(generator(), steps_per_epoch=2, verbose=0, **options)
    with pytest.raises(ValueError, match="`batch_size` argument must not be specified"):
        linear().fit(Batches(), batch_size=2, verbose=0)


def test_class_weights():
    def batches():
        while True:
            yield X, np.arange(24) % 2

    model = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", "binary_crossentropy")
    start = model.get_weights()
    found = []
    for data in ((batches(),), (X, np.arange(24) % 2)):
        model.set_weights(start)
        options = {"class_weight": {0: 1.0, 1: 5.0}, "verbose": 0}
        if len(data) == 1:
            options["steps_per_epoch"] = 1
        model.fit(*data, **options)
        found.append(model.get_weights()[0])
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_a_model_without_input_shape_is_built_for_the_first_batch():
    for data, options in ((generator(), {"steps_per_epoch": 2}), (Samples(), {"batch_size": 4})):
        model = Sequential([Dense(3)])
        model.compile("sgd", "mse")
        model.fit(data, verbose=0, workers=0, **options)
        assert model.get_weights()[0].shape == (4, 3)


class Growing(Sequence):
    """Batches that grow from epoch to epoch."""

    size = 2

    def __len__(self):
        return -(-8 // self.size)

    def __getitem__(self, index):
        return np.zeros((self.size, 3)), np.full((self.size, 1), index)

    def on_epoch_end(self):
        self.size *= 2


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sequence_may_change_its_length_between_epochs(workers):
    x = Input((3,))
    model = Model(x, Dense(1)(x))
    model.compile("sgd", "mse")
    seen = []

    class Steps(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append((self.params["steps"], batch))

    model.fit(Growing(), epochs=3, workers=workers, callbacks=[Steps()], verbose=0)
    assert seen == [(4, 0), (4, 1), (4, 2), (4, 3), (2, 0), (2, 1), (1, 0)]
