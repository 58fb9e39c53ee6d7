"""HDF5 as arrays and as dictionaries."""

import io
import itertools
import os
import pickle
import sys

import h5py
import numpy as np
import pytest

from kforge.utils import H5Dict, HDF5Matrix, OrderedEnqueuer, Sequence, io_utils

DATA = np.arange(60.0).reshape(20, 3)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["group/x"] = DATA
    return str(path)


@pytest.mark.parametrize(
    "key",
    [
        0,
        np.int64(4),
        -1,
        slice(None),
        slice(2, 5),
        slice(-3, None),
        slice(None, None, 3),
        slice(None, None, -1),
        [3, 1, 1],
        np.array([7, 0, -2]),
        [[1, 2], [2, 0]],
        [],
        np.arange(10) % 3 == 0,
    ],
    ids=str,
)
def test_matrix_is_indexed_like_an_array(path, key):
    matrix, view = HDF5Matrix(path, "group/x", start=5, end=15), DATA[5:15]
    as_numpy = np.array(key, dtype=None if key else int) if isinstance(key, list) else key
    np.testing.assert_array_equal(matrix[key], view[as_numpy])


def test_matrix_attributes(path):
    matrix = HDF5Matrix(path, "group/x", 5, 15, normalizer=lambda x: x[..., :2].astype("float32"))
    assert len(matrix) == 10 and matrix.shape == (10, 2) and matrix.ndim == 2 and matrix.size == 20
    assert matrix.dtype == "float32"
    np.testing.assert_array_equal(np.array(matrix), DATA[5:15, :2])
    np.testing.assert_array_equal(matrix[3], DATA[8, :2])
    assert HDF5Matrix(path, "group/x").shape == (20, 3)


@pytest.mark.parametrize("key", [10, -11, slice(0, 11), [0, 10], np.array([-11])], ids=str)
def test_matrix_knows_its_end(path, key):
    with pytest.raises(IndexError, match="'group/x' has 10 rows here"):
        HDF5Matrix(path, "group/x", 5, 15)[key]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_matrix_in_processes(path):
    class Batches(Sequence):
        def __init__(self, matrix):
            self.matrix = matrix

        def __len__(self):
            return 5

        def __getitem__(self, index):
            return self.matrix[index * 4 : index * 4 + 4]

    matrix = HDF5Matrix(path, "group/x")
    enqueuer = OrderedEnqueuer(Batches(matrix), use_multiprocessing=True)
    enqueuer.start(2)
    got = list(itertools.islice(enqueuer.get(), 5))
    enqueuer.stop()
    np.testing.assert_array_equal(np.concatenate(got), DATA)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(matrix))[:], DATA)


def answers(monkeypatch, *given, terminal=True):
    given = iter(given)
    monkeypatch.setattr("builtins.input", lambda prompt: next(given))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)
    return io_utils.ask_to_proceed_with_overwrite("model.h5")


def test_asks_before_it_overwrites(monkeypatch, capsys):
    assert answers(monkeypatch, "maybe", " Y ") is True
    assert "overwrite=True" in capsys.readouterr().out
    assert answers(monkeypatch, "n") is False
    with pytest.raises(FileExistsError, match=r"model.h5 already exists.*`overwrite=True`"):
        answers(monkeypatch, terminal=False)


@pytest.mark.parametrize("kind", ["file", "group", "dict"])
def test_h5dict(tmp_path, kind):
    file = h5py.File(tmp_path / "group.h5", "w")
    target = {"file": tmp_path / "a.h5", "group": file, "dict": {}}[kind]
    assert H5Dict.is_supported_type(target)
    with H5Dict(target, "w" if kind != "group" else "a") as f:
        f["array"], f["scalar"], f["text"] = DATA, np.float32(2), "some text"
        f["layers"]["dense"]["names"] = [b"kernel", b"bias"]
        assert "array" in f and "missing" not in f and f.get("missing", 3) == 3
        assert set(f["layers"].keys()) - {"_is_group"} == {"dense"}
        f.update({"more": 1})
    reopened = target if kind != "group" else file
    with H5Dict(reopened, "r") as f:
        np.testing.assert_array_equal(f["array"], DATA)
        assert f["scalar"] == 2 and f["text"] == "some text" and f["more"] == 1
        assert list(f["layers"]["dense"]["names"]) == [b"kernel", b"bias"]
        for group in (f, f["layers"]):
            with pytest.raises(ValueError, match="read-only mode"):
                group["missing"]
            with pytest.raises(ValueError, match="read-only mode"):
                group["x"] = 1
    file.close()


def test_h5dict_refuses_pickles(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    f = H5Dict({"x": pickle.dumps(Harm()), "_x_pickled": True})
    with pytest.raises(ValueError, match="'x' is a pickle"):
        f["x"]
    assert not (tmp_path / "harm").exists()


def test_h5dict_keeps_long_lists_of_names(tmp_path):
    names = [f"layer_{i:05d}" * 3 for i in range(5000)]
    with H5Dict(tmp_path / "a.h5", "w") as f:
        f["names"] = names
        assert f["names"] == names
        assert max(v.nbytes for v in f.data.attrs.values()) <= io_utils.HDF5_OBJECT_HEADER_LIMIT
        with pytest.raises(RuntimeError, match="larger than 64512 bytes"):
            f["long"] = ["x" * 65000]


def test_h5dict_arguments(tmp_path):
    with pytest.raises(TypeError, match="Required Group, str, Path or dict"):
        H5Dict(3)
    with H5Dict(tmp_path / "a.h5") as f:
        f["x"] = DATA
        with pytest.raises(KeyError, match="Cannot set attribute"):
            f["x"] = 1
        assert f.name == "/" and list(f) == list(f.iter()) == ["x"] and len(f) == 1


def test_hdf5_in_streams():
    stream = io.BytesIO()
    saved = io_utils.save_to_binary_h5py(lambda f: f.create_dataset("x", data=DATA).size, stream)
    assert saved == 60
    stream.seek(0)
    loaded = io_utils.load_from_binary_h5py(lambda f: f["x"][:], stream)
    np.testing.assert_array_equal(loaded, DATA)
