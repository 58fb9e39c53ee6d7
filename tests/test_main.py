"""The runner gives a program what `python` itself gives it, and `import keras` besides."""

import os
import re
import subprocess
import sys
import zipfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

FACTS = """
import sys
print(sorted(globals()), __name__, __file__, __package__, __doc__, __spec__, __cached__)
print(type(__loader__), type(__builtins__), sys.argv, sys.path[0])
print(sys.modules["__main__"].__dict__ is globals())
"""

ERRORS = """
import sys
how = sys.argv[1] if __name__ == "__main__" else "imported"
def fail():
    if how == "exit": sys.exit(3)
    if how == "message": sys.exit("good bye")
    if how == "interrupt": raise KeyboardInterrupt
    if how == "hook":
        import traceback
        sys.excepthook = lambda kind, e, tb: print(traceback.format_tb(tb), e.__traceback__ is tb)
    try:
        1 / 0
    except ZeroDivisionError as e:
        raise ValueError(how) from e
if how != "imported": fail()
"""


CODE = """
import sys
print(sorted(globals()), __name__, __package__, __doc__, __spec__, __loader__)
print(sys.argv, [sys.path[0]], globals().get("__file__"), __import__("errors").__name__)
"""


def run(*command, cwd, **environ):
    """(exit status, stdout, stderr) of `python ...`."""
    paths = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": paths, **environ},
        input=CODE + "1 / 0\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "facts.py").write_text(FACTS)
    (tmp_path / "errors.py").write_text(ERRORS)
    (tmp_path / "broken.py").write_text("x = (\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(FACTS)
    (tmp_path / "package" / "link.py").symlink_to(tmp_path / "facts.py")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as z:
        z.writestr("__main__.py", FACTS)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["facts.py", "-m", "--demo", "a b"],
        ["./package/link.py"],
        ["package", "x"],
        ["archive.zip"],
        ["-m", "package", "--help"],
        ["errors.py", "exit"],
        ["errors.py", "message"],
        ["errors.py", "interrupt"],
        ["errors.py", "chained"],
        ["errors.py", "hook"],
        ["-m", "errors", "chained"],
        ["broken.py"],
        ["missing.py"],
        ["-m", "missing"],
        ["-c", CODE, "-m", "x y"],
        ["-c", "x = ("],
        ["-", "-c"],
    ],
    ids=" ".join,
)
def test_a_program_sees_what_python_gives_it(folder, command):
    by_python = run(*command, cwd=folder)
    by_runner = run("-m", "kforge", *command, cwd=folder)

    def without_addresses(result):
        return [re.sub("0x[0-9a-f]+", "0x", str(part)) for part in result]

    assert without_addresses(by_runner) == without_addresses(by_python)


def test_keras_means_kforge_in_the_script_and_in_what_it_starts(tmp_path):
    (tmp_path / "script.py").write_text(
        """
import multiprocessing, subprocess, sys

import keras
from keras.layers.core import Dense

def names(_):
    import keras
    return keras.__name__, keras.__version__

if __name__ == "__main__":
    print(keras.__name__, keras.__version__, keras.backend.backend(), Dense.__module__)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(names, [0]))
    code = "import sys; print('kforge' in sys.modules); import keras; print(keras.__name__)"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/"))
"""
    )
    # Not from the folder of kforge: children have to find it by themselves.
    environ = {"KERAS_BACKEND": ""}
    status, out, err = run("-m", "kforge", "script.py", cwd=tmp_path, **environ)
    assert status == 0, err
    first, fork, spawn, child = out.splitlines()
    assert first == "kforge 2.3.1 tensorflow keras.layers.core"
    assert fork == "fork [('kforge', '2.3.1')]"
    assert spawn == "spawn [('kforge', '2.3.1')]"
    assert "stdout='False\\nkforge\\n', stderr=''" in child


def test_the_program_finds_again_what_was_removed_unless_told_not_to(tmp_path):
    code = (
        "import os, subprocess, sys; import numpy as np; print(np.float, flush=True); "
        "code = 'import keras, numpy as np; print(np.asscalar(np.ones(1)))'; "
        "sys.exit(subprocess.run([sys.executable, '-c', code]).returncode)"
    )
    status, out, err = run("-m", "kforge", "-c", code, cwd=tmp_path)
    assert (status, out) == (0, "<class 'float'>\n1.0\n"), err
    for command, environ in (["--no-shims"], {}), ([], {"KFORGE_SHIMS": "0"}):
        status, out, err = run("-m", "kforge", *command, "-c", code, cwd=tmp_path, **environ)
        assert (status, out) == (1, "") and "no attribute 'float'" in err


def test_what_it_does_not_understand_is_an_error(tmp_path):
    status, out, err = run("-m", "kforge", "--no-such-option", cwd=tmp_path)
    assert (status, out) == (2, "") and "usage: python -m kforge [--no-shims] SCRIPT" in err
    status, out, err = run("-m", "kforge", "--help", cwd=tmp_path)
    assert (status, err) == (0, "") and "usage: python -m kforge [--no-shims] SCRIPT" in out


def test_the_demo_learns_to_read_digits(tmp_path):
    status, out, err = run(
        "-m", "kforge", "--demo", cwd=tmp_path, TMPDIR=str(tmp_path), OMP_NUM_THREADS="1"
    )
    assert status == 0, err
    assert "Total params:" in out and "Epoch 20/20" in out
    assert float(re.search(r"Held-out accuracy: (\S+) %", out)[1]) >= 97
    assert "Predictions of the loaded model are equal" in out
    path = re.search(r"Saved to (\S+)", out)[1]
    assert path.startswith(str(tmp_path)) and os.path.getsize(path) > 0
