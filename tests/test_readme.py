"""What the README shows runs, and what it links to is there."""

import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
    README = f.read()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.S))
def test_code(code, tmp_path):
    path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def test_links():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    for link in links:
        assert link.startswith("https://") or os.path.exists(os.path.join(ROOT, link)), link


def test_environment_variables_are_those_of_the_code():
    used, own = set(), {"KFORGE_JOINED"}  # own: for processes that kforge starts
    for folder, _, files in os.walk(os.path.join(ROOT, "kforge")):
        for file in files:
            if file.endswith(".py"):
                with open(os.path.join(folder, file), encoding="utf-8") as f:
                    used |= set(re.findall(r"\bKFORGE_[A-Z_]+\b", f.read()))
    table = README[README.index("## Environment variables") :]
    assert {name for name in re.findall(r"`(KFORGE_\w+)`", table)} == used - own
