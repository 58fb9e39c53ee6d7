"""Saves that are killed: whether the file on disk is always the old or the new one, whole.

    python benchmarks/killed_saves.py [COUNT]

Each of COUNT processes (300 by default) saves a compiled model of 4 MB over and over, every time
with another number in all its weights, until SIGKILL comes at a random moment.
"""

import collections
import os
import pathlib
import signal
import sys
import tempfile
import time

import numpy as np

import kforge
from kforge.saving.hdf5 import open_reader

COUNT = 300


def save_for_ever(model, path, first):
    """Saves the model with `first`, `first + 1`, ... in all weights."""
    number = first
    while True:
        number += 1
        model.set_weights([np.full(w.shape, number) for w in model.weights])
        model.optimizer.set_weights([np.full(w.shape, number) for w in model.optimizer.weights])
        model.save(path)


def number_in(path):
    """The number that all arrays in the file of a model hold; an assertion fails if they differ."""
    values = []
    with open_reader(path) as reader:
        weights = reader.group("model_weights")
        groups = [weights.group(name) for name in weights.names("layer_names")]
        for group in [*groups, reader.group("optimizer_weights")]:
            values += [group.array(name) for name in group.names("weight_names")]
    found = {float(v) for value in values for v in np.unique(value)}
    assert len(values) == 17 and len(found) == 1, found
    return found.pop()


def main(count=COUNT):
    """Kills `count` processes and prints what they left."""
    layers = kforge.layers
    model = kforge.models.Sequential([layers.Dense(500, input_shape=(500,)), layers.Dense(100)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((1, 500)), np.ones((1, 100)))
    random, left = np.random.RandomState(0), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path, saved = pathlib.Path(folder) / "model.h5", 0
        for _ in range(count):
            child = os.fork()
            if not child:
                save_for_ever(model, path, saved)
            while not path.exists():
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.2))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            now = number_in(path)
            assert now >= saved
            left["the old file" if now == saved else "a new file"] += 1
            saved = int(now)
            for other in path.parent.glob(".*.tmp"):
                left["the beginning of another, beside it"] += 1
                other.unlink()
        size = path.stat().st_size
    print(
        f"{count} processes killed while they saved files of {size:,} bytes, {saved} saves in all"
    )
    for what, number in left.items():
        print(f"{number:4}  {what}")
    print("Every file was whole.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
