"""Every hostile file is refused, soon, in little memory, and touches nothing outside."""

import contextlib
import io
import os
import sys
import time

import h5py
import pytest

import kforge
from kforge.saving.errors import FileError, UnsafeFileError
from kforge.saving.hdf5 import open_reader
from kforge.saving.text import load_json, load_yaml
from tests.saving.hostile import hostile_hdf5, hostile_models, hostile_text

SECONDS, BYTES = 1.0, 200 << 20


def read_everything(source):
    """What loading a model reads, if nothing but the file says what to expect."""
    with open_reader(source) as reader:
        if reader.text("model_config") is not None:
            load_json(reader.text("model_config"), "model_config")
        weights = reader.group("model_weights")
        arrays = []
        for layer in weights.names("layer_names") or ():
            group = weights.group(layer)
            arrays += [group.array(name) for name in group.names("weight_names") or ()]
        return arrays


def peak_memory():
    """Bytes; where the system allows it, the peak since `reset_peak`."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


@contextlib.contextmanager
def bounded():
    measure = sys.platform == "linux" and os.access("/proc/self/clear_refs", os.W_OK)
    if measure:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak starts anew from what is in use
        before = peak_memory()
    start, began = time.process_time(), time.perf_counter()
    yield
    # The machine may be busy with other things, but not for ever.
    assert time.process_time() - start < SECONDS
    assert time.perf_counter() - began < 20 * SECONDS
    if measure:
        assert peak_memory() - before < BYTES


@pytest.mark.parametrize(
    "write, error, message", [pytest.param(*row, id=name) for name, *row in hostile_hdf5.FILES]
)
@pytest.mark.parametrize("kind", ["path", "memory", "h5py"])
def test_hdf5(write, error, message, kind, tmp_path, canary):
    path = tmp_path / "model.h5"
    write(path, canary.path)
    canary.watch()
    with contextlib.ExitStack() as stack:
        source = path
        if kind == "memory":
            source = io.BytesIO(path.read_bytes())
        elif kind == "h5py":
            try:
                source = stack.enter_context(h5py.File(path, "r"))
            except OSError:
                pytest.skip("h5py does not open it")
            if write.__name__ == "machinery_of_the_library":
                pytest.skip("the library has read it by then")
        with pytest.raises(error, match=message), bounded():
            read_everything(source)
    assert not canary.touched()


def test_the_honest_file_is_read(tmp_path, canary):
    with h5py.File(tmp_path / "model.h5", "w") as file:
        hostile_hdf5.honest(file)
    canary.watch()
    (kernel,) = read_everything(tmp_path / "model.h5")
    assert kernel.sum() == 12
    assert not canary.touched()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
@pytest.mark.parametrize(
    "trick", ["external_link_to_a_weight", "virtual_dataset", "external_storage"]
)
def test_without_the_walker_the_canary_sings(trick, tmp_path, canary):
    path = tmp_path / "model.h5"
    (write,) = (write for name, write, *_ in hostile_hdf5.FILES if name == trick)
    write(path, canary.path)
    canary.watch()
    with h5py.File(path, "r") as file:
        assert file[hostile_hdf5.KERNEL].shape == (100,)
        file[hostile_hdf5.KERNEL][()]
    assert canary.touched()


def test_there_are_at_least_forty():
    assert len({name for name, *_ in hostile_hdf5.FILES}) == len(hostile_hdf5.FILES) >= 40


@pytest.mark.parametrize("place", ["pipe", "folder", "device"])
def test_places_that_are_not_files(place, tmp_path):
    paths = {"pipe": tmp_path / "pipe", "folder": tmp_path, "device": "/dev/zero"}
    if not hasattr(os, "mkfifo"):
        pytest.skip("POSIX")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"not a regular file|it is a folder"), bounded():
        open_reader(paths[place])


@pytest.mark.parametrize(
    "text, message", [pytest.param(*row, id=name) for name, *row in hostile_text.JSON]
)
def test_json(text, message):
    with pytest.raises(UnsafeFileError, match=message), bounded():
        load_json(text)


@pytest.mark.parametrize(
    "text, message", [pytest.param(*row, id=name) for name, *row in hostile_text.YAML]
)
def test_yaml(text, message, canary):
    canary.watch()
    with pytest.raises(UnsafeFileError, match=f"(?i){message}"), bounded():
        load_yaml(text.format(canary=canary.path) if len(text) < 1000 else text.replace("{{", "{"))
    assert not canary.touched()
    assert "antigravity" not in sys.modules


def test_yaml_nested_without_end():
    # From 6.0.4 on, PyYAML has a bound of its own.
    with pytest.raises(FileError, match=r"nested more than 256|maximum nesting depth"), bounded():
        load_yaml("[" * 1_000_000)


@pytest.fixture
def harmless(tmp_path):
    """The file of a model that is what it seems."""
    model = kforge.models.Sequential(
        [kforge.layers.Dense(4, input_shape=(3,)), kforge.layers.Dense(2, activation="relu")]
    )
    model.compile("sgd", "mse")
    path = tmp_path / "model.h5"
    model.save(path)
    kforge.models.load_model(path)
    return path


@pytest.mark.parametrize(
    "change, error, message", [pytest.param(*row, id=name) for name, *row in hostile_models.MODELS]
)
@pytest.mark.parametrize("safe_mode", [{}, {"safe_mode": True}], ids=["unsaid", "safe_mode"])
def test_model(change, error, message, safe_mode, harmless, canary):
    hostile_models.rewrite(harmless, change, canary.path)
    canary.watch()
    with pytest.raises(error, match=message), bounded():
        kforge.models.load_model(harmless, compile=False, **safe_mode)
    assert not canary.touched()
    assert hostile_models.BAIT not in os.environ


@pytest.mark.parametrize(
    "change, message", [pytest.param(*row, id=name) for name, *row in hostile_models.TRAINING]
)
def test_training(change, message, harmless, canary):
    hostile_models.rewrite(harmless, change, canary.path)
    canary.watch()
    with pytest.warns(UserWarning, match=f"not. compiled: .*({message})"), bounded():
        model = kforge.models.load_model(harmless)
    assert model.optimizer is None
    assert not canary.touched()
    assert hostile_models.BAIT not in os.environ


@pytest.mark.parametrize(
    "door",
    [
        kforge.layers.deserialize,
        lambda config: kforge.layers.Lambda.from_config(config["config"]),
        lambda config: kforge.models.model_from_config({**config}),
        lambda config: kforge.models.Sequential.from_config([config]),
    ],
    ids=["deserialize", "from_config", "model_from_config", "Sequential.from_config"],
)
def test_bytecode_by_other_doors(door):
    with pytest.raises(ValueError, match="'trap' holds a function as bytecode"):
        door(hostile_models.trap(batch_input_shape=[None, 3]))
    assert hostile_models.BAIT not in os.environ


def test_the_bait_is_real(harmless, canary, monkeypatch):
    monkeypatch.delenv(hostile_models.BAIT, raising=False)
    hostile_models.rewrite(harmless, hostile_models.bytecode_in_a_lambda, canary.path)
    with h5py.File(harmless, "r+") as file:  # or there would be weights for no layer
        del file["model_weights"].attrs["layer_names"]
        file["model_weights"].attrs["layer_names"] = [b"dense_1"]
    with pytest.raises(ValueError):  # the function has run before the weights do not fit
        kforge.models.load_model(harmless, compile=False, safe_mode=False)
    assert hostile_models.BAIT in os.environ
    monkeypatch.delenv(hostile_models.BAIT)


def test_a_pickle_of_h5dict_is_not_read():
    with pytest.raises(TypeError, match="got dict"):
        kforge.models.load_model({"_pickled": b"\x80\x04."})
