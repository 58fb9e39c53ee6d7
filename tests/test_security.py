"""What SECURITY.md tells users to do works as it stands there."""

import os
import pathlib
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest

from kforge.layers import Dense
from kforge.models import Sequential, load_model

ROOT = pathlib.Path(__file__).parent.parent


def recipe(language, number=0):
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]


def convert(folder):
    """Runs the recipe in a folder, with this Python as `python`."""
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / "bin" / "python").chmod(0o755)
    here = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": here, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-c", recipe("sh")], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the recipe is for Linux")
def test_untrusted_files_in_a_process_of_their_own(tmp_path, monkeypatch):
    model = Sequential([Dense(2, input_shape=(3,))])
    model.save(tmp_path / "untrusted.h5")
    done = convert(tmp_path)
    assert (done.returncode, done.stdout) == (0, "wrote model.safetensors\n"), done.stderr
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(recipe("python"), found)
    np.testing.assert_array_equal(found["model"].get_weights()[0], model.get_weights()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="the recipe is for Linux")
def test_a_hostile_file_leaves_nothing(tmp_path):
    Sequential([Dense(2, input_shape=(3,), name="d")]).save(tmp_path / "untrusted.h5")
    with h5py.File(tmp_path / "untrusted.h5", "r+") as file:
        del file["model_weights/d/d/bias:0"]
        file["model_weights/d/d/bias:0"] = h5py.ExternalLink("/etc/passwd", "/")
    done = convert(tmp_path)
    assert done.returncode == 1 and "is, or is reached by, an external link" in done.stderr
    assert not (tmp_path / "model.safetensors").exists()
    with pytest.raises(ValueError, match="external link"):
        load_model(tmp_path / "untrusted.h5")
