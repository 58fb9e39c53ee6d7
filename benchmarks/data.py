"""What does it cost to bring data to `fit`?

Trains one network from a generator, from a `Sequence` in the training thread and in two workers,
and from an HDF5 file, each through kforge and through a PyTorch loop written by hand for the same
data, in one process, the two taking turns; prints medians and their ratio.

    python benchmarks/data.py [--rounds 9] [--only hdf5] [--save FILE]
"""

import argparse
import json
import os
import queue
import tempfile
import threading

import fit
import h5py
import loops
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from kforge import tuning
from kforge.utils import HDF5Matrix, Sequence

NETWORK, OPTIMIZER, BATCH, SAMPLES = "mlp", "rmsprop", 128, 6400
STEPS = SAMPLES // BATCH


class Batches(Sequence):
    """Batches of arrays, with a little work on each, as users write it."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        part = slice(i * BATCH, (i + 1) * BATCH)
        return self.x[part] * np.float32(0.5) + np.float32(0.25), self.y[part]


class TorchBatches(Dataset):
    """The same for a DataLoader that does not collate."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        return tuple(map(torch.from_numpy, self.batches[i]))


def generate(batches):
    """A generator that never ends, as `fit` wants it."""
    while True:
        for i in range(STEPS):
            yield batches[i]


def fetched(batches, size=10):
    """What an iterator gives, fetched by a thread, as `fit` does by default."""
    waiting = queue.Queue(size)

    def work():
        for batch in batches:
            waiting.put(batch)

    threading.Thread(target=work, daemon=True).start()
    while True:
        yield waiting.get()


class Loop:
    """The tightest loop, fed batch by batch."""

    def __init__(self, x, target):
        self.tight = loops.Tight(NETWORK, torch.from_numpy(x), target, BATCH, OPTIMIZER)

    def epoch(self, batches):
        total, correct, count = torch.zeros(()), torch.zeros((), dtype=torch.int64), 0
        with tuning.flushing_denormals():
            for x, y in batches:
                loss, right = self.tight.step(x, y)
                total.add_(loss, alpha=len(x))
                correct.add_(right)
                count += len(x)
        return float(total) / count, float(correct) / count


def tensors(batches):
    return (tuple(map(torch.from_numpy, batch)) for batch in batches)


def contestants(folder):
    """(name, {contestant: function that trains an epoch})."""
    x, y, target = fit.make_data(NETWORK, SAMPLES)
    labels = target.numpy()
    ours, theirs = Batches(x, y), Batches(x, labels)

    def pair(name, train, epoch):
        loop, model = Loop(x, target), fit.make_model(NETWORK, OPTIMIZER)
        return name, {"kforge": lambda: train(model), "tight": lambda: loop.epoch(epoch())}

    mine, other = generate(ours), generate(theirs)
    yield pair(
        "generator, in the training thread",
        lambda m: m.fit(mine, steps_per_epoch=STEPS, workers=0, verbose=0),
        lambda: tensors(next(other) for _ in range(STEPS)),
    )
    mine2, other2 = generate(ours), fetched(generate(theirs))
    yield pair(
        "generator, a thread",
        lambda m: m.fit(mine2, steps_per_epoch=STEPS, verbose=0),
        lambda: tensors(next(other2) for _ in range(STEPS)),
    )
    yield pair(
        "Sequence, 0 workers",
        lambda m: m.fit(ours, workers=0, verbose=0),
        lambda: tensors(theirs),
    )
    yield pair(
        "Sequence, 2 worker processes",
        lambda m: m.fit(ours, workers=2, use_multiprocessing=True, verbose=0),
        lambda: DataLoader(TorchBatches(theirs), None, shuffle=True, num_workers=2),
    )
    path = os.path.join(folder, "data.h5")
    with h5py.File(path, "w") as file:
        file.update(x=x, y=y, labels=labels)
    file = h5py.File(path, "r")
    yield pair(
        "HDF5, batches in a random order",
        lambda m: m.fit(
            HDF5Matrix(path, "x"), HDF5Matrix(path, "y"), BATCH, shuffle="batch", verbose=0
        ),
        lambda: tensors(in_blocks(file)),
    )
    yield pair(
        "HDF5, samples in a random order",
        lambda m: m.fit(HDF5Matrix(path, "x"), HDF5Matrix(path, "y"), BATCH, verbose=0),
        lambda: tensors(in_any_order(file)),
    )


def in_blocks(file):
    for i in np.random.permutation(STEPS):
        part = slice(i * BATCH, (i + 1) * BATCH)
        yield file["x"][part], file["labels"][part]


def in_any_order(file):
    order = np.random.permutation(SAMPLES)
    for i in range(STEPS):
        rows = np.sort(order[i * BATCH : (i + 1) * BATCH])
        yield file["x"][rows], file["labels"][rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="")
    parser.add_argument("--save")
    options = parser.parse_args()
    tuning.keep_freed_memory()  # for both: they share the process
    print(f"{'':36}{'kforge ms':>10}{'tight ms':>10}{'x tight':>9}")
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for title, functions in contestants(folder):
            if options.only not in title:
                continue
            times, ratios = fit.compare(functions, options.rounds)
            rows[title] = {"seconds": times, "kforge over": ratios}
            cells = "".join(f"{times[k] * 1e3:10.1f}" for k in ("kforge", "tight"))
            print(f"{title:36}{cells}{ratios['tight']:9.2f}", flush=True)
    if options.save:
        content = {"machine": fit.machine(), "rounds": options.rounds, "rows": rows}
        with open(options.save, "w") as f:
            json.dump(content, f, indent=1)


if __name__ == "__main__":
    main()
