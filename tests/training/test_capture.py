"""`jit="cudagraph"`: on a device, and anywhere with a stand-in that records and replays."""

import contextlib

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kforge import backend as K
from kforge import layers as L
from kforge.metrics import Metric
from kforge.models import Sequential
from kforge.training import capture
from kforge.training.capture import Captured
from kforge.utils import set_random_seed

RNG = np.random.RandomState(0)
X, Y = RNG.randn(22, 4).astype("float32"), RNG.randn(22, 3).astype("float32")


class Graph(TorchDispatchMode):
    """Records operations while it is entered; `replay` runs them again on the same memory.

    Unlike CUDA, recording runs them too: the first replay is the recording itself.
    """

    def __init__(self):
        super().__init__()
        self.calls, self.replays = [], 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, found))
        return found

    @torch.no_grad()
    def replay(self):
        self.replays += 1
        for function, args, kwargs, before in self.calls if self.replays > 1 else ():
            found = function(*args, **kwargs)
            pairs = zip(*(x if isinstance(x, (tuple, list)) else [x] for x in (before, found)))
            for old, new in pairs:
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@pytest.fixture
def graphs(monkeypatch):
    """All graphs that were recorded; CUDA's functions are replaced by the stand-in."""
    made = []

    class Stream:
        def __init__(self, device=None):
            pass

        def wait_stream(self, other):
            pass

    @contextlib.contextmanager
    def record(graph, pool, stream, capture_error_mode):
        with graph, torch.no_grad():
            yield

    def make():
        made.append(Graph())
        return made[-1]

    for name, stand_in in {
        "Stream": Stream,
        "current_stream": Stream,
        "stream": lambda stream: contextlib.nullcontext(),
        "graph_pool_handle": lambda: None,
        "graph": record,
        "CUDAGraph": make,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    return made


def test_each_kind_of_batch_is_recorded_after_a_few_runs(graphs):
    runs = []

    def function(batch):
        runs.append(len(batch[0]))
        return batch[0].sum(), [batch[0] * 2]

    captured = Captured(function)
    for i in range(6):
        for size in (3, 2):
            x = torch.full((size,), float(i))
            loss, (grad,) = captured([x])
            assert loss.item() == size * i
            torch.testing.assert_close(grad, 2 * x)
    assert runs == [3, 2, 3, 2, 3, 2, 3, 2]  # three that are not recorded, one that is
    assert [g.replays for g in graphs] == [3, 3]


def test_losses_of_former_steps_stay(graphs):
    captured = Captured(lambda batch: (batch[0].sum(), []))
    losses = [captured([torch.full((2,), float(i))])[0] for i in range(6)]
    assert [loss.item() for loss in losses] == [0, 2, 4, 6, 8, 10]


def test_what_cannot_be_recorded_is_explained(graphs, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "graph", fails)
    captured = Captured(lambda batch: (batch[0].sum(), []))
    for _ in range(3):
        captured([torch.ones(2)])
    with pytest.raises(RuntimeError, match=r"cannot be recorded as a CUDA graph.*not permitted"):
        captured([torch.ones(2)])


def train(device=None, **options):
    set_random_seed(0, deterministic=False)
    model = Sequential([L.Dense(5, input_shape=(4,)), L.BatchNormalization(), L.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"], **options)
    if device:
        model.to(device)
    history = model.fit(X, Y, batch_size=4, epochs=5, shuffle=False, verbose=0).history
    return history, model.get_weights()


def assert_same(found, wanted, tolerance):
    (history, weights), (plain_history, plain_weights) = found, wanted
    for name, values in plain_history.items():
        np.testing.assert_allclose(history[name], values, rtol=tolerance)
    for got, want in zip(weights, plain_weights):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_a_training_is_what_it_is_without(graphs, monkeypatch):
    monkeypatch.setattr(capture, "can_record", lambda device=None: True)
    assert_same(train(jit="cudagraph"), train(), 0)
    assert [g.replays > 1 for g in graphs] == [True, True]  # batches of 4, and of the 2 at the end


def test_on_a_cpu_it_is_refused():
    with pytest.raises(ValueError, match='`jit="cudagraph"` needs a CUDA device'):
        train(jit="cudagraph")


def test_weights_elsewhere_are_refused(monkeypatch):
    monkeypatch.setattr(capture, "can_record", lambda device=None: device is None)
    with pytest.raises(ValueError, match="the weights of the model are on cpu"):
        train("cpu", jit="cudagraph")


def test_python_code_on_values_is_refused(monkeypatch):
    monkeypatch.setattr(capture, "can_record", lambda device=None: True)

    class Largest(Metric):
        def update_state(self, target, output, sample_weight=None):
            if float(K.max(output)) > 0:
                self.best = 1.0

        def result(self):
            return K.constant(0.0)

    model = Sequential([L.Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=[Largest()], jit="cudagraph")
    with pytest.raises(ValueError, match="runs Python code on the values of every batch"):
        model.train_on_batch(X, Y)


@pytest.mark.cuda
def test_on_a_device():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    assert_same(train("cuda", jit="cudagraph"), train("cuda"), 1e-5)
