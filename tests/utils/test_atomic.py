import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from kforge.utils import atomic
from kforge.utils.atomic import atomic_write


def write(path, content=b"new"):
    with atomic_write(path) as file:
        file.write(content)


def test_the_file_is_there_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "model.h5"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model.h5"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "model.h5"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half of the n")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.h5"]


@pytest.mark.skipif(os.name == "nt", reason="permission bits of POSIX")
def test_permissions_are_kept_and_new_files_follow_the_umask(tmp_path):
    old = tmp_path / "old.h5"
    old.write_bytes(b"old")
    old.chmod(0o640)
    write(old)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640

    before = os.umask(0o027)
    try:
        write(tmp_path / "new.h5")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.h5").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "runs").mkdir()
    target = tmp_path / "runs" / "best.h5"
    target.write_bytes(b"old")
    link = tmp_path / "model.h5"
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_paths_may_be_bytes_relative_and_long(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "n" * 250
    write(os.fsencode(name))
    assert (tmp_path / name).read_bytes() == b"new"


@pytest.mark.parametrize(
    "name, error, message",
    [
        ("missing/model.h5", FileNotFoundError, "folder does not exist"),
        (".", IsADirectoryError, "it is a folder"),
        ("pipe", OSError, "not a regular file"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_places_that_cannot_be_written(tmp_path, name, error, message):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(error, match=message):
        write(tmp_path / name)
    assert os.listdir(tmp_path) == ["pipe"]


SAVE_FOR_EVER = """
import itertools, runpy, sys
atomic_write = runpy.run_path(sys.argv[1])["atomic_write"]
for n in itertools.count():
    with atomic_write(sys.argv[2]) as file:
        for _ in range(64):
            file.write(bytes([n % 256]) * 65536)
    print(n, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_at_any_moment_the_file_is_whole(tmp_path):
    path = tmp_path / "model.h5"
    for attempt in range(5):
        command = [sys.executable, "-c", SAVE_FOR_EVER, atomic.__file__, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(0.003 * attempt)
            process.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert len(content) == 64 * 65536
        assert len(set(content)) == 1
