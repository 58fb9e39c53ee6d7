"""Safetensors files of weights and of models, good ones and others."""

import io
import json
import stat

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

import kforge
from kforge import layers as L
from kforge.models import Model, Sequential, load_model
from kforge.saving.errors import DamagedFileError, FileError, UnsafeFileError
from kforge.saving.tensors import open_reader, open_writer


def mlp(units=2, names=("one", "two")):
    return Sequential(
        [
            L.Dense(4, activation="relu", input_shape=(3,), name=names[0]),
            L.BatchNormalization(name="norm"),
            L.Dense(units, name=names[1]),
        ]
    )


def same(found, wanted):
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f, w)


def metadata(path):
    with safetensors.safe_open(path, "np") as file:
        return file.metadata()


@pytest.fixture
def path(tmp_path):
    mlp().save_weights(tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.fixture
def wanted(path):
    stored = safetensors.numpy.load_file(path)
    names = ["one/kernel:0", "one/bias:0"]
    names += [f"norm/{name}:0" for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    names += ["two/kernel:0", "two/bias:0"]
    return [stored[f"{name.split('/')[0]}/{name}"] for name in names]


# ---- weights ------------------------------------------------------------------------------------


def test_tensors_are_called_as_hdf5_datasets(path, wanted):
    assert len(safetensors.numpy.load_file(path)) == len(wanted)
    assert wanted[0].shape == (3, 4)
    found = metadata(path)
    assert json.loads(found["layer_names"]) == ["one", "norm", "two"]
    assert json.loads(found["one@weight_names"]) == ["one/kernel:0", "one/bias:0"]
    assert (found["keras_version"], found["backend"]) == ("2.3.1", "tensorflow")
    assert json.loads(found["model_config"])["class_name"] == "Sequential"


def test_in_order_whatever_the_names(path, wanted):
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        model = mlp(names=("uno", "due"))
        report = model.load_weights(source)
        same(model.get_weights(), wanted)
        assert report.loaded == ["uno", "norm", "due"]
    with open(path, "rb") as file:
        mlp().load_weights(file)


def test_by_name_and_other_shapes(path, wanted):
    model = mlp(units=5)
    with pytest.raises(ValueError, match=r"Layer #2 \(named 'two'.*\(4, 5\).*\(4, 2\)"):
        model.load_weights(path)
    with pytest.warns(UserWarning, match="Layer 'two' keeps its weights"):
        report = model.load_weights(path, by_name=True, skip_mismatch=True)
    same(model.get_weights()[:6], wanted[:6])
    assert [name for name, _ in report.mismatched] == ["two"]


def test_the_format_is_told_by_the_first_bytes(path, wanted):
    other = path.rename(path.with_name("weights.h5"))
    model = mlp()
    model.load_weights(other)
    same(model.get_weights(), wanted)
    model.save_weights(path.with_name("true.h5"))
    misnamed = path.with_name("true.h5").rename(path.with_name("misnamed.safetensors"))
    mlp().load_weights(misnamed)


def test_halves_become_floats(path):
    halves = {k: v.astype("float16") for k, v in safetensors.numpy.load_file(path).items()}
    safetensors.numpy.save_file(halves, path, metadata(path))
    model = mlp()
    model.load_weights(path)
    same(model.get_weights()[:1], [halves["one/one/kernel:0"].astype("float32")])
    brains = {k: torch.tensor(v).bfloat16() for k, v in halves.items()}
    safetensors.torch.save_file(brains, path, metadata(path))
    model.load_weights(path)
    same(model.get_weights()[:1], [brains["one/one/kernel:0"].float().numpy()])


def test_models_without_a_config_keep_their_weights(tmp_path):
    class Subclassed(Model):
        def __init__(self):
            super().__init__(name="subclassed")
            self.dense = L.Dense(2, name="dense")

        def call(self, inputs):
            return self.dense(inputs)

    model, other = Subclassed(), Subclassed()
    x = np.ones((2, 3), "float32")
    model.predict(x)
    other.predict(x)
    with pytest.warns(UserWarning, match="saved without the model's config: Model subclassed"):
        model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    same([other.predict(x)], [model.predict(x)])


def test_permissions_and_overwriting(path):
    path.chmod(0o640)
    mlp().save_weights(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(FileExistsError):
        mlp().save_weights(path, overwrite=False)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), open_writer(path) as writer:
        writer.array("a", np.ones(2))
        raise ZeroDivisionError
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


# ---- models -------------------------------------------------------------------------------------


def test_a_model_goes_on_as_from_hdf5(tmp_path):
    model = mlp()
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.random.rand(8, 3), np.random.rand(8, 2)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.safetensors")
    model.save(tmp_path / "model.h5")
    found = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert {"model_weights/one/one/kernel:0", "optimizer_weights/Adam/iterations:0"} <= set(found)
    losses = []
    for ending in ("safetensors", "h5"):
        again = load_model(tmp_path / f"model.{ending}")
        same(again.get_weights(), model.get_weights())
        losses.append([again.train_on_batch(x, y) for _ in range(3)])
    assert losses[0] == losses[1]


def test_a_file_of_weights_has_the_architecture(path, wanted):
    with pytest.warns(UserWarning, match="No training configuration"):
        model = load_model(path)
    same(model.get_weights(), wanted)
    model = load_model(io.BytesIO(path.read_bytes()), compile=False)
    same(model.get_weights(), wanted)


def test_checkpoints(tmp_path):
    model = mlp()
    model.compile("sgd", "mse")
    checkpoint = kforge.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.safetensors"))
    model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=2, verbose=0, callbacks=[checkpoint])
    same(load_model(tmp_path / "2.safetensors").get_weights(), model.get_weights())


def test_what_is_written_can_be_read_group_by_group(tmp_path):
    path = tmp_path / "a.safetensors"
    with open_writer(path) as writer:
        writer.names("n", ["fire5", "fire5/bn"])
        writer.group("fire5").names("weight_names", [])
        inner = writer.group("fire5/bn")
        inner.names("weight_names", ["w", "scalar"])
        inner.array("w", np.arange(6, dtype="int64").reshape(2, 3).T)
        inner.array("scalar", np.float32(3.0))
        with pytest.raises(ValueError, match="'fire5/bn/w': the name is taken"):
            inner.array("w", np.ones(1))
        with pytest.raises(TypeError, match="complex"):
            inner.array("c", np.ones(1, complex))
    with open_reader(path) as reader:
        assert reader.names("n") == ["fire5", "fire5/bn"] and reader.names("other") is None
        assert reader.has("fire5") and not reader.has("fire")
        group = reader.group("fire5").group("bn")
        same([group.array("w"), group.array("scalar", ())], [[[0, 3], [1, 4], [2, 5]], 3.0])
        with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(3, 2\)"):
            group.array("w", (2,))
        with pytest.raises(DamagedFileError, match="/fire5/bn/b is missing"):
            group.dataset("b")


# ---- hostile and broken files -------------------------------------------------------------------


def content(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


MANY = 1 << 62
OTHERWISE = r"(w\.safetensors|BytesIO): \w"  # as the library has it, after the name of the file

BROKEN = {
    "header of 2**40 bytes": (content({}, length=1 << 40), UnsafeFileError, "declares a header"),
    "header beyond the end": (content({}, length=500), DamagedFileError, "is cut short"),
    "header that is no JSON": (content(b"{" * 40), DamagedFileError, OTHERWISE),
    "header that is deep": (content(b'{"a":' * 10_000 + b"1"), DamagedFileError, OTHERWISE),
    "tensor beyond the end": (content({"a": tensor([4], 0, 16)}), DamagedFileError, OTHERWISE),
    "tensor before the start": (content({"a": tensor([4], -16, 0)}), DamagedFileError, OTHERWISE),
    "shape other than the data": (
        content({"a": tensor([5], 0, 16)}, bytes(16)),
        DamagedFileError,
        OTHERWISE,
    ),
    "shape that overflows": (
        content({"a": tensor([MANY, MANY, 16], 0, 16)}, bytes(16)),
        DamagedFileError,
        OTHERWISE,
    ),
    "tensors that overlap": (
        content({"a": tensor([4], 0, 16), "b": tensor([4], 0, 16)}, bytes(16)),
        DamagedFileError,
        OTHERWISE,
    ),
    "data that is hidden": (
        content({"a": tensor([4], 0, 16)}, bytes(99)),
        DamagedFileError,
        OTHERWISE,
    ),
    "unknown type": (
        content({"a": tensor([4], 0, 16, "PYOBJ")}, bytes(16)),
        DamagedFileError,
        OTHERWISE,
    ),
    "metadata of objects": (content({"__metadata__": {"a": {}}}), DamagedFileError, OTHERWISE),
    "nothing": (b"", DamagedFileError, "it is empty"),
    "a web page": (b"<html>" * 9, DamagedFileError, "a web page"),
}


@pytest.mark.parametrize("kind", ["path", "memory"])
@pytest.mark.parametrize(("data", "error", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_refused(data, error, message, kind, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        open_reader(path if kind == "path" else io.BytesIO(data))


def rewritten(path, change, **attributes):
    tensors, attributes = safetensors.numpy.load_file(path), {**metadata(path), **attributes}
    change(tensors)
    safetensors.numpy.save_file(tensors, path, attributes)


def larger(tensors):
    tensors["one/one/kernel:0"] = np.ones((3, 5), "float32")


def absent(tensors):
    del tensors["two/two/bias:0"]


def complex_numbers(tensors):
    tensors["one/one/kernel:0"] = tensors["one/one/kernel:0"].astype("complex64")


def as_it_was(tensors):
    pass


DEEP = "[" * 1000 + "]" * 1000


@pytest.mark.parametrize(
    ("change", "attributes", "error", "message"),
    [
        (larger, {}, ValueError, r"has shape \(3, 4\), but the saved weight has shape \(3, 5\)"),
        (absent, {}, DamagedFileError, "/two/two/bias:0 is missing"),
        (complex_numbers, {}, DamagedFileError, "not an array of plain numbers"),
        (as_it_was, {"layer_names": '{"one": 1}'}, DamagedFileError, "is not a list of names"),
        (as_it_was, {"layer_names": "[1, 2]"}, DamagedFileError, "is not a list of names"),
        (as_it_was, {"layer_names": DEEP}, UnsafeFileError, "nested more than"),
        (as_it_was, {"layer_names": '["one", "norm", "a"]'}, DamagedFileError, "/a is missing"),
        (as_it_was, {"one@weight_names": "[]"}, ValueError, "containing 2 layers"),
    ],
)
def test_files_that_do_not_fit_change_nothing(path, change, attributes, error, message):
    rewritten(path, change, **attributes)
    model = mlp()
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.load_weights(path)
    same(model.get_weights(), before)


def test_a_large_model_in_a_small_file(path):
    config = json.loads(metadata(path)["model_config"])
    config["config"]["layers"][0]["config"]["units"] = 1 << 40
    rewritten(path, as_it_was, model_config=json.dumps(config))
    with pytest.raises(UnsafeFileError, match="describes a model with"):
        load_model(path)


def test_files_of_other_programs(tmp_path):
    safetensors.torch.save_file({"weight": torch.ones(2)}, tmp_path / "torch.safetensors")
    with pytest.raises(ValueError, match="no weights of a Keras model: no `layer_names`"):
        mlp().load_weights(tmp_path / "torch.safetensors")
    with pytest.raises(ValueError, match="No model found"):
        load_model(tmp_path / "torch.safetensors")


def test_mutations_raise_what_is_documented(path):
    """Bytes that change, vanish or double; of most the file is refused, and never by surprise."""
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    outcomes = {"read": 0, "refused": 0}
    for seed in range(1000):
        random = np.random.RandomState(seed)
        data = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            at, size = random.randint(min(end, len(data))), random.choice([1, 2, 8])
            change = [random.bytes(size), b"", data[at : at + size] * 2, b'{"', b"9" * 30][seed % 5]
            data[at : at + size] = change
        try:
            with open_reader(io.BytesIO(data)) as reader:
                for layer in reader.names("layer_names") or ():
                    group = reader.group(layer)
                    for name in group.names("weight_names") or ():
                        group.array(name)
            outcomes["read"] += 1
        except (FileError, json.JSONDecodeError):
            outcomes["refused"] += 1
    assert outcomes["refused"] > 800
