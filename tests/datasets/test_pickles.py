"""The reader of pickles reads data and refuses programs."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from kforge.datasets.pickles import load_npz, load_pickle
from tests.datasets.python2 import python2_pickle

ARRAYS = [
    np.arange(6, dtype="uint8").reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype=">i4"),
    np.array([True, False]),
    np.array([b"abc", b"d"]),
    np.array([[1, 2], [3, None]], dtype=object),
    np.array(3.5, dtype="float16"),
    np.zeros((0, 4)),
]


def load(body):
    return load_pickle(io.BytesIO(body))


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, "python 2"])
def test_arrays(array, protocol):
    dumped = python2_pickle(array) if protocol == "python 2" else pickle.dumps(array, protocol)
    got = load(dumped)
    assert got.dtype == array.dtype and got.shape == array.shape and got.flags.writeable
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("protocol", [2, 4])
def test_containers(protocol):
    body = {"n": 1, "list": [1, (2.5, None)], "text": "é", "number": np.int64(7), "raw": b"\xff"}
    assert load(pickle.dumps(body, protocol)) == body
    array = np.arange(3)
    got = load(pickle.dumps({"a": array, "b": array}, protocol))
    assert got["a"].tolist() == got["b"].tolist() == [0, 1, 2]
    assert load(python2_pickle({"a": "text"})) == {b"a": b"text"}


class Call:
    """Pickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Plain:
    pass


DTYPE = b"cnumpy\ndtype\n"
EMPTY = b"cnumpy._core.multiarray\n_reconstruct\n(tR"


@pytest.mark.parametrize(
    "body, reason",
    [
        (pickle.dumps(Call(os.system, "true")), r"asks for (posix|nt)\.system"),
        (pickle.dumps(Call(eval, "1")), r"asks for builtins\.eval"),
        (pickle.dumps(Call(eval, "1"), 0), r"asks for (__builtin__|builtins)\.eval"),
        (pickle.dumps(Plain()), r"asks for .*test_pickles\.Plain"),
        (pickle.dumps(np.load), r"asks for numpy\.load"),
        (b"cnumpy\n_core.multiarray.os.system\n.", r"asks for numpy\._core.multiarray.os"),
        (pickle.dumps(np.zeros(2, "i4,f8")), "NumPy type 'V12'"),
        (pickle.dumps(np.zeros(2, "M8[s]")), "NumPy type 'M8'"),
        (DTYPE + b"(S'i4'\ntR(I3\nS'<'\n(S'a'\ntNNtb.", "structured NumPy type"),
        (b"c_codecs\nencode\n(Vx\nVzip\ntR.", "asks for encoding 'zip'"),
        (EMPTY + b"(I1\n(I9\nt" + DTYPE + b"(S'O8'\ntRI00\n(lI1\natb.", "does not have its shape"),
        (EMPTY + b"(I1\n(I2\nt" + DTYPE + b"(S'O8'\ntRI00\nS'12345678'\ntb.", "not have its shape"),
        (
            EMPTY + b"(I1\n(I2\nt" + DTYPE + b"(S'i4'\ntRI00\nI99999999999\ntb.",
            "not have its bytes",
        ),
        (EMPTY + b"(I1\n(I2\nt" + DTYPE + b"(S'i4'\ntRI00\nS'1234'\ntb.", "cannot reshape"),
        (DTYPE + b"(N(dS'__init__'\nNstb.", "damaged"),
        (b"cnumpy._core.multiarray\nscalar\n(N(dS'__new__'\nNstb.", "damaged"),
        (b"Pid\n.", "persistent"),
        (pickle.dumps(list(range(9)))[:-3], "damaged|truncated"),
        (b"", "damaged|truncated"),
    ],
)
def test_refusals(body, reason):
    with pytest.raises(pickle.UnpicklingError, match=reason):
        load(body)


def test_refused_call_is_not_made(tmp_path):
    with pytest.raises(pickle.UnpicklingError):
        load(pickle.dumps(Call(os.mkdir, str(tmp_path / "harm"))))
    assert os.listdir(tmp_path) == []


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    lists = np.empty(2, object)
    lists[:] = [[1, 2], [3]]
    for save in (np.savez, np.savez_compressed):
        save(path, x=lists, y=np.arange(3), z=np.asfortranarray(np.eye(2)))
        x, y, z = load_npz(path, "x", "y", "z")
        assert x.tolist() == [[1, 2], [3]] and y.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(z, np.eye(2))
    with pytest.raises(KeyError, match=r"missing\.npy"):
        load_npz(path, "missing")


def test_npz_that_would_run_code(tmp_path):
    array = np.array([Call(os.mkdir, str(tmp_path / "harm")), None], dtype=object)
    np.savez(tmp_path / "a.npz", x=array)
    with pytest.raises(pickle.UnpicklingError, match=r"asks for (posix|nt)\.mkdir"):
        load_npz(tmp_path / "a.npz", "x")
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize(
    "version, value, message",
    [((1, 0), np.arange(4), "array that it announces"), ((3, 0), None, "unknown version")],
)
def test_npz_that_lies(tmp_path, version, value, message):
    buffer = io.BytesIO()
    if version == (1, 0):
        head = np.lib.format.header_data_from_array_1_0(np.empty(3, object))
        np.lib.format.write_array_header_1_0(buffer, head)
    else:
        buffer.write(np.lib.format.magic(*version))
    pickle.dump(value, buffer)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
    with pytest.raises(ValueError, match=message):
        load_npz(tmp_path / "a.npz", "x")
