"""Arrays in HDF5 files and sparse matrices: read as they are needed, in sorted slices."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from kforge import backend as K
from kforge.layers import Dense, Input, concatenate
from kforge.models import Model, Sequential
from kforge.training.disk import DiskBatches
from kforge.utils import HDF5Matrix

RNG = np.random.RandomState(0)
X, Y = RNG.randn(22, 4).astype("float32"), RNG.randn(22, 3).astype("float32")


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "data.h5")
    with h5py.File(path, "w") as file:
        file.update(x=X, y=Y, w=np.arange(22.0))
    return path


def linear():
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"])
    model.set_weights([np.ones((4, 3)), np.zeros(3)])
    return model


def kinds(path):
    file = h5py.File(path, "r")
    matrices = HDF5Matrix(path, "x"), HDF5Matrix(path, "y")
    yield file["x"], file["y"]
    yield matrices
    yield matrices[0], Y
    yield X, file["y"]
    yield matrices[0], Y.tolist()


def test_every_mixture_trains_as_arrays_do(path):
    wanted = linear()
    history = wanted.fit(X, Y, 5, epochs=2, shuffle=False, verbose=0).history
    for x, y in kinds(path):
        model = linear()
        found = model.fit(x, y, 5, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose(found["loss"], history["loss"], rtol=1e-6)
        np.testing.assert_allclose(model.get_weights()[0], wanted.get_weights()[0], rtol=1e-6)
        np.testing.assert_allclose(
            model.evaluate(x, y, verbose=0), wanted.evaluate(X, Y, verbose=0)
        )
        np.testing.assert_allclose(model.predict(x, 5), wanted.predict(X, 5), rtol=1e-5)


def test_weights_of_samples_and_a_frame_beside_a_file(path):
    pandas = pytest.importorskip("pandas")
    model, wanted = linear(), linear()
    weights = np.arange(22.0)
    for which, x, y, w in (
        (model, HDF5Matrix(path, "x"), pandas.DataFrame(Y), HDF5Matrix(path, "w")),
        (wanted, X, Y, weights),
    ):
        which.fit(x, y, 5, sample_weight=w, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], wanted.get_weights()[0], rtol=1e-6)


def test_several_inputs_by_name(path):
    a, b = Input((4,), name="a"), Input((3,), name="b")
    model = Model([a, b], Dense(1)(concatenate([a, b])))
    model.compile("sgd", "mse")
    x = {"a": HDF5Matrix(path, "x"), "b": HDF5Matrix(path, "y")}
    model.fit(x, Y[:, :1], validation_data=([X, HDF5Matrix(path, "y")], Y[:, :1]), verbose=0)
    assert model.predict([HDF5Matrix(path, "x"), Y]).shape == (22, 1)


def sparse(x, form="csr"):
    matrix = pytest.importorskip("scipy.sparse").coo_matrix(np.where(x > 0, x, 0))
    return matrix.asformat(form)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil"])
def test_sparse_matrices_as_inputs_that_are_sparse_or_dense(form):
    matrix, wanted = sparse(X, form), None
    for is_sparse in (False, True):
        a, b = Input((4,), sparse=is_sparse), Input((3,), sparse=is_sparse)
        assert K.is_sparse(a) == is_sparse
        joined = concatenate([a, b])
        assert K.is_sparse(joined) == is_sparse
        weights = {"kernel_initializer": "ones", "activation": "tanh"}
        model = Model([a, b], Dense(3, **weights)(joined))
        model.compile("sgd", "mse")
        data = [matrix, sparse(Y, form)]
        options = {"validation_split": 0.2, "epochs": 2, "verbose": 0, "shuffle": False}
        history = model.fit(data, Y, 5, **options).history
        found = [*history.values(), model.predict(data, 5), *model.get_weights()]
        wanted = wanted or found
        for value, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    dense = [m.toarray() for m in data]
    np.testing.assert_allclose(model.predict(dense), wanted[2], rtol=1e-5, atol=1e-6)


def test_rows_of_a_sparse_matrix_are_taken_as_they_are_needed():
    matrix = pytest.importorskip("scipy.sparse").identity(10**6, "float32", "csr")
    batches = DiskBatches(Model(*[Input((10**6,), sparse=True)] * 2), matrix, with_targets=False)
    first = next(iter(batches.epoch()))[0]
    assert first.is_sparse and first.shape == (32, 10**6) and first._nnz() == 32


def read(path, monkeypatch, **options):
    """The rows that each read of an epoch asks for."""
    keys, get = [], h5py.Dataset.__getitem__

    def noted(self, key, *more):
        if self.name == "/x":
            keys.append(key)
        return get(self, key, *more)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noted)
    linear().fit(h5py.File(path, "r")["x"], Y, 5, verbose=0, **options)
    return [np.arange(22)[key] for key in keys]


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_rows_of_a_batch_are_sorted_and_each_is_read_once(path, monkeypatch, shuffle):
    found = read(path, monkeypatch, shuffle=shuffle)
    assert [len(rows) for rows in found] == [5, 5, 5, 5, 2]
    assert all((np.diff(rows) > 0).all() for rows in found)
    assert sorted(np.concatenate(found)) == list(range(22))
    in_order = all((np.diff(rows) == 1).all() for rows in found)
    assert in_order is (shuffle is not True)
    if shuffle == "batch":
        assert [rows[0] for rows in found] != [0, 5, 10, 15, 20]
        assert found[-1][0] == 20  # the smaller batch stays last


def test_a_part_is_held_out_for_validation(path):
    model, wanted = linear(), linear()
    options = {"validation_split": 0.25, "shuffle": False, "verbose": 0, "batch_size": 4}
    found = model.fit(HDF5Matrix(path, "x"), HDF5Matrix(path, "y"), **options).history
    history = wanted.fit(X, Y, **options).history
    for name in history:
        np.testing.assert_allclose(found[name], history[name], rtol=1e-6)


def test_lengths_that_differ_are_found_before_training(path):
    with pytest.raises(
        ValueError, match=r"input arrays of \[22\] samples, target arrays of \[21\]"
    ):
        linear().fit(HDF5Matrix(path, "x"), Y[:21], verbose=0)
    with pytest.raises(ValueError, match="pass targets `y`"):
        linear().fit(HDF5Matrix(path, "x"), verbose=0)
    with pytest.raises(ValueError, match="no samples"):
        linear().fit(HDF5Matrix(path, "x", 3, 3), HDF5Matrix(path, "y", 3, 3), verbose=0)


def test_steps_start_over_at_the_end(path):
    batches = DiskBatches(linear(), HDF5Matrix(path, "x"), Y, batch_size=10, steps=4.0)
    first = [batch[0] for batch in batches.epoch()]
    assert [len(x) for x in first] == [10, 10, 2, 10]
    assert [len(batch[0]) for batch in batches.epoch()] == [10, 10, 2, 10]


PROGRAM = """
import resource, sys
import numpy as np
from kforge.layers import Dense
from kforge.models import Sequential
from kforge.utils import HDF5Matrix

x, y = HDF5Matrix(sys.argv[1], "x"), HDF5Matrix(sys.argv[1], "y")
model = Sequential([Dense(1, input_shape=x.shape[1:])])
model.compile("sgd", "mse")

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

warm = HDF5Matrix(sys.argv[1], "x", 0, 512), HDF5Matrix(sys.argv[1], "y", 0, 512)
model.fit(*warm, shuffle="batch", verbose=0)
model.predict(warm[0])
before = most()
model.fit(x, y, shuffle="batch", verbose=0)
model.evaluate(x, y, verbose=0)
model.predict(x)
print(most() - before)
"""


def test_memory_stays_constant(tmp_path):
    path = str(tmp_path / "large.h5")
    with h5py.File(path, "w") as file:  # 128 MB, of which the file stores next to nothing
        file.create_dataset("x", (4096, 8192), "float32", chunks=(32, 8192))
        file.create_dataset("y", (4096, 1), "float32", chunks=(4096, 1))
    run = [sys.executable, "-c", PROGRAM, path]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    assert float(found.stdout) < 16  # MB
