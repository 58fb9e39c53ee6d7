"""Every data set, from a small file of its format on a server on this machine."""

import gzip
import hashlib
import io
import json
import pickle
import struct
import tarfile

import numpy as np
import pytest

from kforge import config, datasets
from tests.datasets.python2 import python2_pickle
from tests.http_server import serve

RNG = np.random.RandomState(0)


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Serves files in the place of those of a data set: ``publish(module, {name: bytes})``."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with serve({}) as server:

        def publish(module, files):
            server.files.update({f"/{name}": body for name, body in files.items()})
            name = module.ORIGIN.rpartition("/")[2]
            monkeypatch.setattr(module, "ORIGIN", f"{server.url}/{name}")
            hashes = {name: hashlib.md5(body).hexdigest() for name, body in files.items()}
            if hasattr(module, "HASHES"):
                monkeypatch.setattr(module, "HASHES", hashes)
                return
            for name, md5 in hashes.items():
                attribute = "INDEX_HASH" if name.endswith(".json") else "HASH"
                monkeypatch.setattr(module, attribute, md5)

        publish.cache = tmp_path / "datasets"
        publish.requests = server.requests
        yield publish


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def objects(lists):
    array = np.empty(len(lists), object)
    array[:] = lists
    return array


def assert_equal(got, want):
    for (x, y), (expected_x, expected_y) in zip(got, want, strict=True):
        np.testing.assert_array_equal(x, expected_x)
        np.testing.assert_array_equal(y, expected_y)


def test_mnist(publish):
    x, y = RNG.randint(0, 256, (5, 28, 28)).astype("uint8"), np.arange(5, dtype="uint8")
    body = npz(x_train=x[:3], y_train=y[:3], x_test=x[3:], y_test=y[3:])
    publish(datasets.mnist, {"mnist.npz": body})
    got = datasets.mnist.load_data()
    assert_equal(got, ((x[:3], y[:3]), (x[3:], y[3:])))
    assert got[0][0].dtype == got[0][1].dtype == "uint8"
    assert (publish.cache / "mnist.npz").read_bytes() == body
    datasets.mnist.load_data()
    assert publish.requests == [("/mnist.npz", None)]
    datasets.mnist.load_data("other.npz")
    assert (publish.cache / "other.npz").exists()


def idx(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def test_fashion_mnist(publish):
    x, y = RNG.randint(0, 256, (5, 28, 28)).astype("uint8"), np.arange(5, dtype="uint8")
    names = list(datasets.fashion_mnist.HASHES)
    arrays = [x[:3], y[:3], x[3:], y[3:]]
    files = {name: idx(array) for name, array in zip(names, arrays, strict=True)}
    publish(datasets.fashion_mnist, files)
    got = datasets.fashion_mnist.load_data()
    assert_equal(got, ((x[:3], y[:3]), (x[3:], y[3:])))
    assert got[0][0].flags.writeable
    assert {p.name for p in (publish.cache / "fashion-mnist").iterdir()} == set(names)


def test_fashion_mnist_of_another_format(publish):
    names = list(datasets.fashion_mnist.HASHES)
    publish(datasets.fashion_mnist, {name: gzip.compress(b"GIF89a") for name in names})
    with pytest.raises(ValueError, match="is not an IDX file of bytes"):
        datasets.fashion_mnist.load_data()


def tar_gz(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def cifar_batch(n, *label_keys):
    data = RNG.randint(0, 256, (n, 3 * 32 * 32)).astype("uint8")
    labels = {key: RNG.randint(0, 10, n).tolist() for key in label_keys}
    return {"data": data, **labels, "batch_label": "batch", "filenames": ["a.png"] * n}


@pytest.fixture(params=["channels_last", "channels_first"])
def layout(request):
    config.set_image_data_format(request.param)
    yield lambda x: x if request.param == "channels_first" else x.transpose(0, 2, 3, 1)
    config.set_image_data_format("channels_last")


def images(batch):
    return batch["data"].reshape(-1, 3, 32, 32)


def column(labels):
    return np.array(labels)[:, None]


def test_cifar10(publish, layout):
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    batches = {name: cifar_batch(4, "labels") for name in names}
    files = {f"cifar-10-batches-py/{k}": python2_pickle(v) for k, v in batches.items()}
    publish(datasets.cifar10, {"cifar-10-python.tar.gz": tar_gz(files)})
    train = [batches[name] for name in names[:-1]]
    got = datasets.cifar10.load_data()
    x_train = layout(np.concatenate([images(batch) for batch in train]))
    y_train = column([label for batch in train for label in batch["labels"]])
    test = batches["test_batch"]
    assert_equal(got, ((x_train, y_train), (layout(images(test)), column(test["labels"]))))
    assert [a.dtype.name for pair in got for a in pair] == ["uint8", "uint8", "uint8", "int64"]
    assert got[0][0].flags.c_contiguous
    assert {p.name for p in publish.cache.iterdir()} == {
        "cifar-10-batches-py",
        "cifar-10-batches-py.tar.gz",
    }


@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100(publish, layout, mode):
    batches = {name: cifar_batch(4, "fine_labels", "coarse_labels") for name in ("train", "test")}
    files = {f"cifar-100-python/{k}": python2_pickle(v) for k, v in batches.items()}
    publish(datasets.cifar100, {"cifar-100-python.tar.gz": tar_gz(files)})
    want = [(layout(images(b)), column(b[f"{mode}_labels"])) for b in batches.values()]
    assert_equal(datasets.cifar100.load_data(mode), want)
    with pytest.raises(ValueError, match="`label_mode` must be one of"):
        datasets.cifar100.load_data("rough")


def test_cifar_batch_that_would_run_code(publish, tmp_path):
    body = b"cos\nmkdir\n(V" + str(tmp_path / "harm").encode() + b"\ntR."
    publish(
        datasets.cifar100,
        {"cifar-100-python.tar.gz": tar_gz({"cifar-100-python/train": body})},
    )
    with pytest.raises(pickle.UnpicklingError, match=r"Refused: the pickle asks for os\.mkdir"):
        datasets.cifar100.load_data()
    assert not (tmp_path / "harm").exists()


def test_boston_housing(publish):
    x, y = RNG.rand(10, 13), RNG.rand(10)
    publish(datasets.boston_housing, {"boston_housing.npz": npz(x=x, y=y)})
    for arguments, train in (({}, 8), ({"test_split": 0.5, "seed": 3}, 5), ({"test_split": 0}, 10)):
        order = np.arange(10)
        np.random.RandomState(arguments.get("seed", 113)).shuffle(order)
        want = ((x[order][:train], y[order][:train]), (x[order][train:], y[order][train:]))
        assert_equal(datasets.boston_housing.load_data(**arguments), want)
    with pytest.raises(AssertionError, match="`test_split` must be in"):
        datasets.boston_housing.load_data(test_split=1)


TEXTS = [RNG.randint(1, 30, 2 + i % 7).tolist() for i in range(20)]
LABELS = np.arange(20)


def order_of(seed, *sizes):
    """How `load_data` shuffles, one draw after the other from the same seed."""
    generator, orders = np.random.RandomState(seed), []
    for size in sizes:
        orders.append(np.arange(size))
        generator.shuffle(orders[-1])
    return orders


@pytest.fixture
def imdb(publish):
    x = objects(TEXTS)
    body = npz(x_train=x[:12], y_train=LABELS[:12], x_test=x[12:], y_test=LABELS[12:])
    publish(datasets.imdb, {"imdb.npz": body})
    return datasets.imdb


@pytest.fixture
def reuters(publish):
    publish(datasets.reuters, {"reuters.npz": npz(x=objects(TEXTS), y=LABELS)})
    return datasets.reuters


def test_imdb(imdb):
    (x_train, y_train), (x_test, y_test) = imdb.load_data()
    train, test = order_of(113, 12, 8)
    largest = max(max(text) for text in TEXTS) + 3
    want = [[1] + [w + 3 if w + 3 < largest else 2 for w in TEXTS[i]] for i in [*train, *test + 12]]
    assert [*x_train, *x_test] == want
    assert x_train.dtype == object and type(x_train[0]) is list
    assert [*y_train, *y_test] == [*train, *test + 12]


@pytest.mark.parametrize(
    "arguments, encoded",
    [
        ({"num_words": 20}, lambda x: [1] + [w + 3 if w + 3 < 20 else 2 for w in x]),
        ({"num_words": 20, "oov_char": None}, lambda x: [1] + [w + 3 for w in x if w + 3 < 20]),
        (
            {"num_words": 20, "skip_top": 9, "index_from": 0, "start_char": None, "oov_char": 50},
            lambda x: [w if 9 <= w < 20 else 50 for w in x],
        ),
        ({"num_words": 99, "start_char": 7, "index_from": 5}, lambda x: [7] + [w + 5 for w in x]),
        ({"num_words": 99, "start_char": None, "index_from": None}, lambda x: x),
    ],
)
@pytest.mark.parametrize("seed", [113, 4])
def test_reuters(reuters, arguments, encoded, seed):
    (x_train, y_train), (x_test, y_test) = reuters.load_data(seed=seed, **arguments)
    (order,) = order_of(seed, 20)
    assert len(x_train) == 16 and len(x_test) == 4
    assert [*x_train, *x_test] == [encoded(TEXTS[i]) for i in order]
    assert [*y_train, *y_test] == list(order)


def test_maxlen_leaves_long_texts_out(imdb, reuters):
    (x_train, y_train), (x_test, y_test) = reuters.load_data(maxlen=6)
    assert {len(x) for x in [*x_train, *x_test]} == {3, 4, 5}
    assert {*y_train, *y_test} == {i for i, text in enumerate(TEXTS) if len(text) < 5}
    assert len(x_train) == int(0.8 * (len(x_train) + len(x_test)))
    (x_train, _), (x_test, y_test) = imdb.load_data(maxlen=8)
    kept = sum(len(text) < 7 for text in TEXTS)
    assert (len(x_train), len(x_test), len(y_test)) == (12, kept - 12, kept - 12)
    for module in (imdb, reuters):
        with pytest.raises(ValueError, match="maxlen=2, no sequence was kept"):
            module.load_data(maxlen=2)


def test_texts_of_one_length_make_a_matrix(publish):
    publish(datasets.reuters, {"reuters.npz": npz(x=objects([[1, 2], [3, 4]]), y=np.arange(2))})
    (x_train, _), (x_test, _) = datasets.reuters.load_data(test_split=0.5)
    assert x_train.shape == x_test.shape == (1, 3) and x_train.dtype.kind == "i"


def test_older_argument(imdb, reuters):
    for module in (imdb, reuters):
        with pytest.warns(UserWarning, match="renamed `num_words`"):
            (x, _), _ = module.load_data(nb_words=20)
        assert max(max(text) for text in x) < 20
        with pytest.raises(TypeError, match="Unrecognized keyword arguments"):
            module.load_data(words=3)


@pytest.mark.parametrize("module", [datasets.imdb, datasets.reuters])
def test_word_index(publish, module):
    index = {"the": 1, "café": 2}
    name = f"{module.__name__.rpartition('.')[2]}_word_index.json"
    publish(module, {name: json.dumps(index, ensure_ascii=False).encode()})
    assert module.get_word_index() == index
