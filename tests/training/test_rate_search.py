"""`model.lr_find`: a range test for learning rates that leaves no trace."""

import sys

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import optimizers
from kforge.layers import LSTM, BatchNormalization, Dense, Dropout
from kforge.models import Sequential
from kforge.training.rate_search import RateSearch
from kforge.utils import Sequence, set_random_seed

RNG = np.random.RandomState(0)
X = RNG.randn(40, 4).astype("float32")
Y = X @ RNG.randn(4, 2).astype("float32")


def network(optimizer="sgd", **options):
    set_random_seed(0, deterministic=False)
    model = Sequential([Dense(8, input_shape=(4,)), BatchNormalization(), Dropout(0.1), Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"], **options)
    return model


class Batches(Sequence):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


def stream():
    while True:
        yield X[:8], Y[:8]


def test_rates_grow_in_equal_ratios_until_the_loss_diverges():
    found = network().lr_find(X, Y, batch_size=8, start_lr=1e-5, end_lr=1e3, steps=60)
    ratios = found.learning_rates[1:] / found.learning_rates[:-1]
    np.testing.assert_allclose(ratios, (1e8) ** (1 / 59))
    assert found.learning_rates[0] == pytest.approx(1e-5)
    assert 10 < len(found.losses) == len(found.learning_rates) < 60
    assert not found.smoothed[-1] <= 4 * found.smoothed.min()


def test_the_suggestion_trains():
    model = network()
    found = model.lr_find(X, Y, batch_size=8)
    assert 1e-3 < found.suggestion < 1
    model.optimizer.lr = found.suggestion
    loss = model.fit(X, Y, batch_size=8, epochs=20, verbose=0).history["loss"]
    assert loss[-1] < loss[0] / 3


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam"])
@pytest.mark.parametrize("options", [{}, {"accumulate_steps": 2, "precision": "fp16"}])
def test_a_training_after_it_is_as_without_it(optimizer, options):
    found = []
    for search in (False, True):
        model = network(optimizer, **options)
        model.fit(X, Y, batch_size=8, verbose=0)  # the optimizer has a state to lose
        if search:
            model.lr_find(X, Y, batch_size=8, steps=10)
        history = model.fit(X, Y, batch_size=8, verbose=0).history
        state = [*model.get_weights(), *model.optimizer.get_weights()]
        found.append((history, state, K.get_value(model.optimizer.lr), np.random.rand()))
    assert found[0][0] == found[1][0] and found[0][2:] == found[1][2:]
    for a, b in zip(found[0][1], found[1][1]):
        np.testing.assert_array_equal(a, b)


def test_an_optimizer_of_ones_own():
    class Momentum(optimizers.Optimizer):
        def __init__(self):
            super().__init__()
            self.lr = K.variable(0.01)

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.weights = [K.zeros(K.int_shape(p)) for p in params]
            found = []
            for p, g, m in zip(params, grads, self.weights):
                moment = 0.9 * m - self.lr * g
                found += [K.update(m, moment), K.update_add(p, moment)]
            return found

    model = network(Momentum())
    model.fit(X, Y, batch_size=8, verbose=0)
    before = [*model.get_weights(), *model.optimizer.get_weights()]
    assert len(model.lr_find(X, Y, batch_size=8, steps=5).losses) == 5
    assert K.get_value(model.optimizer.lr) == pytest.approx(0.01)
    for a, b in zip(before, [*model.get_weights(), *model.optimizer.get_weights()]):
        np.testing.assert_array_equal(a, b)


def test_states_of_layers_come_back():
    model = Sequential([LSTM(3, stateful=True, batch_input_shape=(4, 5, 2)), Dense(1)])
    model.compile("sgd", "mse")
    x = RNG.randn(8, 5, 2)
    model.predict(x, batch_size=4)
    before = [K.get_value(s) for s in model.layers[0].states]
    model.lr_find(x, x[:, 0, :1], steps=3)
    for a, b in zip(before, model.layers[0].states):
        np.testing.assert_array_equal(a, K.get_value(b))


def test_an_error_on_the_way_leaves_no_trace_either():
    def fails():
        yield X, Y
        raise OSError("no more data")

    model = network("adam")
    before = model.get_weights()
    with pytest.raises(OSError, match="no more data"):
        model.lr_find(fails())
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert K.get_value(model.optimizer.lr) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    "data",
    [
        Batches,
        stream,
        lambda: torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), 8
        ),
    ],
    ids=["Sequence", "generator", "DataLoader"],
)
def test_data_that_come_in_batches(data):
    found = network().lr_find(data(), start_lr=1e-6, end_lr=1e-2, steps=12, workers=0)
    assert len(found.losses) == 12  # more than an epoch of the Sequence


def test_mistakes():
    with pytest.raises(ValueError, match="needs 0 < start_lr < end_lr and at least 2 steps"):
        network().lr_find(X, Y, start_lr=1.0, end_lr=0.1)
    model = Sequential([Dense(2, input_shape=(4,))])
    with pytest.raises(RuntimeError, match="compile"):
        model.lr_find(X, Y)
    model.compile(optimizers.TFOptimizer(lambda p: torch.optim.SGD(p, 0.1)), "mse")
    with pytest.raises(ValueError, match='Optimizer must have a "lr" attribute'):
        model.lr_find(X, Y)


def test_a_loss_that_never_falls_suggests_nothing():
    assert RateSearch([0.1, 0.2, 0.4], [1.0, 2.0, 3.0], 0.0).suggestion is None
    assert RateSearch([0.1, 0.2], [np.nan, np.nan], 0.0).suggestion is None
    losses = [3.0, 2.9, 2.8, 1.0, np.inf]
    assert RateSearch([0.1, 0.2, 0.4, 0.8, 1.6], losses, 0.0).suggestion == 0.8


def test_smoothing_is_an_exponential_mean_corrected_for_its_start():
    found = RateSearch([0.1, 0.2, 0.4], [4.0, 2.0, 1.0], 0.5)
    np.testing.assert_allclose(found.smoothed, [4, 8 / 3, (1 + 1 + 2) / (2 + 1 + 0.5) * 1.5])


def test_plot(monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    losses = [3.0, 2.0, 1.0, 2.5]
    axes = RateSearch([0.1, 0.2, 0.4, 0.8], losses, 0.0).plot()
    assert axes.get_xscale() == "log" and len(axes.lines) == 3
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), losses)
    pyplot.close(axes.figure)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install kforge\[plot\]"):
        RateSearch([0.1, 0.2], [3.0, 2.0], 0.5).plot()
