"""How loading stands up to damage: mutated files, configs and what they are made of.

    python benchmarks/fuzz_files.py [COUNT] [SEED]

Bytes of HDF5, safetensors, JSON and YAML change at random, and are read as `load_model` reads them
before there is a model. Of whole models ("model") values of the configs change, and are loaded.

Prints what became of COUNT mutated inputs (100,000 by default): read, refused by which exception,
or, which must not be, an undocumented exception, a crash of the process, a hang of over 10
seconds, or more than 500 MB of memory. Inputs that do worse than be refused are kept beside this
file. Readers run in processes of their own, started anew after a crash.
"""

import collections
import contextlib
import copy
import io
import json
import multiprocessing
import pathlib
import resource
import sys
import tempfile
import time

import h5py
import numpy as np
import safetensors.numpy

from kforge import layers as L
from kforge.models import Model, Sequential, load_model
from kforge.saving import hdf5, tensors
from kforge.saving.errors import FileError
from kforge.saving.text import dump_yaml, load_json, load_yaml

SECONDS, BYTES = 10, 500 << 20
NUMBERS = [0, 1, 2, 7, 8, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63, 2**64 - 1]
WORDS = [
    b"!!python/object/apply:os.system",
    b"&a [*a, *a]",
    b'"',
    b"[",
    b"{",
    b"\\",
    b"\x00",
    b"- ",
    b"F8_E4M3",
    b"__metadata__",
]
VALUES = [None, True, -1, 0, 3, 0.5, 1e9, 10**12, 10**30, -(10**12), float("nan"), float("inf")]
VALUES += ["", "x", "relu", "Dense", "l2", "int32", "a" * 50]
VALUES += [[], [1], [None], [[]], ["a", 0, 0], [[0, 0, 0]], [-1, -1], list(range(9))]
VALUES += [{}, {"a": 1}, {"name": "x"}, {"class_name": 5, "config": 5}, {"class_name": "Dense"}]
VALUES += [{"class_name": "L1L2", "config": {"l1": "x"}}, {"class_name": "Zeros", "config": []}]
KEYS = ["name", "class_name", "config", "units", "layers", "inbound_nodes", "dtype", "items"]
CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "model",
        "layers": [
            {"class_name": "Dense", "config": {"name": f"dense_{i}", "units": i, "rate": 0.5}}
            for i in range(4)
        ],
    },
}


def seeds():
    """Honest inputs, [(kind, bytes)]: small, so that most mutations hit what matters."""
    for libver in ("earliest", "latest"):
        for options in ({}, {"chunks": (2, 2), "compression": "gzip", "shuffle": True}):
            target = io.BytesIO()
            with h5py.File(target, "w", libver=libver) as file:
                file.attrs["model_config"] = json.dumps(CONFIG)
                weights = file.create_group("model_weights")
                weights.attrs["layer_names"] = np.array([b"dense_1", b"dense_2"])
                for name in ("dense_1", "dense_2"):
                    group = weights.create_group(name)
                    group.attrs["weight_names"] = [f"{name}/kernel:0", f"{name}/bias:0"]
                    group.create_dataset(f"{name}/kernel:0", data=np.ones((4, 3), "f4"), **options)
                    group.create_dataset(f"{name}/bias:0", data=np.ones(3, "f4"))
            yield "HDF5", target.getvalue()
    names = json.dumps(["dense_1"])
    metadata = {"model_config": json.dumps(CONFIG), "model_weights@layer_names": names}
    metadata["model_weights/dense_1@weight_names"] = json.dumps(["kernel:0"])
    arrays = {"model_weights/dense_1/kernel:0": np.ones((4, 3), "f4")}
    yield "safetensors", safetensors.numpy.save(arrays, metadata)
    yield "JSON", json.dumps(CONFIG).encode()
    yield "YAML", dump_yaml({**CONFIG, "shape": (1, 2)}).encode()
    for model in models():
        target = io.BytesIO()
        model.save(target)
        yield "model", target.getvalue()


def models():
    """Small models that have between them most ways of saying what a layer is."""
    yield Sequential([L.Dense(3, "relu", input_shape=(4,), kernel_regularizer="l2"), L.Dense(2)])
    words = L.Input((6,))
    hidden = L.Bidirectional(L.GRU(2, return_sequences=True))(L.Embedding(9, 3)(words))
    yield Model(words, L.RNN([L.LSTMCell(2), L.GRUCell(3)])(L.TimeDistributed(L.Dense(2))(hidden)))
    images, factors = L.Input((6, 6, 1)), L.Input((2,))
    pooled = L.Flatten()(L.MaxPooling2D()(L.Conv2D(2, 3, padding="same")(images)))
    inner = Sequential([L.Dense(2, input_shape=(18,)), L.LeakyReLU(0.1)])
    model = Model([images, factors], L.add([inner(pooled), factors]))
    model.compile("adam", "mse", metrics=["mae"])
    yield model


def mutated(data, random):
    """`data` with one to eight changes."""
    data = bytearray(data)
    for _ in range(random.randint(1, 9)):
        at, size = random.randint(len(data)), random.choice([1, 2, 4, 8, 64])
        match random.randint(7):
            case 0:
                data[at] ^= 1 << random.randint(8)
            case 1:
                data[at : at + size] = random.bytes(len(data[at : at + size]))
            case 2:
                width = int(random.choice([1, 2, 4, 8]))
                number = NUMBERS[random.randint(len(NUMBERS))] % (1 << 8 * width)
                data[at : at + width] = int(number).to_bytes(width, "little")
            case 3:
                source = random.randint(len(data))
                data[at : at + size] = data[source : source + size]
            case 4:
                del data[at : at + size]
            case 5:
                data[at:at] = WORDS[random.randint(len(WORDS))] * random.randint(1, 40)
            case 6 if random.randint(8) == 0:
                del data[max(at, 8) :]
        if not data:
            return b"x"
    return bytes(data)


def altered(data, random):
    """`data`, a model in HDF5, with one to three changes to its configs."""
    target = io.BytesIO(data)
    with h5py.File(target, "r+") as file:
        name = "model_config"
        if "training_config" in file.attrs and random.randint(4) == 0:
            name = "training_config"
        config = json.loads(file.attrs[name])
        for _ in range(random.randint(1, 4)):
            alter(config, random)
        file.attrs[name] = json.dumps(config)
    return target.getvalue()


def alter(config, random):
    """Changes a value of a config in place: drops it, adds one, or puts another where it was."""
    places = [(config, key) for key in config]
    for parent, key in places:  # grows as it goes
        value = parent[key]
        if isinstance(value, dict):
            places += [(value, k) for k in value]
        elif isinstance(value, list):
            places += [(value, k) for k in range(len(value))]
    if not places:
        return
    parent, key = places[random.randint(len(places))]
    other, of_other = places[random.randint(len(places))]
    value = VALUES[random.randint(len(VALUES))]
    match random.randint(5):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[KEYS[random.randint(len(KEYS))]] = copy.deepcopy(value)
        case 2:
            parent[key] = copy.deepcopy(other[of_other])
        case _:
            parent[key] = copy.deepcopy(value)


def read(kind, data):
    """What `load_model` does: of a "model" all, of others what comes before there is a model."""
    if kind == "JSON":
        load_json(data)
    elif kind == "YAML":
        load_yaml(data)
    elif kind == "HDF5":
        read_arrays(hdf5.open_reader(io.BytesIO(data)))
    elif kind == "safetensors":
        with contextlib.suppress(FileError):
            read_arrays(tensors.open_reader(io.BytesIO(data)))
        with tempfile.NamedTemporaryFile() as file:  # mapped into memory, a way of its own
            file.write(data)
            file.flush()
            read_arrays(tensors.open_reader(file.name))
    else:
        load_model(io.BytesIO(data))


def read_arrays(opened):
    """Reads the config and all weights of an open file."""
    with opened as reader:
        text = reader.text("model_config")
        if text is not None:
            load_json(text)
        weights = reader.group("model_weights") if reader.has("model_weights") else reader
        for name in weights.names("layer_names") or ():
            group = weights.group(name)
            for path in group.names("weight_names") or ():
                group.array(path)


def outcome(kind, data):
    """The name of what became of an input; undocumented exceptions begin with "!"."""
    refusals = (ValueError,) if kind == "model" else (FileError, json.JSONDecodeError)
    try:
        read(kind, data)
        return "read"
    except refusals as error:
        return type(error).__name__
    except Exception as error:
        return f"!{type(error).__name__}: {str(error)[:80]}"


def work(connection, inputs):
    """Reads the inputs of the numbers that come, and sends the outcomes."""
    for kind, data in inputs:  # honest ones: what is imported only now takes its time only now
        read(kind, data)
    connection.send("ready")
    while (seed := connection.recv()) is not None:
        kind, data = make(inputs, seed)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        found = outcome(kind, data)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
        connection.send((kind, f"!{grown >> 20} MB" if grown > BYTES else found))


def make(inputs, seed):
    """Input number `seed`: (kind, bytes)."""
    random = np.random.RandomState(seed)
    kind, data = inputs[random.randint(len(inputs))]
    return kind, (altered if kind == "model" else mutated)(data, random)


class Worker:
    """A process that reads inputs."""

    def __init__(self, inputs):
        self.inputs = inputs
        self.start()

    def start(self):
        self.connection, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=work, args=(other, self.inputs), daemon=True)
        self.process.start()
        other.close()
        self.connection.recv()

    def run(self, seed):
        """(kind, outcome) of an input, which may be the end of the process."""
        self.connection.send(seed)
        try:
            if self.connection.poll(SECONDS):
                return self.connection.recv()
            found = "!hang"
        except EOFError:
            self.process.join()
            found = f"!crash ({self.process.exitcode})"
        self.process.kill()
        self.start()
        return make(self.inputs, seed)[0], found


def main(count=100_000, first=0):
    """Reads inputs number `first` to `first + count`, prints a table; whether all went well."""
    inputs = list(seeds())
    worker = Worker(inputs)
    found, bad = collections.Counter(), []
    start = time.time()
    for seed in range(first, first + count):
        kind, result = worker.run(seed)
        found[kind, result] += 1
        if result.startswith("!"):
            bad.append((seed, kind, result))
    print(
        f"{count:,} inputs in {time.time() - start:.0f} s; h5py {h5py.version.version}, "
        f"HDF5 {h5py.version.hdf5_version}, Python {sys.version.split()[0]}"
    )
    for (kind, result), number in sorted(found.items()):
        print(f"{kind:11} {number:8,}  {result}")
    for seed, kind, result in bad[:20]:
        path = pathlib.Path(__file__).with_name(f"fuzz_{seed}.{kind.lower()}")
        path.write_bytes(make(inputs, seed)[1])
        print(f"input {seed}: {result}, kept as {path}")
    return not bad


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
