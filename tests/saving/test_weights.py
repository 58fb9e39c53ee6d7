import io

import h5py
import numpy as np
import pytest

import kforge
from kforge import layers as L
from kforge import saving
from kforge.models import Model, Sequential


def mlp(units=2, names=("one", "two")):
    return Sequential(
        [
            L.Dense(4, input_shape=(3,), name=names[0]),
            L.Activation("relu", name="relu"),
            L.Dense(units, name=names[1]),
        ]
    )


def values(model):
    return [w.copy() for w in model.get_weights()]


def same(found, wanted):
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f, w)


@pytest.fixture
def path(tmp_path):
    model = mlp()
    model.save_weights(tmp_path / "weights.h5")
    np.savez(tmp_path / "values.npz", *model.get_weights())
    return tmp_path / "weights.h5"


@pytest.fixture
def wanted(path):
    with np.load(path.parent / "values.npz") as stored:
        return [stored[name] for name in stored.files]


def test_in_order_whatever_the_names(path, wanted):
    model = mlp(names=("uno", "due"))
    report = model.load_weights(path)
    same(model.get_weights(), wanted)
    assert report.loaded == ["uno", "due"]
    assert repr(report) == "<LoadReport: 2 layers loaded>"


def test_the_layout_is_that_of_keras(path):
    with h5py.File(path) as file:
        assert file.attrs["keras_version"] == "2.3.1"
        assert file.attrs["backend"] == "tensorflow"
        assert file.attrs["layer_names"].tolist() == [b"one", b"relu", b"two"]
        assert file["one"].attrs["weight_names"].tolist() == [b"one/kernel:0", b"one/bias:0"]
        assert file["one/one/kernel:0"].shape == (3, 4)
        assert file["relu"].attrs["weight_names"].tolist() == []


def test_other_numbers_of_layers(path):
    model = Sequential([L.Dense(4, input_shape=(3,))])
    with pytest.raises(ValueError, match="containing 2 layers into a model with 1 layers"):
        model.load_weights(path)


def test_other_shapes_change_nothing(path):
    model = mlp(units=5)
    before = values(model)
    message = (
        r"Layer #1 \(named 'two' .* layer two in the save file. However, weight 'two/kernel:0' has "
        r"shape \(4, 5\), but the saved weight has shape \(4, 2\)"
    )
    with pytest.raises(ValueError, match=message):
        model.load_weights(path)
    same(model.get_weights(), before)


def test_weights_far_too_large_are_not_even_read(path):
    with h5py.File(path, "r+") as file:
        del file["one/one/kernel:0"]
        file.create_dataset("one/one/kernel:0", (1 << 20, 1 << 20), "float32", chunks=(64, 64))
    with pytest.raises(ValueError, match=r"saved weights have shapes \[\(1048576, 1048576\)"):
        mlp().load_weights(path)


class TestByName:
    def test_only_layers_of_the_same_name(self, path, wanted):
        model = mlp(names=("one", "other"))
        before = values(model)
        report = model.load_weights(path, by_name=True)
        same(model.get_weights(), [*wanted[:2], *before[2:]])
        assert (report.loaded, report.missing, report.unused) == (["one"], ["other"], ["two"])
        assert "not in the file: other; not in the model: two" in repr(report)

    def test_several_layers_of_one_name(self, path, wanted):
        one, other = L.Dense(4, name="one"), L.Dense(4, name="one")
        inputs = L.Input((3,))
        first, second = Model(inputs, one(inputs)), Model(inputs, other(inputs))
        with h5py.File(path) as file:
            saving.load_weights_from_hdf5_group_by_name(file, first.layers + second.layers)
        same(first.get_weights(), wanted[:2])
        same(second.get_weights(), wanted[:2])

    def test_nothing_of_that_name_is_a_warning(self, path):
        with pytest.warns(UserWarning, match=r"No weights were loaded.*\['one', 'two'\]"):
            report = mlp(names=("uno", "due")).load_weights(path, by_name=True)
        assert report.loaded == []

    def test_other_shapes(self, path, wanted):
        model = mlp(units=5)
        before = values(model)
        with pytest.raises(ValueError, match=r"'two' does not fit .* pass `skip_mismatch=True`"):
            model.load_weights(path, by_name=True)
        with pytest.warns(UserWarning, match="Layer 'two' keeps its weights"):
            report = model.load_weights(path, by_name=True, skip_mismatch=True)
        same(model.get_weights(), [*wanted[:2], *before[2:]])
        assert [name for name, _ in report.mismatched] == ["two"]
        with pytest.raises(ValueError, match="pass `by_name=True`"):
            model.load_weights(path, skip_mismatch=True)


def test_reshape(tmp_path):
    flat = Sequential([L.Dense(6, input_shape=(4,), use_bias=False)])
    flat.save_weights(tmp_path / "flat.h5")
    square = Sequential([L.Dense(3, input_shape=(8,), use_bias=False)])
    with pytest.raises(ValueError, match="has shape"):
        square.load_weights(tmp_path / "flat.h5")
    square.load_weights(tmp_path / "flat.h5", reshape=True)
    np.testing.assert_array_equal(square.get_weights()[0].ravel(), flat.get_weights()[0].ravel())


def test_files_of_whole_models_have_weights_too(tmp_path):
    model = mlp()
    model.save(tmp_path / "model.h5")
    other = mlp()
    other.load_weights(tmp_path / "model.h5")
    same(other.get_weights(), model.get_weights())


def test_open_files_and_groups_and_memory(path, wanted):
    for source in (path.read_bytes, lambda: None):
        model = mlp()
        content = source()
        if content:
            model.load_weights(io.BytesIO(content))
        else:
            with h5py.File(path) as file:
                model.load_weights(file)
        same(model.get_weights(), wanted)
    target = io.BytesIO()
    model.save_weights(target)
    assert target.getvalue()[:4] == b"\x89HDF"
    with h5py.File(path.parent / "both.h5", "w") as file:
        model.save_weights(file.create_group("a"))
        other = mlp()
        other.load_weights(file["a"])
    same(other.get_weights(), wanted)


def test_functions_that_scripts_take_from_keras(path, wanted):
    model = mlp()
    with h5py.File(path) as file:
        saving.load_weights_from_hdf5_group(file, model.layers)
        assert saving.load_attributes_from_hdf5_group(file["one"], "weight_names") == [
            "one/kernel:0",
            "one/bias:0",
        ]
    same(model.get_weights(), wanted)
    with h5py.File(path.parent / "again.h5", "w") as file:
        saving.save_weights_to_hdf5_group(file, model.layers)
        saving.save_attributes_to_hdf5_group(file, "names", [b"a", "b"])
        assert file.attrs["names"].tolist() == [b"a", b"b"]
    mlp().load_weights(path.parent / "again.h5")


def test_weights_of_one_name_get_numbers(tmp_path):
    class Twice(L.Layer):
        def build(self, input_shape):
            self.a = self.add_weight("w", (2,), initializer="ones")
            self.b = self.add_weight("w", (2,), initializer="zeros")
            self.c = self.add_weight(None, (2,), initializer="zeros")
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.a + self.b + self.c

    model = Sequential([Twice(input_shape=(2,), name="twice")])
    model.save_weights(tmp_path / "twice.h5")
    with h5py.File(tmp_path / "twice.h5") as file:
        names = file["twice"].attrs["weight_names"].tolist()
        assert len(set(names)) == 3 and names[0] == b"twice/w:0"
    model.set_weights([np.full(2, 7.0)] * 3)
    model.load_weights(tmp_path / "twice.h5")
    same(model.get_weights(), [np.ones(2), np.zeros(2), np.zeros(2)])


def test_models_without_weights_yet(path):
    with pytest.raises(ValueError, match="has no weights to load into: call it on data"):
        Sequential([L.Dense(4), L.Dense(2)]).load_weights(path)


def test_files_without_weights(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones(3)
    with pytest.raises(ValueError, match="no weights of a Keras model"):
        mlp().load_weights(tmp_path / "other.h5")


def test_overwriting(path, monkeypatch):
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        mlp().save_weights(path, overwrite=False)
    monkeypatch.setattr(kforge.saving.weights, "ask_to_proceed_with_overwrite", lambda path: False)
    mlp().save_weights(path, overwrite=False)
    assert path.read_bytes() == before
    monkeypatch.setattr(kforge.saving.weights, "ask_to_proceed_with_overwrite", lambda path: True)
    mlp().save_weights(path, overwrite=False)
    assert path.read_bytes() != before
    mlp().save_weights(path)


def test_the_other_layout_of_newer_keras_is_named(tmp_path):
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 4))
        file.create_group("vars")
    with pytest.raises(ValueError, match=r"no `layer_names`.*newer Keras .*model.save\('model.h5'"):
        mlp().load_weights(tmp_path / "model.weights.h5")
