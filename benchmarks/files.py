"""How long do files of a large model take, next to torch's own and to a copy of the bytes?

Saves and loads VGG16 (138 million parameters, 528 MiB) with kforge, `torch.save` and safetensors,
taking turns. All files are on disk when a save ends (fsync); loads find them in the page cache.
`copy` reads the bytes of the HDF5 file and writes them, `read` reads them. Prints medians, and each
as a multiple of torch's.

    python benchmarks/files.py [--rounds 7] [--folder FOLDER] [--save FILE]
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
import warnings

import h5py
import safetensors.torch
import torch
from machine import cpu

import kforge
from kforge.applications import VGG16
from kforge.models import load_model

MEBIBYTES = 138_357_544 * 4 / 2**20


def synced(path):
    """Waits until a file is on disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def copy(source, target):
    """The file system's own copy of a file, through memory."""
    with open(source, "rb") as file:
        data = file.read()
    with open(target, "wb") as file:
        file.write(data)
        os.fsync(file.fileno())


def read(path):
    """Reads a file into memory."""
    with open(path, "rb") as file:
        return len(file.read())


def contestants(folder):
    """({name: a save}, {name: a load}); the first of each is what the others are compared with."""
    model = VGG16(weights=None)
    module = model.to_torch()

    def path(name):
        return os.path.join(folder, name)

    def torch_save():
        torch.save(module.state_dict(), path("torch.pt"))
        synced(path("torch.pt"))

    def safetensors_save():
        safetensors.torch.save_file(module.state_dict(), path("torch.safetensors"))
        synced(path("torch.safetensors"))

    saves = {
        "torch.save": torch_save,
        "safetensors": safetensors_save,
        "kforge .h5, weights": lambda: model.save_weights(path("weights.h5")),
        "kforge .h5": lambda: model.save(path("model.h5")),
        "kforge .safetensors": lambda: model.save(path("model.safetensors")),
        "copy": lambda: copy(path("model.h5"), path("copy")),
    }
    loads = {
        "torch.load": lambda: module.load_state_dict(torch.load(path("torch.pt"))),
        "safetensors": lambda: module.load_state_dict(
            safetensors.torch.load_file(path("torch.safetensors"))
        ),
        "kforge .h5, weights": lambda: model.load_weights(path("weights.h5")),
        "kforge .safetensors, weights": lambda: model.load_weights(path("model.safetensors")),
        "kforge .h5, load_model": lambda: load_model(path("model.h5"), compile=False),
        "kforge .safetensors, load_model": lambda: load_model(
            path("model.safetensors"), compile=False
        ),
        "read": lambda: read(path("model.h5")),
    }
    return saves, loads


def take_turns(rivals, rounds):
    """{name: seconds, round by round}, after one round that does not count."""
    times = {name: [] for name in rivals}
    for turn in range(rounds + 1):
        for name in list(rivals)[:: 1 if turn % 2 else -1] if turn else rivals:
            start = time.perf_counter()
            rivals[name]()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def table(title, times):
    """Lines: the median of each, its MiB/s, and the median of its ratios to the first."""
    first = next(iter(times.values()))
    yield f"{title:<34}{'seconds':>9}{'MiB/s':>8}{'ratio':>8}"
    for name, found in times.items():
        ratio = statistics.median(own / other for own, other in zip(found, first, strict=True))
        seconds = statistics.median(found)
        yield f"{name:<34}{seconds:>9.3f}{MEBIBYTES / seconds:>8,.0f}{ratio:>8.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", help="where to write (2.6 GiB); a temporary folder otherwise")
    parser.add_argument("--save", help="a file for the table")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [
        f"{cpu()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"h5py {h5py.__version__}, safetensors {safetensors.__version__}, "
        f"kforge {kforge.__version__}"
    ]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, kforge.device("/cpu:0"):
        for title, rivals in zip(("save", "load"), contestants(folder)):
            lines += ["", *table(title, take_turns(rivals, arguments.rounds))]
    print("\n".join(lines))
    if arguments.save:
        with open(arguments.save, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
