import json
import os
import subprocess
import sys
import tempfile
import types

import pytest

from kforge import config


@pytest.fixture
def settings():
    """The settings, which are as before after the test."""
    before = dict(config._settings)
    yield config._settings
    config._settings.update(before)


def read(tmp_path, monkeypatch, text):
    (tmp_path / "keras.json").write_text(text)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    config._read_settings()


def test_keras_json_is_read(tmp_path, monkeypatch, settings):
    stored = {
        "floatx": "float64",
        "epsilon": 1e-5,
        "backend": "theano",  # no error, and no effect
        "image_data_format": "channels_first",
        "image_dim_ordering": "th",
    }
    read(tmp_path, monkeypatch, json.dumps(stored))
    assert config.floatx() == "float64"
    assert config.epsilon() == 1e-5
    assert config.image_data_format() == "channels_first"
    assert config.cast_to_floatx([1]).dtype == "float64"


def test_a_file_to_edit_is_made_where_there_is_none(tmp_path, monkeypatch, settings):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "new" / "folder"))
    config._read_settings()
    stored = json.loads((tmp_path / "new" / "folder" / "keras.json").read_text())
    assert stored == {**settings, "backend": "tensorflow"}
    config.set_epsilon(0.5)
    config._read_settings()
    assert config.epsilon() == 1e-7
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "new" / "folder" / "keras.json"))
    config._read_settings()  # no folder: no error, and no file


@pytest.mark.parametrize("text", ["{", "[]", "{}", ""])
def test_a_file_that_says_nothing_is_passed_over(tmp_path, monkeypatch, settings, text):
    before = dict(settings)
    read(tmp_path, monkeypatch, text)
    assert settings == before


@pytest.mark.parametrize(
    "name, value", [("floatx", "float8"), ("epsilon", "small"), ("image_data_format", 3)]
)
def test_a_value_that_cannot_be_is_an_error_that_names_the_file(
    tmp_path, monkeypatch, settings, name, value
):
    with pytest.raises(ValueError, match=rf"keras\.json: '{name}' is {value!r}"):
        read(tmp_path, monkeypatch, json.dumps({name: value}))


def test_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert config.home() == str(tmp_path / ".keras")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert config.home() == os.path.join(tempfile.gettempdir(), ".keras")
    monkeypatch.setenv("KERAS_HOME", "elsewhere")
    assert config.home() == "elsewhere"


def test_the_backend_is_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert config.backend() == "theano"
    monkeypatch.delenv("KERAS_BACKEND")
    assert config.backend() == "torch"


def test_importing_leaves_devices_alone_so_that_a_program_can_choose_them():
    """Programs set CUDA_VISIBLE_DEVICES before they import Keras, and after the runner did."""
    code = """
import torch
def touched(*args): raise AssertionError
for name in ("is_available", "device_count", "current_device", "init", "_lazy_init"):
    setattr(torch.cuda, name, touched)
torch._C._cuda_getDeviceCount = touched
import kforge
kforge.install()
import keras.layers, tensorflow.keras
"""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.parametrize("runs", [True, False])
def test_a_notebook_is_where_a_kernel_runs(monkeypatch, runs):
    assert not config.in_notebook()
    app = types.SimpleNamespace(initialized=lambda: runs)  # programs import ipykernel, too
    kernel = types.SimpleNamespace(IPKernelApp=app)
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", kernel)
    assert config.in_notebook() is runs
