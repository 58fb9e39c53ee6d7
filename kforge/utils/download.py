"""Files from the web, kept in Keras's cache."""

import contextlib
import hashlib
import http
import http.client
import json
import os
import tempfile
import urllib.error
import urllib.request

from .. import config
from .archives import extract_archive
from .generic_utils import Progbar

try:
    import fcntl
except ImportError:  # Windows has no such locks: two processes should not fetch the same file
    fcntl = None

__all__ = ["get_file", "validate_file"]

_TIMEOUT = 30
_ATTEMPTS = 5
_CHUNK = 1 << 16


def get_file(
    fname,
    origin,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
):
    """The path of a file in the cache, downloaded from `origin` unless it is there already.

    It lies in `cache_dir` (Keras's folder, ``~/.keras``), `cache_subdir`. Interrupted downloads
    are resumed; a file appears only when it is complete and its hash is right. Several processes
    that want the same file download it once. `extract` unpacks it beside, `untar` fetches
    ``fname + ".tar.gz"`` and gives the path of the folder `fname` that it contains. Nothing is
    ever run or unpickled. Raises `OSError` when the file cannot be had, `ValueError` when it is
    not the one that the hash tells.
    """
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = _cache_folder(cache_dir, cache_subdir)
    path = os.path.join(folder, fname + ".tar.gz" if untar else fname)
    if not _is_there(path, file_hash, hash_algorithm):
        if os.path.exists(path):
            print(
                "A local file was found, but it seems to be incomplete or outdated because the "
                f"{hash_algorithm} file hash does not match the original value of {file_hash} "
                "so we will re-download the data."
            )
        _download(origin, path, file_hash, hash_algorithm)
    if untar:
        unpacked = os.path.join(folder, fname)
        if not os.path.exists(unpacked):
            extract_archive(path, folder, "tar")
        return unpacked
    if extract:
        extract_archive(path, folder, archive_format)
    return path


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """Whether a file has this hash: "md5", "sha256", or "auto", told by the hash's length."""
    if algorithm not in ("auto", "md5", "sha256"):
        raise ValueError(f'Unknown hash algorithm: {algorithm!r}. Expected "md5" or "sha256".')
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    return _hash_file(fpath, algorithm, chunk_size) == str(file_hash).lower()


def _hash_file(fpath, algorithm="sha256", chunk_size=65535):
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            hasher.update(chunk)
    return hasher.hexdigest()


def _cache_folder(cache_dir, cache_subdir):
    base = os.path.expanduser(config.home() if cache_dir is None else cache_dir)
    with contextlib.suppress(OSError):
        os.makedirs(base, exist_ok=True)
    if not os.access(base, os.W_OK):
        base = os.path.join(tempfile.gettempdir(), ".keras")
    folder = os.path.join(base, cache_subdir)
    os.makedirs(folder, exist_ok=True)
    return folder


def _is_there(path, file_hash, algorithm):
    return os.path.exists(path) and (
        file_hash is None or validate_file(path, file_hash, algorithm=algorithm)
    )


def _download(origin, path, file_hash, algorithm):
    """Brings the file to `path`, by way of ``path + ".part"``."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with _exclusive(path + ".part") as part:
        if _is_there(path, file_hash, algorithm):  # another process brought it meanwhile
            _forget(part)
            return
        print("Downloading data from", origin)
        try:
            _transfer(origin, part)
        except (OSError, http.client.HTTPException) as error:
            wanted = "" if file_hash is None else f" (its hash must be {file_hash})"
            raise OSError(
                f"URL fetch failure on {origin}: {error or type(error).__name__}. To do without "
                f"this address, get the file by other means and put it at {path}{wanted}."
            ) from error
        if file_hash is not None and not validate_file(part.name, file_hash, algorithm):
            _forget(part)
            raise ValueError(
                f"What {origin} sent is not the file expected: its {algorithm} hash is not "
                f"{file_hash}. Try again, or get the file by other means and put it at {path}."
            )
        if fcntl is None:
            part.close()
        # The note goes first: once renamed, a file of the old name is somebody else's.
        _remove(_note(part))
        os.replace(part.name, path)


@contextlib.contextmanager
def _exclusive(name):
    """The file of this name, open for appending, while no other process has it so."""
    while True:
        file = open(name, "a+b")
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(name)):
                break
        file.close()  # it was finished and renamed while this process waited
    try:
        yield file
    finally:
        file.close()


def _note(part):
    return part.name + ".from"


def _forget(part):
    """Removes an unfinished download, and the note on where it is from."""
    _remove(part.name)
    _remove(_note(part))


def _remove(name):
    with contextlib.suppress(FileNotFoundError):
        os.remove(name)


def _transfer(origin, part):
    """Appends to `part` what it lacks of the file at `origin`."""
    for attempt in range(1, _ATTEMPTS + 1):
        before = part.seek(0, os.SEEK_END)
        try:
            return _receive(origin, part, before)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not before:
                raise
            part.truncate(0)
        except (OSError, http.client.HTTPException):
            if attempt == _ATTEMPTS or part.seek(0, os.SEEK_END) <= before:
                raise  # not even a part of it came


def _receive(origin, part, start):
    headers = {"User-Agent": "kforge"}
    validator = _validator(origin, part) if start else None
    if validator:
        headers.update({"Range": f"bytes={start}-", "If-Range": validator})
    request = urllib.request.Request(origin, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            print(f"Resuming after {start:,} bytes")
        else:
            part.truncate(0)
            start = 0
        etag = response.headers.get("ETag", "")
        validator = response.headers.get("Last-Modified") if etag[:2] in ("", "W/") else etag
        with open(_note(part), "w", encoding="utf-8") as file:
            json.dump({"origin": origin, "validator": validator}, file)
        length = response.headers.get("Content-Length")
        _copy(response, part, start, None if length is None else start + int(length))


def _validator(origin, part):
    """What the server said to tell the unfinished file by, or None."""
    try:
        with open(_note(part), encoding="utf-8") as file:
            note = json.load(file)
    except (OSError, ValueError):
        return None  # killed before it was written: start again
    return note["validator"] if note["origin"] == origin else None


def _copy(response, part, position, total):
    bar = Progbar(total)
    if not bar._dynamic_display:
        bar.interval = 5  # a new line each time
    while chunk := response.read(_CHUNK):
        part.write(chunk)
        position += len(chunk)
        bar.update(position)
    part.flush()
    if total is None:
        print()
    elif position < total:
        raise OSError(f"the connection ended after {position:,} of {total:,} bytes")
