"""Unpacks tar and zip files that are not to be trusted."""

import contextlib
import os
import re
import stat
import tarfile
import tempfile
import zipfile

__all__ = ["extract_archive"]

# More than this is refused as a bomb: bytes, in any case and per byte of the archive; members.
_MAX_BYTES, _MAX_RATIO, _MAX_MEMBERS = 1 << 30, 200, 2_000_000
_CHUNK = 1 << 20


def extract_archive(file_path, path=".", archive_format="auto"):
    """Unpacks an archive into the folder `path`; False where the file is no such archive.

    `archive_format` is "tar" (compressed or not), "zip", a list of these, "auto" (both) or None
    (neither). What is extracted appears complete or not at all. Raises `ValueError` for members
    outside the folder, links, devices, and archives that unpack to absurd sizes.
    """
    formats = {"auto": ("tar", "zip"), None: ()}
    if archive_format is not None and not isinstance(archive_format, str):
        names = archive_format
    else:
        names = formats.get(archive_format, (archive_format,))
    for name in names:
        if name not in _FORMATS:
            raise ValueError(f'Unknown `archive_format`: {name!r}. Expected "tar" or "zip".')
        is_such, members = _FORMATS[name]
        if is_such(file_path):
            _extract(file_path, path, members)
            return True
    return False


def _tar_members(file_path):
    """(name, is it a folder, function that opens it) of each member, in order."""
    with tarfile.open(file_path) as archive:
        for member in archive:
            if not (member.isdir() or member.isreg()):
                raise ValueError(f"{member.name!r} is a link or a device")
            yield member.name, member.isdir(), lambda member=member: archive.extractfile(member)


def _zip_members(file_path):
    with zipfile.ZipFile(file_path) as archive:
        for member in archive.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ValueError(f"{member.filename!r} is a link")
            yield member.filename, member.is_dir(), lambda member=member: archive.open(member)


_FORMATS = {
    "tar": (tarfile.is_tarfile, _tar_members),
    "zip": (zipfile.is_zipfile, _zip_members),
}


def _extract(file_path, path, members):
    os.makedirs(path, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".extract-", dir=path) as folder:
        try:
            _write_all(members(file_path), folder, os.path.getsize(file_path))
        except ValueError as error:
            raise ValueError(
                f"Refused to extract {file_path}: {error}. If you trust the file, unpack it "
                f"into {path} yourself."
            ) from error
        for name in os.listdir(folder):
            _move(os.path.join(folder, name), os.path.join(path, name))


def _write_all(members, folder, archive_size):
    budget = max(_MAX_BYTES, _MAX_RATIO * archive_size)
    with contextlib.closing(members):
        for count, (name, is_folder, open_member) in enumerate(members):
            if count >= _MAX_MEMBERS:
                raise ValueError(f"it has more than {_MAX_MEMBERS:,} members")
            target = os.path.join(folder, *_safe_parts(name))
            if is_folder:
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open_member() as source, open(target, "wb") as file:
                while chunk := source.read(_CHUNK):
                    budget -= len(chunk)
                    if budget < 0:
                        raise ValueError(
                            f"it unpacks to far more than its own size of {archive_size:,} bytes"
                        )
                    file.write(chunk)


def _safe_parts(name):
    """The components of a member's name, all of them inside the folder."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    outside = name.startswith("/") or ".." in re.split(r"[\\/]", name) or "\0" in name
    if outside or (os.name == "nt" and re.search(r"[\\:]", name)):
        raise ValueError(f"{name!r} lies outside the folder")
    return parts


def _move(source, target):
    """Moves a file or folder, merged into what is there."""
    if not (os.path.isdir(source) and os.path.isdir(target)):
        os.replace(source, target)
        return
    for name in os.listdir(source):
        _move(os.path.join(source, name), os.path.join(target, name))
