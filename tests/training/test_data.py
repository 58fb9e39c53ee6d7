import numpy as np
import pytest
import torch

from kforge import layers, models
from kforge.training import data
from kforge.training.data import ArrayBatches, has_room, on_device

CPU = torch.device("cpu")


def seen(batches):
    return [[t.tolist() for t in batch] for batch in batches.epoch()]


def test_batches_in_order():
    x, y = torch.arange(5), torch.arange(5) * 10
    batches = ArrayBatches([x, y], (False,), 5, 2, CPU)
    assert batches.steps == 3
    assert seen(batches) == [[[0, 1], [0, 10]], [[2, 3], [20, 30]], [[4], [40]]]


@pytest.mark.parametrize("small", [0, data._SMALL], ids=["gathered", "split"])
def test_shuffled_batches_keep_rows_together(monkeypatch, small):
    monkeypatch.setattr(data, "_SMALL", small)
    batches = ArrayBatches([torch.arange(50), torch.arange(50) * 10], (False,), 50, 8, CPU, True)
    first, second = seen(batches), seen(batches)
    assert first != second
    for epoch in (first, second):
        rows = [x for xs, _ in epoch for x in xs]
        assert sorted(rows) == list(range(50))
        assert [y for _, ys in epoch for y in ys] == [10 * x for x in rows]


def test_batches_that_stay_together():
    batches = ArrayBatches([torch.arange(10)], (), 10, 4, CPU, "batch")
    for epoch in (seen(batches), seen(batches)):
        assert sorted(map(tuple, (xs for (xs,) in epoch[:2]))) == [(0, 1, 2, 3), (4, 5, 6, 7)]
        assert epoch[2] == [[8, 9]]


def test_the_whole_set_some_times():
    batches = ArrayBatches([torch.arange(3)], (), 3, 2, CPU, True, steps=2.0)
    assert seen(batches) == [[[0, 1, 2]]] * 2


@pytest.mark.parametrize("shuffle", [False, True])
def test_arrays_too_large_for_a_device_go_there_in_batches(monkeypatch, shuffle):
    monkeypatch.setattr(data, "has_room", lambda device, tensors: False)
    batches = ArrayBatches([torch.ones(5, 3)], (), 5, 2, torch.device("meta"), shuffle)
    assert batches.tensors[0].device == CPU
    found = list(batches.epoch())
    assert [x.shape for (x,) in found] == [(2, 3), (2, 3), (1, 3)]
    assert {x.device.type for (x,) in found} == {"meta"}


def test_arrays_that_a_device_has_room_for_are_there_from_the_beginning():
    batches = ArrayBatches([torch.ones(5, 3)], (), 5, 2, torch.device("meta"))
    assert batches.tensors[0].is_meta


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["batch by batch", "whole"])
def test_room_on_a_gpu(monkeypatch, share):
    monkeypatch.setattr(data, "_SHARE", share)
    cuda = torch.device("cuda", 0)
    assert has_room(cuda, [torch.ones(10)]) == (share > 0)
    assert on_device([torch.ones(3)], cuda)[0].tolist() == [1, 1, 1]
    model = models.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x, y = np.ones((20, 2)), np.ones((20, 1))
    model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
    assert np.isfinite(model.evaluate(x, y, verbose=0))
    assert model.predict(x).shape == (20, 1)
