import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_damaged_files_are_refused_and_do_no_damage():
    # Among these are files on which HDF5's own reading of strings never ends (1326, 1950).
    command = [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "fuzz_files.py"), "2000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
