"""`get_file` against a server on this machine: cache, hashes, broken and parallel downloads."""

import hashlib
import io
import os
import pathlib
import sys
import tarfile
import threading

import pytest

from kforge.utils import download, get_file
from kforge.utils.data_utils import validate_file
from tests.http_server import serve

BODY = bytes(range(256)) * 1024
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server():
    with serve({"/data.bin": BODY}) as server:
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_file_is_downloaded_once_into_keras_folder(server, cache, capsys):
    path = get_file("data.bin", server.url + "/data.bin")
    assert path == str(cache / "datasets" / "data.bin")
    assert pathlib.Path(path).read_bytes() == BODY
    assert files(cache / "datasets") == ["data.bin"]
    out = capsys.readouterr().out
    assert out.startswith(f"Downloading data from {server.url}/data.bin\n")
    assert f"{len(BODY)}/{len(BODY)} [==============================]" in out
    assert get_file("data.bin", server.url + "/data.bin") == path
    assert len(server.requests) == 1


def test_places(server, cache, tmp_path):
    url = server.url + "/data.bin"
    assert get_file("a", url, cache_subdir="models") == str(cache / "models" / "a")
    assert get_file("a", url, cache_dir=str(tmp_path / "c")) == str(tmp_path / "c/datasets/a")
    absolute = tmp_path / "new" / "a.bin"
    assert get_file(str(absolute), url) == str(absolute)
    assert absolute.read_bytes() == BODY


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_home_gives_way_to_the_temporary_folder(server, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir(mode=0o555)
    monkeypatch.setattr(download.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    path = get_file("a", server.url + "/data.bin", cache_dir=str(tmp_path / "home"))
    assert path == str(tmp_path / "tmp/.keras/datasets/a")


@pytest.mark.parametrize(
    "arguments",
    [
        {"file_hash": MD5},
        {"file_hash": SHA256},
        {"md5_hash": MD5},
        {"file_hash": SHA256.upper(), "hash_algorithm": "sha256"},
    ],
)
def test_hash_is_checked(server, cache, arguments):
    path = get_file("data.bin", server.url + "/data.bin", **arguments)
    pathlib.Path(path).write_bytes(b"damaged")
    get_file("data.bin", server.url + "/data.bin", **arguments)
    assert pathlib.Path(path).read_bytes() == BODY
    assert len(server.requests) == 2


def test_wrong_hash_leaves_nothing_and_keeps_what_was_there(server, cache):
    with pytest.raises(ValueError, match="is not the file expected"):
        get_file("new", server.url + "/data.bin", file_hash="0" * 32)
    old = cache / "datasets" / "old"
    old.write_bytes(b"mine")
    with pytest.raises(ValueError, match=f"put it at {old}"):
        get_file("old", server.url + "/data.bin", file_hash="0" * 32)
    assert files(old.parent) == ["old"]
    assert old.read_bytes() == b"mine"


def test_validate_file(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(BODY)
    assert validate_file(file, MD5) and validate_file(file, SHA256, "auto", chunk_size=10)
    assert not validate_file(file, MD5, algorithm="sha256")
    with pytest.raises(ValueError, match="Unknown hash algorithm: 'crc'"):
        validate_file(file, MD5, algorithm="crc")


def test_broken_connection_is_resumed(server, cache, capsys):
    server.breaks_after = 100_000
    path = get_file("data.bin", server.url + "/data.bin")
    assert pathlib.Path(path).read_bytes() == BODY
    assert [r for _, r in server.requests] == [None, "bytes=100000-", "bytes=200000-"]
    assert "Resuming after 200,000 bytes" in capsys.readouterr().out


def interrupt(server, cache):
    """Leaves a part of the file: every attempt brings less than half."""
    server.lengths = server.etags = True
    server.breaks_after = 30_000
    with pytest.raises(OSError, match="the connection ended after 150,000 of 262,144 bytes"):
        get_file("data.bin", server.url + "/data.bin")
    server.breaks_after = None
    server.requests.clear()
    assert files(cache / "datasets") == ["data.bin.part", "data.bin.part.from"]


def test_next_call_resumes_what_an_earlier_one_left(server, cache):
    interrupt(server, cache)
    get_file("data.bin", server.url + "/data.bin", file_hash=MD5)
    assert server.requests == [("/data.bin", "bytes=150000-")]
    assert files(cache / "datasets") == ["data.bin"]


@pytest.mark.parametrize("changed", ["file", "address", "note", "server"])
def test_nothing_is_glued_to_a_part_of_another_file(server, cache, changed):
    interrupt(server, cache)
    body, url = BODY, "/data.bin"
    if changed == "file":
        body = server.files[url] = BODY[::-1]
    elif changed == "address":
        url = "/other.bin"
        body = server.files[url] = BODY[::-1]
    elif changed == "note":
        (cache / "datasets" / "data.bin.part.from").write_text("{")
    else:
        server.ranges = False
    path = get_file("data.bin", server.url + url)
    assert pathlib.Path(path).read_bytes() == body


def test_a_part_longer_than_the_file_is_dropped(server, cache):
    interrupt(server, cache)
    server.files["/data.bin"], server.ranges = b"short", False
    assert pathlib.Path(get_file("data.bin", server.url + "/data.bin")).read_bytes() == b"short"


def test_server_that_tells_no_length(server, cache, capsys):
    server.lengths = False
    path = get_file("data.bin", server.url + "/data.bin")
    assert pathlib.Path(path).read_bytes() == BODY
    assert "262144/Unknown" in capsys.readouterr().out


def test_without_network_the_error_says_where_to_put_the_file(cache):
    with serve({}) as closed:
        url = closed.url + "/data.bin"
    with pytest.raises(OSError) as raised:
        get_file("data.bin", url, file_hash=MD5)
    message = str(raised.value)
    assert message.startswith(f"URL fetch failure on {url}: ")
    assert str(cache / "datasets" / "data.bin") in message and MD5 in message


def test_missing_file_is_not_asked_for_again(server, cache):
    with pytest.raises(OSError, match=r"URL fetch failure on .*/none: HTTP Error 404"):
        get_file("none", server.url + "/none")
    assert len(server.requests) == 1


@pytest.mark.parametrize("file_hash", [None, MD5])
@pytest.mark.skipif(download.fcntl is None, reason="needs POSIX locks")
def test_parallel_calls_download_once(server, cache, file_hash):
    paths = []

    def work():
        paths.append(get_file("data.bin", server.url + "/data.bin", file_hash=file_hash))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 6 and len(server.requests) == 1
    assert files(cache / "datasets") == ["data.bin"]


def test_file_url(cache, tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    path = get_file("b", (tmp_path / "a").as_uri())
    assert pathlib.Path(path).read_bytes() == BODY


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def test_untar_and_extract(server, cache):
    server.files["/batches.tar.gz"] = tar_of({"batches/one": b"1", "batches/sub/two": b"2"})
    folder = get_file("batches", server.url + "/batches.tar.gz", untar=True)
    assert folder == str(cache / "datasets" / "batches")
    assert files(cache / "datasets") == ["batches", "batches.tar.gz"]
    assert pathlib.Path(folder, "sub", "two").read_bytes() == b"2"

    path = get_file("b.tar.gz", server.url + "/batches.tar.gz", extract=True, cache_subdir="x")
    assert path == str(cache / "x" / "b.tar.gz")
    assert files(cache / "x") == ["b.tar.gz", "batches"]


def test_output_that_is_no_terminal_gets_few_lines(server, cache, monkeypatch):
    class Writer:  # all that some scripts put in the place of stdout
        text = ""

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", Writer())
    get_file("data.bin", server.url + "/data.bin")
    assert sys.stdout.text.count("\n") == 4
