"""Archives that are meant to harm are refused whole."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from kforge.utils import archives
from kforge.utils.archives import extract_archive

GOOD = {"a.txt": b"a", "./sub/b.txt": b"bb", "sub/deep/c.txt": b""}


def tar(path, members, mode="w", **attributes):
    with tarfile.open(path, mode) as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            archive.addfile(info, io.BytesIO(body))
    return path


def zip_(path, members, mode=0, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, body in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = compression
            archive.writestr(info, body)
    return path


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.txt")}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_formats(tmp_path, kind):
    path = tmp_path / "archive"  # the name does not matter
    zip_(path, GOOD) if kind == "zip" else tar(path, GOOD, "w:" + kind[4:])
    assert extract_archive(path, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.txt": b"a", "sub/b.txt": b"bb", "sub/deep/c.txt": b""}


def test_format_argument(tmp_path):
    path = zip_(tmp_path / "archive", GOOD)
    for formats, extracted in (("tar", False), (None, False), ([], False), (["tar", "zip"], True)):
        assert extract_archive(path, tmp_path / "out", formats) is extracted
    with pytest.raises(ValueError, match="Unknown `archive_format`: 'rar'"):
        extract_archive(path, tmp_path / "out", "rar")


def test_extracts_into_what_is_there(tmp_path):
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "sub" / "mine.txt").write_bytes(b"mine")
    (tmp_path / "out" / "a.txt").write_bytes(b"old")
    extract_archive(tar(tmp_path / "archive", GOOD), tmp_path / "out")
    assert tree(tmp_path / "out") == {
        "a.txt": b"a",
        "sub/b.txt": b"bb",
        "sub/deep/c.txt": b"",
        "sub/mine.txt": b"mine",
    }


@pytest.mark.parametrize("name", ["../evil", "/evil", "sub/../../evil", "..\\evil", "a/b\\..\\c"])
@pytest.mark.parametrize("make", [tar, zip_])
def test_members_outside_the_folder(tmp_path, make, name):
    path = make(tmp_path / "archive", {**GOOD, name: b"evil"})
    with pytest.raises(ValueError, match=r"Refused to extract .*lies outside the folder"):
        extract_archive(path, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []
    assert sorted(os.listdir(tmp_path)) == ["archive", "out"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_tar_links_and_devices(tmp_path, kind):
    path = tar(tmp_path / "archive", {"link": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(ValueError, match="'link' is a link or a device"):
        extract_archive(path, tmp_path / "out")


def test_zip_links(tmp_path):
    path = zip_(tmp_path / "archive", {"link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(ValueError, match="'link' is a link"):
        extract_archive(path, tmp_path / "out")


def test_link_that_was_there_is_replaced_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").symlink_to(tmp_path / "elsewhere" / "a.txt")
    extract_archive(tar(tmp_path / "archive", GOOD), tmp_path / "out")
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("make", [lambda *a: tar(*a, mode="w:gz"), zip_])
def test_bombs(tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "_MAX_BYTES", 1000)
    path = make(tmp_path / "archive", {"zeros": bytes(3_000_000)})
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match="it unpacks to far more than its own size"):
        extract_archive(path, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_MEMBERS", 2)
    with pytest.raises(ValueError, match="more than 2 members"):
        extract_archive(tar(tmp_path / "archive", GOOD), tmp_path / "out")
