"""How many images a second does `ImageDataGenerator.flow` augment?

Rotates, shifts, shears, zooms and flips batches of 32 float32 images, in one process, taking turns
with keras_preprocessing 1.1.2 where that is installed (`pip install keras_preprocessing`); checks
first that both give the same images for a seed. Prints medians and their ratio.

    python benchmarks/augment.py [--rounds 21] [--save FILE]
"""

import argparse
import importlib
import platform
import statistics
import time
import types
import warnings

import numpy as np
import torch
from machine import cpu

from kforge.preprocessing import image

BATCH = 32
SIZES = {32: 8, 150: 2}  # pixels a side, batches a turn
SETTINGS = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 15,
    "zoom_range": 0.2,
    "horizontal_flip": True,
}


def rival():
    """keras_preprocessing's image module, spared what today's SciPy adds to it; None without it."""
    try:
        module = importlib.import_module("keras_preprocessing.image")
    except ImportError:
        return None
    import scipy.ndimage

    # It calls SciPy by a deprecated name, which warns and takes a tenth longer.
    module.affine_transformations.ndimage = types.SimpleNamespace(interpolation=scipy.ndimage)
    return module


def contestants(size):
    """{name: an endless iterator of batches}."""
    x = np.random.RandomState(0).uniform(0, 255, (256, size, size, 3)).astype("float32")
    modules = {"kforge": image, "keras_preprocessing": rival()}
    return {
        name: module.ImageDataGenerator(**SETTINGS).flow(x, batch_size=BATCH, seed=1)
        for name, module in modules.items()
        if module is not None
    }


def compare(size, rounds):
    """{name: microseconds an image, round by round}, and by how much the images differ at most."""
    flows = contestants(size)
    batches = SIZES[size]
    apart = max(
        np.abs(np.subtract(*images)).max() if len(images) == 2 else 0.0
        for images in ([next(flow) for flow in flows.values()] for _ in range(8))
    )
    times = {name: [] for name in flows}
    for turn in range(rounds):
        for name in list(flows)[:: 1 if turn % 2 else -1]:
            start = time.perf_counter()
            for _ in range(batches):
                next(flows[name])
            times[name].append((time.perf_counter() - start) / batches / BATCH * 1e6)
    return times, apart


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--save", help="a file for the table")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    lines = [
        f"{cpu()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}",
        f"{'images/s':<12}{'kforge':>10}{'keras_preprocessing':>22}{'ratio':>8}{'apart':>10}",
    ]
    for size in SIZES:
        times, apart = compare(size, arguments.rounds)
        rates = {name: 1e6 / statistics.median(found) for name, found in times.items()}
        line = f"{f'{size}x{size}x3':<12}{rates['kforge']:>10,.0f}"
        if len(times) == 2:
            pairs = zip(times["keras_preprocessing"], times["kforge"], strict=True)
            ratio = statistics.median(slow / fast for slow, fast in pairs)
            line += f"{rates['keras_preprocessing']:>22,.0f}{ratio:>8.2f}{apart:>10.1g}"
        lines.append(line)
    print("\n".join(lines))
    if arguments.save:
        with open(arguments.save, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
