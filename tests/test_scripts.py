"""Programs as users write them: the examples of Keras's FAQ and guides, and of people's notes.

Each asserts what its page promises. A comment ``# warns: PATTERN`` in a script says which warnings
it is to cause (old names, for instance); any other is an error.
"""

import glob
import os
import random
import re
import runpy
import subprocess
import sys
import warnings

import pytest

import kforge
from kforge import backend as K

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts")
# These are about the process that they run in.
ALONE = ["faq_configuration", "faq_reproducible"]
SCRIPTS = sorted(
    os.path.basename(path)[:-3]
    for path in glob.glob(os.path.join(FOLDER, "*.py"))
    if os.path.basename(path)[:-3] not in ALONE
)


def path_of(name):
    return os.path.join(FOLDER, f"{name}.py")


@pytest.fixture
def as_keras(tmp_path, monkeypatch):
    """`import keras` means kforge, in an empty folder; afterwards all is as before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    modules = set(sys.modules)
    settings = K.floatx(), K.epsilon(), K.image_data_format()
    kforge.install()
    yield
    kforge.uninstall()
    K.clear_session()
    K.set_floatx(settings[0])
    K.set_epsilon(settings[1])
    K.set_image_data_format(settings[2])
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("keras", "tensorflow"):
            del sys.modules[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name, as_keras):
    with open(path_of(name), encoding="utf-8") as f:
        expected = re.findall(r"^# warns: (.*)$", f.read(), re.M)
    random.seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runpy.run_path(path_of(name), run_name="__main__")
    for warning in caught:
        if warning.filename.startswith((FOLDER, os.path.dirname(kforge.__file__))):
            text = str(warning.message)
            assert any(re.search(pattern, text) for pattern in expected), text
    for pattern in expected:
        assert any(re.search(pattern, str(warning.message)) for warning in caught), pattern


def run(name, folder, **environment):
    """What a script prints, run as a program of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "kforge", path_of(name)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_configuration_file(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras" / "keras.json").write_text(
        '{"image_data_format": "channels_first", "epsilon": 1e-06, "floatx": "float64", '
        '"backend": "tensorflow"}'
    )
    run("faq_configuration", tmp_path, HOME=str(home))


def test_reproducible_results(tmp_path):
    environment = {"PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": ""}
    first, second = (run("faq_reproducible", tmp_path, **environment) for _ in range(2))
    assert first == second
    assert first.count("\n") == 2
